// Sees everything that happens in a random world, and says what must not have happened. What must
// hold depends on what the consensus strategy claims: a strategy that promises nothing under
// concurrency may lose updates, but not files, acknowledged events or agreement in the end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lab/check/history.hpp"
#include "lab/world/cast.hpp"
#include "lab/world/observer.hpp"

namespace calbox::lab {

/// What is promised, and by whom.
enum class claim : std::uint8_t {
    decided_only,  // nothing is shown that was refused (U3)
    one_content,   // one version has one content, wherever it is shown (U4; linearizable)
    forward_only,  // what somebody is shown never goes back (U5)
    one_copy,      // the history is linearizable (linearizable)
    one_holder,    // no two hold an event at once (mutual_exclusion)
    kept,          // what was acknowledged is there in the end (U1, U2)
    agreement,     // in the end everybody sees the same (U2)
    files,         // what is read is what was attached
    secrecy,       // no text of an event on the wire
    rest,          // nothing grows for ever: what is owed is delivered, timers end
    works,         // devices start and end when they are told to
};
std::string_view to_string(claim which) noexcept;
/// Whether a strategy with these traits has to keep the claim.
bool is_required(claim which, const consensus::traits& of) noexcept;

struct violation {
    claim of = claim::works;
    std::string sentence;
};

class witness final : public observer {
public:
    explicit witness(world& in);

    void violated(claim which, std::string sentence);
    const std::vector<violation>& violations() const noexcept { return found_; }
    std::uint64_t trace() const noexcept { return trace_; }

    /// A title and a file name that nobody used before.
    std::string new_title();
    std::string new_file();
    /// What a file of that name holds: its name decides.
    static bytes content_of(const std::string& file);

    /// The write of this title came to that.
    void answered(const std::string& title, operation_result what);
    void acknowledged(const event_id& created, const std::string& by);
    void removed(const event_id& which);
    void attached(const event_id& to, const std::string& file, const std::string& by);

    /// What keeps these people from seeing the same; empty when nothing does. `everybody`: nobody
    /// is away, to whom something may still be owed.
    std::string disagreement(const std::vector<person*>& people, bool everybody) const;
    /// After agreement: everything that was acknowledged by them is there, refused things are not,
    /// files are what they were, and nothing is left over.
    void judge(const std::vector<person*>& people);

    // observer
    void shown(const std::string& device, const user_id& user,
               const node::event_view& what) override;
    void vanished(const std::string& device, const user_id& user, const event_id& what) override;
    void granted(const std::string& device, const event_id& event,
                 const consensus::granted& what) override;
    void released(const std::string& device, const event_id& event, consensus::token held) override;
    void decided(const std::string& device, const consensus::decide& what) override;
    void ended(const std::string& device) override;

private:
    using version = std::pair<generation_number, version_number>;
    struct holder {
        std::string device;
        consensus::token held = 0;
        instant until;
    };
    void note(std::string_view what, std::string_view who, byte_view data = {});
    void judge_files(const std::vector<person*>& people);
    std::string name_of(const event_id& which) const;
    static std::string content(const node::event_view& what);

    world& world_;
    std::vector<violation> found_;
    std::map<claim, unsigned> counted_;
    std::uint64_t trace_ = 0xcbf29ce484222325ull;
    std::uint64_t titles_ = 0, files_ = 0;
    std::map<std::string, operation_result> answers_;  // by title
    std::set<std::string> seen_titles_;
    std::map<event_id, std::string> created_;  // and by whom
    std::set<event_id> removed_;
    std::map<std::pair<event_id, std::string>, std::string> attached_;  // by whom
    std::map<event_id, std::string> names_;
    std::map<std::pair<event_id, version>, std::string> contents_;
    std::map<std::pair<std::string, event_id>, version> last_shown_;  // by device and user
    std::map<event_id, std::vector<holder>> holders_;
};

}  // namespace calbox::lab
