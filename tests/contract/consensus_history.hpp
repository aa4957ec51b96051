// What devices asked of a consensus strategy and what came of it, and whether that can be explained
// by one copy of each event. Since every value carries its version, a run is judged by sorting:
// each version has one value; what was answered before a question was asked bounds its answer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <calbox/consensus.hpp>

namespace calbox::contract {

class consensus_history {
public:
    enum class what { acquire, renew, commit, release, read, fate };

    void asked(what kind, std::size_t device, const operation_id& operation, const event_id& event,
               instant at, consensus::token held = 0, version_number expect = {},
               operation_id of = {});
    void answered(const consensus::done& answer, instant at);
    /// The device was told of a version, by its strategy or by another device's host. `run` counts
    /// its restarts.
    void shown(std::size_t device, std::uint64_t run, bool decided, const event_id& event,
               version_number version, const operation_id& by, const bytes& value, instant at);
    void crashed(std::size_t device, instant at);

    /// Sentences about what cannot be explained; empty when all is well.
    std::vector<std::string> judge(const consensus::traits& promised) const;
    std::size_t committed() const noexcept;
    /// Every operation and what came of it, a line each.
    std::string text() const;

private:
    struct entry {
        what kind;
        std::size_t device;
        operation_id operation;
        event_id event;
        instant call;
        consensus::token held;
        version_number expect;
        operation_id of;
        std::optional<instant> returned;
        std::optional<consensus::done> answer;
    };
    struct sight {
        std::size_t device;
        std::uint64_t run;
        bool decided;
        event_id event;
        version_number version;
        operation_id by;
        bytes value;
        instant at;
    };
    void judge_values(std::vector<std::string>& wrong) const;
    void judge_order(std::vector<std::string>& wrong) const;
    void judge_fates(std::vector<std::string>& wrong) const;
    void judge_holders(std::vector<std::string>& wrong) const;
    void judge_tokens(std::vector<std::string>& wrong) const;

    std::vector<entry> entries_;
    std::map<operation_id, std::size_t> open_;
    std::vector<sight> sights_;
    std::vector<std::pair<std::size_t, instant>> crashes_;
};

}  // namespace calbox::contract
