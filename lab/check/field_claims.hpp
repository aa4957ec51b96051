// The claim about edits that meet: what somebody was told that he made of a part of an event is so
// in the end, unless that part was made something else later. Versions and their numbers do not
// show when one edit takes another one's place in silence. Owned by the caller; one thread.
#pragma once

#include <functional>
#include <optional>

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

/// What of an event is set by itself. `of`: the name of the file, or of the person.
struct field {
    enum class kind : std::uint8_t { title, file, part, answer };
    kind what = kind::title;
    std::string of;
    friend auto operator<=>(const field&, const field&) = default;
};
/// "the title", "the file map.pdf", "the part of bob", "the answer of bob"
std::string to_string(const field& what);

/// Each field is a register: the value that it has in the end is one that can have been set last.
class lasting {
public:
    explicit lasting(const names& people) : people_(people) {}
    /// An operation begins, which would set the field; nothing: to whatever it likes. One may set
    /// several fields. What an event was created with was set before everything else and need not
    /// be told.
    void observe_asked(const operation_id& by, const event_id& event, const field& what,
                       std::optional<std::string> value, instant at);
    void observe_acknowledged(const operation_id& by, instant at);
    /// It did not happen, and will not.
    void observe_refused(const operation_id& by);
    /// What the newest version of the event says of each field, at the end.
    void observe_newest(const viewer& whose, const event_id& event,
                        const std::function<std::string(const field&)>& says, instant at);
    std::vector<violation> violations() const { return found_.first(); }

private:
    struct write {
        operation_id by;
        std::optional<std::string> value;
        instant asked;
        std::optional<instant> acknowledged;  // nothing: it may happen at any time
    };
    static const write* overwritten(const std::vector<write>& all, const std::string& says);
    /// Calls `change` with the writes of each field that the operation sets, for the last time.
    template <class Change>
    void each_of(const operation_id& by, Change&& change);

    const names& people_;
    findings found_;
    std::map<event_id, std::map<field, std::vector<write>>> written_;
    std::map<operation_id, std::vector<std::pair<event_id, field>>> open_;
};

}  // namespace calbox::lab::claims
