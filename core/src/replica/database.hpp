// The coroutine face of a store: every call runs on the storage worker, batches that wait together
// commit together (group commit). Owned by the node; core thread only. The store outlives it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <calbox/storage.hpp>

#include "base/async.hpp"
#include "base/task_scope.hpp"

namespace calbox::replica {

using storage::batch;
using storage::record_kind;

class database {
public:
    database(const environment& env, storage::store& store);
    ~database();

    /// Durable on return. Fails with disk_full or io_failed, and then nothing of this batch was
    /// written. Returns also where the caller is cancelled meanwhile: what it does before it waits
    /// again is done, so that the memory knows what the disk does.
    task<result<void>> apply(batch writes);
    task<result<std::optional<bytes>>> get(record_kind kind, bytes key);
    using rows = std::vector<std::pair<bytes, bytes>>;
    /// Rows with first <= key (< last unless empty), at most `most`.
    task<result<rows>> scan(record_kind kind, bytes first = {}, bytes last = {},
                            std::size_t most = SIZE_MAX);

    /// Something blocking with the blobs, on the storage worker.
    template <class Job>
    task<std::invoke_result_t<Job&, storage::blob_store&>> with_blobs(Job job) {
        storage::blob_store* blobs = &store_.blobs();
        auto bound = [blobs, job = std::move(job)]() mutable { return job(*blobs); };
        return offload(env_, env_.disk, std::move(bound));
    }
    task<result<storage::check_report>> check();
    task<result<storage::measures>> measure();
    /// A verified copy of the records in a new file, while everything goes on: how many bytes it
    /// has. As store::back_up.
    task<result<std::uint64_t>> back_up(std::string file);

    /// Waits for what was begun, whether or not anybody still waits for it. Before this and the
    /// store are destroyed, when nobody begins anything any more.
    task<void> rest();

private:
    task<result<std::uint64_t>> copy_into(std::shared_ptr<std::unique_ptr<storage::backup>> copy);

    struct waiting;
    void start_commit();

    const environment& env_;
    storage::store& store_;
    std::deque<std::shared_ptr<waiting>> queue_;
    bool committing_ = false;
};

/// Adds to `writes` what moves a damaged record out of the way: it stays in the store, where
/// nothing reads it (docs/disk.md). `now`: UTC, so that one that is damaged twice is kept twice.
void set_aside(batch& writes, record_kind kind, byte_view key, byte_view value, timestamp now);
/// How the names of those begin, among the records of kind meta, and what is behind all of them.
inline constexpr std::string_view aside_name = "aside ", after_aside = "aside!";

}  // namespace calbox::replica
