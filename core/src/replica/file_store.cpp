#include "replica/file_store.hpp"

#include <algorithm>

#include "replica/single_part.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

byte_source::~byte_source() = default;
byte_sink::~byte_sink() = default;

namespace {

/// Leaves that are sealed and written in one go: few hops between threads for a large file.
constexpr std::size_t leaves_at_once = 16;

struct sealed_run {
    bytes data;
    std::vector<digest> hashes;
};

/// An empty file has one empty leaf.
sealed_run seal_run(crypto::leaf_cipher& cipher, std::uint64_t first, byte_view plain) {
    sealed_run out;
    std::uint64_t index = first;
    do {
        const byte_view leaf = plain.first(std::min(plain.size(), crypto::leaf_plain_bytes));
        const bytes sealed = cipher.seal(index++, leaf);
        out.hashes.push_back(crypto::leaf_hash(sealed));
        out.data.insert(out.data.end(), sealed.begin(), sealed.end());
        plain = plain.subspan(leaf.size());
    } while (!plain.empty());
    return out;
}

bytes flat(const std::vector<digest>& hashes) {
    bytes out;
    out.reserve(hashes.size() * digest::size);
    for (const digest& hash : hashes) {
        out.insert(out.end(), hash.value.begin(), hash.value.end());
    }
    return out;
}

}  // namespace

void add_single(batch& writes, const file_root& root, std::uint64_t size, bytes sealed,
                const digest& hash) {
    static_assert(crypto::leaf_sealed_bytes <= storage::small_blob_bytes);
    writes.put(record_kind::file, to_bytes(root.view()),
               codec::encode(file_record{size, flat({hash})}));
    writes.put_blob(root, std::move(sealed));
}

task<result<stored_file>> file_store::import(byte_source& from) {
    batch later;
    const announcing to_nobody;
    auto stored = co_await import(from, later, to_nobody);
    if (stored && !later.empty()) {
        auto written = co_await write(std::move(later));
        if (!written) {
            co_return fail(std::move(written.error()));
        }
    }
    co_return stored;
}

task<result<stored_file>> file_store::import(byte_source& from, batch& later,
                                             const announcing& announce) {
    bytes begun;
    while (begun.size() <= crypto::leaf_plain_bytes) {
        auto piece = co_await from.next();
        if (!piece) {
            co_return fail(std::move(piece.error()));
        }
        if (piece->empty()) {
            co_return co_await import_small(std::move(begun), later);
        }
        begun.insert(begun.end(), piece->begin(), piece->end());
    }
    co_return co_await import_large(std::move(begun), from, announce);
}

task<result<stored_file>> file_store::import_small(bytes plain, batch& later) {
    stored_file file;
    file.size = plain.size();
    file.key.resize(32);
    env_.entropy.fill(file.key);
    auto sealing = [key = file.key, plain = std::move(plain)] {
        crypto::leaf_cipher cipher(key);
        return seal_run(cipher, 0, plain);
    };
    auto sealed = co_await offload(env_, env_.compute, std::move(sealing));
    file.root = crypto::root_of(sealed.hashes, file.size);
    add_single(later, file.root, file.size, std::move(sealed.data), sealed.hashes.front());
    co_return file;
}

task<result<stored_file>> file_store::import_large(bytes begun, byte_source& from,
                                                   const announcing& announce) {
    file_root part;
    env_.entropy.fill(part.value);
    auto stored = co_await import_into(part, std::move(begun), from, announce);
    if (!stored) {
        (void)co_await db_.with_blobs(
            [part](storage::blob_store& blobs) { return blobs.remove(part); });
    }
    co_return stored;
}

