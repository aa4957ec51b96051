#include "node/set_operations.hpp"

#include <algorithm>

#include <calbox/mutant.hpp>

#include "node/drafts.hpp"

namespace calbox::node {

std::optional<duration> set_retry::after(errc refusal, instant now, random& entropy) {
    const bool heals = refusal == errc::conflict || refusal == errc::busy;
    if (!heals || now >= ends_) {
        return std::nullopt;
    }
    constexpr int doublings_max = 16;
    const duration most = refusal == errc::busy ? busy_wait_max : conflict_wait_max;
    const duration grown = first_wait * (1 << std::min(tries_++, doublings_max));
    const duration span = std::min(grown, most);
    // Half of it by chance: those who were refused together do not come again together.
    const auto half = static_cast<std::uint64_t>(span.count() / 2);
    const duration wait(static_cast<duration::rep>(half + entropy.below(half + 1)));
    return std::min(wait, ends_ - now);
}

set_operations::set_operations(const environment& env, replica::replicator& replica,
                               opened_events& opened, lock_service& locks)
    : env_(env), replica_(replica), opened_(opened), locks_(locks) {}

task<result<void>> set_operations::apply(user_id as, event_id which, operation what) {
    set_retry again(env_.time.now());
    while (true) {
        auto tried = co_await attempt(as, which, what);
        auto& done = tried.outcome;
        if (done || tried.final) {
            co_return std::move(done);
        }
        const errc why = done.error().code;
        const auto wait = again.after(why, env_.time.now(), env_.entropy);
        if (wait) {
            co_await sleep_for(env_, *wait);
        } else if (why == errc::busy) {
            co_return fail(errc::busy,
                           done.error().message() + "; this was tried again for a minute");
        } else if (why == errc::conflict) {
            co_return fail(errc::busy, "others keep changing this event: try again");
        } else {
            co_return std::move(done);
        }
    }
}

/// Whether that is the newest version, which a device cannot know by itself. Whoever holds the lock
/// does; where no strategy promises locks, none promises an order either.
task<set_operations::trial> set_operations::confirm(user_id as, envelope_header seen) {
    if (locks_.holds(as, seen.event)) {
        co_return trial{};
    }
    const auto held = co_await replica_.lock(as, seen.event);
    if (!held) {
        co_return held.error().code == errc::unsupported ? trial{}
                                                         : trial{fail(held.error()), false};
    }
    replica_.unlock(*held);
    const bool newest = held->version == seen.version && held->generation == seen.generation;
    co_return newest ? trial{} : trial{fail(errc::conflict), false};
}

task<set_operations::trial> set_operations::attempt(user_id as, event_id which,
                                                    const operation& what) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return trial{fail(opened.error())};
    }
    const opened_event& newest = **opened;
    next_version next{newest.content, newest.header.participants};
    const auto changes = what(newest, next);
    if (!changes) {
        co_return trial{fail(changes.error())};
    }
    if (!*changes) {
        co_return co_await confirm(as, newest.header);
    }
    if (auto fits = model::validate(next.content); !fits) {
        co_return trial{std::move(fits)};
    }
    next.content.modified = env_.time.wall();
    auto body = model::write_body(next.content, newest.body);
    if (!body) {
        co_return trial{fail(std::move(body.error()))};
    }
    replica::change change = change_of(newest.header, as);
    change.participants = std::move(next.participants);
    change.body = std::move(*body);
    if (mutant("set_operations.overwrites")) {
        change.expect.reset();
    }
    const std::string session = locks_.session_of(as, which);
    change.held = locks_.use(session, as, which);
    const bool under_lock = change.held.has_value();
    const auto done = co_await replica_.commit(std::move(change));
    if (under_lock) {
        co_await locks_.go_on(session, done ? errc::ok : done.error().code);
    }
    if (!done) {
        co_return trial{fail(done.error()), false};
    }
    co_return trial{};
}

}  // namespace calbox::node
