// Frames on the wire, sans-IO: u32 length of the payload, u8 frame version, u8 type, u16 flags, u32
// stream, payload; big-endian (docs/wire.md). Every length is checked before anything is allocated
// for it.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>

#include "wire/limits.hpp"

namespace calbox::net {

namespace frame_flag {
inline constexpr std::uint16_t reply = 1, more = 2, error = 4;
}
inline constexpr std::size_t frame_head_bytes = 12;
inline constexpr std::uint8_t frame_version = 1;

struct message_frame {
    std::uint8_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t stream = 0;
    bytes payload;
};

/// Appends one message to `out`, split into as many frames as it takes.
void write_frames(bytes& out, std::uint8_t type, std::uint16_t flags, std::uint32_t stream,
                  byte_view payload);

/// Bytes in, whole messages out.
class frame_reader {
public:
    /// Fails with malformed or too_large for good: the connection must end then.
    result<void> feed(byte_view data);
    std::optional<message_frame> next();

    static constexpr std::size_t unfinished_max = 64;  // messages of which frames are still to come

private:
    result<void> take_frame(byte_view head, byte_view payload);

    bytes buffer_;
    std::deque<message_frame> whole_;
    std::map<std::pair<std::uint32_t, std::uint16_t>, message_frame> unfinished_;
    std::size_t unfinished_bytes_ = 0;
};

}  // namespace calbox::net