task<result<stored_file>> file_store::import_into(file_root part, bytes waiting, byte_source& from,
                                                  const announcing& announce) {
    auto opened = co_await db_.with_blobs(
        [part](storage::blob_store& blobs) { return blobs.open_part(part); });
    if (!opened) {
        co_return fail(std::move(opened.error()));
    }
    stored_file file;
    file.size = waiting.size();
    file.key.resize(32);
    env_.entropy.fill(file.key);
    const auto cipher = std::make_shared<crypto::leaf_cipher>(file.key);
    std::vector<digest> hashes;
    std::uint64_t offset = 0;
    for (bool over = false; !over;) {
        auto piece = co_await from.next();
        if (!piece) {
            co_return fail(std::move(piece.error()));
        }
        over = piece->empty();
        file.size += piece->size();
        if (file.size > wire::limits::file_bytes) {
            co_return fail(errc::too_large, "the file is larger than 1 TiB");
        }
        waiting.insert(waiting.end(), piece->begin(), piece->end());
        const std::size_t run = leaves_at_once * crypto::leaf_plain_bytes;
        while (waiting.size() >= run || (over && !waiting.empty())) {
            const std::size_t size = std::min(waiting.size(), run);
            bytes plain(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(size));
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(size));
            const std::uint64_t first = hashes.size();
            auto sealing = [cipher, first, plain = std::move(plain)] {
                return seal_run(*cipher, first, plain);
            };
            auto sealed = co_await offload(env_, env_.compute, std::move(sealing));
            hashes.insert(hashes.end(), sealed.hashes.begin(), sealed.hashes.end());
            const std::size_t written = sealed.data.size();
            auto writing = [part, offset,
                            data = std::move(sealed.data)](storage::blob_store& blobs) {
                return blobs.write_part(part, offset, data);
            };
            auto wrote = co_await db_.with_blobs(std::move(writing));
            if (!wrote) {
                co_return fail(std::move(wrote.error()));
            }
            offset += written;
        }
    }
    file.root = crypto::root_of(hashes, file.size);
    if (announce) {
        auto announced = co_await announce(file.root);
        if (!announced) {
            co_return fail(std::move(announced.error()));
        }
    }
    auto renaming = [part, root = file.root](storage::blob_store& blobs) {
        return blobs.rename_part(part, root);
    };
    auto renamed = co_await db_.with_blobs(std::move(renaming));
    if (!renamed) {
        co_return fail(std::move(renamed.error()));
    }
    auto finished = co_await finish(file.root, file.size, hashes);
    if (!finished) {
        co_return fail(std::move(finished.error()));
    }
    co_return file;
}

task<result<void>> file_store::finish(file_root root, std::uint64_t size,
                                      const std::vector<digest>& leaves) {
    auto finished =
        co_await db_.with_blobs([root](storage::blob_store& blobs) { return blobs.finish(root); });
    if (!finished) {
        co_return finished;
    }
    co_return co_await note(root, size, leaves);
}

task<result<void>> file_store::note(file_root root, std::uint64_t size,
                                    std::vector<digest> leaves) {
    batch writes;
    writes.put(record_kind::file, to_bytes(root.view()),
               codec::encode(file_record{size, flat(leaves)}));
    co_return co_await db_.apply(std::move(writes));
}

task<result<void>> file_store::erase(file_root root) {
    batch writes;
    writes.erase(record_kind::file, to_bytes(root.view()));
    auto erased = co_await db_.apply(std::move(writes));
    if (!erased) {
        co_return erased;
    }
    co_return co_await db_.with_blobs(
        [root](storage::blob_store& blobs) { return blobs.remove(root); });
}

task<result<std::optional<file_record>>> file_store::record(file_root root) {
    const auto stored = co_await db_.get(record_kind::file, to_bytes(root.view()));
    if (!stored) {
        co_return fail(stored.error());
    }
    if (!*stored) {
        co_return std::optional<file_record>();
    }
    auto read = codec::decode<file_record>(**stored);
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    co_return std::optional(std::move(*read));
}

