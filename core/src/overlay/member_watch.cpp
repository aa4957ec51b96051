#include "overlay/member_watch.hpp"

#include <algorithm>

namespace calbox::overlay {

rendezvous_mediator::~rendezvous_mediator() = default;

namespace {
constexpr duration member_time = std::chrono::seconds(5);  // for a dial and an answer
constexpr std::chrono::milliseconds clocks_apart = std::chrono::hours(24);

/// Of nobody's but the mediator's life: who asked may have ended meanwhile.
task<result<wire::members_reply>> put_question(rendezvous_mediator& by, device_id to,
                                               wire::members what) {
    const auto answer =
        co_await by.request(to, wire::message_type::members, codec::encode(what), member_time);
    auto reply = answer ? codec::decode<wire::members_reply>(*answer) : fail(answer.error());
    if (reply && reply->said.size() > wire::limits::news_per_message) {
        co_return fail(errc::too_large, "too many news at once");
    }
    co_return reply;
}

/// Older software, which does not know the question, has answered all the same; so does who is no
/// rendezvous any more.
bool is_mute(const result<wire::members_reply>& reply, const locations& known,
             const device_id& from) {
    return !reply && reply.error().code == errc::unsupported && known.is_rendezvous(from);
}
}  // namespace

member_watch::member_watch(const environment& env, locations& known, rendezvous_mediator& mediator,
                           device_id self, listener to, settings with)
    : env_(env),
      known_(known),
      mediator_(mediator),
      self_(self),
      to_(std::move(to)),
      with_(with),
      tasks_(env, "members") {}

void member_watch::look() {
    if (tasks_.stopping()) {
        return;
    }
    const std::vector<device_id> heard = to_.heard_of();
    if (!machine_ && heard.size() + 1 > with_.above) {
        begin(heard);
    } else if (machine_) {
        for (const device_id& device : heard) {
            if (!machine_->is_alive(device)) {
                tasks_.spawn("ask a member", ask({device, device, news_for(device)}));
            }
        }
    }
}

void member_watch::join_in() {
    if (!machine_ && !tasks_.stopping()) {
        if (const auto heard = to_.heard_of(); heard.size() + 1 >= with_.below) {
            begin(heard);
        }
    }
}

void member_watch::begin(const std::vector<device_id>& heard) {
    env_.log.write(
        log_level::info, "overlay",
        std::to_string(heard.size() + 1) + " rendezvous: from now on they watch each other");
    const instant now = env_.time.now();
    machine_.emplace(env_.entropy, self_, static_cast<std::uint64_t>(env_.time.wall().ms),
                     with_.times);
    for (const device_id& device : heard) {
        (void)machine_->add(device, now);
    }
    to_.on_begin(heard);
    carry_out(machine_->start(now), std::nullopt);
}

void member_watch::end() {
    machine_.reset();
    env_.log.write(log_level::info, "overlay",
                   "fewer than " + std::to_string(with_.below) +
                       " rendezvous: they do not watch each other any more");
    to_.on_end();
}

void member_watch::request_stop() noexcept {
    machine_.reset();
    arm();
    tasks_.request_stop();
}

void member_watch::carry_out(const membership::effects& all, const std::optional<device_id>& from) {
    std::vector<device_id> unknown;
    for (const membership::effect& one : all) {
        if (const auto* const asking = std::get_if<membership::ask>(&one)) {
            tasks_.spawn("ask a member", ask(*asking));
        } else if (const auto* const came = std::get_if<membership::came>(&one)) {
            to_.on_member(came->device, came->refuted ? member_fate::refuted : member_fate::here);
            if (!known_.is_rendezvous(came->device)) {
                unknown.push_back(came->device);
            }
        } else if (const auto* const went = std::get_if<membership::went>(&one)) {
            to_.on_member(went->device, member_fate::gone);
        }
    }
    if (from && !unknown.empty()) {
        tasks_.spawn("learn of members", learn(*from, std::move(unknown)));
    }
    if (machine_ && machine_->size() < with_.below) {
        end();
    }
    arm();
}

void member_watch::arm() {
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    const auto at = machine_ ? machine_->deadline() : std::nullopt;
    if (at && !tasks_.stopping()) {
        timer_ = env_.timers.schedule(*at, [this] {
            timer_.reset();
            carry_out(machine_->on_time(env_.time.now()), std::nullopt);
        });
    }
}

std::vector<wire::member_news> member_watch::news_for(const device_id& to) {
    return machine_ ? machine_->news_for(to) : std::vector<wire::member_news>();
}

task<void> member_watch::ask(membership::ask what) {
    auto reply = co_await put_question(mediator_, what.to,
                                       {what.about, std::move(what.said), what.compared});
    if (!machine_) {
        co_return;
    }
    const bool of_itself = what.about == what.to;
    if (of_itself && is_mute(reply, known_, what.to)) {
        carry_out(machine_->on_mute(what.to, env_.time.now()), std::nullopt);
    } else if (of_itself && !reply && reply.error().code == errc::queue_full) {
        machine_->on_crowded(what.to);
    } else if (reply) {
        const auto said = believable(what.to, std::move(reply->said));
        carry_out(machine_->on_answer(what.to, what.about, reply->alive, said, env_.time.now()),
                  what.to);
    }
}

/// Where they are: whoever spoke of them knows. Their own signed word comes with it.
task<void> member_watch::learn(device_id from, std::vector<device_id> about) {
    const auto answer = co_await mediator_.request(
        from, wire::message_type::locate, codec::encode(wire::locate{{}, about, 0}), member_time);
    auto found = answer ? codec::decode<wire::locate_reply>(*answer) : fail(answer.error());
    if (!found) {
        co_return;
    }
    for (wire::location& one : found->found) {
        const bool asked = std::ranges::find(about, one.device) != about.end();
        if (!one.said || !asked || one.device == self_) {
            continue;
        }
        (void)known_.hear(*one.said);
        if (machine_ && known_.is_rendezvous(one.device)) {
            carry_out(machine_->add(one.device, env_.time.now()), std::nullopt);
        }
    }
}

/// News of rendezvous alone, and of lives that can have begun: what a member says of others is not
/// signed. Of whom nothing is known, its own signed word is asked for first.
std::vector<wire::member_news> member_watch::believable(const device_id& from,
                                                        std::vector<wire::member_news> said) {
    const auto latest = static_cast<std::uint64_t>(env_.time.wall().ms + clocks_apart.count());
    std::vector<device_id> unknown;
    std::erase_if(said, [&](const wire::member_news& one) {
        const bool is_one = one.device == self_ || known_.is_rendezvous(one.device);
        if (!is_one && one.what == wire::member_news::state::alive) {
            unknown.push_back(one.device);
        }
        return !is_one || one.life > latest;
    });
    if (!unknown.empty()) {
        tasks_.spawn("learn of members", learn(from, std::move(unknown)));
    }
    return said;
}

task<result<bytes>> member_watch::on_members(device_id from, wire::members what) {
    if (what.said.size() > wire::limits::news_per_message) {
        co_return fail(errc::too_large, "too many news at once");
    }
    join_in();
    if (machine_) {
        const auto said = believable(from, std::move(what.said));
        carry_out(machine_->on_asked(from, said, env_.time.now()), from);
    }
    wire::members_reply reply;
    reply.alive = what.about == self_;
    if (!reply.alive && known_.is_rendezvous(what.about)) {
        const std::weak_ptr<const int> here = here_;
        auto its = co_await put_question(mediator_, what.about, {what.about, news_for(what.about)});
        if (here.expired()) {
            co_return fail(errc::closed, "this device is no rendezvous any more");
        }
        reply.alive = is_mute(its, known_, what.about) || (its && its->alive);
        if (its && machine_) {
            const auto said = believable(what.about, std::move(its->said));
            carry_out(machine_->on_asked(what.about, said, env_.time.now()), what.about);
        }
    }
    if (machine_) {
        reply.said = machine_->answer_for(from, what.span);
    }
    co_return codec::encode(reply);
}

}  // namespace calbox::overlay
