// Storage: where records and file bytes live. A plugin kind. Plain blocking calls, made by the host
// on the storage executor only (one thread at a time); a plugin of this kind may do I/O. Keys and
// values are the host's typed records, encoded (docs/disk.md); what is in them is no concern of the
// plugin.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::storage {

/// One table each. Values are part of the disk format: append only.
enum class record_kind : std::uint8_t {
    meta = 0,       // format version, incarnation, device key, settings of the node itself
    envelope = 1,   // event id -> current envelope
    history = 2,    // event id, generation, version -> earlier or losing envelope
    stream = 3,     // stream id -> last number used or held
    outbox = 4,     // recipient device, event id -> order owed
    journal = 5,    // change number -> what changed
    consensus = 6,  // whatever a consensus strategy asked to persist
    account = 7,    // signed-in users of this device and their sealed keys
    directory = 8,  // cards of users: names, keys, devices
    file = 9,       // file root -> length, holders, what is still owed
    registry = 10,  // the registry's own records
    overlay = 11,   // cached advertisements and addresses
};
inline constexpr std::size_t record_kinds = 12;

/// What a batch may hold of one blob. Others are written as parts.
inline constexpr std::size_t small_blob_bytes = 128 * 1024;

/// Writes that happen together or not at all, durable (on the platter) when apply() returns.
struct batch {
    struct write {
        record_kind kind;
        bytes key;
        std::optional<bytes> value;  // nothing = erase
    };
    /// The whole of a blob: many of them cost no more waiting for the disk than one.
    struct small_blob {
        file_root root;
        bytes data;
    };
    std::vector<write> writes;
    std::vector<small_blob> blobs;

    void put(record_kind kind, bytes key, bytes value) {
        writes.push_back({kind, std::move(key), std::move(value)});
    }
    void erase(record_kind kind, bytes key) {
        writes.push_back({kind, std::move(key), std::nullopt});
    }
    void put_blob(const file_root& root, bytes data) { blobs.push_back({root, std::move(data)}); }
    bool empty() const noexcept { return writes.empty() && blobs.empty(); }
};

/// Ordered records. Keys compare as byte strings.
class record_store {
public:
    virtual ~record_store();
    /// The value, or nothing when there is no such record. Fails with io_failed.
    virtual result<std::optional<bytes>> get(record_kind kind, byte_view key) = 0;
    /// Calls `visit` in key order for first <= key (< last when last is not empty) until it says
    /// false. The views given to `visit` live until it returns; it must not call the store.
    virtual result<void> scan(record_kind kind, byte_view first, byte_view last,
                              const std::function<bool(byte_view key, byte_view value)>& visit) = 0;
    /// All writes and blobs or none, in their order, durable on return. A blob is finished then, in
    /// the place of what there was of it, a part included. Fails with disk_full or io_failed, and
    /// with too_large for a blob above small_blob_bytes; nothing changed.
    virtual result<void> apply(const batch& writes) = 0;
};

struct blob_piece {
    std::uint64_t offset = 0;
    std::size_t length = 0;
};

/// File bytes (ciphertext) by root. A blob is written under a part name and appears under its root
/// by finish(), or comes as a whole with a batch of records; where it lies then is the store's own.
class blob_store {
public:
    virtual ~blob_store();
    /// Makes or reopens the part for `root`; bytes of an earlier attempt stay. Its present length
    /// is returned.
    virtual result<std::uint64_t> open_part(const file_root& root) = 0;
    virtual result<void> write_part(const file_root& root, std::uint64_t offset,
                                    byte_view data) = 0;
    /// Reads up to `length` bytes of the part; shorter at its end.
    virtual result<bytes> read_part(const file_root& root, std::uint64_t offset,
                                    std::size_t length) = 0;
    /// Renames a part to another one: a file's root is known only once it has been encrypted.
    virtual result<void> rename_part(const file_root& from, const file_root& to) = 0;
    /// Makes the part durable under its final name; it is immutable from then on. An existing blob
    /// stays as it is.
    virtual result<void> finish(const file_root& root) = 0;
    /// Length of a finished blob, or nothing.
    virtual result<std::optional<std::uint64_t>> length(const file_root& root) = 0;
    /// Reads exactly `length` bytes of a finished blob; malformed when it is shorter.
    virtual result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) = 0;
    /// Removes the blob and its part; no error when there is none.
    virtual result<void> remove(const file_root& root) = 0;
    /// Makes a blob that is damaged a part again, so that what is good of it stays and the rest can
    /// be written anew. What stands in the damaged pieces is kept beside, for people to look at,
    /// where it can be read at all; nothing here reads it again. not_found: there is no such blob.
    virtual result<void> set_aside(const file_root& root,
                                   const std::vector<blob_piece>& damaged) = 0;
};

struct check_report {
    bool sound = false;
    std::string text;  // what was checked and found, one line
};

/// What a store holds, in numbers.
struct measures {
    std::uint32_t layout = 0;          // version of its format
    std::uint64_t database_bytes = 0;  // where the records are
    std::uint64_t log_bytes = 0;       // of writes that are not moved there yet
    std::array<std::uint64_t, record_kinds> records{};
    std::uint64_t blobs = 0, blob_bytes = 0;    // finished
    std::uint64_t parts = 0, part_bytes = 0;    // on their way
    std::uint64_t pieces = 0, piece_bytes = 0;  // damaged, and set aside
};

/// A copy of the records that is being made in a file. Destroyed on the storage executor, before
/// the store; one that was not finished leaves nothing behind.
class backup {
public:
    virtual ~backup();
    /// Copies some more, for a few milliseconds, and says whether that was all. What is written to
    /// the store meanwhile is in the copy. Storage executor.
    virtual result<bool> copy() = 0;
    /// When all is copied: verifies the copy, makes it durable, gives it its name, and says how
    /// many bytes it has. On any thread. malformed: the copy is not sound; already_exists: the name
    /// was taken meanwhile.
    virtual result<std::uint64_t> finish() = 0;
};

/// An open store. Destroyed on the storage executor.
class store {
public:
    virtual ~store();
    virtual record_store& records() noexcept = 0;
    virtual blob_store& blobs() noexcept = 0;
    /// Verifies the structure of what is stored; may take long.
    virtual result<check_report> check() = 0;
    virtual result<measures> measure() = 0;
    /// Begins a copy of the records, as they are when it ends, in `file` (an absolute path), which
    /// nothing may stand at. already_exists; io_failed, disk_full; unsupported: this store cannot
    /// be copied while it is open.
    virtual result<std::unique_ptr<backup>> back_up(const std::string& file) = 0;
};

/// What a storage plugin's factory makes.
class strategy {
public:
    virtual ~strategy();
    /// Opens or creates the store in `directory` (exists, mode 0700). A store written by a newer
    /// version is refused with unsupported; an older one is copied beside itself and then migrated.
    /// A second opening of the same directory, by this or another process, is refused with busy.
    virtual result<std::unique_ptr<store>> open(const std::string& directory) = 0;
};

}  // namespace calbox::storage
