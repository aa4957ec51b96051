#include "node/join_service.hpp"

#include <algorithm>
#include <array>

#include "node/event_link.hpp"
#include "wire/limits.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

namespace {

constexpr std::size_t join_asks = 3;                             // devices of the organizer
constexpr duration join_answer_time = std::chrono::seconds(10);  // that a person waits for
constexpr duration join_arrival_time = std::chrono::seconds(5);  // and for the event itself
constexpr duration join_look_again = std::chrono::seconds(60);
constexpr duration join_first_pause = std::chrono::seconds(2);  // before it is asked once more
constexpr duration join_last_pause = std::chrono::seconds(16);
constexpr std::int64_t join_waits_ms = 30LL * 24 * 3'600'000;
constexpr std::string_view join_prefix = "joins ";

bytes join_key(byte_view of) {
    bytes key = to_bytes(join_prefix);
    key.insert(key.end(), of.begin(), of.end());
    return key;
}

/// Another try may have another answer.
bool waits(errc why) {
    constexpr std::array final{errc::forbidden, errc::not_found,   errc::invalid_argument,
                               errc::mismatch,  errc::unsupported, errc::too_large};
    return std::ranges::find(final, why) == final.end();
}

}  // namespace

task<result<void>> join_service::load() {
    bytes past = to_bytes(join_prefix);
    ++past.back();
    const auto all =
        co_await db_.scan(replica::record_kind::meta, to_bytes(join_prefix), std::move(past));
    if (!all) {
        co_return fail(all.error());
    }
    for (const auto& [name, value] : *all) {
        const auto of = codec::decode<key>(byte_view(name).subspan(join_prefix.size()));
        auto what = codec::decode<kept>(value);
        if (!of || !what) {
            co_return fail(of ? what.error() : of.error());
        }
        const auto one = std::make_shared<request>(env_);
        one->what = std::move(*what);
        waiting_.emplace(*of, one);
    }
    co_return result<void>();
}

join_view join_service::view_of(const key& of, const request& one) const {
    const auto link = parse_event_link(one.what.link);
    join_view view;
    view.which = of.which;
    view.organizer = link ? link->organizer : with_.who.name_of(of.which.organizer);
    view.id_text = view.organizer + "/" + of.which.seq_text();
    view.link = one.what.link;
    view.joined = one.outcome && one.outcome->has_value();
    view.why = view.joined ? std::string() : one.why;
    view.since = one.what.since;
    return view;
}

task<result<join_view>> join_service::join(user_id as, std::string text) {
    const auto link = parse_event_link(text);
    if (!link) {
        co_return fail(link.error());
    }
    if (link->network != with_.network()) {
        co_return fail(errc::invalid_argument, "that link is of another network");
    }
    const key of{as, link->event};
    if (as == of.which.organizer) {
        co_return fail(errc::invalid_argument, "you organize that event");
    }
    const auto his =
        std::ranges::count_if(waiting_, [&](const auto& each) { return each.first.who == as; });
    if (!waiting_.contains(of) && std::cmp_greater_equal(his, wire::limits::joins_waiting)) {
        co_return fail(errc::too_large, "100 events wait to be joined: withdraw some");
    }
    const kept what{to_text(*link), env_.time.wall()};
    const std::shared_ptr<request> before = waiting_[of];
    // By another link it is another request: what is answered to the one before says nothing of it.
    const auto one =
        before && before->what.link == what.link ? before : std::make_shared<request>(env_);
    waiting_[of] = one;
    one->what = what;
    one->why = "no device of " + link->organizer + " can be reached";
    replica::batch writes;
    writes.put(replica::record_kind::meta, join_key(codec::encode(of)), codec::encode(what));
    if (auto stored = co_await db_.apply(std::move(writes)); !stored) {
        if (before && still_waits(of, *one)) {
            waiting_[of] = before;
        } else if (still_waits(of, *one)) {
            waiting_.erase(of);
        }
        co_return fail(std::move(stored.error()));
    }
    wake_.set();
    using namespace asio::experimental::awaitable_operators;
    co_await (one->over.wait() || sleep_for(env_, join_answer_time));
    if (!one->outcome) {
        co_return view_of(of, *one);
    }
    if (!*one->outcome) {
        co_return fail(one->outcome->error());
    }
    const bool here = co_await arrived(of, join_arrival_time);
    if (!here) {
        one->why = "the event is on its way";
    }
    co_return view_of(of, *one);
}

/// Neither withdrawn nor followed by another one for the same event.
bool join_service::still_waits(const key& of, const request& one) const {
    const auto found = waiting_.find(of);
    return found != waiting_.end() && found->second.get() == &one;
}

