// Export and import of iCalendar files. Owned by the node; core thread only.
#pragma once

#include <set>

#include "base/gathering.hpp"
#include "base/task_scope.hpp"
#include "model/calendar_file.hpp"
#include "node/calendar_service.hpp"
#include "node/exchange.hpp"

namespace calbox::node {

class exchange_service final : public exchange {
public:
    exchange_service(const environment& env, replica::replicator& replica, opened_events& opened,
                     people& who, readiness& ready, task_scope& tasks)
        : env_(env),
          replica_(replica),
          opened_(opened),
          people_(who),
          ready_(ready),
          tasks_(tasks) {}

    result<std::string> to_calendar(user_id as, const export_query& query) override;
    task<result<std::vector<imported_view>>> from_calendar(user_id as, std::string text,
                                                           std::string zone, bool dry) override;

private:
    result<replica::change> change_from(const user_id& as, const model::calendar_part& part) const;
    struct importing;
    task<imported_view> import_one(user_id as, const model::calendar_part& part, bool dry);
    task<void> import_next(std::shared_ptr<importing> all, gathering::part);

    const environment& env_;
    replica::replicator& replica_;
    opened_events& opened_;
    people& people_;
    readiness& ready_;
    task_scope& tasks_;
    std::set<std::pair<user_id, std::string>> under_way_;  // UIDs that are being imported
};

}  // namespace calbox::node
