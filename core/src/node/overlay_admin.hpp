// What the API shows of the overlay (rendezvous, ways to devices, the discovery strategy), and the
// exchange of that strategy while the node runs; and of the object layer. Answered by the node;
// core thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <calbox/ids.hpp>

#include "base/async.hpp"

namespace calbox::node {

struct discovery_view {
    std::string strategy, version;
    std::string configured;  // what the configuration names
};
/// Advertisements of rendezvous that were not believed, by reason.
struct dropped_view {
    std::uint64_t unsigned_claims = 0, forged = 0, other_network = 0, expired = 0, older = 0;
};
struct overlay_view {
    std::string state;                        // as status_view::state
    std::string rendezvous;                   // device that holds the lease, or empty
    std::uint64_t known_rendezvous = 0;       // that this device could ask
    std::uint64_t sessions = 0, relayed = 0;  // open ones; of them through a rendezvous
    std::uint64_t known_devices = 0, online = 0;
    std::optional<std::uint64_t> edges, edges_max, moved_away;  // where the rendezvous role runs
    bool acting = false;  // as a rendezvous, because it found none
    dropped_view dropped;
    std::string reachable;           // "yes", "no", or "unknown": can others dial this device
    std::uint64_t watched = 0;       // rendezvous that are there, where they watch each other
    bool others_are_wanted = false;  // this rendezvous sees that all of them are nearly full
    discovery_view discovery;
};
struct rendezvous_view {
    std::string device;
    std::vector<std::string> addresses;
    bool online = false;
    bool promoted = false;                          // an edge that found none
    bool mine = false;                              // holds this device's lease
    std::optional<std::uint64_t> edges, edges_max;  // as last heard of
    double heard_seconds_ago = 0;
};
struct route_view {
    std::string device;
    std::vector<std::string> users, roles, addresses;
    std::string relay;    // the rendezvous that holds its lease, or empty
    bool online = false;  // as its rendezvous says
    std::string way;      // as peer_view::way, or empty: there is no session
};

struct resolver_view {
    std::string policy;
    std::uint64_t asked = 0, answered = 0;
    std::uint64_t invalid = 0, unauthenticated = 0;  // questions that were dropped
};
struct objects_view {
    std::uint64_t held = 0, told = 0;  // by this device; of them what its rendezvous has noted
    std::uint64_t copies = 0;          // rendezvous that have noted the latest of them
    std::uint64_t kept_objects = 0, kept_entries = 0;  // in the list that is kept here
    resolver_view resolver;
};
struct holder_view {
    std::string device;
    std::vector<std::string> users;
    std::uint64_t version = 0;
};
struct holders_view {
    std::string object;
    std::uint64_t found = 0;            // devices of which others know that they hold it
    std::vector<holder_view> answered;  // at most as many as were asked for
};

class object_admin {
public:
    virtual ~object_admin();
    virtual objects_view show_objects() const = 0;
    /// Asks `most` of the devices that hold the event. not_found as for the event itself;
    /// offline when there is nobody to ask.
    virtual task<result<holders_view>> holders(user_id as, event_id which, std::uint32_t most) = 0;
};

class overlay_admin {
public:
    virtual ~overlay_admin();
    virtual overlay_view show_overlay() const = 0;
    /// All that are known; loads as the lessor has heard of them, without them where it does not
    /// answer.
    virtual task<std::vector<rendezvous_view>> all_rendezvous() = 0;
    /// Every device that this one knows a place of.
    virtual std::vector<route_view> known_routes() const = 0;
    virtual discovery_view show_discovery() const = 0;
    /// From now on, and after a restart, until the configuration names another one than now.
    /// not_found and the loader's other errors: the strategy before stays. No lease is touched.
    virtual task<result<discovery_view>> use_discovery(std::string strategy) = 0;
};

}  // namespace calbox::node
