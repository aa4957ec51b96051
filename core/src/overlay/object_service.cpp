#include "overlay/object_service.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::overlay {

object_mediator::~object_mediator() = default;

namespace {

constexpr std::size_t holders_told = 64;

bool same_keepers(const std::vector<keeper>& a, const std::vector<keeper>& b) {
    return std::ranges::equal(a, b, [](const keeper& one, const keeper& other) {
        return one.device == other.device && one.weight == other.weight;
    });
}

std::uint32_t whole_seconds(duration d) {
    return static_cast<std::uint32_t>(std::max<std::int64_t>(1, d / std::chrono::seconds(1)));
}

/// One message's worth of `from`, taken out of it.
std::vector<object_id> one_message_of(std::set<object_id>& from) {
    std::vector<object_id> some;
    while (!from.empty() && some.size() < wire::limits::objects_per_message) {
        some.push_back(*from.begin());
        from.erase(from.begin());
    }
    return some;
}

}  // namespace

object_service::object_service(const environment& env, resolver& asks, object_mediator& mediator,
                               device_id self)
    : env_(env),
      asks_(asks),
      mediator_(mediator),
      self_(self),
      tasks_(env, "objects"),
      work_(env) {}

void object_service::start(bool keeps) {
    tasks_.spawn("publish", keep_published());
    tasks_.spawn("publish again", keep_alive());
    if (keeps) {
        tasks_.spawn("keep in place", keep_in_place());
    }
}

void object_service::publish(const object_id& object) {
    if (mine_.size() < wire::limits::objects_per_device && mine_.insert(object).second) {
        ended_.erase(object);
        untold_.insert(object);
        work_.set();
    }
}

void object_service::unpublish(const object_id& object) {
    if (mine_.erase(object) > 0) {
        untold_.erase(object);
        ended_.insert(object);
        work_.set();
    }
}

void object_service::publish_all() {
    untold_ = mine_;
    if (!untold_.empty()) {
        work_.set();
    }
}

task<void> object_service::keep_alive() {
    while (true) {
        co_await sleep_for(env_, again_after);
        publish_all();
    }
}

task<void> object_service::keep_published() {
    while (true) {
        co_await work_.wait();
        work_.reset();
        co_await sleep_for(env_, gather);
        while (!untold_.empty() || !ended_.empty()) {
            const bool on = ended_.empty();
            auto some = one_message_of(on ? untold_ : ended_);
            const auto told = co_await tell(some, on);
            if (told) {
                copies_ = on ? *told : copies_;
                continue;
            }
            if (on && told.error().code != errc::unsupported) {
                std::erase_if(some, [this](const object_id& one) { return !mine_.contains(one); });
                untold_.insert(some.begin(), some.end());
            }
            if (!mediator_.lessor()) {
                break;  // the next one is told everything
            }
            co_await sleep_for(env_, look_every);
        }
    }
}

task<result<std::uint32_t>> object_service::tell(std::vector<object_id> some, bool on) {
    const auto lessor = mediator_.lessor();
    if (!lessor) {
        co_return fail(errc::offline, "this device is not connected to a rendezvous");
    }
    const auto payload = co_await mediator_.request(
        *lessor, wire::message_type::publish,
        codec::encode(wire::publish{std::move(some), on ? whole_seconds(life) : 0, std::nullopt}),
        resolver::question_time);
    const auto reply = payload ? codec::decode<wire::published>(*payload) : fail(payload.error());
    if (!reply) {
        co_return fail(reply.error());
    }
    co_return reply->copies;
}

task<result<std::vector<device_id>>> object_service::find(object_id object) {
    std::set<device_id> found;
    const auto answered = co_await asks_.ask(
        "objects", codec::encode(wire::find_object{object}), [&found](const resolver::answer& one) {
            if (const auto reply = codec::decode<wire::object_holders>(one.body)) {
                found.insert(reply->devices.begin(), reply->devices.end());
            }
            return !found.empty();
        });
    if (!answered) {
        co_return fail(answered.error());
    }
    found.erase(self_);
    co_return std::vector<device_id>(found.begin(), found.end());
}

