// A register per event, changed by single-decree consensus without a leader (CASPaxos, Rystsov,
// arXiv:1802.07000), whose value carries its own set of voters: README.md has the rules, and why
// they are right. This class runs one attempt at a time for each event: promises, then acceptances,
// again when others were quicker. Made and owned by the host; core thread.
#pragma once

#include <deque>

#include "acceptor.hpp"
#include "membership.hpp"

namespace calbox::consensus {

refused because(errc code, std::string sentence);

class views final : public strategy {
public:
    struct settings {
        duration ttl = std::chrono::seconds(30);
        duration absent_after = std::chrono::minutes(10);
        duration resend = std::chrono::milliseconds(400);
        duration found_within = std::chrono::milliseconds(1500);
        duration give_up = std::chrono::seconds(8);
        duration settle_after = std::chrono::seconds(2);
        std::size_t view_max = 7;
    };
    explicit views(settings with) : with_(with), members_(with.absent_after, with.view_max) {}

    traits declared() const noexcept override;
    void step(const input& what, context where, std::vector<effect>& effects) override;
    std::string explain(const event_id& event, context where) const override;
    result<bytes> begins(const event_id& event, const group& members, context where) const override;

private:
    using effects_type = std::vector<effect>;

    enum class job_kind { acquire, renew, commit, release, read, fate, settle, adapt, leave };
    /// Those that are about who answers, and so wait for all answers for a while.
    static bool is_about_voters(job_kind kind) noexcept {
        return kind == job_kind::adapt || kind == job_kind::leave;
    }
    /// Those that the host waits for.
    static bool answers_somebody(job_kind kind) noexcept {
        return kind != job_kind::settle && kind != job_kind::release && !is_about_voters(kind);
    }
    /// What is to be done to one event, and for whom.
    struct job {
        job_kind kind = job_kind::settle;
        operation_id operation;
        group members;
        intent why = intent::modify;
        version_number expect;  // acquire: the current one
        generation_number generation{1};
        token held = 0;
        operation_id of;
        bytes body;
        instant deadline;
        bool insists = false;          // acquire: on promises, since the lock has lapsed
        bool dirty = false;            // its change may be at some voter already, for all we know
        std::optional<refused> after;  // refuse once the value as it is has been decided again
    };
    /// Promises for the next attempt came with the acceptances of this value.
    struct lead {
        ballot next;
        value what;
    };
    /// A new line of versions, which only this device may begin, and has not begun yet.
    struct foundation {
        operation_id operation;
        token held = 0;
        instant until;
        epoch when;
        view voters;
        std::optional<value> base;
    };
    enum class phase { idle, waiting, founding, preparing, checking, accepting };
    struct desk {
        std::deque<job> jobs;
        phase at = phase::idle;
        ballot mine;
        std::map<device_id, bool> asked;  // whether the answer of the device will count
        std::map<device_id, peer_message> answers;
        voices refusals;
        // accepting
        value proposed;
        ballot after;
        voices acked;
        instant sent;
        std::optional<lead> leading;
        std::optional<foundation> founded;
        std::optional<view> hint;  // who voted when this was last known
        std::uint64_t timer = 0;
        unsigned attempts = 0;
        bool in_time = true;  // more answers to this attempt may come
        instant last_used;
    };
    /// A lock that this device holds for one of its operations.
    struct held_lock {
        operation_id operation;
        token held = 0;
        instant until;
    };

    // views.cpp: inputs
    void on(const acquire& what, const context& where, effects_type& effects);
    void on(const renew& what, const context& where, effects_type& effects);
    void on(const commit& what, const context& where, effects_type& effects);
    void on(const release& what, const context& where, effects_type& effects);
    void on(const read& what, const context& where, effects_type& effects);
    void on(const fate& what, const context& where, effects_type& effects);
    void on(const inherit& what, const context& where, effects_type& effects);
    void on(const leaving& what, const context& where, effects_type& effects);
    void on(const message& what, const context& where, effects_type& effects);
    void on(const timer& what, const context& where, effects_type& effects);
    void on(const peer_change& what, const context& where, effects_type& effects);
    void on(const restored& what, const context& where, effects_type& effects);
    void on(const http_response&, const context&, effects_type&) {}
    void answer_peer(const device_id& from, const peer_message& asked, const context& where,
                     effects_type& effects);
    void settle_later(const event_id& event, duration after, const context& where,
                      effects_type& effects);
    void leave_next(const context& where, effects_type& effects);
    void welcome(const device_id& device, const context& where, effects_type& effects);
    static bool is_sane(const value& what);  // what a peer says
    bool leads(const view& of, const context& where) const;
    void submit(const event_id& event, job what, const context& where, effects_type& effects);
    void tidy(const context& where);

