// The earlier versions of events that this device holds: reading them, and erasing those whose time
// is up. A version is counted from the moment at which this device replaced it, by its own clock:
// what an author writes into a header decides nothing. Owned by the replicator; core thread only.
#pragma once

#include <optional>

#include "replica/event_store.hpp"

namespace calbox::replica {

struct history_terms {
    duration versions = std::chrono::days(365);  // an earlier version is kept so long
    duration trash = std::chrono::days(30);      // what a deleted event said is kept so long
};

/// An earlier version as the policy sees it.
struct past_outline {
    envelope_order order;
    envelope_kind kind = envelope_kind::put;
    timestamp since;  // replaced at
};

/// The moment from which each of the earlier versions of one event is erased. `all` ascends.
/// `deleted`: the event's current version is a tombstone; the last version with a body is then the
/// one that it can be brought back from, and stays for the trash time, however short that of
/// earlier versions is; nothing else outlasts it.
std::vector<timestamp> ends_of(const std::vector<past_outline>& all, bool deleted,
                               const history_terms& with);

/// One that is still kept.
struct past_version {
    past_outline what;
    timestamp until;
};

class history {
public:
    history(const environment& env, database& db, event_store& store, history_terms with)
        : env_(env), db_(db), store_(store), with_(with) {}

    /// The earlier versions whose time is not up, oldest first.
    task<result<std::vector<past_version>>> kept(event_id which);
    /// What all that are here say of themselves, oldest first.
    task<result<std::vector<std::pair<envelope_order, envelope_header>>>> headers(event_id which);
    /// The envelope of one of them. not_found: it has been erased.
    task<result<held_event>> read(event_id which, envelope_order order);
    /// Erases what has ended, and says how many versions that were. A version of a store from
    /// before times were noted is counted from the first sweep that meets it. Current versions and
    /// notices for who was removed are not touched.
    task<result<std::size_t>> sweep();

private:
    struct row {
        bytes key;
        past_outline what;
        bool dated = false;
        envelope_header header;
    };
    static std::optional<row> read_row(const bytes& key, const bytes& value, timestamp now);
    task<result<std::vector<row>>> rows_of(event_id which);
    std::vector<timestamp> ends_of_rows(const std::vector<row>& all, const event_id& which) const;
    task<result<std::size_t>> settle(event_id which);

    const environment& env_;
    database& db_;
    event_store& store_;
    history_terms with_;
};

}  // namespace calbox::replica
