// Earlier versions of events for people: who wrote what and when, what changed, and bringing it
// back. What this device holds, and only versions in which the user took part. Owned by the node;
// core thread only.
#pragma once

#include "node/calendar_service.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"
#include "node/services.hpp"

namespace calbox::node {

class history_service final : public history {
public:
    history_service(const environment& env, replica::replicator& replica, opened_events& opened,
                    people& who, readiness& ready, const calendar_service& events)
        : env_(env),
          replica_(replica),
          opened_(opened),
          people_(who),
          ready_(ready),
          events_(events) {}

    task<result<std::vector<version_view>>> versions(user_id as, event_id which) override;
    task<result<event_view>> restore(user_id as, event_id which,
                                     std::optional<version_number> version,
                                     std::optional<version_number> expect) override;
    task<result<std::vector<trash_view>>> trash(user_id as) override;
    result<event_id> find(user_id as, const std::string& id_text) const override;

    /// Of one event, the newest.
    static constexpr std::size_t versions_shown_max = 1000;

private:
    struct told;
    result<envelope_header> held(const user_id& as, const event_id& which) const;
    version_view view_of(const envelope_header& header) const;
    void tell(told& so_far, const envelope_header& header, const result<opened_event>& opened,
              std::optional<timestamp> until) const;
    task<result<opened_event>> earlier(user_id as, event_id which,
                                       std::optional<version_number> version);
    task<result<std::optional<trash_view>>> in_trash(user_id as, event_id which);

    const environment& env_;
    replica::replicator& replica_;
    opened_events& opened_;
    people& people_;
    readiness& ready_;
    const calendar_service& events_;
};

}  // namespace calbox::node
