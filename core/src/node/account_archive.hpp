// The file that a whole account is kept in (docs/disk.md, Archives): a head that says how the
// password opens it, and sealed frames one after the other, of which none can be left out, turned
// or cut off unnoticed. Bytes in, bytes out; on any thread.
#pragma once

#include <optional>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/environment.hpp>
#include <calbox/ids.hpp>

#include "crypto/identity.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

/// What is before the frames, in the clear but for the keys.
struct archive_head {
    std::string name;
    wire::kdf_parameters kdf;  // of the archive's password
    bytes identity;            // under a key that is derived from it
    static constexpr auto fields =
        std::tuple(codec::field<1>(&archive_head::name), codec::field<2>(&archive_head::kdf),
                   codec::field<3>(&archive_head::identity));
};

struct archive_about {
    user_id user;
    timestamp made;
    device_number devices;   // the highest that is known to have been given to one of his
    network_epoch epoch{1};  // the last that one of the events names
    std::uint64_t events = 0, versions = 0, files = 0;
    std::uint64_t file_bytes = 0;     // of plaintext
    std::uint64_t missing_files = 0;  // that are not in it
    static constexpr auto fields = std::tuple(
        codec::field<1>(&archive_about::user), codec::field<2>(&archive_about::made),
        codec::field<3>(&archive_about::devices), codec::field<4>(&archive_about::epoch),
        codec::field<5>(&archive_about::events), codec::field<6>(&archive_about::versions),
        codec::field<7>(&archive_about::files), codec::field<8>(&archive_about::file_bytes),
        codec::field<9>(&archive_about::missing_files));
};

/// An envelope: the current one of its event, or one that was replaced, as it is stored.
struct archived_version {
    bool earlier = false;
    bytes value;
    static constexpr auto fields = std::tuple(codec::field<1>(&archived_version::earlier),
                                              codec::field<2>(&archived_version::value));
};

struct archived_file {
    file_root root;
    std::uint64_t size = 0;  // of the plaintext
    static constexpr auto fields =
        std::tuple(codec::field<1>(&archived_file::root), codec::field<2>(&archived_file::size));
};

/// The first has `about`, the last `end`; a file is followed by its hashes, and those by its
/// leaves.
struct archive_frame {
    std::optional<archive_about> about;
    std::vector<bytes> cards;  // wire::user_entry of others
    std::vector<archived_version> versions;
    std::optional<archived_file> file;
    std::optional<bytes> hashes;  // some of the file's, 32 bytes a leaf
    std::optional<bytes> leaf;    // the next one of the file
    std::optional<bool> end;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&archive_frame::about), codec::field<2>(&archive_frame::cards),
                   codec::field<3>(&archive_frame::versions), codec::field<4>(&archive_frame::file),
                   codec::field<5>(&archive_frame::hashes), codec::field<6>(&archive_frame::leaf),
                   codec::field<7>(&archive_frame::end));
};

/// Keys that a password gives for an archive.
struct archive_keys {
    crypto::secret_bytes identity, frames;
};
/// Takes memory and time: on the compute worker. unsupported where the head asks for more than any
/// archive of ours.
result<archive_keys> open_archive(const std::string& password, const wire::kdf_parameters& with);

class archive_writer {
public:
    archive_writer(const archive_head& head, crypto::secret_bytes frames_key, random& entropy);
    const bytes& head() const noexcept { return head_; }
    bytes frame(const archive_frame& what);
    /// Bytes that frame() makes of it.
    static std::uint64_t size_of(const archive_frame& what);

private:
    bytes head_;
    digest head_hash_;
    crypto::secret_bytes key_;
    random& entropy_;
    std::uint64_t count_ = 0;
};

class archive_reader {
public:
    void give(byte_view piece);
    /// The head, once it has come. malformed: this is no archive, or its beginning is damaged.
    result<std::optional<archive_head>> head();
    void open(crypto::secret_bytes frames_key) { key_ = std::move(frames_key); }
    /// The next frame, once it has come; after the head, with the key. malformed: it is damaged.
    result<std::optional<archive_frame>> next();
    /// Everything that was given has been read.
    bool is_empty() const noexcept { return at_ == buffer_.size(); }

private:
    std::optional<byte_view> take(std::size_t count);

    bytes buffer_;
    std::size_t at_ = 0;
    digest head_hash_;
    crypto::secret_bytes key_;
    std::uint64_t count_ = 0;
};

}  // namespace calbox::node