/// What those who ask at the same time share.
struct object_service::sending {
    explicit sending(const environment& env) : enough(env) {}
    wire::message_type type{};
    bytes payload;
    std::size_t copies = 0;
    std::function<bool(const bytes&)> good;
    std::vector<device_id> left;  // nobody has asked them yet
    sent outcome;
    event enough;       // have answered
    bool over = false;  // whoever asked has been told
};

task<void> object_service::send_one(std::shared_ptr<sending> all, gathering::part) {
    while (!all->left.empty() && all->outcome.acknowledged.size() < all->copies) {
        const device_id whom = all->left.back();
        all->left.pop_back();
        auto answer =
            co_await mediator_.request(whom, all->type, all->payload, resolver::question_time);
        if (all->over || all->enough.is_set()) {
            co_return;  // the answer comes too late to be told
        }
        if (answer && all->good(*answer)) {
            all->outcome.acknowledged.push_back({whom, std::move(*answer)});
            if (all->outcome.acknowledged.size() >= all->copies) {
                all->enough.set();
            }
            co_return;
        }
    }
}

/// Who does not answer soon is dead, perhaps: others are asked beside him.
task<void> object_service::hedge(std::shared_ptr<sending> all, gathering sends) {
    co_await sleep_for(env_, hedge_after);
    if (all->over) {
        co_return;
    }
    const std::size_t missing = all->copies - all->outcome.acknowledged.size();
    const std::size_t more = std::min(missing, all->left.size());  // each takes one of them
    for (std::size_t i = 0; i < more; ++i) {
        tasks_.spawn("send to object", send_one(all, sends.one()));
    }
}

task<result<object_service::sent>> object_service::send_to_object(
    wire::message_type type, bytes payload, object_id object, std::size_t copies,
    std::function<bool(const bytes& answer)> good) {
    auto holders = co_await find(object);
    if (!holders) {
        co_return fail(std::move(holders.error()));
    }
    const auto all = std::make_shared<sending>(env_);
    all->type = type;
    all->payload = std::move(payload);
    all->copies = copies;
    all->good = std::move(good);
    all->outcome.holders = holders->size();
    // By chance, so that not all ask the same ones.
    while (!holders->empty()) {
        const auto at = static_cast<std::size_t>(env_.entropy.below(holders->size()));
        all->left.push_back((*holders)[at]);
        holders->erase(holders->begin() + static_cast<std::ptrdiff_t>(at));
    }
    gathering sends(env_);
    for (std::size_t i = 0; i < std::min(copies, all->outcome.holders); ++i) {
        tasks_.spawn("send to object", send_one(all, sends.one()));
    }
    tasks_.spawn("hedge", hedge(all, sends));
    using namespace asio::experimental::awaitable_operators;
    co_await (sends.wait() || all->enough.wait());
    all->over = true;
    co_return std::move(all->outcome);
}

/// What is told to several rendezvous at the same time.
struct object_service::spreading {
    std::map<object_id, std::uint32_t> copies;
};

/// Whether it has noted all of it.
task<bool> object_service::tell_owner(device_id owner, wire::publish what) {
    const auto payload = co_await mediator_.request(owner, wire::message_type::publish,
                                                    codec::encode(what), resolver::question_time);
    const auto reply = payload ? codec::decode<wire::published>(*payload) : fail(payload.error());
    co_return reply && reply->copies > 0;
}

task<void> object_service::spread_to(device_id owner, wire::publish what,
                                     std::shared_ptr<spreading> all, gathering::part) {
    if (co_await tell_owner(owner, what)) {
        for (const object_id& object : what.objects) {
            ++all->copies[object];
        }
    }
}

bool object_service::note(const device_id& holder, const wire::publish& what) {
    bool all_noted = true;
    const duration lives = std::min<duration>(std::chrono::seconds(what.lives_s), life);
    for (const object_id& object : what.objects) {
        if (what.lives_s == 0) {
            index_.erase(object, holder);
        } else {
            all_noted = index_.put(object, holder, env_.time.now() + lives) && all_noted;
        }
    }
    return all_noted;
}

