// This device in its network: its key, made once per store; its certificate, asked for with an
// invitation and renewed while the registry can be reached; both kept, so that a restart needs
// nobody. Owned by the node; core thread only.
#pragma once

#include "net/pool.hpp"
#include "node/invitation.hpp"
#include "replica/database.hpp"

namespace calbox::node {

/// Record of kind meta under "device".
struct device_record {
    bytes seed;  // of the device's Ed25519 key
    bytes certificate, ca_certificate;
    std::vector<std::string> registries;  // addresses
    device_id registry;                   // whom the invitation led to
    std::uint32_t roles = 0;
    static constexpr auto fields = std::tuple(
        codec::field<1>(&device_record::seed), codec::field<2>(&device_record::certificate),
        codec::field<3>(&device_record::ca_certificate),
        codec::field<4>(&device_record::registries), codec::field<5>(&device_record::registry),
        codec::field<6>(&device_record::roles));
};

class enrolment {
public:
    enrolment(const environment& env, replica::database& db) : env_(env), db_(db) {}

    /// Loads the device's key and certificate, or makes the key. Fills mine().
    task<result<void>> load();
    /// What TLS presents. Valid and stable from load() on; its certificates change in place.
    const net::credentials& mine() const noexcept { return mine_; }
    device_id self() const { return crypto::device_of(mine_.device_key.public_key); }
    bool in_network() const noexcept { return !mine_.network.is_zero(); }
    const device_record& record() const noexcept { return record_; }

    /// Enters the network that the registry on this very node founded.
    task<result<void>> enter_own(bytes certificate, byte_view ca_certificate, std::uint32_t roles);
    /// Enters a network by invitation. already_exists: this device belongs to one.
    task<result<void>> join(invitation with, std::uint32_t roles, net::pool& connections);
    bool due_for_renewal() const;
    /// Is the certificate that the registry on this very node gave for these roles good for a
    /// while?
    bool serves_own(std::uint32_t roles) const;
    task<result<void>> renew(net::pool& connections);

private:
    bool is_fresh() const;
    void present();
    task<result<void>> adopt(bytes certificate, bytes ca_certificate);
    task<result<void>> ask_for_certificate(device_id registry, std::uint32_t roles, bytes token,
                                           network_id expected, net::pool& connections);

    const environment& env_;
    replica::database& db_;
    device_record record_;
    net::credentials mine_;
};

}  // namespace calbox::node
