#include "contract/recovery_world.hpp"

#include <gtest/gtest.h>

#include <calbox/codec.hpp>

namespace calbox::contract {

namespace {

constexpr device_id self_id{};

/// The numbers that organizers' devices have given.
struct numbering {
    std::uint8_t organizers = 7;
    std::map<user_id, std::uint64_t> last;
    std::map<event_id, std::map<envelope_order, std::uint64_t>> given;
};
numbering& numbers_given() {
    static numbering all;
    return all;
}

stream_id stream_of(const user_id& organizer) {
    return {device_of(100 + organizer.value[0]), incarnation(1), {}};
}

/// What the test's envelopes are made of, so that applying one needs no cryptography.
struct plain_envelope {
    event_id event;
    envelope_order order;
    bytes filling;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&plain_envelope::event), codec::field<2>(&plain_envelope::order),
                   codec::field<3>(&plain_envelope::filling));
};

}  // namespace

std::pair<event_id, held_envelope> envelope_of(std::uint32_t n, std::uint64_t version,
                                               std::size_t length, std::uint8_t writer) {
    plain_envelope one;
    numbering& all = numbers_given();
    one.event.organizer.value[0] = static_cast<std::uint8_t>(n % all.organizers);
    one.event.seq = event_id::make_seq(device_number(1), n + 1);
    one.order.generation = generation_number(1);
    one.order.version = version_number(version);
    one.order.hash.value[0] = static_cast<std::uint8_t>(n);
    one.order.hash.value[1] = static_cast<std::uint8_t>(version);
    one.order.hash.value[2] = writer;
    one.filling.assign(length, static_cast<std::uint8_t>(version));
    std::uint64_t& number = all.given[one.event][one.order];
    if (number == 0) {
        number = ++all.last[one.event.organizer];
    }
    return {one.event, {one.order, codec::encode(one), number}};
}

recovery::listing_ptr holdings_view::list_of(
    const std::function<bool(const event_id&)>& is_listed) const {
    auto all = std::make_shared<recovery::listing>();
    std::map<stream_id, std::uint32_t> streams;
    for (const auto& [event, held] : all_) {
        if (!is_listed(event)) {
            continue;
        }
        recovery::listed one{event, held.order, 0, held.number};
        if (held.number > 0) {
            const stream_id stream = stream_of(event.organizer);
            const auto next = static_cast<std::uint32_t>(all->streams.size());
            const auto [found, fresh] = streams.try_emplace(stream, next);
            if (fresh) {
                all->streams.push_back(stream);
            }
            one.stream = found->second;
        }
        all->events.push_back(one);
    }
    return all;
}
recovery::listing_ptr holdings_view::list() const {
    return list_of([](const event_id&) { return true; });
}
recovery::listing_ptr holdings_view::list_with(const device_id& peer) const {
    return list_of([&](const event_id& event) { return !shares_ || shares_(peer, event); });
}
std::optional<envelope_order> holdings_view::find(const event_id& event) const {
    const auto found = all_.find(event);
    return found == all_.end() ? std::nullopt : std::optional(found->second.order);
}
std::optional<bytes> holdings_view::load(const event_id& event) const {
    const auto found = all_.find(event);
    return found == all_.end() ? std::nullopt : std::optional(found->second.encoded);
}

void holdings_view::each_stream(
    const device_id& peer,
    const std::function<void(const stream_id&, const recovery::number_ranges&)>& visit) const {
    std::set<stream_id> shared;
    const recovery::listing_ptr all = list_with(peer);
    for (const recovery::listed& one : all->events) {
        shared.insert(stream_of(one.event.organizer));
    }
    for (const auto& [stream, numbers] : *came_) {
        if (shared.contains(stream)) {
            visit(stream, numbers);
        }
    }
}
recovery_world::recovery_world(recovery::strategy& strategy, std::uint64_t seed,
                               std::uint8_t organizers)
    : strategy_(strategy), chance_(seed), lies_(seed) {
    numbers_given() = {};
    numbers_given().organizers = organizers;
}

holdings recovery_world::newest_of(const std::vector<device_id>& devices) const {
    holdings all = mine;
    for (const auto& device : devices) {
        for (const auto& [event, held] : others.at(device)) {
            auto& best = all[event];
            if (best.encoded.empty() || best.order < held.order) {
                best = held;
            }
        }
    }
    return all;
}

