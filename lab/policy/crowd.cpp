#include "lab/policy/crowd.hpp"

#include <algorithm>

#include "lab/policy/crowd_parts.hpp"

namespace calbox::lab::policy {

using overlay::circles;
using overlay::lessor;
using overlay::member_fate;
using overlay::membership;
using namespace std::chrono_literals;

namespace {
constexpr std::size_t frame_around = 12 + 22;  // frame, and TLS record
constexpr duration answer_time = 5s, idle_most = 30s, idle_looked_every = 5s;
constexpr std::size_t said_at_once = 300;  // as rendezvous_service's
}  // namespace

user_id crowd::user_of(std::uint32_t edge) const {
    const device_id id = made_up_id(with_.seed, edge, 64);
    return *user_id::from_bytes(id.view().first(user_id::size));
}

crowd::crowd(discovery::strategy& strategy, settings with)
    : with_(with),
      strategy_(strategy),
      chance_(with.seed, "rendezvous"),
      places_(with.seed, "places"),
      people_(with.seed, "people"),
      faults_(with.seed, "faults") {
    for (std::uint32_t i = 0; i < with.rendezvous; ++i) {
        sorted_.push_back(made_up_id(with.seed, i, wire::role::rendezvous));
    }
    std::ranges::sort(sorted_);
    for (std::uint32_t i = 0; i < with.rendezvous; ++i) {
        rendezvous_.emplace_back(sorted_).where = any_place(places_);
    }
    for (std::uint32_t i = 0; i < with.rendezvous; ++i) {
        begin(i, 1);
        event idle;
        idle.what = kind::idle;
        idle.to = i;
        push(faults_.between({}, idle_looked_every), idle);
    }
    for (std::uint32_t i = 0; i < with.edges; ++i) {
        edge& one = edges_.emplace_back();
        for (std::uint32_t other = 0; other < with.friends; ++other) {
            one.friends.push_back(static_cast<std::uint32_t>(people_.below(with.edges)));
        }
        event coming;
        coming.what = kind::edge;
        coming.from = i;
        push(people_.between({}, 60s), coming);
    }
}

crowd::~crowd() = default;

void crowd::begin(std::uint32_t number, std::uint64_t life) {
    meeting_point& one = rendezvous_[number];
    const device_id self = made_up_id(with_.seed, number, wire::role::rendezvous);
    std::vector<device_id> others = sorted_;
    std::erase(others, self);
    one.leases.emplace(strategy_, chance_, one.book, self, lessor::settings());
    one.watches.emplace(chance_, self, life, membership::settings());
    for (const device_id& other : others) {
        (void)one.watches->add(other, now_);
    }
    carry_out(number, one.leases->start(now_));
    carry_out(number, one.leases->begin_circles(others, with_.in_circles, now_));
    carry_out(number, one.watches->start(now_));
}

void crowd::run_for(duration d) {
    const instant until = now_ + d;
    while (!heap_.empty() && heap_.next() <= until) {
        now_ = heap_.next();
        happen(heap_.pop());
    }
    now_ = until;
}

void crowd::happen(const event& what) {
    ++events_;
    add_to(trace_, static_cast<std::uint64_t>(now_.since_start.count()));
    add_to(trace_, std::uint64_t{what.from} << 32 | what.to);
    add_to(trace_,
           static_cast<std::uint64_t>(what.what) << 8 | (what.said ? what.said->index() : 9));
    if (what.what == kind::edge) {
        return edge_turns(what);
    }
    if (what.what == kind::beat) {
        return beat(what);
    }
    meeting_point& at = rendezvous_[what.to];
    if (what.what == kind::message) {
        return arrive(what);
    }
    if (!at.leases) {
        if (what.what == kind::idle) {
            push(idle_looked_every, what);
        }
        return;
    }
    switch (what.what) {
        case kind::failed:
            return on_failed(what);
        case kind::lessor_time:
            if (at.lessor_armed == now_) {
                at.lessor_armed = {};
                carry_out(what.to, at.leases->on_time(now_));
            }
            return;
        case kind::member_time:
            if (at.member_armed == now_) {
                at.member_armed = {};
                carry_out(what.to, at.watches->on_time(now_));
            }
            return;
        default:
            return close_idle(what.to);
    }
}

bool crowd::is_open(std::uint32_t one, std::uint32_t other) const {
    return rendezvous_[one].sessions.contains(other);
}

/// Requests open sessions, and answers go back over them.
void crowd::send(std::uint32_t from, std::uint32_t to, letter said) {
    const auto size = [](const auto& what) -> std::size_t {
        using which = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<which, watch_asked>) {
            return codec::encode(what.what.what).size();
        } else if constexpr (requires { what.what; }) {
            return codec::encode(what.what).size();
        } else {
            return codec::encode(what).size();
        }
    };
    ++messages_;
    bytes_ += std::visit(size, said) + frame_around;
    const duration way = travel(rendezvous_[from].where, rendezvous_[to].where, true);
    const bool dials = !is_open(from, to);
    if (dials) {
        ++dialled_;
    }
    event message;
    message.from = from;
    message.to = to;
    message.sent = now_;
    message.said = std::make_shared<const letter>(std::move(said));
    rendezvous_[from].sessions[to] = now_;
    if (rendezvous_[to].leases) {
        rendezvous_[to].sessions.try_emplace(from, now_);
    }
    push(dials ? way * 5 : way, message);
}

