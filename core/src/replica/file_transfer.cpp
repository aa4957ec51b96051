#include "replica/file_transfer.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <calbox/mutant.hpp>

#include "base/task_scope.hpp"
#include "replica/ask_window.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

/// What the coroutines of one fetch share: leaves nobody has asked for yet, and the sources that
/// are still believed.
struct file_transfer::job {
    file_root root;
    std::uint64_t size = 0;
    std::vector<digest> leaves;
    std::set<std::uint64_t> missing;
    std::uint64_t written = 0;  // leaves
    std::set<device_id> dropped;
    std::map<device_id, ask_window> windows;  // of the round
    task_scope* pulls = nullptr;
    error last{errc::unavailable, "nobody has the file"};
    bool cannot_write = false;
    file_mediator* mediator = nullptr;
    std::function<void(std::uint64_t)> progress;
};

task<result<std::vector<digest>>> file_transfer::leaf_list(file_root root, std::uint64_t size,
                                                           device_id source,
                                                           file_mediator& mediator) {
    const auto info_payload = co_await mediator.ask(source, wire::message_type::file_info,
                                                    codec::encode(wire::file_info{root}));
    if (!info_payload) {
        co_return fail(info_payload.error());
    }
    const auto info = codec::decode<wire::file_info_reply>(*info_payload);
    if (!info || !info->held) {
        co_return fail(errc::not_found, "the device does not have the file");
    }
    if (info->size != size) {
        co_return fail(errc::mismatch, "the device has a file of another size under this root");
    }
    std::vector<digest> leaves;
    const std::uint64_t count = crypto::leaf_count(size);
    while (leaves.size() < count) {
        const auto most = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(wire::limits::leaf_hashes_per_message, count - leaves.size()));
        const auto payload =
            co_await mediator.ask(source, wire::message_type::file_hashes,
                                  codec::encode(wire::file_hashes{root, leaves.size(), most}));
        if (!payload) {
            co_return fail(payload.error());
        }
        const auto page = codec::decode<wire::file_hashes_reply>(*payload);
        if (!page || page->hashes.empty() || page->hashes.size() % digest::size != 0 ||
            page->hashes.size() / digest::size > most) {
            co_return fail(errc::malformed,
                           "the device answers with something else than leaf hashes");
        }
        for (std::size_t at = 0; at < page->hashes.size(); at += digest::size) {
            leaves.push_back(
                *digest::from_bytes(byte_view(page->hashes).subspan(at, digest::size)));
        }
    }
    if (crypto::root_of(leaves, size) != root) {
        co_return fail(errc::mismatch, "the device's leaf hashes do not belong to the file");
    }
    co_return leaves;
}

task<void> file_transfer::pull(std::shared_ptr<job> work, device_id source) {
    while (!work->missing.empty() && !work->dropped.contains(source) && !work->cannot_write) {
        const std::uint64_t index = *work->missing.begin();
        work->missing.erase(work->missing.begin());
        const instant begun = env_.time.now();
        const auto payload =
            co_await work->mediator->ask(source, wire::message_type::file_leaf,
                                         codec::encode(wire::file_leaf{work->root, index}));
        const duration taken = env_.time.now() - begun;
        auto reply =
            payload ? codec::decode<wire::file_leaf_reply>(*payload) : fail(payload.error());
        result<void> written;
        if (reply) {
            auto put = co_await store_.put_leaf(work->root, index, std::move(reply->data),
                                                work->leaves[index]);
            written = std::move(put);
        }
        if (!reply || (!written && written.error().code == errc::mismatch)) {
            work->last = reply ? error(errc::mismatch, "a device sent a damaged part of the file")
                               : reply.error();
            work->missing.insert(index);
            work->dropped.insert(source);
            co_return;
        }
        if (!written) {
            work->last = written.error();
            work->cannot_write = true;
            co_return;
        }
        ++work->written;
        work->progress(std::min(work->written * crypto::leaf_plain_bytes, work->size));
        ask_window& line = work->windows[source];
        const auto change = line.after(taken);
        if (change == ask_window::change::less) {
            --line.pulling;
            co_return;
        }
        if (change == ask_window::change::more && !work->missing.empty()) {
            ++line.pulling;
            work->pulls->spawn("pull", pull(work, source));
        }
    }
}

task<result<void>> file_transfer::fetch(file_root root, std::uint64_t size,
                                        std::vector<device_id> sources, file_mediator& mediator,
                                        std::function<void(std::uint64_t)> progress) {
    if (size > wire::limits::file_bytes) {
        co_return fail(errc::too_large, "the file is larger than 1 TiB");
    }
    if (crypto::leaf_count(size) == 1) {
        co_return co_await fetch_single(root, size, std::move(sources), mediator,
                                        std::move(progress));
    }
    const auto work = std::make_shared<job>();
    work->root = root;
    work->size = size;
    work->mediator = &mediator;
    work->progress = std::move(progress);
    std::vector<device_id> holders;
    for (const device_id& source : sources) {
        if (work->leaves.empty()) {
            auto leaves = co_await leaf_list(root, size, source, mediator);
            if (!leaves) {
                work->last = leaves.error();
                continue;
            }
            work->leaves = std::move(*leaves);
        }
        holders.push_back(source);
    }
    if (holders.empty()) {
        co_return fail(errc::unavailable, work->last.message());
    }
    const auto there = co_await store_.resume(root, size, work->leaves);
    if (!there) {
        co_return fail(there.error());
    }
    for (std::uint64_t i = 0; i < there->size(); ++i) {
        const bool last = i > 0 && i + 1 == there->size();
        if ((*there)[i] || (last && mutant("file_transfer.forgets_last_leaf"))) {
            ++work->written;
        } else {
            work->missing.insert(i);
        }
    }
    // Rounds: a leaf that its source failed to bring goes back to the rest of them.
    while (work->written < work->leaves.size() && !work->cannot_write) {
        task_scope pulls(env_, "transfer");
        work->pulls = &pulls;
        work->windows.clear();
        for (const device_id& source : holders) {
            work->windows[source].pulling = in_flight_per_source;
            for (int i = 0; i < in_flight_per_source && !work->dropped.contains(source); ++i) {
                pulls.spawn("pull", pull(work, source));
            }
        }
        if (pulls.running() == 0) {
            co_return fail(errc::unavailable, work->last.message());
        }
        co_await pulls.join();
    }
    if (work->cannot_write) {
        co_return fail(work->last);
    }
    co_return co_await store_.finish(root, size, work->leaves);
}

/// A file of one part needs no list of their hashes: its own makes the root.
task<result<void>> file_transfer::fetch_single(file_root root, std::uint64_t size,
                                               std::vector<device_id> sources,
                                               file_mediator& mediator,
                                               std::function<void(std::uint64_t)> progress) {
    auto own = co_await store_.single_part(root, size);
    if (own) {
        auto put = co_await store_.put_single(root, size, std::move(own->sealed), own->hash);
        if (put) {
            progress(size);
        }
        co_return put;
    }
    error last{errc::unavailable, "nobody has the file"};
    while (!sources.empty()) {
        const device_id source = small_.best_of(sources);
        std::erase(sources, source);
        auto part = co_await small_.ask(source, root, size, mediator);
        if (!part) {
            last = part.error();
            continue;
        }
        auto put = co_await store_.put_single(root, size, std::move(part->sealed), part->hash);
        if (put) {
            progress(size);
        }
        co_return put;
    }
    co_return fail(errc::unavailable, last.message());
}

}  // namespace calbox::replica
