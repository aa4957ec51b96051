// What is asked of etcd and what it answers, in the JSON of its HTTP gateway (etcd 3.4, "v3 API
// over gRPC gateway"): keys and values in base64, 64-bit integers as strings, members that are zero
// or false left out. Transactions and leases only; never the lock API, which promises too little
// (jepsen.io/analyses/etcd-3.4.3). Values.
#pragma once

#include <optional>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/consensus.hpp>

namespace calbox::consensus {

/// The value of an event's key: its current version, and the edits that made the latest ones.
struct kept_event {
    version_number version;
    std::vector<std::pair<operation_id, version_number>> recent;  // oldest first, the last is its
    bytes body;
    generation_number generation{1};
    std::uint64_t mod_revision = 0;  // etcd's, not in the value
    /// Made earlier, or in a line that was taken over.
    bool operator<(const kept_event& other) const {
        return std::pair(generation, version) < std::pair(other.generation, other.version);
    }
    static constexpr auto fields =
        std::tuple(codec::field<1>(&kept_event::version), codec::field<2>(&kept_event::recent),
                   codec::field<3>(&kept_event::body), codec::field<4>(&kept_event::generation));
};

/// The value of a lock's key, which lives as long as the lease that it is bound to.
struct kept_lock {
    device_id holder;
    operation_id operation;
    timestamp since;
    std::uint64_t revision = 0;  // the key's create_revision, not in the value
    std::uint64_t lease = 0;     // etcd's, not in the value
    static constexpr auto fields =
        std::tuple(codec::field<1>(&kept_lock::holder), codec::field<2>(&kept_lock::operation),
                   codec::field<3>(&kept_lock::since));
};

struct question {
    std::string path;  // "/v3/kv/txn"
    std::string body;
};

struct answer {
    enum class kind {
        fine,     // the rest counts
        unknown,  // no answer, or not from whoever has the say: it may have had its effect
        refused,  // etcd will not do it, and has not
    };
    kind what = kind::unknown;
    error why;               // unknown, refused
    bool succeeded = false;  // the comparisons of the transaction held
    std::uint64_t revision = 0;
    std::optional<kept_event> event;
    std::optional<kept_lock> lock;
    duration ttl{};           // of the lease; zero: there is none
    bool lease_gone = false;  // refused: etcd knows no such lease
    bool has_lease = false;   // refused: a lease with that id exists already
};

/// Tokens begin where those of another strategy may have ended (first_token), and go up with etcd's
/// revisions, of which 2^32 - 2^20 times the epoch fit between two versions.
constexpr token token_of(version_number version, std::uint64_t revision, network_epoch epoch) {
    return first_token(version, epoch) + revision;
}
constexpr std::uint64_t revision_of(token held, network_epoch epoch) {
    return (held - first_token(version_number(), epoch)) & 0xffff'ffff;
}

class requests {
public:
    requests(std::string prefix, std::chrono::seconds ttl)
        : prefix_(std::move(prefix)), ttl_(ttl) {}

    question grant(std::uint64_t lease) const;
    question keep_alive(std::uint64_t lease) const;
    question revoke(std::uint64_t lease) const;
    /// Takes the lock when nobody has it, and the event exists, or does not when it is to be
    /// created. The answer holds the event; and the lock, where it was not taken.
    question lock(const event_id& event, bool create, std::uint64_t lease,
                  const kept_lock& mine) const;
    /// Replaces the event and frees the lock, when both are still as they were. `base`: the event's
    /// mod_revision; 0 when there was none. The answer holds both, when they are not.
    question commit(const event_id& event, std::uint64_t base, std::uint64_t lock,
                    const kept_event& next) const;
    /// Puts the event there, with `base` as above, and leaves its lock. The answer holds the event
    /// that is there instead.
    question bring(const event_id& event, std::uint64_t base, const kept_event& what) const;
    /// Frees the lock when it is that one. The answer holds the event, and the lock that is there.
    question unlock(const event_id& event, std::uint64_t lock) const;
    /// The event and the lock, as they are at some moment between question and answer.
    question look(const event_id& event) const;

    answer read(const event_id& event, int status, byte_view body) const;
    std::chrono::seconds ttl() const noexcept { return ttl_; }

private:
    std::string event_key(const event_id& event) const;
    std::string lock_key(const event_id& event) const;

    std::string prefix_;
    std::chrono::seconds ttl_;
};

}  // namespace calbox::consensus
