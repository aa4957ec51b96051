// Files as they lie here: sealed leaves in a blob under their root, and the list of leaf hashes as
// a record. The record of a file of one leaf and its blob are one batch. Encrypts and decrypts on
// the compute worker, leaf by leaf. Owned by the node; core thread only.
#pragma once

#include <functional>

#include <calbox/codec.hpp>

#include "crypto/files.hpp"
#include "crypto/primitives.hpp"
#include "replica/database.hpp"

namespace calbox::replica {

/// Bytes that arrive piece by piece: an empty piece is the end. Lives until the call that takes it
/// completes.
class byte_source {
public:
    virtual ~byte_source();
    virtual task<result<bytes>> next() = 0;
};
class byte_sink {
public:
    virtual ~byte_sink();
    virtual task<result<void>> write(bytes piece) = 0;
};

struct stored_file {
    file_root root;
    std::uint64_t size = 0;  // of the plaintext
    bytes key;               // opens the leaves; belongs into the event's body
};

/// Record of kind file under the root: what it takes to serve and verify leaves.
struct file_record {
    std::uint64_t size = 0;
    bytes hashes;  // 32 bytes a leaf
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_record::size), codec::field<2>(&file_record::hashes));
};

class file_store {
public:
    file_store(const environment& env, database& db) : env_(env), db_(db) {}

    /// Seals what `from` yields under a fresh key; durable on return. Whatever fails leaves nothing
    /// behind.
    task<result<stored_file>> import(byte_source& from);
    /// The same, but a file of one part is not durable, nor to be seen, before what is added to
    /// `later` is written: of many of them together by write(). Another one is announced right
    /// before it is durable; where that fails, it is not stored.
    using announcing = std::function<task<result<void>>(const file_root&)>;
    task<result<stored_file>> import(byte_source& from, batch& later, const announcing& announce);
    task<result<void>> write(batch later) { return db_.apply(std::move(later)); }
    /// Plaintext bytes [first, first + length). mismatch: the key is wrong or the blob is damaged.
    task<result<void>> read(file_root root, std::uint64_t size, bytes key, std::uint64_t first,
                            std::uint64_t length, byte_sink& into);
    /// Plaintext size of a file that is wholly here.
    task<result<std::optional<std::uint64_t>>> size_if_held(file_root root);
    /// What a look at some leaves of a file has found.
    struct leaves_seen {
        std::vector<std::uint64_t> bad;  // their indexes
        std::uint64_t bytes = 0;         // that were read
        std::uint64_t next = 0;          // leaf to go on with
        bool more = false;
    };
    /// Reads some leaves from `first` on. not_found: there is no record of the
    /// file; malformed: the record is damaged.
    task<result<leaves_seen>> look(file_root root, std::uint64_t first);
    /// Keeps the bad leaves beside, and makes the rest what a transfer resumes with. The record is
    /// set aside, too, where that is damaged.
    task<result<void>> set_aside(file_root root, std::vector<std::uint64_t> bad);
    /// Reads every leaf: is the file here, and as its root says? What is damaged is set aside, so
    /// that it can be fetched again.
    task<result<bool>> verify(file_root root);
    /// Hashes of at most `count` leaves from `first` on, one after the other; not_found when the
    /// file is not here.
    task<result<bytes>> leaf_hashes(file_root root, std::uint64_t first, std::uint32_t count);
    task<result<bytes>> leaf(file_root root, std::uint64_t index);
    /// The parts of files that have one each, in the order of the roots, as long as they do not
    /// have more than `most` bytes together; at least the first. Empty: it is not here, or has
    /// several parts.
    task<std::vector<bytes>> single_leaves(std::vector<file_root> roots, std::size_t most);

    // For transfers: a file that arrives in any order.
    /// Removes a blob of another length than the file has: it would stand in the way of a good one.
    task<result<void>> make_way(file_root root, std::uint64_t size);
    /// Which leaves of an earlier attempt are there and right.
    task<result<std::vector<bool>>> resume(file_root root, std::uint64_t size,
                                           const std::vector<digest>& leaves);
    /// mismatch, and nothing is written: the leaf is not the one with the hash `wanted`.
    task<result<void>> put_leaf(file_root root, std::uint64_t index, bytes sealed, digest wanted);
    struct single {
        bytes sealed;
        digest hash;
    };
    /// The part of a file that has one, where it is here, and right, though it was set aside with
    /// the file's record, or came before the file was given up.
    task<std::optional<single>> single_part(file_root root, std::uint64_t size);
    /// A whole file that has one part, whose hash makes the root; durable on return. Many that
    /// come at the same time become durable together.
    task<result<void>> put_single(file_root root, std::uint64_t size, bytes sealed, digest hash);
    task<result<void>> finish(file_root root, std::uint64_t size,
                              const std::vector<digest>& leaves);
    /// Removes the file and what has come of it; no error when there is nothing.
    task<result<void>> erase(file_root root);

private:
    task<result<std::optional<file_record>>> record(file_root root);
    task<result<void>> note(file_root root, std::uint64_t size, std::vector<digest> leaves);
    task<result<stored_file>> import_small(bytes plain, batch& later);
    task<result<stored_file>> import_large(bytes begun, byte_source& from,
                                           const announcing& announce);
    task<result<stored_file>> import_into(file_root part, bytes waiting, byte_source& from,
                                          const announcing& announce);

    const environment& env_;
    database& db_;
};

}  // namespace calbox::replica
