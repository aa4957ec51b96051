// Deterministic CBOR (RFC 8949 4.2): the codec of wire, store and signatures, and of plugins' own
// messages. The writer emits the one canonical form; the reader accepts what other writers produce
// (non-shortest integers, any key order is the caller's affair) and is bounded in depth and size.
// Values; no thread rules.
#pragma once

#include <cstdint>
#include <string_view>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>

namespace calbox::cbor {

enum class major : std::uint8_t {
    uint = 0,
    nint = 1,
    bytes = 2,
    text = 3,
    array = 4,
    map = 5,
    tag = 6,
    simple = 7
};

class writer {
public:
    void integer(std::int64_t value);
    void unsigned_integer(std::uint64_t value);
    void byte_string(byte_view value);
    void text(std::string_view value);
    void boolean(bool value);
    void null();
    void array(std::uint64_t count);  // `count` items follow
    void map(
        std::uint64_t count);  // `count` pairs follow, keys in canonical order: the caller's duty
    /// Bytes that are one encoded item already.
    void raw(byte_view encoded);

    byte_view view() const noexcept { return out_; }
    bytes take() noexcept { return std::move(out_); }

private:
    void head(major kind, std::uint64_t value);
    bytes out_;
};

/// Reads from a view that must outlive it. Every call either consumes one item or fails with
/// errc::malformed.
class reader {
public:
    static constexpr int depth_max = 32;

    explicit reader(byte_view data) : data_(data) {}

    result<std::uint64_t> unsigned_integer();
    result<std::int64_t> integer();
    result<byte_view> byte_string();
    result<std::string_view> text();  // valid UTF-8 or malformed
    result<bool> boolean();
    /// Consumes a null and says true; leaves anything else and says false.
    bool take_null();
    result<std::uint64_t> array();
    result<std::uint64_t> map();
    /// The bytes of the next item, whatever it is; well-formed and within depth_max, or malformed.
    result<byte_view> item();

    bool at_end() const noexcept { return at_ == data_.size(); }
    std::size_t remaining() const noexcept { return data_.size() - at_; }

private:
    struct head_type {
        major kind;
        std::uint8_t info;
        std::uint64_t value;
    };
    result<head_type> head();
    result<std::uint64_t> count(major kind, std::uint64_t bytes_each);
    result<byte_view> string(major kind);
    result<void> skip(int depth);

    byte_view data_;
    std::size_t at_ = 0;
};

}  // namespace calbox::cbor
