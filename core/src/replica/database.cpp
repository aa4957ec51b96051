#include "replica/database.hpp"

namespace calbox::replica {

namespace {

/// Of one transaction: it is held twice in memory, and goes through the log.
constexpr std::size_t together_bytes = std::size_t{4} << 20;

std::size_t size_of(const batch& writes) {
    std::size_t size = 0;
    for (const auto& one : writes.writes) {
        size += one.key.size() + (one.value ? one.value->size() : 0);
    }
    for (const auto& blob : writes.blobs) {
        size += blob.data.size();
    }
    return size;
}

}  // namespace

/// Batches that are committed by one transaction, with the result that all of them get.
struct database::waiting {
    batch writes;
    event committed;
    result<void> outcome;
    explicit waiting(const environment& env) : committed(env) {}
};

database::database(const environment& env, storage::store& store) : env_(env), store_(store) {}
database::~database() = default;

void database::start_commit() {
    committing_ = true;
    auto together = std::make_shared<std::vector<std::shared_ptr<waiting>>>();
    std::size_t size = 0;
    do {
        size += size_of(queue_.front()->writes);
        together->push_back(std::move(queue_.front()));
        queue_.pop_front();
    } while (!queue_.empty() && size < together_bytes);
    storage::record_store* const records = &store_.records();
    env_.disk.post([this, together, records, executor = env_.executor] {
        batch all;
        for (const auto& one : *together) {
            all.writes.insert(all.writes.end(), one->writes.writes.begin(),
                              one->writes.writes.end());
            all.blobs.insert(all.blobs.end(), one->writes.blobs.begin(), one->writes.blobs.end());
        }
        result<void> outcome = records->apply(all);
        const bool split = !outcome && together->size() > 1;
        for (const auto& one : *together) {
            // A batch that cannot be written must not take its neighbours with it.
            one->outcome = split ? records->apply(one->writes) : outcome;
        }
        asio::post(executor, [this, together] {
            committing_ = false;
            if (!queue_.empty()) {
                start_commit();
            }
            for (const auto& one : *together) {
                one->committed.set();
            }
        });
    });
}

task<result<void>> database::apply(batch writes) {
    const auto mine = std::make_shared<waiting>(env_);
    mine->writes = std::move(writes);
    queue_.push_back(mine);
    if (!committing_) {
        start_commit();
    }
    co_await mine->committed.wait_through();
    co_return mine->outcome;
}

task<void> database::rest() {
    do {
        // The worker and the executor keep the order, so that this comes back after all before it.
        co_await offload(env_, env_.disk, [] { return true; });
    } while (committing_ || !queue_.empty());
}

task<result<std::optional<bytes>>> database::get(record_kind kind, bytes key) {
    storage::record_store* const records = &store_.records();
    auto job = [records, kind, key = std::move(key)] { return records->get(kind, key); };
    co_return co_await offload(env_, env_.disk, std::move(job));
}

task<result<database::rows>> database::scan(record_kind kind, bytes first, bytes last,
                                            std::size_t most) {
    storage::record_store* const records = &store_.records();
    auto job = [records, kind, first = std::move(first), last = std::move(last),
                most]() -> result<rows> {
        rows found;
        const auto visit = [&](byte_view key, byte_view value) {
            found.emplace_back(to_bytes(key), to_bytes(value));
            return found.size() < most;
        };
        if (auto done = records->scan(kind, first, last, visit); !done) {
            return fail(std::move(done.error()));
        }
        return found;
    };
    co_return co_await offload(env_, env_.disk, std::move(job));
}

task<result<storage::check_report>> database::check() {
    storage::store* const store = &store_;
    auto job = [store] { return store->check(); };
    co_return co_await offload(env_, env_.disk, std::move(job));
}

task<result<storage::measures>> database::measure() {
    storage::store* const store = &store_;
    auto job = [store] { return store->measure(); };
    co_return co_await offload(env_, env_.disk, std::move(job));
}

task<result<std::uint64_t>> database::back_up(std::string file) {
    storage::store* const store = &store_;
    // Shared with the jobs: one may still run when this is cancelled, and the last one ends it on
    // the storage worker.
    auto begin = [store, file]() -> result<std::shared_ptr<std::unique_ptr<storage::backup>>> {
        auto begun = store->back_up(file);
        if (!begun) {
            return fail(std::move(begun.error()));
        }
        return std::make_shared<std::unique_ptr<storage::backup>>(std::move(*begun));
    };
    auto begun = co_await offload(env_, env_.disk, std::move(begin));
    if (!begun) {
        co_return fail(std::move(begun.error()));
    }
    const auto copy = std::move(*begun);
    struct ending {
        worker& disk;
        std::shared_ptr<std::unique_ptr<storage::backup>> copy;
        ~ending() {
            disk.post([kept = std::move(copy)] { kept->reset(); });
        }
    } const however_it_ends{env_.disk, copy};
    co_return co_await copy_into(copy);
}

task<result<std::uint64_t>> database::copy_into(
    std::shared_ptr<std::unique_ptr<storage::backup>> copy) {
    while (true) {
        // Each step is a job of its own, so that commits come between.
        auto step = [copy] { return (*copy)->copy(); };
        const auto all = co_await offload(env_, env_.disk, std::move(step));
        if (!all) {
            co_return fail(all.error());
        }
        if (*all) {
            break;
        }
    }
    auto finish = [copy] { return (*copy)->finish(); };
    co_return co_await offload(env_, env_.compute, std::move(finish));
}

void set_aside(batch& writes, record_kind kind, byte_view key, byte_view value, timestamp now) {
    bytes name = to_bytes(aside_name);
    name.push_back(static_cast<std::uint8_t>(kind));
    for (int shift = 56; shift >= 0; shift -= 8) {
        name.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(now.ms) >> shift));
    }
    name.insert(name.end(), key.begin(), key.end());
    writes.put(record_kind::meta, std::move(name), to_bytes(value));
    writes.erase(kind, to_bytes(key));
}

}  // namespace calbox::replica