recovery::finished recovery_world::run(std::vector<device_id> friends,
                                       std::vector<device_id> backups, duration limit) {
    const instant begun = now_;
    const auto machine = strategy_.initiate();
    end_.reset();
    timers_.clear();
    wire_.clear();
    for (const auto& [event, held] : mine) {
        for (const auto& [order, number] : numbers_given().given[event]) {
            if (order == held.order || (saw_all && order < held.order)) {
                recovery::add_number(came_[stream_of(event.organizer)], number);
            }
        }
    }
    step(*machine, recovery::begin{std::move(friends), std::move(backups)});
    for (int turns = 0; !end_ && turns < 1'000'000; ++turns) {
        if (!wire_.empty()) {
            const std::size_t at = shuffled ? chance_.below(wire_.size()) : 0;
            const packet next = std::move(wire_[at]);
            wire_.erase(wire_.begin() + static_cast<std::ptrdiff_t>(at));
            deliver(*machine, next);
            continue;
        }
        const auto first =
            std::min_element(timers_.begin(), timers_.end(), [](const auto& a, const auto& b) {
                return std::pair(a.second, a.first) < std::pair(b.second, b.first);
            });
        if (first == timers_.end()) {
            ADD_FAILURE() << "it waits for something, and set no timer";
            break;
        }
        const std::uint64_t tag = first->first;
        now_ = std::max(now_, first->second);
        timers_.erase(first);
        step(*machine, recovery::timer{tag});
    }
    took = now_ - begun;
    EXPECT_TRUE(end_) << "it did not end";
    EXPECT_LE(took, limit);
    if (end_) {
        // What comes after the end is not answered.
        std::vector<recovery::effect> late;
        machine->step(recovery::message{device_of(1), garbage()}, holdings_view(mine),
                      {now_, chance_}, late);
        machine->step(recovery::timer{1}, holdings_view(mine), {now_, chance_}, late);
        machine->step(recovery::peer_lost{device_of(1)}, holdings_view(mine), {now_, chance_},
                      late);
        EXPECT_TRUE(late.empty()) << "effects after finished";
    }
    return end_.value_or(recovery::finished{});
}

void recovery_world::step(recovery::initiator& machine, const recovery::input& what) {
    std::vector<recovery::effect> effects;
    const holdings_view seen(mine, shares, keeps_numbers ? &came_ : nullptr);
    machine.step(what, seen, {now_, chance_}, effects);
    for (auto& effect : effects) {
        EXPECT_FALSE(end_) << "an effect after finished";
        if (auto* const out = std::get_if<recovery::send>(&effect)) {
            send({self_id, out->to, std::move(out->body)});
        } else if (const auto* const got = std::get_if<recovery::apply>(&effect)) {
            ++envelopes_from[got->from];
            take(got->envelope);
        } else if (const auto* const timer = std::get_if<recovery::set_timer>(&effect)) {
            timers_[timer->tag] = now_ + timer->after;
        } else if (auto* const over = std::get_if<recovery::finished>(&effect)) {
            end_ = std::move(*over);
        }
    }
}

void recovery_world::send(packet what) {
    (what.to == self_id ? bytes_answered : bytes_asked) += what.body.size();
    if (chance_.below(100) < changed_percent && !what.body.empty()) {
        what.body[chance_.below(what.body.size())] ^=
            static_cast<std::uint8_t>(1U << chance_.below(8));
        if (chance_.below(4) == 0) {
            what.body.resize(chance_.below(what.body.size()));
        }
    }
    if (chance_.below(100) < lost_percent) {
        return;
    }
    if (chance_.below(100) < repeated_percent) {
        wire_.push_back(what);
    }
    wire_.push_back(std::move(what));
}

void recovery_world::deliver(recovery::initiator& machine, const packet& what) {
    if (what.to == self_id) {
        if (const auto left = breaks_after.find(what.from); left != breaks_after.end()) {
            if (left->second == 0) {
                dead.insert(what.from);
                step(machine, recovery::peer_lost{what.from});
                return;
            }
            --left->second;
        }
        step(machine, recovery::message{what.from, what.body});
        return;
    }
    const auto peer = others.find(what.to);
    if (peer == others.end() || dead.contains(what.to)) {
        return;
    }
    if (lying.contains(what.to)) {
        send({what.to, self_id, garbage()});
        return;
    }
    holdings some;
    if (shares) {
        std::ranges::copy_if(peer->second, std::inserter(some, some.end()),
                             [&](const auto& one) { return shares(what.to, one.first); });
    }
    const holdings& shown = shares ? some : peer->second;
    auto answers = strategy_.respond(what.body, holdings_view(shown), {now_, chance_});
    if (!answers && changed_percent > 0) {
        return;
    }
    ASSERT_TRUE(answers) << answers.error().message();
    for (bytes& body : *answers) {
        EXPECT_LE(body.size(), std::size_t{1000} * 1024) << "longer than a message may be";
        send({what.to, self_id, std::move(body)});
    }
}

/// As the host: what cannot be read or is not newer changes nothing.
void recovery_world::take(const bytes& encoded) {
    auto read = codec::decode<plain_envelope>(encoded);
    if (!read) {
        return;
    }
    auto& held = mine[read->event];
    const std::uint64_t number = numbers_given().given[read->event][read->order];
    if (number > 0) {
        recovery::add_number(came_[stream_of(read->event.organizer)], number);
    }
    if (!held.encoded.empty() && held.order >= read->order) {
        ++stale;
        return;
    }
    held = {read->order, encoded, number};
    ++applied;
    applied_bytes += encoded.size();
}

bytes recovery_world::garbage() {
    bytes data(lies_.below(300));
    lies_.fill(data);
    return data;
}

}  // namespace calbox::contract
