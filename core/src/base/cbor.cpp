#include <calbox/cbor.hpp>

#include <bit>

namespace calbox::cbor {

void writer::head(major kind, std::uint64_t value) {
    const auto top = static_cast<std::uint8_t>(static_cast<std::uint8_t>(kind) << 5);
    int width = 0;
    std::uint8_t info = 0;
    if (value < 24) {
        info = static_cast<std::uint8_t>(value);
    } else if (value <= 0xff) {
        info = 24;
        width = 1;
    } else if (value <= 0xffff) {
        info = 25;
        width = 2;
    } else if (value <= 0xffff'ffff) {
        info = 26;
        width = 4;
    } else {
        info = 27;
        width = 8;
    }
    out_.push_back(top | info);
    for (int i = width - 1; i >= 0; --i) {
        out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

void writer::integer(std::int64_t value) {
    if (value >= 0) {
        head(major::uint, static_cast<std::uint64_t>(value));
    } else {
        head(major::nint, static_cast<std::uint64_t>(-(value + 1)));
    }
}
void writer::unsigned_integer(std::uint64_t value) { head(major::uint, value); }
void writer::byte_string(byte_view value) {
    head(major::bytes, value.size());
    raw(value);
}
void writer::text(std::string_view value) {
    head(major::text, value.size());
    raw(as_bytes(value));
}
void writer::boolean(bool value) { out_.push_back(value ? 0xf5 : 0xf4); }
void writer::null() { out_.push_back(0xf6); }
void writer::array(std::uint64_t count) { head(major::array, count); }
void writer::map(std::uint64_t count) { head(major::map, count); }
void writer::raw(byte_view encoded) { out_.insert(out_.end(), encoded.begin(), encoded.end()); }

static tl::unexpected<error> malformed(const char* what) { return fail(errc::malformed, what); }

result<reader::head_type> reader::head() {
    if (at_ == data_.size()) {
        return malformed("the data ends early");
    }
    const std::uint8_t first = data_[at_];
    head_type out{static_cast<major>(first >> 5), static_cast<std::uint8_t>(first & 31), 0};
    if (out.info < 24) {
        out.value = out.info;
        ++at_;
        return out;
    }
    if (out.info > 27) {
        return malformed("an indefinite or reserved length");
    }
    const std::size_t width = std::size_t{1} << (out.info - 24);
    if (data_.size() - at_ - 1 < width) {
        return malformed("the data ends early");
    }
    for (std::size_t i = 0; i < width; ++i) {
        out.value = out.value << 8 | data_[at_ + 1 + i];
    }
    at_ += 1 + width;
    return out;
}

result<std::uint64_t> reader::unsigned_integer() {
    const std::size_t start = at_;
    const auto h = head();
    if (!h) {
        return fail(h.error());
    }
    if (h->kind != major::uint) {
        at_ = start;
        return malformed("an unsigned integer was expected");
    }
    return h->value;
}

result<std::int64_t> reader::integer() {
    const std::size_t start = at_;
    const auto h = head();
    if (!h) {
        return fail(h.error());
    }
    if ((h->kind != major::uint && h->kind != major::nint) || h->value > INT64_MAX) {
        at_ = start;
        return malformed("an integer was expected");
    }
    const auto value = static_cast<std::int64_t>(h->value);
    return h->kind == major::uint ? value : -1 - value;
}

result<byte_view> reader::string(major kind) {
    const std::size_t start = at_;
    const auto h = head();
    if (!h) {
        return fail(h.error());
    }
    if (h->kind != kind || h->value > remaining()) {
        at_ = start;
        return malformed("a string was expected, no longer than the data");
    }
    const byte_view out = data_.subspan(at_, h->value);
    at_ += h->value;
    return out;
}

result<byte_view> reader::byte_string() { return string(major::bytes); }

/// Well-formed UTF-8 (RFC 3629): shortest forms, no surrogates, at most U+10FFFF.
static bool is_utf8(byte_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const std::uint8_t lead = text[i];
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const int length = std::countl_one(lead);
        if (length < 2 || length > 4 || text.size() - i < static_cast<std::size_t>(length)) {
            return false;
        }
        std::uint32_t point = lead & (0x7f >> length);
        for (int k = 1; k < length; ++k) {
            const std::uint8_t next = text[i + static_cast<std::size_t>(k)];
            if ((next & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (next & 0x3f);
        }
        static constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
        i += static_cast<std::size_t>(length);
    }
    return true;
}

result<std::string_view> reader::text() {
    const auto view = string(major::text);
    if (!view) {
        return fail(view.error());
    }
    if (!is_utf8(*view)) {
        return malformed("text that is not UTF-8");
    }
    return as_text(*view);
}

result<bool> reader::boolean() {
    if (at_ < data_.size() && (data_[at_] == 0xf4 || data_[at_] == 0xf5)) {
        return data_[at_++] == 0xf5;
    }
    return malformed("a boolean was expected");
}

bool reader::take_null() {
    if (at_ < data_.size() && data_[at_] == 0xf6) {
        ++at_;
        return true;
    }
    return false;
}

result<std::uint64_t> reader::count(major kind, std::uint64_t bytes_each) {
    const std::size_t start = at_;
    const auto h = head();
    if (!h) {
        return fail(h.error());
    }
    if (h->kind != kind || h->value > remaining() / bytes_each) {
        at_ = start;
        return malformed("an array or a map was expected, no longer than the data");
    }
    return h->value;
}

result<std::uint64_t> reader::array() { return count(major::array, 1); }
result<std::uint64_t> reader::map() { return count(major::map, 2); }

result<void> reader::skip(int depth) {
    if (depth > depth_max) {
        return malformed("nested too deeply");
    }
    const auto h = head();
    if (!h) {
        return fail(h.error());
    }
    std::uint64_t items = 0;
    switch (h->kind) {
        case major::uint:
        case major::nint:
            return {};
        case major::bytes:
        case major::text:
            if (h->value > remaining()) {
                return malformed("a string longer than the data");
            }
            at_ += h->value;
            return {};
        case major::array:
            items = h->value;
            break;
        case major::map:
            if (h->value > remaining()) {
                return malformed("a map longer than the data");
            }
            items = h->value * 2;
            break;
        case major::tag:
            items = 1;
            break;
        case major::simple:
            return {};
    }
    if (items > remaining()) {
        return malformed("an array longer than the data");
    }
    for (std::uint64_t i = 0; i < items; ++i) {
        if (auto done = skip(depth + 1); !done) {
            return done;
        }
    }
    return {};
}

result<byte_view> reader::item() {
    const std::size_t start = at_;
    if (const auto done = skip(0); !done) {
        return fail(done.error());
    }
    return data_.subspan(start, at_ - start);
}

}  // namespace calbox::cbor
