// Which members of a large group are alive, when they are too many to ask each other all the time:
// each asks two members in a period, others ask in its place when it does not answer, who stays
// silent is suspected and may say that it lives, and all news travel with the questions and answers
// (Das, Gupta, Motivala: "SWIM: scalable weakly-consistent infection-style process group membership
// protocol", 2002). Who is slow himself waits longer before he accuses others (Dadgar, Phillips,
// Currey: "Lifeguard: local health awareness for more accurate failure detection", 2018). Sans-IO:
// inputs with the time in, effects out. Owned by whoever carries its effects out; core thread only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include <calbox/environment.hpp>

#include "wire/limits.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

enum class member_fate {
    gone,
    here,
    refuted,  // it was called gone, was there all the time, and has said so
};

class membership {
public:
    using news = wire::member_news;
    using state = news::state;
    using span = wire::member_span;
    struct settings {
        duration period = std::chrono::milliseconds(800);
        duration answer_time = std::chrono::milliseconds(300);  // before others are asked to ask
        std::size_t asked = 2;                                  // in a period
        std::size_t helpers = 3;
        int suspected_for = 4;         // periods, for each power of ten of members
        std::uint64_t by_chance = 32;  // of so many questions one goes to any member; see keep_to
    };

    // Effects, to be carried out in their order.
    /// Ask `to` whether `about` is alive: itself, or whom it is to ask in turn.
    struct ask {
        device_id to, about;
        std::vector<news> said;
        std::optional<span> compared = std::nullopt;  // of a question about the asked one itself
    };
    struct came {
        device_id device;
        bool refuted = false;  // it was there all the time, and has said so
    };
    struct went {
        device_id device;
    };
    using effect = std::variant<ask, came, went>;
    using effects = std::vector<effect>;

    /// `life` is higher than in every earlier run of this device: the wall clock will do.
    membership(random& entropy, const device_id& self, std::uint64_t life, settings with)
        : entropy_(entropy), self_(self), life_(life), with_(with) {}

    effects start(instant now);
    /// A member that was heard of otherwise; of one that is known, nothing changes.
    effects add(const device_id& device, instant now);
    /// `from` asks, about this device or another one.
    effects on_asked(const device_id& from, const std::vector<news>& said, instant now);
    /// What goes with a question or an answer to `to`: what it must hear of itself first, then what
    /// was passed on least often.
    std::vector<news> news_for(const device_id& to);
    /// The same for an answer to `to`, which knows this of a part of the members: where this one
    /// knows something else, all that it knows of that part comes first. News that reached nobody
    /// are caught up with so (Demers et al.: "Epidemic algorithms for replicated database
    /// maintenance", 1987, 1.3).
    std::vector<news> answer_for(const device_id& to, const std::optional<span>& its);
    /// `from` was asked about `about` and has answered: it is alive, or does not answer `from`.
    effects on_answer(const device_id& from, const device_id& about, bool alive,
                      const std::vector<news>& said, instant now);
    /// `from` has answered that it does not know the question, as software from before there was
    /// this one: it lives, and cannot say so itself.
    effects on_mute(const device_id& from, instant now);
    /// The question about `about` came to nothing by what waits between here and there, so that it
    /// says nothing of whether `about` is alive.
    void on_crowded(const device_id& about);
    /// deadline() has passed.
    effects on_time(instant now);
    /// With whom sessions are open anyway: they are asked, and asked to ask, and beside them one in
    /// settings::by_chance of all. Empty: all are asked alike.
    void keep_to(std::vector<device_id> near);

    std::optional<instant> deadline() const noexcept;
    /// Ascending, those that are suspected among them, without this one.
    std::vector<device_id> alive() const;
    std::size_t size() const noexcept { return alive_ + 1; }  // with this one
    bool is_alive(const device_id& device) const noexcept;
    std::uint64_t life() const noexcept { return life_; }

    static constexpr std::size_t said_most = wire::limits::news_per_message;
    static constexpr std::size_t members_most = 4'000;  // of more, nothing is heard
    /// So many times its usual time does a member wait at most that is slow itself.
    static constexpr int slow_most = 8;
    /// So many members does a question compare, and so many does an answer name at most.
    static constexpr std::size_t compared_at_once = 16, named_most = said_most * 3 / 4;
    /// By how much a life is raised in one run, and by less than in another: its milliseconds.
    static constexpr std::uint64_t refutations_most = 100;
    /// So long is remembered who went, so that old news do not bring it back.
    static constexpr duration gone_kept = std::chrono::minutes(10);

private:
    struct member {
        std::uint64_t life = 0;
        state what = state::alive;
        instant since{};
    };
    struct passed_on {
        news what;
        std::size_t times = 0;
    };

    span next_span();
    std::uint64_t digest_of(const device_id& after, const device_id& upto) const;
    void add_suspicion(const device_id& to, std::vector<news>& said) const;
    void add_rarest(const device_id& to, std::vector<news>& said);
    void hear(const std::vector<news>& said, instant now, effects& all);
    void hear_of(const news& one, instant now, effects& all);
    void change(const device_id& device, std::uint64_t life, state what, instant now, effects& all);
    void pass_on(const news& one) { passing_[one.device] = {one, 0}; }
    void end_period(instant now, effects& all);
    void ask_next(effects& all);
    std::vector<device_id> alive_near() const;
    bool ask_any(effects& all);
    void ask_helpers(const device_id& about, effects& all);
    void was_late(duration by);
    void feel(int worse) noexcept;
    duration patience() const noexcept;
    std::size_t passed_on_most() const noexcept;

    random& entropy_;
    device_id self_;
    std::uint64_t life_;
    settings with_;
    std::map<device_id, member> members_;
    std::size_t alive_ = 0;                // of them
    std::map<device_id, member*> silent_;  // of them: suspected, or gone
    std::map<device_id, passed_on> passing_;
    std::vector<device_id> near_;
    std::vector<device_id> to_ask_;  // in this round, last first: each member once
    std::set<device_id> asked_;      // in this period, and have not answered
    std::size_t asked_now_ = 0;      // of them, with those that have
    bool heard_nothing_ = false;     // in the period before
    int slow_ = 0;                   // so many times its usual time does this one wait more
    std::optional<instant> period_at_, helpers_at_;
    device_id compared_upto_ = self_;  // from there on the next question compares
};

}  // namespace calbox::overlay