/// The event comes as every other does.
task<bool> join_service::arrived(key of, duration most) {
    const instant end = env_.time.now() + most;
    while (!with_.opened.open(of.which, of.who)) {
        if (env_.time.now() >= end) {
            co_return false;
        }
        co_await sleep_for(env_, std::chrono::milliseconds(20));
    }
    co_return true;
}

std::vector<join_view> join_service::waiting(user_id as) const {
    std::vector<join_view> all;
    for (const auto& [of, one] : waiting_) {
        if (of.who == as) {
            all.push_back(view_of(of, *one));
        }
    }
    std::ranges::sort(all, {}, &join_view::since);
    return all;
}

task<result<void>> join_service::withdraw(user_id as, std::string id_text) {
    for (const join_view& one : waiting(as)) {
        if (one.id_text == id_text) {
            co_return co_await forget({as, one.which});
        }
    }
    co_return fail(errc::not_found, "no request to join " + id_text + " waits here");
}

task<result<void>> join_service::forget(key of) {
    waiting_.erase(of);
    replica::batch writes;
    writes.erase(replica::record_kind::meta, join_key(codec::encode(of)));
    co_return co_await db_.apply(std::move(writes));
}

/// Asks for everybody who waits: when something has changed, and now and then.
task<void> join_service::keep() {
    while (true) {
        wake_.reset();
        const auto all = waiting_;  // an answer that is known at once changes it
        for (const auto& [of, one] : all) {
            if (!one->asking && with_.is_here(of.who)) {
                one->asking = true;
                tasks_.spawn("join", ask(of, one));
            }
        }
        using namespace asio::experimental::awaitable_operators;
        co_await (wake_.wait() || sleep_for(env_, join_look_again));
    }
}

task<void> join_service::ask(key of, std::shared_ptr<request> one) {
    auto done = co_await ask_organizer(of, one->what.link);
    // Who has just come may not be ready to answer yet.
    for (duration pause = join_first_pause;
         !done && waits(done.error().code) && pause <= join_last_pause && still_waits(of, *one);
         pause *= 2) {
        one->why = done.error().message();
        co_await sleep_for(env_, pause);
        if (!still_waits(of, *one)) {
            break;
        }
        auto again = co_await ask_organizer(of, one->what.link);
        done = std::move(again);
    }
    one->asking = false;
    if (!done && waits(done.error().code)) {
        if (env_.time.wall().ms - one->what.since.ms < join_waits_ms) {
            one->why = done.error().message();
            co_return;
        }
        done = fail(errc::timed_out, "nobody has answered for 30 days");
    }
    const bool still = still_waits(of, *one);
    const std::chrono::milliseconds waited{env_.time.wall().ms - one->what.since.ms};
    one->outcome = done;
    one->over.set();
    if (!still) {
        co_return;
    }
    if (const auto forgotten = co_await forget(of); !forgotten) {
        env_.log.write(log_level::warn, "joins",
                       "an answered request is still kept: " + forgotten.error().message());
    }
    if (!done && waited > join_answer_time) {  // nobody waits for the answer
        const join_view view = view_of(of, *one);
        with_.tell(of.who, view.id_text,
                   "you cannot join " + view.id_text + ": " + done.error().message());
    }
}

task<result<void>> join_service::ask_organizer(key of, std::string text) {
    const auto link = parse_event_link(text);
    if (!link) {
        co_return fail(link.error());
    }
    const user_id organizer = of.which.organizer;
    co_await with_.who.users().meet({organizer});
    const user_info* const known = with_.who.users().known(organizer);
    if (known == nullptr) {
        co_return fail(errc::unavailable, "it cannot be told now who " + link->organizer + " is");
    }
    if (known->card.name != link->organizer) {
        co_return fail(errc::forbidden,
                       "that link is forged: its event is not " + link->organizer + "'s");
    }
    if (with_.opened.open(of.which, of.who)) {
        co_return result<void>();
    }
    const wire::join_event what{of.which, of.who, link->secret};
    if (with_.is_here(organizer)) {
        co_return co_await with_.ask_here(what);
    }
    co_await with_.look_up({organizer});
    std::vector<device_id> devices = with_.present(organizer);
    devices.resize(std::min(devices.size(), join_asks));
    error said(errc::unavailable, "no device of " + link->organizer + " can be reached");
    bool heard = false;
    for (const device_id& device : devices) {
        const auto answer = co_await with_.request(device, codec::encode(what));
        if (answer) {
            co_return result<void>();
        }
        // A device that does not know of the opening yet has not the last word.
        if (!heard || waits(answer.error().code)) {
            said = answer.error();
        }
        heard = true;
    }
    co_return fail(std::move(said));
}

}  // namespace calbox::node
