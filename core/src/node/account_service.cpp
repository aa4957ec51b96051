#include "node/account_service.hpp"

#include <algorithm>

#include "crypto/passwords.hpp"
#include "node/registry_service.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {
constexpr duration listing_time = std::chrono::seconds(5);
constexpr duration listing_pause = std::chrono::milliseconds(20);
constexpr std::string_view auth_purpose = "auth";
constexpr std::string_view opening_purpose = "enc";

tl::unexpected<error> too_many_here() {
    return fail(errc::too_large, "64 people are signed in on this device, and that is the most");
}

error told(error why) {
    return why.code == errc::unavailable
               ? error(errc::unavailable, "the registry cannot be reached: " + why.message())
               : why;
}

}  // namespace

account_service::account_service(const environment& env, replica::database& db,
                                 const crypto::signing_key& device_key, registry_link& registry,
                                 directory& known, settings with)
    : env_(env),
      db_(db),
      device_key_(device_key),
      registry_(registry),
      directory_(known),
      with_(with) {}

crypto::secret_bytes account_service::wrapping_key() const {
    return crypto::derive(device_key_.seed.view(), "calbox account 1");
}

account_service::account account_service::make(account_record record, crypto::identity keys) const {
    author binding = crypto::make_author(keys, device_key_.public_key, record.number, record.life);
    return {std::move(record), std::move(keys), std::move(binding)};
}

task<result<void>> account_service::load() {
    const auto rows = co_await db_.scan(replica::record_kind::account);
    if (!rows) {
        co_return fail(rows.error());
    }
    const auto key = wrapping_key();
    for (const auto& [id, value] : *rows) {
        auto record = codec::decode<account_record>(value);
        auto keys = record ? crypto::open_identity(record->wrapped, key.view(), record->name)
                           : fail(record.error());
        if (!keys) {
            co_return fail(errc::malformed,
                           "a signed-in user's record in the store cannot be opened");
        }
        const user_id user = keys->id();
        accounts_.emplace(user, make(std::move(*record), std::move(*keys)));
    }
    co_return result<void>();
}

task<result<crypto::secret_bytes>> account_service::derive_root(std::string password,
                                                                wire::kdf_parameters with) {
    auto job = [password = std::move(password), with = std::move(with)] {
        return crypto::derive_from_password(password, with.salt, with.memory_bytes, with.passes);
    };
    co_return co_await offload(env_, env_.compute, std::move(job));
}

task<result<account_service::password_keys>> account_service::derive_keys(
    std::string password, wire::kdf_parameters with) {
    const auto root = co_await derive_root(std::move(password), std::move(with));
    if (!root) {
        co_return fail(root.error());
    }
    auto proves = crypto::signing_key::from_seed(crypto::derive(root->view(), auth_purpose).view());
    co_return password_keys{std::move(*proves), crypto::derive(root->view(), opening_purpose)};
}

wire::kdf_parameters account_service::fresh_parameters() const {
    wire::kdf_parameters made{bytes(16), with_.kdf_memory_bytes, with_.kdf_passes};
    env_.entropy.fill(made.salt);
    return made;
}

task<result<wire::login_challenge>> account_service::challenge_for(std::string name) {
    const auto begun = co_await registry_.ask(wire::message_type::login_begin,
                                              codec::encode(wire::login_begin{std::move(name)}));
    if (!begun) {
        co_return fail(begun.error());
    }
    auto challenge = codec::decode<wire::login_challenge>(*begun);
    // A registry that could choose would have the proof of a key that it guesses at no cost.
    if (challenge && challenge->kdf.memory_bytes < wire::limits::kdf_memory_least) {
        co_return fail(errc::mismatch,
                       "the registry asks for a cheaper derivation of the password than is safe");
    }
    if (challenge && (challenge->kdf.memory_bytes > wire::limits::kdf_memory_most ||
                      challenge->kdf.passes > wire::limits::kdf_passes_most)) {
        co_return fail(errc::mismatch,
                       "the derivation of this password costs more than any that is made here");
    }
    co_return challenge;
}

