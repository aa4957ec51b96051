// The asking side. Friends are asked what they have that is lacking here; then each lacking version
// is fetched from one of them, while the backups are asked for what is neither held nor promised.
// So any number of missed events takes two questions, one after the other, and none comes twice.
// What a peer promised and did not send is asked of the next one that has it. Made and owned by the
// host; core thread.
#pragma once

#include <map>
#include <memory>
#include <set>

#include <calbox/recovery.hpp>

#include "messages.hpp"
#include "offers.hpp"

namespace calbox::recovery {

/// How each side finds out what the other one has.
enum class summary {
    list,      // all that is held, by its id and version
    sketch,    // fingerprint, then symbols
    cheapest,  // fingerprint, then whichever of the two is shorter; of backups also `numbers`
    numbers,   // numbers of streams; where the fingerprints differ after that, as `sketch`
};

class exchange_initiator final : public initiator {
public:
    explicit exchange_initiator(summary by) noexcept : by_(by) {}
    void step(const input& what, const view& mine, context where,
              std::vector<effect>& effects) override;

private:
    enum class phase { idle, numbering, numbered, asking, fetching, settling, over };
    using effects_type = std::vector<effect>;
    /// A question that has been sent, and what has come of its answer.
    struct open_question {
        question_kind kind = question_kind::held;
        std::uint32_t depth = 0;  // how many were answered before it, one after the other
        std::set<std::uint32_t> indices;
        std::optional<std::uint32_t> last;
        std::map<std::uint32_t, std::vector<symbol>> symbols;  // by where they begin
        std::set<event_id> events;                             // want: without orders
        bool numbered = false;  // asked by numbers, and answered without a word about them
        bool complete() const noexcept { return last && indices.size() == std::size_t{*last} + 1; }
    };
    struct peer {
        bool is_backup = false;
        std::map<std::uint32_t, open_question> open;
        std::optional<std::pair<std::uint64_t, std::uint64_t>> print;  // count and sum, told by it
        std::unique_ptr<sketch_decoder> decoder;
        std::size_t undecoded = 0;  // so many symbols were too few for it
        bool by_numbers = false;    // was asked so
        bool agrees = false;        // held the same as this device when it answered
    };
    /// What is held, and maybe what friends have promised.
    struct summary_set {
        std::vector<known> listed;  // in event order
        hashed_set hashes;
        bool all_known = true;  // nothing was promised of which only the hash is known
        std::uint64_t
            maybe_superseded;  // promised by hash, and perhaps newer versions of held ones
    };

    void on(const begin& what, const view& mine, context where, effects_type& effects);
    void on(const message& what, const view& mine, context where, effects_type& effects);
    void on(const peer_lost& what, const view& mine, context where, effects_type& effects);
    void on(const timer& what, const view& mine, context where, effects_type& effects);

    void ask(const device_id& to, question what, std::uint32_t depth, effects_type& effects);
    void ask_first(const view& mine, effects_type& effects);
    void ask_fingerprint(const device_id& to, std::uint32_t depth, const view& mine,
                         effects_type& effects);
    void begin_by_numbers(const view& mine, effects_type& effects);
    void ask_numbers(const std::vector<device_id>& whom, const number_set& but, std::uint32_t depth,
                     const view& mine, effects_type& effects);
    void after_numbers(const view& mine, effects_type& effects);
    std::vector<device_id> backups_for_numbers(const view& mine, bool something_comes);
    bool ask_backups_by_numbers(const view& mine, std::uint32_t depth, effects_type& effects);
    bool agrees(const device_id& device, const peer& whom, const view& mine);
    number_set numbers_of(const device_id& with, const view& mine) const;
    void take_numbered(const device_id& from, answer& read, const view& mine,
                       effects_type& effects);
    void ask_held(const device_id& to, const std::vector<known>& held, question shape,
                  std::uint32_t depth, effects_type& effects);
    void ask_wants(const device_id& to, wants what, std::uint32_t depth, const view& mine,
                   effects_type& effects);
    void ask_backups(const view& mine, bool promised, std::uint32_t depth, effects_type& effects);
    void ask_undecoded(const view& mine, std::uint32_t depth, effects_type& effects);
    question fingerprint_of(const hashed_set& set, reply_form reply) const;
    static std::vector<known> known_with(const device_id& to, const view& mine);
    /// Of what is known with him; valid until the next call.
    const hashed_set& hashes_with(const device_id& to, const view& mine);
    summary_set summarise(const device_id& backup, const view& mine, bool promised);

    bool take(const device_id& from, peer& whom, open_question& asked, answer& read,
              const view& mine, effects_type& effects);
    bool take_items(const device_id& from, open_question& asked, answer& read, const view& mine,
                    effects_type& effects);
    bool take_symbols(peer& whom, open_question& asked, const answer& read);
    void answered(const device_id& from, peer& whom, open_question asked, const view& mine,
                  effects_type& effects);
    void decode(const device_id& from, peer& whom, open_question& asked, const view& mine,
                effects_type& effects);
    void lose(const device_id& device);
    bool is_waiting() const;
    void advance(const view& mine, effects_type& effects);
    void plan(const view& mine, effects_type& effects);
    void finish(effects_type& effects);

    const summary by_;
    phase phase_ = phase::idle;
    sketch_key key_{};
    std::optional<item_hash> hash_;
    hash_cache kept_;
    std::map<device_id, peer> peers_;
    std::set<device_id> lost_;
    offer_book offers_;
    numbered_offers numbers_;
    std::set<std::uint64_t> seen_;  // hashes of the envelopes that came
    std::uint64_t duplicates_ = 0;
    std::uint32_t next_number_ = 0, depth_ = 0;
    unsigned backups_asked_ = 0;
};

}  // namespace calbox::recovery
