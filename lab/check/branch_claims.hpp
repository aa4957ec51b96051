// The claim about lines of versions that a take-over has ended: what the line that stays was not
// made from is kept, as an event of its author's. Fed during the run, judged when the network is
// whole again and has had time. Owned by the caller; one thread.
#pragma once

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

/// Of each line that is not what everybody sees in the end, its last version is looked at: what
/// came before was changed by it, and is in it. So is what another line was begun with, where
/// somebody changed that. Only titles are compared.
class kept_branches {
public:
    explicit kept_branches(const names& people) : people_(people) {}
    /// A version that a device holds.
    void observe_version(const envelope_header& what, const user_id& author);
    /// It says so to somebody. A title that two versions have tells them apart from nothing.
    void observe_shown(const version_of& what, const std::string& title);
    /// An event that keeps what was left out of the one with that name, which had this title.
    void observe_copy(const std::string& of, const std::string& title) {
        copies_.emplace(of, title);
    }
    /// Who wanted this title was told that he has not made it: he knows that it is not kept.
    void observe_refused(const std::string& title) { refused_.insert(title); }
    /// What is shown of the event in the end; `present`: who is there with all of his devices.
    void observe_end(const version_of& what, const std::set<user_id>& present, instant at);
    std::vector<violation> violations() const { return found_.first(); }

private:
    struct line {
        std::vector<envelope_order> left;
        version_of::order last;
        bool changed = false;  // by more than a take-over
        bool is_put = false;   // the last one
        user_id author;        // of the last one
    };
    struct lines {
        std::map<generation_number, line> of;
        std::map<version_of::order, std::string> titles;
    };
    const names& people_;
    findings found_;
    std::map<event_id, lines> events_;
    std::set<std::pair<std::string, std::string>> copies_;
    std::set<std::string> refused_;
};

}  // namespace calbox::lab::claims
