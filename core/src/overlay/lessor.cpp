#include "overlay/lessor.hpp"

#include <algorithm>
#include <map>

namespace calbox::overlay {

address_book::~address_book() = default;

namespace {

std::uint32_t in_ms(duration d) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

bool same(const wire::location& a, const wire::location& b) {
    return a.online == b.online && a.roles == b.roles && a.relay == b.relay &&
           a.addresses == b.addresses && a.users == b.users;
}

/// Others than edges: whoever it is, everybody may need it.
bool serves(const wire::location& where) { return (where.roles & ~wire::role::edge) != 0; }

}  // namespace

lessor::effects lessor::start(instant now) {
    sweep_at_ = now + with_.heartbeat / 2;
    begin_exchange(now);
    effects all;
    ask_more(all);
    return all;
}

void lessor::stop() noexcept {
    announce_at_.reset();
    sweep_at_.reset();
    exchange_at_.reset();
    plan_at_.reset();
    move_at_.reset();
    left_at_.reset();
    near_.reset();
    to_ask_.clear();
    to_move_.clear();
}

std::optional<instant> lessor::deadline() const noexcept {
    std::optional<instant> first;
    for (const auto& at : {announce_at_, sweep_at_, exchange_at_, plan_at_, move_at_, left_at_,
                           near_ ? near_->deadline() : std::nullopt}) {
        if (at && (!first || *at < *first)) {
            first = at;
        }
    }
    return first;
}

std::vector<device_id> lessor::leases() const {
    std::vector<device_id> all;
    all.reserve(leases_.size());
    for (const auto& [device, until] : leases_) {
        all.push_back(device);
    }
    return all;
}

std::vector<device_id> lessor::all_rendezvous() const {
    std::vector<device_id> all = book_.holders(wire::role::rendezvous);
    std::erase_if(all, [this](const device_id& one) { return gone_.contains(one); });
    return all;
}

std::vector<device_id> lessor::other_rendezvous() const {
    std::vector<device_id> others = all_rendezvous();
    std::erase(others, self_);
    return others;
}

/// As they are when they are few; else as many as that by chance, so that no rendezvous is known to
/// everybody and others to nobody.
std::vector<device_id> lessor::some(std::vector<device_id> all, std::size_t most) {
    if (all.size() > most) {
        for (std::size_t i = 0; i < most; ++i) {
            std::swap(all[i], all[i + static_cast<std::size_t>(entropy_.below(all.size() - i))]);
        }
        all.resize(most);
    }
    return all;
}

std::vector<wire::location> lessor::places(const std::vector<device_id>& devices) const {
    std::vector<wire::location> found;
    for (const device_id& device : devices) {
        if (auto where = book_.find(device)) {
            found.push_back(std::move(*where));
        }
    }
    return found;
}

wire::lease_reply lessor::grant(instant now) {
    wire::lease_reply reply;
    reply.lease_ms = in_ms(with_.heartbeat * missed_beats);
    reply.heartbeat_ms = in_ms(with_.heartbeat);
    reply.failover_spread_ms = in_ms(failover_spread());
    reply.rendezvous = places(some(all_rendezvous(), told));
    reply.backups = places(some(book_.holders(wire::role::backup), told));
    name_loads(reply, now);
    return reply;
}

wire::lease_reply lessor::on_lease(wire::location who, instant now) {
    const device_id device = who.device;
    if (!leases_.contains(device) && device != self_) {
        wire::lease_reply reply;
        if (retired_to_) {
            reply.what = wire::lease_reply::verdict::redirect;
            reply.rendezvous = places({*retired_to_});
            return reply;
        }
        if (const auto later = over_the_rate(device, now)) {
            reply.what = wire::lease_reply::verdict::busy;
            reply.retry_after_ms = in_ms(*later);
            return reply;
        }
        // Who has room promised is counted already.
        const bool expected = coming_.contains(device);
        discovery::load mine = my_load(now);
        mine.edges -= expected ? 1 : 0;
        const discovery::admission answer = strategy_.admit(mine, other_loads(), {now, entropy_});
        if (answer.what == discovery::admission::verdict::busy) {
            reply.what = wire::lease_reply::verdict::busy;
            reply.retry_after_ms = in_ms(answer.retry_after);
            return reply;
        }
        if (answer.what == discovery::admission::verdict::redirect) {
            reply.what = wire::lease_reply::verdict::redirect;
            reply.rendezvous = places(answer.others);
            name_loads(reply, now);
            return reply;
        }
        if (expected) {
            coming_.erase(device);
            came_at_[device] = now;
        }
    }
    who.relay = self_;
    who.online = true;
    const auto before = book_.find(device);
    const bool news = !leases_.contains(device) || !before || !before->online ||
                      before->users != who.users || before->addresses != who.addresses ||
                      before->relay != who.relay;
    leases_[device] = now + with_.heartbeat * missed_beats;
    claims_.erase(device);
    (void)book_.note(std::move(who));
    if (news) {
        changed(device, now);
    }
    return grant(now);
}

std::optional<wire::heartbeat> lessor::on_heartbeat(const device_id& from, instant now) {
    const auto held = leases_.find(from);
    if (held == leases_.end()) {
        return std::nullopt;
    }
    held->second = now + with_.heartbeat * missed_beats;
    claims_.erase(from);
    return wire::heartbeat{edges(), in_ms(failover_spread())};
}

void lessor::on_interest(const device_id& from, const std::vector<user_id>& users) {
    if (leases_.contains(from)) {
        wanted_.add(from, users);
    }
}

lessor::effects lessor::on_presence(const device_id& from, const wire::presence& what) {
    // Where devices lease from another rendezvous is its word alone, or that of this one's
    // informant for its circle; this one's own leases are not touched by it.
    std::vector<device_id> news, again, ended;
    for (const wire::location& one : what.changed) {
        if (one.device == self_ || !one.relay || !may_say(from, one)) {
            continue;
        }
        note_backup(one, from);
        if (leases_.contains(one.device)) {
            if (near_ && !near_->is_mate(*one.relay)) {
                one.online ? keep_claim(one) : (void)drop_claim(one.device, *one.relay);
            }
            continue;
        }
        const auto doubted = doubts_.find(*one.relay);
        if (doubted != doubts_.end() && one.online &&
            doubted->second.said_again.insert(one.device).second) {
            again.push_back(one.device);
        }
        const auto before = book_.find(one.device);
        if (!one.online && before && before->online && before->relay != one.relay) {
            // It has moved to another rendezvous, which said so before this one noticed.
            if (drop_claim(one.device, *one.relay)) {
                ended.push_back(one.device);
            }
            continue;
        }
        if (!one.online && before && before->online && rely_on_another(one.device)) {
            again.push_back(one.device);
            continue;
        }
        if (!one.online && before && before->online && rely_on_claim(one.device)) {
            ended.push_back(one.device);
            news.push_back(one.device);
            continue;
        }
        if (contradicts(one, before)) {
            if (!near_->is_mate(*one.relay)) {
                keep_claim(one);  // a mate repeats it
            }
            continue;
        }
        if (one.online && (one.roles & wire::role::backup) != 0 && before && before->online &&
            before->relay && before->relay != one.relay && !doubts_.contains(*before->relay)) {
            continue;  // a backup leases from many: one of them is enough, and no news
        }
        take_over(one, before);
        (void)book_.note(one);
        const auto after = book_.find(one.device);
        if (after && (!before || !same(*before, *after))) {
            news.push_back(one.device);
        }
    }
    effects all;
    hear_whom_it_tells(from, what, all);
    hear(news, all);
    for (const device_id& one : again) {
        if (std::ranges::find(news, one) == news.end()) {
            news.push_back(one);
        }
    }
    tell_watching(news, false, all);
    tell_ended(ended, from, all);
    return all;
}

lessor::effects lessor::on_load(const device_id& from, const std::optional<wire::offer>& what,
                                instant now) {
    effects all;
    asking_.erase(from);
    const bool tells_all = !near_ || near_->is_mate(from) || near_->is_plain(from);
    if (what) {
        (void)is_back(from, now);
        loads_[from] = {from, what->edges, what->edges_max, now};
        if (tells_all) {
            all.push_back(tell_leases{from});
        }
    } else {
        loads_.erase(from);
        if (tells_all) {
            doubts_.try_emplace(from, now);
        }
    }
    ask_more(all);
    return all;
}

lessor::effects lessor::on_peer_gone(const device_id& device, instant now) {
    effects all;
    end(device, now);
    if (near_) {
        const bool tells_all = near_->is_mate(device) || near_->is_plain(device);
        ask_watches(near_->on_session_over(device, now), all);
        if (!tells_all) {
            return all;  // sessions with others are closed when there is nothing to say
        }
    }
    loads_.erase(device);
    if (const auto where = book_.find(device);
        where && (where->roles & wire::role::rendezvous) != 0) {
        in_doubt(device, now);
        meet(device, now, all);
    }
    return all;
}

lessor::effects lessor::on_member(const device_id& device, member_fate what, instant now) {
    effects all;
    if (what != member_fate::gone) {
        if (!is_back(device, now) && what == member_fate::refuted) {
            doubts_.erase(device);  // its leases went on
        }
        if (near_) {
            note_here(device);
            rely_on_claims_of(device, all);
            ask_watches(near_->on_member(device, true, now), all);
            meet(device, now, all);
        }
        return all;
    }
    if (leases_.contains(device)) {
        return all;  // this one knows better
    }
    if (gone_.size() >= gone_most) {
        gone_.erase(gone_.begin());
    }
    in_doubt(device, now);
    gone_.insert(device);
    loads_.erase(device);
    if (near_) {
        ask_watches(near_->on_member(device, false, now), all);
    }
    return all;
}

std::vector<device_id> lessor::heard_of() const {
    std::vector<device_id> all;
    all.reserve(loads_.size());
    for (const auto& [device, one] : loads_) {
        all.push_back(device);
    }
    return all;
}

void lessor::end(const device_id& device, instant now) {
    came_at_.erase(device);
    if (leases_.erase(device) > 0) {
        wanted_.drop(device);
        if (!rely_on_another(device) && !rely_on_claim(device)) {
            (void)book_.note_offline(device);
        }
        changed(device, now);
    }
}

void lessor::changed(const device_id& device, instant now) {
    changed_.insert(device);
    if (!announce_at_) {
        announce_at_ = now + presence_delay;
    }
}

lessor::effects lessor::on_time(instant now) {
    effects all;
    if (sweep_at_ && now >= *sweep_at_) {
        sweep(now);
        forget_hearsay(now, all);
        sweep_at_ = now + with_.heartbeat / 2;
    }
    if (announce_at_ && now >= *announce_at_) {
        announce_at_.reset();
        const std::vector<device_id> news(changed_.begin(), changed_.end());
        changed_.clear();
        all.push_back(heard{news});
        if (auto others = told_of_leases(); !others.empty()) {
            all.push_back(tell{std::move(others), news, true, near_.has_value()});
        }
        spread(news, all);
        tell_watching(news, true, all);
    }
    if (left_at_ && now >= *left_at_) {
        left_at_.reset();
        const std::vector<device_id> gone(left_.begin(), left_.end());
        left_.clear();
        if (auto others = told_of_leases(); !others.empty()) {
            all.push_back(tell{std::move(others), gone, true, near_.has_value()});
        }
        tell_watching(gone, true, all);
    }
    if (near_) {
        ask_watches(near_->on_time(now), all);
    }
    if (exchange_at_ && now >= *exchange_at_) {
        begin_exchange(now);
        ask_more(all);
    }
    if (plan_at_ && now >= *plan_at_) {
        plan_at_.reset();
        plan_moves(now, all);
    }
    if (move_at_ && now >= *move_at_) {
        move_at_.reset();
        move_some(now, all);
    }
    return all;
}

void lessor::sweep(instant now) {
    std::vector<device_id> silent;
    for (const auto& [device, until] : leases_) {
        if (now >= until) {
            silent.push_back(device);
        }
    }
    for (const device_id& device : silent) {
        end(device, now);
    }
    for (auto one = coming_.begin(); one != coming_.end();) {
        one = now >= one->second ? coming_.erase(one) : one + 1;
    }
}

/// Each minute: how many edges the others hold, and all of one's own leases to them, so that a loss
/// heals itself.
void lessor::begin_exchange(instant now) {
    // Not all at once: chance moves it by a twentieth either way.
    constexpr std::uint64_t tenth_ms = exchange_every / std::chrono::milliseconds(10);
    exchange_at_ =
        now + exchange_every * 19 / 20 + std::chrono::milliseconds(entropy_.below(tenth_ms + 1));
    plan_at_ = now + plan_after;
    std::erase_if(met_, [&](const auto& one) { return now - one.second >= meet_again; });
    for (auto one = loads_.begin(); one != loads_.end();) {
        one = now - one->second.heard > exchange_every * 3 ? loads_.erase(one) : one + 1;
    }
    to_ask_ = asked_for_load();
    // Nobody else would find out that a partition is over whose other side is gone for this one.
    const auto lost = some({gone_.begin(), gone_.end()}, lost_asked);
    to_ask_.insert(to_ask_.end(), lost.begin(), lost.end());
}

void lessor::ask_more(effects& all) {
    while (!to_ask_.empty() && asking_.size() < asked_at_once) {
        const device_id next = to_ask_.back();
        to_ask_.pop_back();
        if (asking_.insert(next).second) {
            all.push_back(ask_load{next});
        }
    }
}

/// The node hears of them, and then the edges.
void lessor::hear(const std::vector<device_id>& news, effects& all) const {
    if (!news.empty()) {
        all.push_back(heard{news});
        spread(news, all);
    }
}

/// To the edges: everybody hears of those who serve, and of other devices only who asked for one of
/// their users. Other rendezvous hear everything from the lessor itself.
void lessor::spread(const std::vector<device_id>& about, effects& all) const {
    std::vector<device_id> serving;
    std::map<device_id, std::vector<device_id>> of_edge;
    for (const device_id& device : about) {
        const auto where = book_.find(device);
        if (!where) {
            continue;
        }
        if (serves(*where)) {
            serving.push_back(device);
            continue;
        }
        std::set<device_id> edges;
        for (const user_id& user : where->users) {
            if (const auto* const wanting = wanted_.in(user)) {
                edges.insert(wanting->begin(), wanting->end());
            }
        }
        edges.erase(device);
        for (const device_id& edge : edges) {
            of_edge[edge].push_back(device);
        }
    }
    if (serving.empty() && of_edge.empty()) {
        return;
    }
    const auto is_other = [this, others = other_rendezvous()](const device_id& device) {
        return device == self_ || std::ranges::binary_search(others, device);
    };
    if (!serving.empty()) {
        std::vector<device_id> everybody = leases();
        std::erase_if(everybody, is_other);
        if (!everybody.empty()) {
            all.push_back(tell{std::move(everybody), std::move(serving)});
        }
    }
    // Those who hear the same get it in one effect: it is encoded once.
    std::map<std::vector<device_id>, std::vector<device_id>> to;
    for (auto& [edge, devices] : of_edge) {
        if (!is_other(edge)) {
            to[std::move(devices)].push_back(edge);
        }
    }
    for (auto& [devices, edges] : to) {
        all.push_back(tell{std::move(edges), devices});
    }
}

}  // namespace calbox::overlay