    // attempts.cpp: one attempt after another, until a job is done
    void begin(const event_id& event, const context& where, effects_type& effects);
    void prepare(const event_id& event, const context& where, effects_type& effects);
    void check(const event_id& event, const context& where, effects_type& effects);
    void found(const event_id& event, const context& where, effects_type& effects);
    void ask_around(const event_id& event, const context& where, effects_type& effects);
    void ask(const event_id& event, const device_id& whom, bool votes, const context& where,
             effects_type& effects);
    void heard(const event_id& event, const device_id& from, const peer_message& what,
               const context& where, effects_type& effects);
    void judge_promises(const event_id& event, const context& where, effects_type& effects);
    void judge_states(const event_id& event, const context& where, effects_type& effects);
    void judge_acceptances(const event_id& event, const context& where, effects_type& effects);
    void propose(const event_id& event, const ballot& at, value what, const context& where,
                 effects_type& effects);
    void send_updates(const event_id& event, const context& where, effects_type& effects);
    void chosen(const event_id& event, const context& where, effects_type& effects);
    void try_again(const event_id& event, const context& where, effects_type& effects);
    void waited(const event_id& event, const context& where, effects_type& effects);
    void arm(const event_id& event, duration after, effects_type& effects);
    std::optional<accepted_value> best_of(const desk& at) const;
    std::optional<accepted_value> best_with_its_voters(const event_id& event, const context& where,
                                                       effects_type& effects);
    static bool still_possible(const view& who, const voices& refusals);
    bool is_quorum(const view& of, const voices& who, const context& where) const;
    ballot next_ballot(std::uint64_t above, const context& where, effects_type& effects);

    // jobs.cpp: what a job makes of the register, and how it ends
    void give_up(const event_id& event, const context& where, effects_type& effects);
    void work(const event_id& event, const value& found, bool fresh, const context& where,
              effects_type& effects);
    std::optional<value> change(const event_id& event, const value& found, bool fresh,
                                const context& where, effects_type& effects);
    std::optional<value> change_for_acquire(const event_id& event, const value& found, bool fresh,
                                            const context& where, effects_type& effects);
    std::optional<value> change_for_commit(const event_id& event, const value& found, bool fresh,
                                           const context& where, effects_type& effects);
    bool step_view(const event_id& event, value& what, const group& who, bool without_self,
                   const context& where) const;
    duration lapses() const;
    bool lock_has_lapsed(const event_id& event, const lock_record& lock,
                         const context& where) const;
    bool meets_a_lock(const event_id& event, const context& where, effects_type& effects);
    void done_with(const event_id& event, const value& now, const context& where,
                   effects_type& effects);
    void nobody_knows(const event_id& event, const context& where, effects_type& effects);
    refused missing(const desk& at) const;
    void finish(const event_id& event, std::optional<done> answer, const context& where,
                effects_type& effects);
    void deliver(const event_id& event, const value& what, bool spread, effects_type& effects);

    // foundations.cpp: how a line of versions begins
    void judge_foundation(const event_id& event, bool in_time, const context& where,
                          effects_type& effects);
    bool refuse_take_over(const event_id& event, const accepted_value& best, const voices& answered,
                          const context& where, effects_type& effects);
    void commit_foundation(const event_id& event, const context& where, effects_type& effects);

    settings with_;
    acceptor votes_;
    membership members_;
    static constexpr std::size_t desks_kept = 512;  // events whose last attempt is remembered
    std::map<event_id, desk> desks_;
    std::size_t tidied_above_ = desks_kept;
    instant tidied_at_{};
    std::map<event_id, held_lock> locks_;
    std::map<event_id, std::pair<epoch, version_number>> delivered_;
    std::set<operation_id> clean_;  // granted in this run, and no voter was sent the edit
    std::map<std::uint64_t, event_id> timers_;
    std::map<event_id, std::uint64_t> settling_;    // timer of each
    std::map<std::uint64_t, device_id> welcoming_;  // timers of devices that came
    std::uint64_t last_timer_ = 0;
    std::uint64_t counter_ = 0;
    std::uint64_t counter_reserved_ = 0;
    std::deque<event_id> to_leave_;
    std::size_t now_leaving_ = 0;
    bool leaving_ = false;
};

}  // namespace calbox::consensus