task<result<wire::signed_in>> account_service::log_in(std::string name, std::string password,
                                                      crypto::secret_bytes& opening_key) {
    const auto challenge = co_await challenge_for(name);
    if (!challenge) {
        co_return fail(challenge.error());
    }
    auto keys = co_await derive_keys(std::move(password), challenge->kdf);
    if (!keys) {
        co_return fail(std::move(keys.error()));
    }
    opening_key = std::move(keys->opens);
    const auto binding = co_await registry_.connect();
    if (!binding) {
        co_return fail(binding.error());
    }
    const device_id self = crypto::device_of(device_key_.public_key);
    const bytes message = login_message("login", challenge->nonce, *binding, name, self);
    wire::login proof{name, challenge->nonce, keys->proves.sign(login_domain, message)};
    const auto answer = co_await registry_.ask(wire::message_type::login, codec::encode(proof));
    if (!answer) {
        co_return fail(answer.error());
    }
    co_return codec::decode<wire::signed_in>(*answer);
}

task<result<wire::signed_in>> account_service::register_name(std::string name, std::string password,
                                                             crypto::identity keys,
                                                             std::optional<device_number> given,
                                                             crypto::secret_bytes& opening_key) {
    wire::register_user ask;
    ask.name = name;
    ask.devices = given;
    ask.kdf = fresh_parameters();
    auto made = co_await derive_keys(std::move(password), ask.kdf);
    if (!made) {
        co_return fail(std::move(made.error()));
    }
    opening_key = std::move(made->opens);
    ask.auth_key = made->proves.public_key;
    ask.identity_key = keys.sign.public_key;
    ask.box_key = keys.box.public_key;
    ask.sealed_identity = crypto::seal_identity(keys, opening_key.view(), name, env_.entropy);
    const auto binding = co_await registry_.connect();
    if (!binding) {
        co_return fail(binding.error());
    }
    const bytes message =
        login_message("register", {}, *binding, name, crypto::device_of(device_key_.public_key));
    ask.auth_proof = made->proves.sign(login_domain, message);
    ask.identity_proof = keys.sign.sign(login_domain, message);
    const auto answer =
        co_await registry_.ask(wire::message_type::register_user, codec::encode(ask));
    if (!answer) {
        co_return fail(answer.error());
    }
    co_return codec::decode<wire::signed_in>(*answer);
}