void crowd::arrive(const event& what) {
    meeting_point& at = rendezvous_[what.to];
    const device_id from = made_up_id(with_.seed, what.from, wire::role::rendezvous);
    if (!at.leases) {
        event failed = what;
        std::swap(failed.from, failed.to);
        failed.what = kind::failed;
        push(std::max(what.sent + answer_time - now_, duration{}), failed);
        return;
    }
    const auto talked = [&] {
        if (const auto open = at.sessions.find(what.from); open != at.sessions.end()) {
            open->second = now_;
        }
    };
    const letter& said = *what.said;
    if (const auto* const asked = std::get_if<members_asked>(&said)) {
        talked();
        carry_out(what.to, at.watches->on_asked(from, asked->what.said, now_));
        if (number_of(asked->what.about) == what.to) {
            send(what.to, what.from,
                 members_answered{asked->what.about,
                                  asked->origin,
                                  {true, at.watches->answer_for(from, asked->what.span)}});
        } else {
            const device_id& about = asked->what.about;
            send(what.to, number_of(about),
                 members_asked{{about, at.watches->news_for(about)}, asked->origin});
        }
    } else if (const auto* const answered = std::get_if<members_answered>(&said)) {
        carry_out(what.to,
                  at.watches->on_answer(from, answered->about, true, answered->what.said, now_));
        if (answered->origin != what.to) {
            const device_id origin =
                made_up_id(with_.seed, answered->origin, wire::role::rendezvous);
            send(what.to, answered->origin,
                 members_answered{
                     answered->about, answered->origin, {true, at.watches->news_for(origin)}});
        }
    } else if (const auto* const probe = std::get_if<wire::probe>(&said)) {
        talked();
        send(what.to, what.from, load_answered{at.leases->on_probe(from, *probe, now_)});
    } else if (const auto* const load = std::get_if<load_answered>(&said)) {
        carry_out(what.to, at.leases->on_load(from, load->what, now_));
    } else if (const auto* const watch = std::get_if<watch_asked>(&said)) {
        talked();
        send(what.to, what.from,
             watch_answered{watch->what, at.leases->on_watch(from, watch->what.what).value()});
        carry_out(what.to, lessor::effects());
    } else if (const auto* const known = std::get_if<watch_answered>(&said)) {
        carry_out(what.to, at.leases->on_watched(known->asked, known->what, now_));
    } else if (const auto* const told = std::get_if<wire::presence>(&said)) {
        carry_out(what.to, at.leases->on_presence(from, *told));
    }
}

void crowd::on_failed(const event& what) {
    meeting_point& at = rendezvous_[what.to];
    const device_id to = made_up_id(with_.seed, what.from, wire::role::rendezvous);
    if (std::holds_alternative<wire::probe>(*what.said)) {
        carry_out(what.to, at.leases->on_load(to, std::nullopt, now_));
    } else if (const auto* const watch = std::get_if<watch_asked>(&*what.said)) {
        carry_out(what.to, at.leases->on_watched(watch->what, fail(errc::unavailable), now_));
    }
    end_session(what.to, what.from);
}

