// The mapping of model::attachment to ATTACH and back.
#include "model/attachment.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <sodium.h>

#include "model/times.hpp"
#include "wire/limits.hpp"

namespace calbox::model {

namespace {

constexpr std::string_view uri_start = "calbox://file/";
constexpr std::string_view default_type = "application/octet-stream";
constexpr std::size_t managed_id_digits = 32;
constexpr auto base64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

constexpr std::array<std::string_view, 9> own_parameters = {
    "FMTTYPE",           "SIZE",           "FILENAME",          "MANAGED-ID",   "X-CALBOX-KEY",
    "X-CALBOX-ADDED-BY", "X-CALBOX-ADDED", "X-CALBOX-REPLACES", "X-CALBOX-TIME"};

std::string to_base64(byte_view data) {
    std::string text(sodium_base64_encoded_len(data.size(), base64), '\0');
    sodium_bin2base64(text.data(), text.size(), data.data(), data.size(), base64);
    text.pop_back();  // the terminator
    return text;
}

std::optional<bytes> from_base64(std::string_view text) {
    if (text.empty()) {
        return bytes();
    }
    bytes data(text.size());
    std::size_t size = 0;
    const char* end = nullptr;
    if (sodium_base642bin(data.data(), data.size(), text.data(), text.size(), nullptr, &size, &end,
                          base64) != 0 ||
        end != text.data() + text.size()) {
        return std::nullopt;
    }
    data.resize(size);
    return data;
}

tl::unexpected<error> unreadable(std::string_view what) {
    return fail(errc::malformed,
                "the event has a file whose " + std::string(what) + " cannot be read");
}

}  // namespace

bool is_file(const property& line) {
    return line.name == "ATTACH" && line.value.starts_with(uri_start);
}

result<attachment> read_file_property(const property& line) {
    attachment file;
    const auto root = file_root::from_hex(std::string_view(line.value).substr(uri_start.size()));
    if (!root) {
        return unreadable("address");
    }
    file.root = *root;
    const auto name = percent_decode(line.get("FILENAME").value_or(""));
    if (!name || !is_file_label(*name)) {
        return unreadable("name");
    }
    file.name = *name;
    const std::string size = line.get("SIZE").value_or("");
    const auto read = std::from_chars(size.data(), size.data() + size.size(), file.size);
    if (read.ec != std::errc() || read.ptr != size.data() + size.size() ||
        file.size > wire::limits::file_bytes) {
        return unreadable("size");
    }
    file.media_type = line.get("FMTTYPE").value_or(std::string(default_type));
    const auto key = from_base64(line.get("X-CALBOX-KEY").value_or(""));
    if (!key) {
        return unreadable("key");
    }
    file.key = *key;
    const auto added_by = percent_decode(line.get("X-CALBOX-ADDED-BY").value_or(""));
    if (!added_by) {
        return unreadable("sender");
    }
    file.added_by = *added_by;
    if (const auto added = line.get("X-CALBOX-ADDED")) {
        const auto at = parse_compact_utc(*added);
        if (!at) {
            return unreadable("time");
        }
        file.added = *at;
    }
    if (const auto replaces = line.get("X-CALBOX-REPLACES")) {
        file.replaces = file_root::from_hex(*replaces);
        if (!file.replaces) {
            return unreadable("earlier version");
        }
    }
    if (const auto time = line.get("X-CALBOX-TIME")) {
        const auto at = parse_compact(*time);
        if (!at) {
            return unreadable("time of a series");
        }
        file.of_time = at->at;
    }
    return file;
}

property write_file_property(const attachment& file, const property* old) {
    property line{"ATTACH", {}, std::string(uri_start) + file.root.hex()};
    line.set("FMTTYPE", file.media_type);
    line.set("SIZE", std::to_string(file.size));
    line.set("FILENAME", percent_encode(file.name));
    line.set("MANAGED-ID", file.root.hex().substr(0, managed_id_digits));
    if (!file.key.empty()) {
        line.set("X-CALBOX-KEY", to_base64(file.key));
    }
    if (!file.added_by.empty()) {
        line.set("X-CALBOX-ADDED-BY", percent_encode(file.added_by));
    }
    line.set("X-CALBOX-ADDED", compact_utc_text(file.added));
    if (file.replaces) {
        line.set("X-CALBOX-REPLACES", file.replaces->hex());
    }
    if (file.of_time) {
        line.set("X-CALBOX-TIME", compact_text(*file.of_time));
    }
    if (old != nullptr) {
        line.keep_others(*old, own_parameters);
    }
    return line;
}

}  // namespace calbox::model