task<result<void>> account_service::change_password(user_id who, std::string old,
                                                    std::string fresh) {
    const auto found = accounts_.find(who);
    if (found == accounts_.end()) {
        co_return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const std::string name = found->second.record.name;
    const crypto::identity identity = found->second.keys.clone();
    auto old_normal = crypto::normal_password(old);
    auto new_normal = crypto::normal_password(fresh);
    if (!old_normal || !new_normal) {
        co_return fail(old_normal ? new_normal.error() : old_normal.error());
    }
    if (auto strong = crypto::hard_to_guess(*new_normal, name); !strong) {
        co_return strong;
    }
    const auto challenge = co_await challenge_for(name);
    if (!challenge) {
        co_return fail(told(challenge.error()));
    }
    wire::change_password ask;
    ask.name = name;
    ask.nonce = challenge->nonce;
    ask.kdf = fresh_parameters();
    const auto before = co_await derive_keys(std::move(*old_normal), challenge->kdf);
    const auto after = co_await derive_keys(std::move(*new_normal), ask.kdf);
    if (!before || !after) {
        co_return fail(before ? after.error() : before.error());
    }
    ask.auth_key = after->proves.public_key;
    ask.sealed_identity = crypto::seal_identity(identity, after->opens.view(), name, env_.entropy);
    const auto binding = co_await registry_.connect();
    if (!binding) {
        co_return fail(told(binding.error()));
    }
    const bytes message = change_message(ask, *binding, crypto::device_of(device_key_.public_key));
    ask.proof = before->proves.sign(login_domain, message);
    ask.auth_proof = after->proves.sign(login_domain, message);
    const auto answer =
        co_await registry_.ask(wire::message_type::change_password, codec::encode(ask));
    if (!answer && answer.error().code == errc::unauthorised) {
        co_return fail(errc::unauthorised, "that is not your password until now");
    }
    if (!answer) {
        co_return fail(told(answer.error()));
    }
    co_return result<void>();
}

task<result<wire::signed_in>> account_service::prove(std::string name, std::string password,
                                                     bool create,
                                                     crypto::secret_bytes& opening_key) {
    if (create) {
        auto keys = crypto::identity::generate(env_.entropy);
        co_return co_await register_name(std::move(name), std::move(password), std::move(keys),
                                         std::nullopt, opening_key);
    }
    co_return co_await log_in(std::move(name), std::move(password), opening_key);
}

task<result<account_view>> account_service::sign_in(std::string name, std::string password,
                                                    bool create) {
    if (!is_user_name(name)) {
        co_return fail(errc::invalid_argument,
                       "not a user name: 2 to 32 small letters, digits, '.', '_', '-', beginning "
                       "with a letter or digit");
    }
    auto normal = crypto::normal_password(password);
    if (!normal) {
        co_return fail(std::move(normal.error()));
    }
    const bool is_here = std::ranges::any_of(
        accounts_, [&](const auto& one) { return one.second.record.name == name; });
    if (!is_here && accounts_.size() >= wire::limits::users_per_device) {
        co_return too_many_here();
    }
    if (create) {
        if (auto strong = crypto::hard_to_guess(*normal, name); !strong) {
            co_return fail(std::move(strong.error()));
        }
    }
    crypto::secret_bytes opening_key;
    auto answer = co_await prove(name, std::move(*normal), create, opening_key);
    if (!answer) {
        co_return fail(told(std::move(answer.error())));
    }
    auto opened = crypto::open_identity(answer->sealed_identity, opening_key.view(), name);
    if (!opened) {
        co_return fail(errc::mismatch, "the registry's copy of this user's keys does not open");
    }
    co_return co_await keep(std::move(*answer),
                            {std::move(name), std::move(*opened), {}, {}, {}, {}});
}

task<result<account_view>> account_service::come_back(returning who, std::string password,
                                                      bool& registered) {
    auto normal = crypto::normal_password(password);
    if (!normal) {
        co_return fail(std::move(normal.error()));
    }
    crypto::secret_bytes opening_key;
    auto answer = co_await log_in(who.name, *normal, opening_key);
    registered = false;
    if (!answer && answer.error().code == errc::unauthorised) {
        if (who.not_elsewhere) {
            co_return fail(std::move(*who.not_elsewhere));
        }
        if (auto strong = crypto::hard_to_guess(*normal, who.name); !strong) {
            co_return fail(std::move(strong.error()));
        }
        registered = true;
        auto made = co_await register_name(who.name, std::move(*normal), who.keys.clone(),
                                           who.devices, opening_key);
        answer = std::move(made);
    }
    if (!answer && answer.error().code == errc::already_exists) {
        co_return fail(errc::unauthorised, "the name " + who.name +
                                               " is taken in this network, and this is not its "
                                               "password there");
    }
    if (!answer) {
        co_return fail(told(std::move(answer.error())));
    }
    const auto keys = crypto::open_identity(answer->sealed_identity, opening_key.view(), who.name);
    if (!keys || keys->id() != who.keys.id()) {
        co_return fail(errc::mismatch, "the name " + who.name +
                                           " is somebody else's in this network: the archive's "
                                           "account has other keys");
    }
    if (registered && answer->number <= who.devices) {
        co_return fail(errc::unsupported,
                       "the registry is of an older version, and would give event numbers again");
    }
    co_return co_await keep(std::move(*answer), std::move(who));
}

task<result<account_view>> account_service::keep(wire::signed_in answer, returning who) {
    const auto known = co_await directory_.take(std::move(answer.entry));
    if (!known || known->id != who.keys.id()) {
        co_return fail(errc::mismatch, "the registry's card of this user does not fit his keys");
    }
    account_record record;
    record.name = who.name;
    record.wrapped = crypto::seal_identity(who.keys, wrapping_key().view(), who.name, env_.entropy);
    record.number = answer.number;
    record.life = answer.life;
    const user_id id = known->id;
    const auto here = accounts_.find(id);
    const bool anew = here != accounts_.end() && here->second.record.number == answer.number &&
                      here->second.record.life == answer.life && !who.stored;
    if (anew) {  // in another browser: nothing has changed for anybody
        co_return view_of(id, here->second);
    }
    if (here == accounts_.end() && accounts_.size() >= wire::limits::users_per_device) {
        co_return too_many_here();
    }
    replica::batch writes = std::move(who.with);
    writes.put(replica::record_kind::account, to_bytes(id.view()), codec::encode(record));
    auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    if (who.stored) {
        who.stored();
    }
    accounts_.erase(id);
    accounts_.emplace(id, make(std::move(record), std::move(who.keys)));
    const account_view view = view_of(id, accounts_.at(id));
    directory_.learn(accounts_.at(id).binding);
    if (changed) {
        changed(view, true);
    }
    co_await publish();
    co_await wait_until_listed(view.name);
    co_return view;
}

/// The registry takes the news of a device without an answer. Whoever hears that this user has
/// signed in may invite him at once, and asks there for his devices: this one must be among them by
/// then.
task<void> account_service::wait_until_listed(std::string name) {
    const instant until = env_.time.now() + listing_time;
    while (env_.time.now() < until) {
        wire::lookup ask;
        ask.names = {name};
        const auto answer = co_await registry_.ask(wire::message_type::lookup, codec::encode(ask));
        const auto found =
            answer ? codec::decode<wire::lookup_reply>(*answer) : fail(answer.error());
        for (const wire::user_entry& entry :
             found ? found->users : std::vector<wire::user_entry>()) {
            if (std::ranges::count(entry.devices, device_key_.public_key, &author::device_key) >
                0) {
                co_return;
            }
        }
        co_await sleep_for(env_, listing_pause);
    }
    env_.log.write(log_level::warn, "accounts", "the registry does not list this device yet");
}

task<void> account_service::publish() {
    if (accounts_.empty()) {
        co_return;
    }
    const auto told = co_await registry_.tell(wire::message_type::bindings,
                                              codec::encode(wire::bindings{authors()}));
    if (!told) {
        env_.log.write(log_level::debug, "accounts",
                       "the registry was not told: " + told.error().message());
    }
}

task<result<void>> account_service::sign_out(user_id who) {
    const auto found = accounts_.find(who);
    if (found == accounts_.end()) {
        co_return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const account_view view = view_of(who, found->second);
    replica::batch writes;
    writes.erase(replica::record_kind::account, to_bytes(who.view()));
    auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        co_return stored;
    }
    const bool was_here = accounts_.erase(who) != 0;  // nobody else signed him out meanwhile
    if (was_here && changed) {
        changed(view, false);
    }
    co_return result<void>();
}

std::vector<account_view> account_service::signed_in() const {
    std::vector<account_view> views;
    for (const auto& [id, one] : accounts_) {
        views.push_back(view_of(id, one));
    }
    std::ranges::sort(views, {}, &account_view::name);
    return views;
}

result<account_view> account_service::resolve(const std::string& name) const {
    if (accounts_.empty()) {
        return fail(errc::unauthorised, "nobody is signed in on this device: calboxctl login");
    }
    if (name.empty() && accounts_.size() > 1) {
        return fail(errc::unauthorised,
                    "several users are signed in on this device: say which with --as NAME");
    }
    for (const auto& [id, one] : accounts_) {
        if (name.empty() || one.record.name == name) {
            return view_of(id, one);
        }
    }
    return fail(errc::unauthorised,
                name + " is not signed in on this device: calboxctl login " + name);
}

const crypto::identity* account_service::identity_of(const user_id& user) const noexcept {
    const auto found = accounts_.find(user);
    return found == accounts_.end() ? nullptr : &found->second.keys;
}

std::optional<author> account_service::author_of(const user_id& user) const {
    const auto found = accounts_.find(user);
    return found == accounts_.end() ? std::nullopt : std::optional(found->second.binding);
}

std::vector<author> account_service::authors() const {
    std::vector<author> all;
    for (const auto& [id, one] : accounts_) {
        all.push_back(one.binding);
    }
    return all;
}

}  // namespace calbox::node
