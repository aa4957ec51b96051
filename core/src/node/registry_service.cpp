#include "node/registry_service.hpp"

#include <algorithm>

#include "crypto/certificates.hpp"
#include "crypto/identity.hpp"
#include "node/strategy_book.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

using replica::record_kind;
constexpr std::string_view ca_key_name = "ca";
constexpr duration nonce_time = std::chrono::minutes(2);
constexpr std::size_t table_max =
    10'000;  // nonces, failures, rates: strangers cannot grow them beyond
constexpr int requests_per_minute = 60;
constexpr duration failures_remembered = std::chrono::hours(1);
constexpr int free_failures = 5;
/// Higher than any registry gives, and leaves room for devices to come.
constexpr std::uint64_t devices_given_most = 1'000'000;
constexpr std::int64_t token_ms = std::int64_t{30} * 24 * 3600 * 1000;

bytes user_key(const std::string& name) { return to_bytes("user " + name); }
bytes token_key(const digest& hash) {
    bytes key = to_bytes("token ");
    key.insert(key.end(), hash.value.begin(), hash.value.end());
    return key;
}

tl::unexpected<error> wrong_password() {
    return fail(errc::unauthorised, "wrong name or password");
}

tl::unexpected<error> too_many_wrong() {
    return fail(errc::queue_full, "too many wrong passwords for this name: wait some minutes");
}

bool are_sound(const wire::kdf_parameters& kdf, const bytes& sealed_identity) {
    return kdf.salt.size() == 16 && kdf.memory_bytes >= wire::limits::kdf_memory_least &&
           kdf.memory_bytes <= wire::limits::kdf_memory_most &&
           kdf.passes <= wire::limits::kdf_passes_most && sealed_identity.size() <= 1024;
}

}  // namespace

bytes login_message(std::string_view purpose, byte_view nonce, byte_view channel_binding,
                    std::string_view name, const device_id& device) {
    cbor::writer out;
    out.array(5);
    out.text(purpose);
    out.byte_string(nonce);
    out.byte_string(channel_binding);
    out.text(name);
    out.byte_string(device.view());
    return out.take();
}

bytes change_message(const wire::change_password& what, byte_view channel_binding,
                     const device_id& device) {
    bytes all = login_message("password", what.nonce, channel_binding, what.name, device);
    all.insert(all.end(), what.auth_key.begin(), what.auth_key.end());
    all.insert(all.end(), what.sealed_identity.begin(), what.sealed_identity.end());
    return all;
}

registry_service::registry_service(const environment& env, replica::database& db, settings with)
    : env_(env), db_(db), with_(with) {}

network_id registry_service::network() const { return crypto::network_of_ca(ca_.certificate); }

task<result<bool>> registry_service::has_network() {
    const auto stored = co_await db_.get(record_kind::registry, to_bytes(ca_key_name));
    if (!stored) {
        co_return fail(stored.error());
    }
    co_return stored->has_value();
}

task<result<void>> registry_service::start() {
    const auto rows = co_await db_.scan(record_kind::registry);
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        const std::string_view name = as_text(key);
        if (name == ca_key_name) {
            auto read = codec::decode<ca_record>(value);
            if (!read) {
                co_return fail(std::move(read.error()));
            }
            ca_ = std::move(*read);
        } else if (name.starts_with("user ")) {
            auto read = codec::decode<user_record>(value);
            const auto card =
                read ? codec::decode<wire::user_card>(read->card) : fail(read.error());
            if (!card) {
                co_return fail(card.error());
            }
            names_[crypto::user_of(card->identity_key)] = read->name;
            users_.emplace(read->name, std::move(*read));
        } else if (name.starts_with("token ")) {
            if (const auto read = codec::decode<token_record>(value)) {
                tokens_[to_bytes(byte_view(key).subspan(6))] = *read;
            }
        }
    }
    if (ca_.seed.empty()) {
        const auto fresh = crypto::signing_key::generate(env_.entropy);
        auto certificate = crypto::make_ca_certificate(fresh, env_.time.wall(), env_.entropy);
        if (!certificate) {
            co_return fail(std::move(certificate.error()));
        }
        ca_.seed = to_bytes(fresh.seed.view());
        ca_.certificate = std::move(*certificate);
        ca_.fake_salt_key.resize(32);
        env_.entropy.fill(ca_.fake_salt_key);
        replica::batch writes;
        writes.put(record_kind::registry, to_bytes(ca_key_name), codec::encode(ca_));
        auto stored = co_await db_.apply(std::move(writes));
        if (!stored) {
            co_return stored;
        }
    }
    auto key = crypto::signing_key::from_seed(ca_.seed);
    if (!key) {
        co_return fail(std::move(key.error()));
    }
    ca_key_ = std::move(*key);
    co_return result<void>();
}