void crowd::carry_out(std::uint32_t number, const lessor::effects& all) {
    meeting_point& one = rendezvous_[number];
    const auto tell = [&](const std::vector<device_id>& to, std::vector<wire::location> about,
                          bool circled) {
        const auto how = circled ? std::optional(true) : std::nullopt;
        for (std::size_t first = 0; first < about.size(); first += said_at_once) {
            const auto begin = about.begin() + static_cast<std::ptrdiff_t>(first);
            const auto count =
                static_cast<std::ptrdiff_t>(std::min(said_at_once, about.size() - first));
            for (const device_id& device : to) {
                if (!std::ranges::binary_search(sorted_, device)) {
                    continue;
                }
                if (is_open(number, number_of(device))) {
                    send(number, number_of(device), wire::presence{{begin, begin + count}, how});
                } else if (circled) {
                    one.leases->on_untold(device);
                }
            }
        }
    };
    const auto places = [&](const std::vector<device_id>& devices) {
        std::vector<wire::location> found;
        for (const device_id& device : devices) {
            if (auto where = one.book.find(device)) {
                found.push_back(std::move(*where));
            }
        }
        return found;
    };
    const device_id self = made_up_id(with_.seed, number, wire::role::rendezvous);
    for (const lessor::effect& effect : all) {
        if (const auto* const telling = std::get_if<lessor::tell>(&effect)) {
            auto about = places(telling->about);
            for (wire::location& its : about) {
                if (telling->ended_at || (telling->of_leases && !one.leases->holds(its.device))) {
                    its.online = false;
                    its.relay = telling->ended_at.value_or(self);
                }
            }
            tell(telling->to, std::move(about), telling->circled);
        } else if (const auto* const mine = std::get_if<lessor::tell_leases>(&effect)) {
            tell({mine->to}, places(one.leases->leases()), true);
        } else if (const auto* const asking = std::get_if<lessor::ask_load>(&effect)) {
            const wire::offer load = one.leases->on_probe();
            send(number, number_of(asking->whom), wire::probe{load.edges, load.edges_max});
        } else if (const auto* const watch = std::get_if<lessor::ask_watch>(&effect)) {
            send(number, number_of(watch->what.to), watch_asked{watch->what});
        }
    }
    if (const circles* const near = one.leases->near();
        near != nullptr && near->version() != one.near) {
        one.near = near->version();
        one.watches->keep_to(near->neighbours());
    }
    arm(number);
}

void crowd::carry_out(std::uint32_t number, const membership::effects& all) {
    meeting_point& one = rendezvous_[number];
    for (const membership::effect& effect : all) {
        if (const auto* const asking = std::get_if<membership::ask>(&effect)) {
            send(number, number_of(asking->to),
                 members_asked{{asking->about, asking->said, asking->compared}, number});
        } else if (const auto* const came = std::get_if<membership::came>(&effect)) {
            const auto fate = came->refuted ? member_fate::refuted : member_fate::here;
            carry_out(number, one.leases->on_member(came->device, fate, now_));
        } else if (const auto* const went = std::get_if<membership::went>(&effect)) {
            carry_out(number, one.leases->on_member(went->device, member_fate::gone, now_));
        }
    }
    arm(number);
}

void crowd::arm(std::uint32_t number) {
    meeting_point& one = rendezvous_[number];
    const auto set = [&](const std::optional<instant>& at, instant& armed, kind what) {
        if (at && (armed == instant{} || armed > *at)) {
            armed = std::max(*at, now_);
            event timer;
            timer.what = what;
            timer.to = number;
            heap_.push(armed, timer);
        }
    };
    set(one.leases->deadline(), one.lessor_armed, kind::lessor_time);
    set(one.watches->deadline(), one.member_armed, kind::member_time);
}

/// As node_parts::close_idle_sessions.
void crowd::close_idle(std::uint32_t number) {
    meeting_point& one = rendezvous_[number];
    std::vector<std::uint32_t> idle;
    for (const auto& [other, talked] : one.sessions) {
        const device_id id = made_up_id(with_.seed, other, wire::role::rendezvous);
        if (now_ - talked >= idle_most && !one.leases->near()->is_neighbour(id)) {
            idle.push_back(other);
        }
    }
    for (const std::uint32_t other : idle) {
        end_session(number, other);
        if (rendezvous_[other].leases) {
            end_session(other, number);
        }
    }
    event again;
    again.what = kind::idle;
    again.to = number;
    push(idle_looked_every, again);
}

void crowd::end_session(std::uint32_t one, std::uint32_t other) {
    meeting_point& at = rendezvous_[one];
    if (at.sessions.erase(other) > 0) {
        const device_id id = made_up_id(with_.seed, other, wire::role::rendezvous);
        carry_out(one, at.leases->on_peer_gone(id, now_));
    }
}

std::uint32_t crowd::running() const noexcept {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        rendezvous_, [](const meeting_point& one) { return one.leases.has_value(); }));
}

std::vector<std::uint32_t> crowd::sessions() const {
    std::vector<std::uint32_t> all;
    for (const meeting_point& one : rendezvous_) {
        if (one.leases) {
            all.push_back(static_cast<std::uint32_t>(one.sessions.size()));
        }
    }
    return all;
}

}  // namespace calbox::lab::policy