task<result<std::optional<std::uint64_t>>> file_store::size_if_held(file_root root) {
    const auto known = co_await record(root);
    if (!known) {
        co_return fail(known.error());
    }
    if (!*known) {
        co_return std::optional<std::uint64_t>();
    }
    const std::uint64_t size = (*known)->size;
    const auto length =
        co_await db_.with_blobs([root](storage::blob_store& blobs) { return blobs.length(root); });
    if (!length) {
        co_return fail(length.error());
    }
    const bool whole = *length && **length == crypto::sealed_file_bytes(size);
    co_return whole ? std::optional(size) : std::nullopt;
}

namespace {

/// 8 MiB: the storage worker is not held up for long, and the record not read too often.
constexpr std::uint64_t leaves_per_look = 128;

std::vector<digest> separate(byte_view hashes) {
    std::vector<digest> leaves;
    for (std::size_t at = 0; at + digest::size <= hashes.size(); at += digest::size) {
        leaves.push_back(*digest::from_bytes(hashes.subspan(at, digest::size)));
    }
    return leaves;
}

bool fits(const file_root& root, const file_record& what) {
    return what.size <= wire::limits::file_bytes &&
           what.hashes.size() == crypto::leaf_count(what.size) * digest::size &&
           crypto::root_of(separate(what.hashes), what.size) == root;
}

}  // namespace

task<result<file_store::leaves_seen>> file_store::look(file_root root, std::uint64_t first) {
    const auto known = co_await record(root);
    if (!known) {
        co_return fail(known.error());
    }
    if (!*known) {
        co_return fail(errc::not_found, "the file is not here");
    }
    auto looking = [root, first,
                    what = **known](storage::blob_store& blobs) -> result<leaves_seen> {
        if (first == 0 && !fits(root, what)) {
            return fail(errc::malformed, "the record of the file is damaged");
        }
        const auto length = blobs.length(root);
        if (!length) {
            return fail(length.error());
        }
        leaves_seen seen;
        const std::uint64_t leaves = what.hashes.size() / digest::size;
        seen.next = std::min<std::uint64_t>(leaves, first + leaves_per_look);
        seen.more = seen.next < leaves;
        for (std::uint64_t i = first; i < seen.next; ++i) {
            const std::size_t size = crypto::sealed_leaf_bytes(what.size, i);
            const auto data = blobs.read(root, i * crypto::leaf_sealed_bytes, size);
            const auto wanted = byte_view(what.hashes).subspan(i * digest::size, digest::size);
            if (!data || !std::ranges::equal(crypto::leaf_hash(*data).view(), wanted)) {
                seen.bad.push_back(i);
            }
            seen.bytes += size;
        }
        // What stands behind the end would come back with every attempt.
        if (!seen.more && *length && **length > crypto::sealed_file_bytes(what.size)) {
            seen.bad.push_back(leaves);
        }
        return seen;
    };
    co_return co_await db_.with_blobs(std::move(looking));
}

task<result<void>> file_store::set_aside(file_root root, std::vector<std::uint64_t> bad) {
    auto stored = co_await db_.get(record_kind::file, to_bytes(root.view()));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    const auto what = *stored ? codec::decode<file_record>(**stored) : fail(errc::not_found);
    if (*stored && (!what || !fits(root, *what))) {
        batch writes;
        replica::set_aside(writes, record_kind::file, root.view(), **stored, env_.time.wall());
        auto moved = co_await db_.apply(std::move(writes));
        if (!moved) {
            co_return moved;
        }
    }
    auto moving = [root, bad = std::move(bad)](storage::blob_store& blobs) -> result<void> {
        const auto length = blobs.length(root);
        if (length && !*length) {
            return {};  // the disk has lost all of it
        }
        std::vector<storage::blob_piece> pieces;
        for (const std::uint64_t leaf : bad) {
            pieces.push_back({leaf * crypto::leaf_sealed_bytes, crypto::leaf_sealed_bytes});
        }
        return blobs.set_aside(root, pieces);
    };
    co_return co_await db_.with_blobs(std::move(moving));
}

