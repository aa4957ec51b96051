// A consensus strategy that tells an observer what the real one behind it is asked, grants and
// decides. Changes nothing. One for each life of a daemon.
#pragma once

#include <map>

#include "lab/world/observer.hpp"

namespace calbox::lab {

class tapped_strategy final : public consensus::strategy {
public:
    tapped_strategy(consensus::strategy& real, std::string device, observer* const& watching)
        : real_(real), device_(std::move(device)), watching_(watching) {}

    consensus::traits declared() const noexcept override { return real_.declared(); }
    void step(const consensus::input& what, consensus::context where,
              std::vector<consensus::effect>& effects) override;
    std::string explain(const event_id& event, consensus::context where) const override {
        return real_.explain(event, where);
    }
    result<bytes> begins(const event_id& event, const consensus::group& members,
                         consensus::context where) const override {
        return real_.begins(event, members, where);
    }

private:
    void note(const consensus::input& what);
    void note(const consensus::done& what, byte_view written);
    void ended(const event_id& event, const operation_id& operation, consensus::token held);

    consensus::strategy& real_;
    std::string device_;
    observer* const& watching_;
    // What is asked and not yet answered for good: the event, and the edit that it is for.
    std::map<operation_id, std::pair<event_id, operation_id>> edits_;
    std::map<std::pair<event_id, consensus::token>, operation_id> holders_;
};

}  // namespace calbox::lab
