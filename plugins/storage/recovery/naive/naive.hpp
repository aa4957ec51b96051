// The report's recovery (5.4.1): GETFILE to every friend, who answers with all of one's events
// (GETRESPOND); then CHECKUPDATE, the list of what is held, to every backup, who answers with what
// is missing or newer (REUPDATE). Simple, right, and as expensive as the calendar times the number
// of friends. Made and owned by the host; core thread.
#pragma once

#include <map>
#include <set>

#include <calbox/recovery.hpp>

#include "messages.hpp"

namespace calbox::recovery {

class naive_initiator final : public initiator {
public:
    void step(const input& what, const view& mine, context where,
              std::vector<effect>& effects) override;

private:
    enum class phase { idle, friends, settling, backups, over };
    using effects_type = std::vector<effect>;
    /// The messages of one answer that have come.
    struct answer {
        std::set<std::uint32_t> indices;
        std::optional<std::uint32_t> last;
        bool complete() const noexcept { return last && indices.size() == std::size_t{*last} + 1; }
    };
    using answers = std::map<std::uint32_t, answer>;  // by question

    void on(const begin& what, const view& mine, effects_type& effects);
    void on(const message& what, const view& mine, effects_type& effects);
    void on(const peer_lost& what, const view& mine, effects_type& effects);
    void on(const timer& what, const view& mine, effects_type& effects);

    void take(const device_id& from, std::vector<item>& items, const view& mine,
              effects_type& effects);
    void ask_friends(const std::vector<device_id>& friends, effects_type& effects);
    void ask_backups(const view& mine, effects_type& effects);
    void give_up_waiting();
    void advance(const view& mine, effects_type& effects);
    void finish(effects_type& effects);

    phase phase_ = phase::idle;
    std::map<device_id, answers>
        waiting_;  // who was asked in this round and has not answered wholly
    std::vector<device_id> backups_;
    std::set<digest> received_;  // SHA-256 of the envelopes
    std::set<device_id> silent_;
    std::uint64_t duplicates_ = 0;
    std::uint32_t rounds_ = 0;
};

class naive final : public strategy {
public:
    std::unique_ptr<initiator> initiate() override { return std::make_unique<naive_initiator>(); }
    result<std::vector<bytes>> respond(byte_view asked, const view& theirs, context where) override;
};

}  // namespace calbox::recovery