task<result<bool>> file_store::verify(file_root root) {
    std::vector<std::uint64_t> bad;
    bool record_damaged = false;
    for (std::uint64_t at = 0;;) {
        const auto seen = co_await look(root, at);
        if (!seen && seen.error().code == errc::not_found) {
            co_return false;
        }
        record_damaged = !seen && seen.error().code == errc::malformed;
        if (!seen && !record_damaged) {
            co_return fail(seen.error());
        }
        if (record_damaged) {
            break;
        }
        bad.insert(bad.end(), seen->bad.begin(), seen->bad.end());
        at = seen->next;
        if (!seen->more) {
            break;
        }
    }
    if (bad.empty() && !record_damaged) {
        co_return true;
    }
    auto moved = co_await set_aside(root, std::move(bad));
    co_return moved.map([] { return false; });
}

task<result<void>> file_store::make_way(file_root root, std::uint64_t size) {
    auto clearing = [root, size](storage::blob_store& blobs) -> result<void> {
        const auto length = blobs.length(root);
        if (!length) {
            return fail(length.error());
        }
        const bool wrong = *length && **length != crypto::sealed_file_bytes(size);
        return wrong ? blobs.remove(root) : result<void>();
    };
    co_return co_await db_.with_blobs(std::move(clearing));
}

task<result<bytes>> file_store::leaf_hashes(file_root root, std::uint64_t first,
                                            std::uint32_t count) {
    const auto known = co_await record(root);
    if (!known) {
        co_return fail(known.error());
    }
    if (!*known) {
        co_return fail(errc::not_found, "the file is not here");
    }
    const byte_view all = (*known)->hashes;
    const std::uint64_t leaves = all.size() / digest::size;
    const std::uint64_t begin = std::min(first, leaves);
    const std::uint64_t most =
        std::min<std::uint64_t>({count, wire::limits::leaf_hashes_per_message, leaves - begin});
    co_return to_bytes(all.subspan(begin * digest::size, most * digest::size));
}

task<result<bytes>> file_store::leaf(file_root root, std::uint64_t index) {
    auto reading = [root, index](storage::blob_store& blobs) -> result<bytes> {
        const auto length = blobs.length(root);
        if (!length) {
            return fail(length.error());
        }
        const std::uint64_t offset = index * crypto::leaf_sealed_bytes;
        if (!*length || index > wire::limits::file_bytes / crypto::leaf_plain_bytes ||
            offset >= **length) {
            return fail(errc::not_found, "the file, or this part of it, is not here");
        }
        const std::uint64_t size =
            std::min<std::uint64_t>(crypto::leaf_sealed_bytes, **length - offset);
        return blobs.read(root, offset, static_cast<std::size_t>(size));
    };
    co_return co_await db_.with_blobs(std::move(reading));
}

task<std::vector<bytes>> file_store::single_leaves(std::vector<file_root> roots, std::size_t most) {
    auto reading = [roots = std::move(roots), most](storage::blob_store& blobs) {
        std::vector<bytes> leaves;
        std::size_t size = 0;
        for (const file_root& root : roots) {
            const auto length = blobs.length(root);
            const bool is_single = length && *length && **length <= crypto::leaf_sealed_bytes;
            size += is_single ? **length : 0;
            if (!leaves.empty() && size > most) {
                break;
            }
            // What the disk does not give is asked of somebody else.
            auto read = is_single ? blobs.read(root, 0, static_cast<std::size_t>(**length))
                                  : fail(errc::not_found);
            leaves.push_back(read ? std::move(*read) : bytes());
        }
        return leaves;
    };
    co_return co_await db_.with_blobs(std::move(reading));
}

