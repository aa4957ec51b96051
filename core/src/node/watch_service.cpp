#include "node/watch_service.hpp"

#include <algorithm>

namespace calbox::node {

namespace {
/// More changes than one run can tell: the next run starts above them.
constexpr std::uint64_t block = std::uint64_t{1} << 32;
/// From here to twice that are blocks of runs that could not be counted; with `block` still exact
/// in a JSON number.
constexpr std::uint64_t uncounted_runs = std::uint64_t{1} << 20;
constexpr std::string_view key = "journal block";
}  // namespace

watch_service::watch_service(const environment& env, replica::database& db)
    : env_(env), db_(db), news_(std::make_shared<event>(env)) {}

task<result<void>> watch_service::load() {
    const auto stored = co_await db_.get(replica::record_kind::meta, to_bytes(key));
    if (!stored) {
        co_return fail(stored.error());
    }
    std::uint64_t run = 0;
    if (*stored) {
        const auto value = codec::decode<std::uint64_t>(**stored);
        if (!value) {
            co_return fail(value.error());
        }
        run = *value + 1;
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(key), codec::encode(run));
    const auto stored_now = co_await db_.apply(std::move(writes));
    if (!stored_now) {
        // A full disk is no reason not to start: a block that no counted run reaches, by chance, so
        // that nobody resumes in this run what he read in another.
        env_.log.write(log_level::warn, "watch",
                       "this run's journal is not counted: " + stored_now.error().message());
        run = uncounted_runs + env_.entropy.below(uncounted_runs);
    }
    last_ = first_kept_ = run * block;
    co_return result<void>();
}

void watch_service::tell(std::vector<user_id> users, change what) {
    what.number = ++last_;
    what.at = env_.time.wall();
    entries_.push_back({std::move(users), std::move(what)});
    if (entries_.size() > kept) {
        first_kept_ = entries_.front().what.number;
        entries_.pop_front();
    }
    const auto told = std::exchange(news_, std::make_shared<event>(env_));
    told->set();
}

task<result<std::vector<change>>> watch_service::next(user_id as, std::uint64_t after) {
    while (true) {
        if (after < first_kept_ || after > last_) {
            co_return fail(errc::not_found,
                           "the journal does not reach back that far: read the lists again");
        }
        std::vector<change> found;
        for (const entry& one : entries_) {
            const bool mine = one.users.empty() || std::ranges::count(one.users, as) > 0;
            if (one.what.number > after && mine && found.size() < 100) {
                found.push_back(one.what);
            }
        }
        if (!found.empty() || stopping_) {
            co_return found;
        }
        after = last_;
        const auto news = news_;
        co_await news->wait();
    }
}

void watch_service::request_stop() noexcept {
    stopping_ = true;
    news_->set();
}

}  // namespace calbox::node