result<bytes> registry_service::certificate_for(byte_view device_key, std::uint32_t roles) {
    return crypto::make_device_certificate(ca_key_, ca_.certificate, device_key, roles,
                                           env_.time.wall(), env_.entropy);
}

wire::signed_strategy registry_service::sign(const wire::strategy_record& what) const {
    bytes record = codec::encode(what);
    bytes signature = ca_key_.sign(strategy_domain, record);
    return {std::move(record), std::move(signature)};
}

task<result<invitation>> registry_service::invite(std::uint32_t roles,
                                                  std::vector<std::string> addresses) {
    invitation what;
    what.addresses = std::move(addresses);
    what.network = network();
    what.token.resize(16);
    env_.entropy.fill(what.token);
    what.roles = roles;
    const digest hash = crypto::sha256(byte_view(what.token));
    const token_record record{roles, env_.time.wall()};
    replica::batch writes;
    writes.put(record_kind::registry, token_key(hash), codec::encode(record));
    auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    tokens_[to_bytes(hash.view())] = record;
    co_return what;
}

task<result<bytes>> registry_service::on_enroll(const net::peer& from, bytes payload) {
    if (auto allowed = within_rate(from.device); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto ask = codec::decode<wire::enroll>(payload);
    if (!ask) {
        co_return fail(ask.error());
    }
    const auto token = tokens_.find(to_bytes(crypto::sha256(byte_view(ask->token)).view()));
    const bool fresh =
        token != tokens_.end() && env_.time.wall().ms - token->second.made.ms < token_ms;
    std::uint32_t allowed = fresh ? token->second.roles : 0;
    if (with_.enrolment_open) {
        allowed |= wire::role::edge;
    }
    if (from.member) {
        allowed |= from.roles;  // a renewal
    }
    if ((ask->roles & ~allowed) != 0) {
        co_return fail(errc::forbidden,
                       "this network admits the device in that role only with an invitation");
    }
    auto certificate = certificate_for(from.device_key, ask->roles);
    if (!certificate) {
        co_return fail(std::move(certificate.error()));
    }
    co_return codec::encode(wire::enrolled{std::move(*certificate), ca_.certificate});
}

result<void> registry_service::within_rate(const device_id& device) {
    if (rate_.size() > table_max) {
        rate_.clear();
    }
    auto& [since, count] = rate_[device];
    if (env_.time.now() - since > std::chrono::minutes(1)) {
        since = env_.time.now();
        count = 0;
    }
    if (++count > requests_per_minute) {
        return fail(errc::queue_full, "too many requests to the registry: wait a minute");
    }
    return {};
}

/// For whom a wrong password counts: a device of his own stands for itself, so that strangers who
/// guess elsewhere do not keep him from his account there.
std::string registry_service::guesser(const std::string& name, const device_id& from) const {
    const auto known = users_.find(name);
    const bool his = known != users_.end() &&
                     std::ranges::count(known->second.devices, from, &device_slot::device) > 0;
    return his ? name + " " + from.hex() : name;
}

bool registry_service::blocked(const std::string& guesser) const {
    const auto found = failures_.find(guesser);
    return found != failures_.end() && env_.time.now() < found->second.blocked_until;
}

void registry_service::note_failure(const std::string& guesser) {
    if (failures_.size() > table_max) {
        failures_.clear();
    }
    failures& seen = failures_[guesser];
    if (env_.time.now() - std::exchange(seen.last, env_.time.now()) > failures_remembered) {
        seen.count = 0;
    }
    if (++seen.count >= free_failures) {
        const int doublings = std::min(seen.count - free_failures, 8);
        const duration pause =
            std::min<duration>(std::chrono::seconds(4 << doublings), std::chrono::minutes(15));
        seen.blocked_until = env_.time.now() + pause;
    }
}

wire::kdf_parameters registry_service::made_up_parameters(const std::string& name) const {
    const digest salt = crypto::sha256({ca_.fake_salt_key, as_bytes(name)});
    return {to_bytes(salt.view().first(16)), with_.kdf_memory_bytes, with_.kdf_passes};
}

task<result<bytes>> registry_service::on_login_begin(const net::peer& from, bytes payload) {
    if (auto allowed = within_rate(from.device); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto ask = codec::decode<wire::login_begin>(payload);
    if (!ask || !is_user_name(ask->name)) {
        co_return fail(errc::invalid_argument, "not a user name");
    }
    const auto known = users_.find(ask->name);
    wire::login_challenge answer;
    answer.kdf = known != users_.end() ? known->second.kdf : made_up_parameters(ask->name);
    answer.nonce.resize(32);
    env_.entropy.fill(answer.nonce);
    const instant now = env_.time.now();
    std::erase_if(nonces_, [&](const auto& entry) { return entry.second.until < now; });
    if (nonces_.size() >= table_max) {
        co_return fail(errc::queue_full, "too many people sign in at this moment: try again");
    }
    nonces_[answer.nonce] = {from.device, now + nonce_time};
    co_return codec::encode(answer);
}

/// Whoever comes meanwhile builds on it; what the disk refuses is taken back.
task<result<void>> registry_service::store(user_record user) {
    const std::string name = user.name;
    const bytes text = codec::encode(user);
    const auto known = users_.find(name);
    std::optional<user_record> before;
    if (known != users_.end()) {
        before = std::exchange(known->second, std::move(user));
    } else {
        users_.emplace(name, std::move(user));
    }
    replica::batch writes;
    writes.put(record_kind::registry, user_key(name), text);
    auto stored = co_await db_.apply(std::move(writes));
    const auto now = users_.find(name);
    if (!stored && now != users_.end() && codec::encode(now->second) == text) {
        if (before) {
            now->second = std::move(*before);
        } else {
            users_.erase(now);
        }
    }
    co_return stored;
}

wire::user_entry registry_service::entry_of(const user_record& user) const {
    wire::user_entry entry{user.card, user.card_signature, {}};
    for (const device_slot& slot : user.devices) {
        if (slot.binding) {
            entry.devices.push_back(*slot.binding);
        }
    }
    return entry;
}

/// Gives the device its number (the same one each time) and hands over the sealed identity.
task<result<bytes>> registry_service::admit(const net::peer& from, user_record user) {
    const auto slot = std::ranges::find(user.devices, from.device, &device_slot::device);
    wire::signed_in answer;
    if (slot != user.devices.end()) {
        answer.number = slot->number;
        answer.life = slot->life;
    } else {
        std::uint64_t last = user.given ? user.given->value : 0;
        for (const device_slot& one : user.devices) {
            last = std::max(last, one.number.value);
        }
        if (user.devices.size() >= 1000) {
            co_return fail(errc::too_large, "this user has as many devices as a user may have");
        }
        answer.number = device_number(last + 1);
        answer.life = incarnation(1);
        user.devices.push_back({from.device, answer.number, answer.life, std::nullopt});
    }
    answer.sealed_identity = user.sealed_identity;
    answer.entry = entry_of(user);
    auto stored = co_await store(std::move(user));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    co_return codec::encode(answer);
}

task<result<bytes>> registry_service::on_register(const net::peer& from, bytes payload) {
    if (auto allowed = within_rate(from.device); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto ask = codec::decode<wire::register_user>(payload);
    if (!ask || !is_user_name(ask->name)) {
        co_return fail(errc::invalid_argument,
                       "not a user name: 2 to 32 small letters, digits, '.', '_', '-', beginning "
                       "with a letter or digit");
    }
    const bytes message =
        login_message("register", {}, from.channel_binding, ask->name, from.device);
    const bool proved =
        crypto::verify(ask->auth_key, login_domain, message, ask->auth_proof) &&
        crypto::verify(ask->identity_key, login_domain, message, ask->identity_proof);
    if (!proved || ask->box_key.size() != 32 || !are_sound(ask->kdf, ask->sealed_identity) ||
        (ask->devices && ask->devices->value > devices_given_most)) {
        co_return fail(errc::malformed, "a registration that does not hold together");
    }
    const user_id id = crypto::user_of(ask->identity_key);
    if (users_.contains(ask->name) || !names_.emplace(id, ask->name).second) {
        co_return fail(errc::already_exists,
                       "the name \"" + ask->name +
                           "\" is taken: choose another name, or try again with its password");
    }
    user_record user;
    user.name = ask->name;
    user.kdf = ask->kdf;
    user.auth_key = ask->auth_key;
    user.sealed_identity = ask->sealed_identity;
    user.given = ask->devices;
    user.card = codec::encode(
        wire::user_card{ask->name, ask->identity_key, ask->box_key, env_.time.wall()});
    user.card_signature = ca_key_.sign(card_domain, user.card);
    auto answer = co_await admit(from, std::move(user));
    if (!answer) {
        names_.erase(id);
    }
    co_return answer;
}

/// Was it given to this device, and not used yet? Single use, right or wrong.
bool registry_service::take_nonce(const bytes& nonce, const device_id& from) {
    const auto found = nonces_.find(nonce);
    if (found == nonces_.end()) {
        return false;
    }
    const bool good = found->second.device == from && env_.time.now() <= found->second.until;
    nonces_.erase(found);
    return good;
}

task<result<bytes>> registry_service::on_change_password(const net::peer& from, bytes payload) {
    if (auto allowed = within_rate(from.device); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto ask = codec::decode<wire::change_password>(payload);
    if (!ask || !is_user_name(ask->name)) {
        co_return wrong_password();
    }
    const bool ours = take_nonce(ask->nonce, from.device);
    if (blocked(guesser(ask->name, from.device))) {
        co_return too_many_wrong();
    }
    const bytes message = change_message(*ask, from.channel_binding, from.device);
    const auto known = users_.find(ask->name);
    if (!ours || known == users_.end() ||
        !crypto::verify(known->second.auth_key, login_domain, message, ask->proof)) {
        note_failure(guesser(ask->name, from.device));
        co_return wrong_password();
    }
    failures_.erase(guesser(ask->name, from.device));
    if (!are_sound(ask->kdf, ask->sealed_identity) ||
        !crypto::verify(ask->auth_key, login_domain, message, ask->auth_proof)) {
        co_return fail(errc::malformed, "a change of password that does not hold together");
    }
    user_record user = known->second;
    user.kdf = ask->kdf;
    user.auth_key = ask->auth_key;
    user.sealed_identity = ask->sealed_identity;
    auto stored = co_await store(std::move(user));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    co_return codec::encode(wire::nothing{});
}

task<result<bytes>> registry_service::on_login(const net::peer& from, bytes payload) {
    if (auto allowed = within_rate(from.device); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto ask = codec::decode<wire::login>(payload);
    if (!ask || !is_user_name(ask->name)) {
        co_return wrong_password();
    }
    const bool ours = take_nonce(ask->nonce, from.device);
    if (blocked(guesser(ask->name, from.device))) {
        co_return too_many_wrong();
    }
    const auto known = users_.find(ask->name);
    // An unknown name costs the same verification as a known one.
    const bytes no_key(32, 9);
    const byte_view key =
        known != users_.end() ? byte_view(known->second.auth_key) : byte_view(no_key);
    const bytes message =
        login_message("login", ask->nonce, from.channel_binding, ask->name, from.device);
    const bool proved = crypto::verify(key, login_domain, message, ask->proof);
    if (!ours || known == users_.end() || !proved) {
        note_failure(guesser(ask->name, from.device));
        co_return wrong_password();
    }
    failures_.erase(guesser(ask->name, from.device));
    co_return co_await admit(from, known->second);
}

task<result<bytes>> registry_service::on_lookup(const net::peer&, bytes payload) {
    const auto ask = codec::decode<wire::lookup>(payload);
    if (!ask) {
        co_return fail(ask.error());
    }
    wire::lookup_reply answer;
    const std::size_t most = std::clamp<std::size_t>(ask->most, 1, 200);
    const auto add = [&](const std::string& name) {
        const auto found = users_.find(name);
        if (found != users_.end() && answer.users.size() < most) {
            answer.users.push_back(entry_of(found->second));
        }
    };
    if (ask->ids.empty() && ask->names.empty()) {
        for (auto at = users_.upper_bound(ask->after); at != users_.end(); ++at) {
            if (answer.users.size() == most) {
                answer.more = true;
                break;
            }
            add(at->first);
        }
    }
    std::ranges::for_each(ask->names, add);
    for (const user_id& id : ask->ids) {
        if (const auto name = names_.find(id); name != names_.end()) {
            add(name->second);
        }
    }
    co_return codec::encode(answer);
}

task<void> registry_service::on_bindings(const net::peer& from, bytes) {
    // The session has verified them: each is signed by its user for this very device.
    const std::vector<author> bindings = from.users;
    const device_id device = from.device;
    for (const author& one : bindings) {
        const auto name = names_.find(crypto::user_of(one.identity_key));
        if (name == names_.end()) {
            continue;
        }
        user_record user = users_.at(name->second);
        const auto slot = std::ranges::find(user.devices, device, &device_slot::device);
        if (slot == user.devices.end() || slot->number != one.number || slot->life != one.life ||
            slot->binding == one) {
            continue;
        }
        slot->binding = one;
        const auto stored = co_await store(std::move(user));
        if (!stored) {
            env_.log.write(log_level::error, "registry",
                           "cannot store a device: " + stored.error().message());
        }
    }
}

}  // namespace calbox::node
