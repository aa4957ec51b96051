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
        {"wan", "Pittsburgh, Silicon Valley and Porto: delay, loss and congestion", play_wan},
        {"partition-matrix", "every way to cut 3, 4 and 5 nodes in two, and what works meanwhile",
         play_partition_matrix, "nodes at most", 5, 4},
        {"long-absence", "a device is away for a month, while the others go on", play_long_absence,
         "edits", 1'000, 200},
        {"backup-rebuild", "the backup is lost, and a new one takes its place",
         play_backup_rebuild},
        {"hostile-peer",
         "a member lies, forges and sends nonsense: nobody believes it, nobody ends",
         play_hostile_peer, "messages", 10'000, 10'000},
        {"open-event",
         "many join an open event at once by its link; one is removed, the organizer is away, and "
         "it is closed",
         play_open_event, "joiners", 200, 20},
        {"strategy-change",
         "the network changes its consensus strategy and back, under load, with a device off and a "
         "partition",
         play_strategy_change, "seconds of load each", 60, 15},
        {"availability",
         "a month with 0 to 3 backups: how often can an offline organizer's events "
         "be read",
         play_availability, "hours", 720, 8},
        {"flash-crowd", "thousands of edges arrive within a minute: is the load even, who waits?",
         play_flash_crowd, "edges", 10'000, 1'000},
        {"rendezvous-crash",
         "a tenth of the rendezvous vanishes, then another is killed: how soon does everybody have "
         "a lease again?",
         play_rendezvous_crash, "edges", 10'000, 1'000},
    };
    return all;
}

}  // namespace calbox::lab
