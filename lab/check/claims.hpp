// What must hold in every world, and the words for what did not. The checkers are fed with
// observations as they happen; each is in a header of its own: version_claims.hpp (U1, U3, U4, U5),
// ending_claims.hpp (U2, U6, convergence, growth), lock_claims.hpp, data_claims.hpp,
// field_claims.hpp, branch_claims.hpp, series_claims.hpp. watcher.hpp feeds all of them at once.
// The caller owns them; one thread; memory is bounded where a run is long.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <calbox/consensus.hpp>
#include <calbox/envelope.hpp>

namespace calbox::lab::claims {

enum class claim : std::uint8_t {
    durable,       // U1: what was acknowledged had been decided and was durable
    delivered,     // U2: everybody who is up in the end shows the newest version
    decided_only,  // U3: nothing is shown that was not decided
    same_content,  // U4: one version has one content
    forward,       // U5: versions shown at one place never go back
    known_fate,    // U6: every author learns what became of his operation
    tokens,        // a fencing token has one holder, and those of an event grow
    one_holder,    // a lock has one holder at a time
    files,         // bytes read are bytes attached
    secrecy,       // nothing readable where nobody takes part
    growth,        // named counters return under their bounds
    convergence,   // in the end everybody holds the same
    linearizable,  // histcheck.hpp
    lasting,       // what was made of a part of an event stays so until it is made something else
    kept,          // what a take-over left out is an event of its author's
    splits,        // a series is split wholly or not at all
    works,  // devices start and end, operations end, and after a heal the world comes to rest
};
inline constexpr std::size_t claim_count = 17;
/// "U4 same content"
std::string_view to_string(claim what) noexcept;

/// What a world does to its network. A strategy that is not partition_safe is only held to its
/// other traits while the network is whole.
struct conditions {
    bool partitions = true;
};

/// The claims that a strategy with these traits must keep. The others may break, and `naive` shows
/// how.
std::set<claim> required(const consensus::traits& promised, const conditions& world = {});

/// Somebody at a device: what one person sees there.
struct viewer {
    user_id who;
    device_id where;
    friend auto operator<=>(const viewer&, const viewer&) = default;
};

/// A version of an event, as shown, decided or acknowledged. `content`: of what it says, the same
/// function everywhere (content_digest in watcher.hpp); zero means not told.
struct version_of {
    event_id event;
    generation_number generation{1};
    version_number version;
    digest content;

    using order = std::pair<generation_number, version_number>;
    order place() const noexcept { return {generation, version}; }
};

struct violation {
    claim what{};
    std::string event;  // "alice/1.7", or empty
    std::string where;  // "bob at bobs-laptop", a device, or empty
    instant at;
    std::string text;  // one sentence

    friend bool operator==(const violation&, const violation&) = default;
};
/// "3612.500 s: U5 forward: alice/1.7: bob at bobs-laptop: ..."
std::string to_line(const violation& what);

/// Names for people. What it was not told, it writes as the beginning of the id.
class names {
public:
    void call(const user_id& who, std::string name) { users_[who] = std::move(name); }
    void call(const device_id& where, std::string name) { devices_[where] = std::move(name); }

    bool knows(std::string_view name) const;  // of a user
    std::string of(const user_id& who) const;
    std::string of(const device_id& where) const;
    std::string of(const event_id& event) const;  // "alice/1.7"
    std::string of(const viewer& whose) const;    // "bob at bobs-laptop"
    /// "version 3", "version 3 of generation 2"
    static std::string of(const version_of& what);
    static std::string of(instant at);  // "3612.500 s"

private:
    std::map<user_id, std::string> users_;
    std::map<device_id, std::string> devices_;
};

/// The first violations of a checker; the rest are counted.
class findings {
public:
    void add(violation what);
    const std::vector<violation>& first() const noexcept { return first_; }
    std::uint64_t count() const noexcept { return count_; }
    static constexpr std::size_t kept = 200;

private:
    std::vector<violation> first_;
    std::uint64_t count_ = 0;
};

/// A map that forgets its lowest keys.
template <class Key, class Value>
class recent_map {
public:
    explicit recent_map(std::size_t most = 512) : most_(most) {}
    /// Nothing when the key is not there.
    Value* find(const Key& key) {
        const auto found = values_.find(key);
        return found == values_.end() ? nullptr : &found->second;
    }
    /// Below everything that is kept, after something was forgotten.
    bool forgotten(const Key& key) const {
        return forgets_ && (values_.empty() || key < values_.begin()->first);
    }
    /// Null when the key is forgotten.
    Value* at(const Key& key) {
        if (forgotten(key)) {
            return nullptr;
        }
        Value& value = values_[key];
        if (values_.size() <= most_) {
            return &value;
        }
        forgets_ = true;
        const bool itself = values_.begin()->first == key;
        values_.erase(values_.begin());
        return itself ? nullptr : &value;
    }
    void erase(const Key& key) { values_.erase(key); }
    const std::map<Key, Value>& all() const noexcept { return values_; }

private:
    std::size_t most_;
    bool forgets_ = false;
    std::map<Key, Value> values_;
};

}  // namespace calbox::lab::claims
