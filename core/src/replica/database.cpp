#include "replica/database.hpp"

namespace calbox::replica {

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
    auto together =
        std::make_shared<std::vector<std::shared_ptr<waiting>>>(std::exchange(queue_, {}));
    storage::record_store* const records = &store_.records();
    env_.disk.post([this, together, records, executor = env_.executor] {
        batch all;
        for (const auto& one : *together) {
            for (auto& write : one->writes.writes) {
                all.writes.push_back(write);
            }
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
    co_await mine->committed.wait();
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

}  // namespace calbox::replica
