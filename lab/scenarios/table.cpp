#include "lab/scenarios/table.hpp"

#include "lab/scenarios/script.hpp"

namespace calbox::lab {

const std::vector<scenario>& all_scenarios() {
    static const std::vector<scenario> all{
        {"report-6.2", "normal communication: create, modify, delete and share files",
         play_report_6_2},
        {"report-6.3", "one rendezvous is killed, then the other", play_report_6_3},
        {"report-6.4", "a client is killed and starts again: friends give it what it missed",
         play_report_6_4},
        {"report-6.5", "the backup is killed: peers go on without it", play_report_6_5},
        {"report-6.6", "while one client changes an event, the others cannot", play_report_6_6},
        {"report-6.7", "the report's whole test plan, step by step, and its hardest cell",
         play_report_6_7},
    };
    return all;
}

}  // namespace calbox::lab
