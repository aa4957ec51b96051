// Users signed in on this device. Their identity keys are kept wrapped by the device key, so that a
// restart needs no password; signing out erases them. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>

#include "crypto/identity.hpp"
#include "node/directory.hpp"
#include "node/services.hpp"

namespace calbox::node {

/// Record of kind account under the user's id.
struct account_record {
    std::string name;
    bytes wrapped;  // identity keys under a key derived from the device's
    device_number number;
    incarnation life;
    static constexpr auto fields = std::tuple(
        codec::field<1>(&account_record::name), codec::field<2>(&account_record::wrapped),
        codec::field<3>(&account_record::number), codec::field<4>(&account_record::life));
};

class account_service final : public accounts {
public:
    struct settings {
        std::uint64_t kdf_memory_bytes = 64ull << 20;
        std::uint32_t kdf_passes = 3;
    };
    account_service(const environment& env, replica::database& db,
                    const crypto::signing_key& device_key, registry_link& registry,
                    directory& known, settings with);

    task<result<void>> load();
    task<result<account_view>> sign_in(std::string name, std::string password,
                                       bool create) override;
    /// The user of an archive.
    struct returning {
        std::string name;
        crypto::identity keys;
        device_number devices;  // numbers up to it were given to devices of his
        /// Nothing, or why a network that does not know him cannot have him.
        std::optional<error> not_elsewhere;
        replica::batch with;           // is stored with the account, or not at all
        std::function<void()> stored;  // after that, and before anybody is told
    };
    /// Signs him in; registers him with the keys that he has where the network does not know him:
    /// then `registered`. Errors as of sign_in(); mismatch: the name is somebody else's.
    task<result<account_view>> come_back(returning who, std::string password, bool& registered);
    task<result<void>> change_password(user_id who, std::string old, std::string fresh) override;
    task<result<void>> sign_out(user_id who) override;
    std::vector<account_view> signed_in() const override;
    result<account_view> resolve(const std::string& name) const override;

    const crypto::identity* identity_of(const user_id& user) const noexcept;
    std::optional<author> author_of(const user_id& user) const;
    std::vector<author> authors() const;
    /// Tells the registry which users this device serves; tried again whenever the registry comes
    /// into reach.
    task<void> publish();

    /// Called after a user has signed in (true) or out (false).
    std::function<void(const account_view&, bool)> changed;

private:
    struct account {
        account_record record;
        crypto::identity keys;
        author binding;
    };
    task<void> wait_until_listed(std::string name);
    task<result<wire::signed_in>> prove(std::string name, std::string password, bool create,
                                        crypto::secret_bytes& opening_key);
    task<result<wire::signed_in>> log_in(std::string name, std::string password,
                                         crypto::secret_bytes& opening_key);
    task<result<wire::signed_in>> register_name(std::string name, std::string password,
                                                crypto::identity keys,
                                                std::optional<device_number> given,
                                                crypto::secret_bytes& opening_key);
    /// The keys that a password makes: one that proves it, and one that opens the sealed identity.
    struct password_keys {
        crypto::signing_key proves;
        crypto::secret_bytes opens;
    };
    task<result<password_keys>> derive_keys(std::string password, wire::kdf_parameters with);
    wire::kdf_parameters fresh_parameters() const;
    task<result<wire::login_challenge>> challenge_for(std::string name);
    task<result<crypto::secret_bytes>> derive_root(std::string password, wire::kdf_parameters with);
    task<result<account_view>> keep(wire::signed_in answer, returning who);
    crypto::secret_bytes wrapping_key() const;
    account make(account_record record, crypto::identity keys) const;
    static account_view view_of(const user_id& id, const account& one) {
        return {id, one.record.name, one.record.number};
    }

    const environment& env_;
    replica::database& db_;
    const crypto::signing_key& device_key_;
    registry_link& registry_;
    directory& directory_;
    settings with_;
    std::map<user_id, account> accounts_;
};

}  // namespace calbox::node
