// An etcd cluster decides: one key for each event, one for its lock, changed by transactions that
// compare both. This class asks one question after another for each operation, and asks again,
// elsewhere, where no answer comes; README.md says why that is safe. Made and owned by the host;
// core thread.
#pragma once

#include <map>

#include "requests.hpp"

namespace calbox::consensus {

class etcd final : public strategy {
public:
    struct settings {
        std::vector<std::string> endpoints;  // "http://127.0.0.1:2379", at least one
        std::string prefix = "calbox/";
        std::chrono::seconds ttl = std::chrono::seconds(30);
        duration answer_within = std::chrono::seconds(2);
        duration give_up = std::chrono::seconds(8);
    };
    explicit etcd(settings with) : with_(std::move(with)), requests_(with_.prefix, with_.ttl) {}

    traits declared() const noexcept override;
    void step(const input& what, context where, std::vector<effect>& effects) override;
    std::string explain(const event_id& event, context where) const override;
    /// Nothing: what the devices are told is all.
    result<bytes> begins(const event_id&, const group&, context) const override { return bytes(); }

private:
    using effects_type = std::vector<effect>;

    /// settle: an edit of this device whose answer was lost. notice: an edit of another device that
    /// may have died over it. over: the end of such a worry. revoke, unlock: nobody waits for it.
    enum class errand_kind {
        acquire,
        renew,
        commit,
        read,
        fate,
        settle,
        notice,
        over,
        revoke,
        unlock,
    };
    /// What is asked at the moment.
    enum class stage { looking, leasing, locking, bringing, writing, unlocking, ending };
    struct errand {
        errand_kind kind = errand_kind::read;
        operation_id operation;
        event_id event;
        stage at = stage::looking;
        question asked;
        instant deadline;
        instant first_sent, last_sent;  // the question that is asked now
        std::size_t endpoint = 0;
        std::size_t failures = 0;  // of the question that is asked now
        // acquire
        intent why = intent::modify;
        version_number current;
        std::uint64_t lease = 0;  // also of renew and revoke
        instant lease_until;
        // renew, commit, unlock; of acquire once it has the lock: the lock's revision in etcd
        std::uint64_t lock = 0;
        // commit, fate, settle, notice: the edit, and which version it expects
        operation_id of;
        version_number expect;
        bytes body;
        std::vector<device_id> others;
        std::size_t rounds = 0;  // notice
    };
    /// A lock that this device holds for one of its operations, and the event as it was then.
    struct held_lock {
        operation_id operation;
        std::uint64_t lease = 0;
        instant until;
        std::optional<kept_event> event;
    };
    /// An edit that may be decided, for all that this device has on its disk.
    struct intended {
        event_id event;
        version_number expect;
        static constexpr auto fields =
            std::tuple(codec::field<1>(&intended::event), codec::field<2>(&intended::expect));
    };
    /// What a device that commits tells those who are to have the event (docs/wire.md).
    struct notice_message {
        event_id event;
        operation_id operation;
        version_number expect;
        bool over = false;
        static constexpr auto fields = std::tuple(
            codec::field<1>(&notice_message::event), codec::field<2>(&notice_message::operation),
            codec::field<3>(&notice_message::expect), codec::field<4>(&notice_message::over));
    };
    enum class verdict { happened, never, may_still, unclear };

    // etcd.cpp: inputs, and asking until there is an answer
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
    void on(const peer_change&, const context&, effects_type&) {}
    void on(const restored& what, const context& where, effects_type& effects);
    void on(const http_response& what, const context& where, effects_type& effects);
    errand errand_for(errand_kind kind, const operation_id& operation, const event_id& event,
                      const context& where) const;
    void ask(errand what, stage at, question asked, const context& where, effects_type& effects);
    void ask_again(errand what, const context& where, effects_type& effects);
    std::uint64_t put_off(errand what, duration after, effects_type& effects);
    void settle(const operation_id& operation, const context& where, effects_type& effects);
    void revoke(const event_id& event, std::uint64_t lease, const context& where,
                effects_type& effects);

    // errands.cpp: what an answer means for its errand, and how that ends
    void answered(errand of, const answer& what, const context& where, effects_type& effects);
    void leased(errand of, const answer& what, const context& where, effects_type& effects);
    void locked(errand of, const answer& what, const context& where, effects_type& effects);
    const kept_event* later_from_another_strategy(const event_id& event,
                                                  const std::optional<kept_event>& than) const;
    void bring(errand of, const std::optional<kept_event>& instead_of, const context& where,
               effects_type& effects);
    void brought(errand of, answer what, const context& where, effects_type& effects);
    void grant(errand of, const answer& what, const context& where, effects_type& effects);
    void kept_alive(const errand& of, const answer& what, const context& where,
                    effects_type& effects);
    void looked(errand of, const answer& what, const context& where, effects_type& effects);
    void write(errand of, const std::optional<kept_event>& base, const context& where,
               effects_type& effects);
    void wrote(errand of, const answer& what, const context& where, effects_type& effects);
    void judged(errand of, verdict came, const answer& what, const context& where,
                effects_type& effects);
    void noticed(errand of, verdict came, effects_type& effects);
    void give_up(errand of, std::string_view trouble, const context& where,
                 effects_type& effects);
    void refuse(const errand& of, error why, effects_type& effects) const;
    static verdict judge(const answer& seen, const operation_id& edit, version_number expect);
    void deliver(const event_id& event, const kept_event& found, const context& where,
                 effects_type& effects);
    void tell_others(const errand& of, bool over, effects_type& effects) const;
    void forget(const operation_id& edit, const event_id& event, const context& where,
                effects_type& effects);

    settings with_;
    requests requests_;
    std::size_t endpoint_ = 0;                 // which answered last
    std::string trouble_;                      // why there was no answer last; empty: there was one
    std::map<std::uint64_t, errand> asked_;    // by the tag of the request
    std::map<std::uint64_t, errand> waiting_;  // by the tag of the timer
    std::map<std::pair<event_id, std::uint64_t>, held_lock> locks_;  // with the lock's revision
    std::map<event_id, kept_event> inherited_;  // as it came from another strategy
    std::map<operation_id, intended> intended_;
    std::map<std::pair<event_id, operation_id>, std::uint64_t> notices_;  // timers of those
    std::map<event_id, version_number> delivered_;
    std::uint64_t last_tag_ = 0;
};

}  // namespace calbox::consensus