task<std::uint32_t> object_service::spread(device_id holder, wire::publish what) {
    const auto keepers = mediator_.keepers();
    std::map<device_id, std::vector<object_id>> by_owner;
    const auto all = std::make_shared<spreading>();
    for (const object_id& object : what.objects) {
        all->copies[object] = 0;
        for (const device_id& owner : owners_of(object, keepers, object_index::copies)) {
            by_owner[owner].push_back(object);
        }
    }
    gathering owners(env_);
    for (auto& [owner, objects] : by_owner) {
        wire::publish part{std::move(objects), what.lives_s, holder};
        if (owner != self_) {
            tasks_.spawn("tell an owner", spread_to(owner, std::move(part), all, owners.one()));
        } else if (note(holder, part)) {
            for (const object_id& object : part.objects) {
                ++all->copies[object];
            }
        }
    }
    co_await owners.wait();
    std::uint32_t least = object_index::copies;
    for (const auto& [object, copies] : all->copies) {
        least = std::min(least, copies);
    }
    co_return least;
}

task<result<bytes>> object_service::on_publish(const net::peer& from, bool from_rendezvous,
                                               wire::publish what) {
    if (what.objects.size() > wire::limits::objects_per_message) {
        co_return fail(errc::too_large, "too many objects at once");
    }
    if (what.holder) {
        if (!from_rendezvous) {
            co_return fail(errc::forbidden, "a device publishes what it holds itself");
        }
        co_return codec::encode(wire::published{note(*what.holder, what) ? 1u : 0u});
    }
    if (!mediator_.leases_to(from.device)) {
        co_return fail(errc::not_found, "there is no lease of this device here");
    }
    const device_id holder = from.device;
    const std::uint32_t copies = co_await spread(holder, std::move(what));
    co_return codec::encode(wire::published{copies});
}

task<result<bytes>> object_service::on_find(bytes body, std::uint32_t hops) {
    const auto what = codec::decode<wire::find_object>(body);
    if (!what) {
        co_return fail(what.error());
    }
    const auto here = index_.holders(what->object, env_.time.now());
    std::set<device_id> found(here.begin(), here.end());
    if (mine_.contains(what->object)) {
        found.insert(self_);
    }
    const auto owners = hops > 0
                            ? owners_of(what->object, mediator_.keepers(), object_index::copies)
                            : std::vector<device_id>();
    const bool mine = std::ranges::count(owners, self_) != 0;
    bool heard = mine && !here.empty();
    for (const device_id& owner : owners) {
        if (owner == self_ || heard) {
            continue;
        }
        const auto answer = co_await asks_.ask_one(owner, "objects", body, 0);
        const auto more =
            answer ? codec::decode<wire::object_holders>(*answer) : fail(answer.error());
        if (more) {
            heard = !more->devices.empty();
            found.insert(more->devices.begin(), more->devices.end());
        }
    }
    wire::object_holders reply;
    for (const device_id& one : found) {
        if (reply.devices.size() < holders_told) {
            reply.devices.push_back(one);
        }
    }
    co_return codec::encode(reply);
}

/// When rendezvous come and go, the list goes with the owners.
task<void> object_service::keep_in_place() {
    while (true) {
        co_await sleep_for(env_, look_every);
        index_.sweep(env_.time.now());
        auto now = mediator_.keepers();
        if (now.empty() || same_keepers(now, keepers_)) {
            continue;
        }
        const auto moved = index_.moved(self_, keepers_, now);
        keepers_ = std::move(now);
        for (const auto& [owner, entries] : moved) {
            std::map<device_id, std::vector<object_index::entry>> by_holder;
            for (const object_index::entry& one : entries) {
                by_holder[one.holder].push_back(one);
            }
            for (const auto& [holder, its] : by_holder) {
                co_await hand_over(owner, holder, its);
            }
        }
    }
}

task<void> object_service::hand_over(device_id owner, device_id holder,
                                     std::vector<object_index::entry> its) {
    for (std::size_t at = 0; at < its.size(); at += wire::limits::objects_per_message) {
        wire::publish what;
        what.holder = holder;
        duration lives = life;
        const std::size_t end = std::min(its.size(), at + wire::limits::objects_per_message);
        for (std::size_t i = at; i < end; ++i) {
            what.objects.push_back(its[i].object);
            lives = std::min(lives, its[i].until - env_.time.now());
        }
        what.lives_s = whole_seconds(lives);
        (void)co_await tell_owner(owner, std::move(what));
    }
}

object_service::view object_service::show() const {
    return {mine_.size(), mine_.size() - untold_.size(), copies_, index_.objects(),
            index_.entries()};
}

}  // namespace calbox::overlay
