// A node: the services of one calboxd, put together for the roles that it plays, started in order
// and stopped in reverse. Made by the composition root with an environment, an open store and the
// strategies; outlives nothing that it is given.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <calbox/consensus.hpp>
#include <calbox/discovery.hpp>
#include <calbox/recovery.hpp>

#include "net/multicast.hpp"
#include "net/pool.hpp"
#include "net/port_mapper.hpp"
#include "node/services.hpp"
#include "overlay/bootstrap.hpp"
#include "overlay/member_watch.hpp"
#include "overlay/resolver.hpp"
#include "replica/database.hpp"
#include "replica/scrub.hpp"

namespace calbox::node {

/// A strategy as the node uses it, with what its plugin says of itself.
template <class Strategy>
struct chosen {
    Strategy& strategy;
    std::string name;
    std::string version;
    std::string settings;  // JSON, as given
};

/// A consensus strategy that the network has changed to, or comes from.
struct opened_strategy {
    std::shared_ptr<consensus::strategy>
        strategy;         // the node's, and what keeps its library's count
    std::string version;  // of its plugin
};

enum class without_rendezvous { wait, exit, promote };

struct found_discovery {
    std::shared_ptr<discovery::strategy> strategy;  // its library stays, whoever holds it
    std::string name, version;
};

struct node_settings {
    std::uint32_t roles = wire::role::edge;  // bits of wire::role
    std::string listen = "127.0.0.1:0";
    std::vector<std::string> advertise;  // addresses to tell others; empty: those listened on
    std::string join;   // an invitation, used while this device belongs to no network
    bool found = true;  // a registry without a network founds one at its start, unasked
    bool enrolment_open = true;
    std::uint32_t edges_max = 10'000;
    duration heartbeat = std::chrono::seconds(10);
    overlay::member_watch::settings watched{};  // a rendezvous, where there are many
    net::reach reach = net::reach::automatic;
    overlay::bootstrap::profile profile = overlay::bootstrap::profile::usual;
    overlay::resolver_policy resolves = overlay::resolver_policy::hybrid;
    std::optional<without_rendezvous> on_no_rendezvous;  // empty: as the profile has it
    /// Where rendezvous are searched for in the local network, and answer; null: nowhere. Outlives
    /// the node.
    net::multicast* lan = nullptr;
    /// How many rendezvous the network is to have; 0: as many as there are.
    std::uint32_t rendezvous_min = 0;
    /// Opens so many more of them, wherever; empty: nobody does. Says why it could not.
    std::function<task<result<void>>(std::uint32_t count)> open_rendezvous;
    /// Ends when the others have room for all of its edges. Where this is a rendezvous and no more.
    bool retires = false;
    /// The daemon is to end: it has retired, and its edges are elsewhere.
    std::function<void()> retired;
    /// Does it ask its rendezvous whether others can dial it?
    bool tests_reachability = false;
    /// Asks the router for a port, so that others can dial this device; null: nobody does. Outlives
    /// the node.
    net::port_mapper* mapper = nullptr;
    /// The daemon is to end: no rendezvous was found, and the setting above says exit.
    std::function<void()> give_up;
    std::uint64_t kdf_memory_bytes = 64ull << 20;
    std::uint32_t kdf_passes = 3;
    duration history_kept = std::chrono::days(365);  // earlier versions of events
    duration trash_kept = std::chrono::days(30);     // what deleted events said
    duration unneeded_kept = std::chrono::days(14);  // files that nobody needs any more
    std::uint64_t backup_quota = UINT64_MAX;         // of files that a backup keeps
    bool tells_free_busy = true;                     // to friends who ask
    replica::scrub_terms scrubbing;                  // when what is stored is read again
    std::string version;                             // of the program
    std::function<std::vector<plugin_view>()> plugins;
    /// A new instance by name and settings, for another epoch than the one that the node was made
    /// with. Fails as plugin_host::consensus().
    std::function<result<opened_strategy>(const std::string& name, const std::string& settings)>
        open_consensus;
    /// Recovery strategies beside the one that is given to the node: others may ask by them.
    std::map<std::string, recovery::strategy*, std::less<>> more_recovery;
    /// Another discovery strategy by its name, to exchange the one in use for it.
    std::function<result<found_discovery>(const std::string& name)> find_discovery;
};

class node {
public:
    node(const environment& env, storage::store& store, chosen<discovery::strategy> finding,
         chosen<consensus::strategy> locking, chosen<recovery::strategy> recovering,
         node_settings settings);
    ~node();

    /// Opens what is stored, listens, and enters the network if there is one. Fails with a sentence
    /// for the operator.
    task<result<void>> start();
    /// Valid once start() has succeeded.
    services api();
    /// Before request_stop(), where there is time for it: hands over what others need this device
    /// for.
    task<void> hand_over(duration most);
    void request_stop() noexcept;
    task<void> join();

private:
    std::unique_ptr<class node_parts> parts_;
};

}  // namespace calbox::node
