// The registry: names, keys and device certificates of one network. Founds the network at its first
// start. It never sees a password (security design 5.2). Owned by the node; core thread only.
#pragma once

#include <map>
#include <set>

#include "crypto/primitives.hpp"
#include "net/session.hpp"
#include "node/invitation.hpp"
#include "node/registry_records.hpp"
#include "replica/database.hpp"

namespace calbox::node {

class registry_service {
public:
    struct settings {
        bool enrolment_open = true;  // edges may join without a token
        std::uint64_t kdf_memory_bytes = 64ull << 20;
        std::uint32_t kdf_passes = 3;
    };
    registry_service(const environment& env, replica::database& db, settings with);

    task<result<bool>> has_network();
    /// Loads the network, or founds it.
    task<result<void>> start();
    byte_view ca_certificate() const noexcept { return ca_.certificate; }
    network_id network() const;
    /// A certificate for this node itself.
    result<bytes> certificate_for(byte_view device_key, std::uint32_t roles);
    /// Says for the network which strategy it has from when on.
    wire::signed_strategy sign(const wire::strategy_record& what) const;
    /// A token that admits one device in these roles, as often as it asks within 30 days.
    task<result<invitation>> invite(std::uint32_t roles, std::vector<std::string> addresses);

    // Handlers of messages.
    task<result<bytes>> on_enroll(const net::peer& from, bytes payload);
    task<result<bytes>> on_login_begin(const net::peer& from, bytes payload);
    task<result<bytes>> on_register(const net::peer& from, bytes payload);
    task<result<bytes>> on_login(const net::peer& from, bytes payload);
    task<result<bytes>> on_change_password(const net::peer& from, bytes payload);
    task<result<bytes>> on_lookup(const net::peer& from, bytes payload);
    task<void> on_bindings(const net::peer& from, bytes payload);

private:
    struct failures {
        int count = 0;
        instant last{}, blocked_until{};
    };
    struct nonce_entry {
        device_id device;
        instant until{};
    };
    result<void> within_rate(const device_id& device);
    std::string guesser(const std::string& name, const device_id& from) const;
    bool blocked(const std::string& guesser) const;
    void note_failure(const std::string& guesser);
    wire::kdf_parameters made_up_parameters(const std::string& name) const;
    bool take_nonce(const bytes& nonce, const device_id& from);
    task<result<void>> store(user_record user);
    task<result<bytes>> admit(const net::peer& from, user_record user);
    wire::user_entry entry_of(const user_record& user) const;

    const environment& env_;
    replica::database& db_;
    settings with_;
    ca_record ca_;
    crypto::signing_key ca_key_;
    std::map<std::string, user_record> users_;
    std::map<user_id, std::string> names_;
    std::map<bytes, token_record> tokens_;  // by SHA-256
    std::map<bytes, nonce_entry> nonces_;
    std::map<std::string, failures> failures_;
    std::map<device_id, std::pair<instant, int>> rate_;
};

/// What the password-derived key and the identity key sign: bound to this very session and device.
bytes login_message(std::string_view purpose, byte_view nonce, byte_view channel_binding,
                    std::string_view name, const device_id& device);
/// What both keys of a change of password sign.
bytes change_message(const wire::change_password& what, byte_view channel_binding,
                     const device_id& device);
inline constexpr std::string_view login_domain = "calbox login 1";
inline constexpr std::string_view card_domain = "calbox card 1";

}  // namespace calbox::node