task<result<void>> file_store::read(file_root root, std::uint64_t size, bytes key,
                                    std::uint64_t first, std::uint64_t length, byte_sink& into) {
    if (key.size() != 32) {
        co_return fail(errc::malformed, "the event names no key for this file");
    }
    const auto cipher = std::make_shared<crypto::leaf_cipher>(key);
    const std::uint64_t end = std::min(size, first + std::min(length, size));
    for (std::uint64_t at = std::min(first, end); at < end;) {
        const std::uint64_t index = at / crypto::leaf_plain_bytes;
        auto sealed = co_await leaf(root, index);
        if (!sealed) {
            co_return fail(std::move(sealed.error()));
        }
        auto opening = [cipher, index, data = std::move(*sealed)] {
            return cipher->open(index, data);
        };
        auto plain = co_await offload(env_, env_.compute, std::move(opening));
        if (!plain) {
            co_return fail(std::move(plain.error()));
        }
        const std::uint64_t leaf_begin = index * crypto::leaf_plain_bytes;
        const std::uint64_t stop = std::min<std::uint64_t>(end - leaf_begin, plain->size());
        if (at - leaf_begin >= stop) {
            co_return fail(errc::malformed, "the file is shorter than the event says");
        }
        bytes piece(plain->begin() + static_cast<std::ptrdiff_t>(at - leaf_begin),
                    plain->begin() + static_cast<std::ptrdiff_t>(stop));
        at = leaf_begin + stop;
        auto written = co_await into.write(std::move(piece));
        if (!written) {
            co_return written;
        }
    }
    co_return result<void>();
}

task<result<std::vector<bool>>> file_store::resume(file_root root, std::uint64_t size,
                                                   const std::vector<digest>& leaves) {
    auto checking = [root, size, leaves](storage::blob_store& blobs) -> result<std::vector<bool>> {
        std::vector<bool> there(leaves.size(), false);
        auto length = blobs.open_part(root);
        if (length && *length > crypto::sealed_file_bytes(size)) {
            length = blobs.remove(root).and_then([&] { return blobs.open_part(root); });
        }
        if (!length) {
            return fail(length.error());
        }
        for (std::uint64_t i = 0; i < leaves.size() && i * crypto::leaf_sealed_bytes < *length;
             ++i) {
            const auto data = blobs.read_part(root, i * crypto::leaf_sealed_bytes,
                                              crypto::sealed_leaf_bytes(size, i));
            there[i] = data && crypto::leaf_hash(*data) == leaves[i];
        }
        return there;
    };
    co_return co_await db_.with_blobs(std::move(checking));
}

task<result<void>> file_store::put_leaf(file_root root, std::uint64_t index, bytes sealed,
                                        digest wanted) {
    // Hashed on the worker that writes it, while the core thread deciphers the next one.
    auto writing = [root, index, wanted,
                    data = std::move(sealed)](storage::blob_store& blobs) -> result<void> {
        if (crypto::leaf_hash(data) != wanted) {
            return fail(errc::mismatch, "a damaged part of the file");
        }
        return blobs.write_part(root, index * crypto::leaf_sealed_bytes, data);
    };
    co_return co_await db_.with_blobs(std::move(writing));
}

task<std::optional<file_store::single>> file_store::single_part(file_root root,
                                                                std::uint64_t size) {
    auto looking = [root, size](storage::blob_store& blobs) -> std::optional<single> {
        auto data = blobs.read_part(root, 0, crypto::leaf_sealed_bytes);
        const digest hash = data ? crypto::leaf_hash(*data) : digest();
        if (!data || data->size() != crypto::sealed_leaf_bytes(size, 0) ||
            crypto::root_of({hash}, size) != root) {
            return std::nullopt;
        }
        return single{std::move(*data), hash};
    };
    co_return co_await db_.with_blobs(std::move(looking));
}

task<result<void>> file_store::put_single(file_root root, std::uint64_t size, bytes sealed,
                                          digest hash) {
    batch writes;
    add_single(writes, root, size, std::move(sealed), hash);
    co_return co_await db_.apply(std::move(writes));
}

}  // namespace calbox::replica
