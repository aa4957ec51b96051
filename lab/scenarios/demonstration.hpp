// The set-up that the report demonstrates with (6.1, 6.7): two rendezvous, a backup, three clients,
// on a host each (R208), and the registry on one of its own (R186). What its test plan does over
// and over is here in a person's words.
#pragma once

#include "lab/scenarios/script.hpp"

namespace calbox::lab {

struct demonstration {
    /// In a fresh world of the script, which `prepare` sees before anybody is in it. The backup
    /// starts before the clients (R200).
    explicit demonstration(script& on, const std::function<void(world&)>& prepare = {});

    /// The rendezvous that holds the most leases of clients, and the other one.
    std::pair<device*, device*> fuller_first() const;
    /// All three clients hold a lease of one of these.
    bool all_lease_from(const std::vector<device*>& rendezvous) const;
    /// Waits until each of `who` sees this title; throws failure else.
    void all_see(const std::vector<const person*>& who, const event_id& which,
                 const std::string& title);
    void nobody_sees(const std::vector<const person*>& who, const event_id& which);
    /// The daemon starts again and has caught up with those it can reach.
    void restart(device& which);

    script& on;
    world& in;
    device &web, &r1, &r2, &z, &a, &b, &c;
    person alice, bob, carol;
};

/// "ab12.." as status says it, or empty.
std::string lessor_of(device& client);
bool is_connected(device& which);
/// What one side gave in the device's last recovery exchange.
std::uint64_t envelopes_from(const std::vector<node::recovered_view>& sources);
std::uint64_t bytes_from(const std::vector<node::recovered_view>& sources);

/// How long something took, many times.
class samples {
public:
    void add(duration one) { all_.push_back(one); }
    /// In milliseconds; `share` of them were no longer. 0 without any.
    double ms(double share) const;
    std::size_t count() const noexcept { return all_.size(); }

private:
    std::vector<duration> all_;
};

/// Throws failure unless the answer is a refusal of that kind.
template <class T>
void expect_refused(const answer<T>& came, errc why, const std::string& what) {
    expect(came.has_value(), what + ": no answer came");
    expect(!*came, what + " was allowed");
    expect((*came).error().code == why,
           what + " was refused otherwise: " + (*came).error().message());
}

}  // namespace calbox::lab
