#include "node/account_archive.hpp"

#include <algorithm>

namespace calbox::node {

namespace {

constexpr std::string_view magic = "calbox archive 1";
constexpr std::size_t length_bytes = 4, head_most = 4096, frame_most = std::size_t{2} << 20;
constexpr std::size_t sealed_more = 24 + 16;  // nonce and tag
constexpr std::uint64_t memory_most = std::uint64_t{1} << 30;
constexpr std::uint32_t passes_most = 16;

void append_length(bytes& to, std::size_t length) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        to.push_back(static_cast<std::uint8_t>(length >> shift));
    }
}

std::size_t length_at(byte_view from, std::size_t at) {
    std::size_t length = 0;
    for (const std::uint8_t byte : from.subspan(at, length_bytes)) {
        length = length << 8 | byte;
    }
    return length;
}

/// What a frame is bound to: this archive, and its place in it.
bytes place_of(const digest& head, std::uint64_t number) {
    bytes place = to_bytes(head.view());
    for (int shift = 56; shift >= 0; shift -= 8) {
        place.push_back(static_cast<std::uint8_t>(number >> shift));
    }
    return place;
}

tl::unexpected<error> damaged() {
    return fail(errc::malformed, "the archive is damaged: nothing of it was restored");
}

}  // namespace

result<archive_keys> open_archive(const std::string& password, const wire::kdf_parameters& with) {
    if (with.salt.size() != 16 || with.memory_bytes > memory_most || with.passes == 0 ||
        with.passes > passes_most) {
        return fail(errc::unsupported,
                    "the archive's password is derived in a way that this "
                    "program does not know");
    }
    const auto root =
        crypto::derive_from_password(password, with.salt, with.memory_bytes, with.passes);
    if (!root) {
        return fail(root.error());
    }
    return archive_keys{crypto::derive(root->view(), "calbox archive identity 1"),
                        crypto::derive(root->view(), "calbox archive frames 1")};
}

archive_writer::archive_writer(const archive_head& head, crypto::secret_bytes frames_key,
                               random& entropy)
    : key_(std::move(frames_key)), entropy_(entropy) {
    const bytes encoded = codec::encode(head);
    head_ = to_bytes(magic);
    append_length(head_, encoded.size());
    head_.insert(head_.end(), encoded.begin(), encoded.end());
    head_hash_ = crypto::sha256(head_);
    head_.insert(head_.end(), head_hash_.value.begin(), head_hash_.value.end());
}

bytes archive_writer::frame(const archive_frame& what) {
    const bytes sealed =
        crypto::seal(key_.view(), codec::encode(what), place_of(head_hash_, count_++), entropy_);
    bytes made;
    append_length(made, sealed.size());
    made.insert(made.end(), sealed.begin(), sealed.end());
    return made;
}

std::uint64_t archive_writer::size_of(const archive_frame& what) {
    return length_bytes + sealed_more + codec::encode(what).size();
}

void archive_reader::give(byte_view piece) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    buffer_.insert(buffer_.end(), piece.begin(), piece.end());
}

std::optional<byte_view> archive_reader::take(std::size_t count) {
    if (buffer_.size() - at_ < count) {
        return std::nullopt;
    }
    at_ += count;
    return byte_view(buffer_).subspan(at_ - count, count);
}

result<std::optional<archive_head>> archive_reader::head() {
    const byte_view here = byte_view(buffer_).subspan(at_);
    const std::size_t shown = std::min(here.size(), magic.size());
    if (!std::ranges::equal(here.first(shown), magic.substr(0, shown))) {
        return fail(errc::malformed, "this is no archive of an account");
    }
    const std::size_t before = magic.size() + length_bytes;
    if (here.size() < before) {
        return std::optional<archive_head>();
    }
    const std::size_t length = length_at(here, magic.size());
    if (length > head_most) {
        return damaged();
    }
    const auto all = take(before + length + digest::size);
    if (!all) {
        return std::optional<archive_head>();
    }
    head_hash_ = crypto::sha256(all->first(before + length));
    if (!std::ranges::equal(all->last(digest::size), head_hash_.view())) {
        return damaged();
    }
    auto read = codec::decode<archive_head>(all->subspan(before, length));
    if (!read) {
        return fail(std::move(read.error()));
    }
    return std::optional(std::move(*read));
}

result<std::optional<archive_frame>> archive_reader::next() {
    if (buffer_.size() - at_ < length_bytes) {
        return std::optional<archive_frame>();
    }
    const std::size_t length = length_at(buffer_, at_);
    if (length > frame_most) {
        return damaged();
    }
    const auto sealed = take(length_bytes + length);
    if (!sealed) {
        return std::optional<archive_frame>();
    }
    const auto plain =
        crypto::open(key_.view(), sealed->subspan(length_bytes), place_of(head_hash_, count_++));
    auto read = plain ? codec::decode<archive_frame>(*plain) : fail(plain.error());
    if (!read && read.error().code == errc::unsupported) {
        return fail(std::move(read.error()));
    }
    if (!read) {
        return damaged();
    }
    return std::optional(std::move(*read));
}

}  // namespace calbox::node
