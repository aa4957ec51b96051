#include "net/framing.hpp"

#include <algorithm>

namespace calbox::net {

namespace {

void put_number(bytes& out, std::uint32_t value, int width) {
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

std::uint32_t read_number(byte_view at, int width) {
    std::uint32_t value = 0;
    for (int i = 0; i < width; ++i) {
        value = value << 8 | at[static_cast<std::size_t>(i)];
    }
    return value;
}

}  // namespace

void write_frames(bytes& out, std::uint8_t type, std::uint16_t flags, std::uint32_t stream,
                  byte_view payload) {
    do {
        const std::size_t size = std::min(payload.size(), wire::limits::frame_bytes);
        const bool last = size == payload.size();
        put_number(out, static_cast<std::uint32_t>(size), 4);
        out.push_back(frame_version);
        out.push_back(type);
        put_number(out, static_cast<std::uint32_t>(flags | (last ? 0 : frame_flag::more)), 2);
        put_number(out, stream, 4);
        out.insert(out.end(), payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size));
        payload = payload.subspan(size);
    } while (!payload.empty());
}

result<void> frame_reader::feed(byte_view data) {
    buffer_.insert(buffer_.end(), data.begin(), data.end());
    std::size_t at = 0;
    while (buffer_.size() - at >= frame_head_bytes) {
        const byte_view head = byte_view(buffer_).subspan(at, frame_head_bytes);
        const std::uint32_t size = read_number(head, 4);
        if (size > wire::limits::frame_bytes) {
            return fail(errc::too_large, "a frame above the limit");
        }
        if (head[4] != frame_version) {
            return fail(errc::malformed, "a frame of another version");
        }
        if (buffer_.size() - at - frame_head_bytes < size) {
            buffer_.reserve(at + frame_head_bytes + size);
            break;
        }
        auto taken = take_frame(head, byte_view(buffer_).subspan(at + frame_head_bytes, size));
        if (!taken) {
            return taken;
        }
        at += frame_head_bytes + size;
    }
    if (at == buffer_.size()) {
        buffer_ = bytes();  // an idle connection keeps no buffer
    } else if (at > 0) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return {};
}

result<void> frame_reader::take_frame(byte_view head, byte_view payload) {
    const auto flags = static_cast<std::uint16_t>(read_number(head.subspan(6), 2));
    if ((flags & ~(frame_flag::reply | frame_flag::more | frame_flag::error)) != 0) {
        return fail(errc::malformed, "a frame with flags that this version does not know");
    }
    const auto own_flags = static_cast<std::uint16_t>(flags & ~frame_flag::more);
    const std::uint32_t stream = read_number(head.subspan(8), 4);
    const std::pair key(stream, own_flags);
    const auto begun = unfinished_.find(key);
    const bool more = (flags & frame_flag::more) != 0;
    if (begun == unfinished_.end()) {
        message_frame fresh{head[5], own_flags, stream, to_bytes(payload)};
        if (!more) {
            whole_.push_back(std::move(fresh));
            return {};
        }
        if (unfinished_.size() >= unfinished_max) {
            return fail(errc::too_large, "too many unfinished messages");
        }
        unfinished_bytes_ += payload.size();
        unfinished_.emplace(key, std::move(fresh));
        return {};
    }
    message_frame& message = begun->second;
    if (message.type != head[5] ||
        message.payload.size() + payload.size() > wire::limits::message_bytes ||
        unfinished_bytes_ > 8 * wire::limits::message_bytes) {
        return fail(errc::too_large, "a message above the limit, or of two types");
    }
    message.payload.insert(message.payload.end(), payload.begin(), payload.end());
    unfinished_bytes_ += payload.size();
    if (!more) {
        unfinished_bytes_ -= message.payload.size();
        whole_.push_back(std::move(message));
        unfinished_.erase(begun);
    }
    return {};
}

std::optional<message_frame> frame_reader::next() {
    if (whole_.empty()) {
        return std::nullopt;
    }
    message_frame message = std::move(whole_.front());
    whole_.pop_front();
    return message;
}

}  // namespace calbox::net
