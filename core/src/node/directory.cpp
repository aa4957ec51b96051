#include "node/directory.hpp"

#include <algorithm>

#include "crypto/certificates.hpp"
#include "crypto/identity.hpp"
#include "node/registry_service.hpp"

namespace calbox::node {

registry_link::~registry_link() = default;

namespace {
constexpr duration fresh_time = std::chrono::minutes(10);
constexpr duration meet_again = std::chrono::seconds(30);
constexpr std::size_t sought_most = 10'000, sought_at_once = 100;
}  // namespace

directory::directory(const environment& env, replica::database& db, registry_link& registry)
    : env_(env), db_(db), registry_(registry), tasks_(env, "directory") {}

void directory::set_ca(byte_view ca_certificate) {
    ca_key_ = crypto::certificate_key(ca_certificate);
}

task<result<void>> directory::load() {
    const auto rows = co_await db_.scan(replica::record_kind::directory);
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        auto raw = codec::decode<wire::user_entry>(value);
        auto card = raw ? codec::decode<wire::user_card>(raw->card) : fail(raw.error());
        if (!card) {
            co_return fail(errc::malformed, "the store holds a user's card that cannot be read");
        }
        const user_id id = crypto::user_of(card->identity_key);
        names_[card->name] = id;
        user_info info{std::move(*card), id, raw->devices};
        users_[id] = {std::move(*raw), std::move(info), std::nullopt};
    }
    co_return result<void>();
}

const user_info* directory::known(const user_id& id) const noexcept {
    const auto found = users_.find(id);
    return found == users_.end() ? nullptr : &found->second.info;
}

const user_info* directory::known_name(const std::string& name) const noexcept {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : known(found->second);
}

std::vector<user_id> directory::users_of(const std::vector<device_id>& devices) const {
    std::vector<user_id> found;
    for (const auto& [id, one] : users_) {
        const bool his = std::ranges::any_of(one.info.devices, [&](const author& certified) {
            return std::ranges::binary_search(devices, crypto::device_of(certified.device_key));
        });
        if (his) {
            found.push_back(id);
        }
    }
    return found;
}

const wire::user_entry* directory::entry_of(const user_id& id) const noexcept {
    const auto found = users_.find(id);
    return found == users_.end() ? nullptr : &found->second.raw;
}

task<void> directory::store(user_id id) {
    replica::batch writes;
    writes.put(replica::record_kind::directory, to_bytes(id.view()),
               codec::encode(users_.at(id).raw));
    const auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        env_.log.write(log_level::warn, "directory",
                       "cannot store a card: " + stored.error().message());
    }
}

task<result<user_info>> directory::take(wire::user_entry raw) {
    auto card = codec::decode<wire::user_card>(raw.card);
    if (!card || card->identity_key.size() != 32 || card->box_key.size() != 32 ||
        !is_user_name(card->name)) {
        co_return fail(errc::malformed, "a user's card that cannot be read");
    }
    if (!crypto::verify(ca_key_, card_domain, raw.card, raw.card_signature)) {
        co_return fail(errc::mismatch, "a user's card that the registry did not sign");
    }
    const user_id id = crypto::user_of(card->identity_key);
    auto pinned = names_.find(card->name);
    if (pinned != names_.end() && pinned->second != id &&
        users_.at(pinned->second).raw.card_signature.empty()) {
        co_await forget(pinned->second);
        pinned = names_.find(card->name);
    }
    if (pinned != names_.end() && pinned->second != id) {
        env_.log.write(log_level::warn, "directory",
                       "the registry names another identity key for " + card->name + ": refused");
        co_return fail(errc::mismatch,
                       "the identity key of " + card->name + " is not the one known here");
    }
    std::erase_if(raw.devices, [&](const author& device) {
        return device.identity_key != card->identity_key || !crypto::verify_author(device);
    });
    // Devices that were learned from sessions and not yet from the registry are kept.
    if (const user_info* const before = known(id)) {
        for (const author& device : before->devices) {
            if (std::ranges::count(raw.devices, device.device_key, &author::device_key) == 0) {
                raw.devices.push_back(device);
            }
        }
    }
    names_[card->name] = id;
    user_info info{std::move(*card), id, raw.devices};
    const bool is_new = !users_.contains(id);
    const bool changed =
        is_new || users_[id].raw.devices != raw.devices || users_[id].raw.card_signature.empty();
    users_[id] = {std::move(raw), info, env_.time.now()};
    if (is_new && met) {
        met(id);
    }
    if (changed) {
        co_await store(id);
    }
    co_return info;
}

task<void> directory::remember(wire::user_entry raw) {
    const auto card = codec::decode<wire::user_card>(raw.card);
    if (!card || card->identity_key.size() != 32 || card->box_key.size() != 32 ||
        !is_user_name(card->name)) {
        co_return;
    }
    const user_id id = crypto::user_of(card->identity_key);
    if (known(id) != nullptr || known_name(card->name) != nullptr) {
        co_return;
    }
    if (crypto::verify(ca_key_, card_domain, raw.card, raw.card_signature)) {
        (void)co_await take(std::move(raw));
        co_return;
    }
    raw.card_signature.clear();
    raw.devices.clear();
    names_[card->name] = id;
    users_[id] = {std::move(raw), {*card, id, {}}, std::nullopt};
    co_await store(id);
}

/// Whom only an archive names.
task<void> directory::forget(user_id id) {
    names_.erase(users_.at(id).info.card.name);
    users_.erase(id);
    replica::batch writes;
    writes.erase(replica::record_kind::directory, to_bytes(id.view()));
    const auto erased = co_await db_.apply(std::move(writes));
    if (!erased) {
        env_.log.write(log_level::warn, "directory",
                       "cannot forget a card: " + erased.error().message());
    }
}

task<result<std::vector<wire::user_entry>>> directory::ask(wire::lookup what, bool& more) {
    const auto answer = co_await registry_.ask(wire::message_type::lookup, codec::encode(what));
    if (!answer) {
        co_return fail(answer.error());
    }
    auto found = codec::decode<wire::lookup_reply>(*answer);
    if (!found) {
        co_return fail(std::move(found.error()));
    }
    more = found->more;
    co_return std::move(found->users);
}

task<result<user_info>> directory::ask_for_one(wire::lookup what) {
    bool more = false;
    auto found = co_await ask(std::move(what), more);
    if (!found) {
        if (found.error().code == errc::unavailable) {
            co_return fail(errc::unavailable,
                           "the registry cannot be reached, and this user is not known here yet");
        }
        co_return fail(std::move(found.error()));
    }
    if (found->empty()) {
        co_return fail(errc::not_found, "there is no such user");
    }
    co_return co_await take(std::move(found->front()));
}

task<result<user_info>> directory::by_name(std::string name) {
    if (const user_info* const here = known_name(name)) {
        user_info copy = *here;
        refresh({copy.id});
        co_return copy;
    }
    wire::lookup what;
    what.names.push_back(std::move(name));
    co_return co_await ask_for_one(std::move(what));
}

task<result<user_info>> directory::by_id(user_id id) {
    if (const user_info* const here = known(id)) {
        co_return *here;
    }
    wire::lookup what;
    what.ids.push_back(id);
    co_return co_await ask_for_one(std::move(what));
}

task<result<std::vector<user_info>>> directory::all() {
    wire::lookup page;
    bool more = true;
    while (more) {
        auto found = co_await ask(page, more);
        if (!found || found->empty()) {
            break;
        }
        for (wire::user_entry& entry : *found) {
            const auto taken = co_await take(std::move(entry));
            if (taken) {
                page.after = std::max(page.after, taken->card.name);
            }
        }
    }
    std::vector<user_info> everyone;
    for (const auto& [name, id] : names_) {
        everyone.push_back(users_.at(id).info);
    }
    co_return everyone;
}

void directory::learn(const author& seen) {
    const auto found = users_.find(crypto::user_of(seen.identity_key));
    if (found == users_.end() ||
        std::ranges::count(found->second.info.devices, seen.device_key, &author::device_key) > 0) {
        return;
    }
    found->second.raw.devices.push_back(seen);
    found->second.info.devices.push_back(seen);
    tasks_.spawn("store", store(found->first));
}

void directory::refresh(const std::vector<user_id>& users) {
    std::vector<user_id> old;
    for (const user_id& id : users) {
        const auto found = users_.find(id);
        if (found != users_.end() &&
            (!found->second.asked || env_.time.now() - *found->second.asked > fresh_time)) {
            found->second.asked = env_.time.now();
            old.push_back(id);
        }
    }
    if (!old.empty()) {
        tasks_.spawn("refresh", refresh_now(std::move(old)));
    }
}

task<void> directory::meet(std::vector<user_id> strangers) {
    std::erase_if(strangers, [this](const user_id& id) { return known(id) != nullptr; });
    if (strangers.empty() || (not_met_ && env_.time.now() - *not_met_ < meet_again)) {
        co_return;
    }
    const bool answered = co_await ask_for_strangers(std::move(strangers));
    if (!answered) {
        not_met_ = env_.time.now();
    }
}

/// False when the registry cannot be asked.
task<bool> directory::ask_for_strangers(std::vector<user_id> strangers) {
    bool more = false;
    wire::lookup what;
    what.ids = std::move(strangers);
    auto found = co_await ask(std::move(what), more);
    if (!found) {
        co_return false;
    }
    for (wire::user_entry& entry : *found) {
        (void)co_await take(std::move(entry));
    }
    co_return true;
}

void directory::seek(const std::vector<user_id>& strangers) {
    for (const user_id& id : strangers) {
        if (known(id) == nullptr && sought_.size() < sought_most) {
            sought_.insert(id);
        }
    }
    if (!sought_.empty() && !std::exchange(seeking_, true)) {
        tasks_.spawn("seek", seek_all());
    }
}

task<void> directory::seek_all() {
    while (!sought_.empty()) {
        std::vector<user_id> some;
        for (const user_id& id : sought_) {
            if (some.size() < sought_at_once) {
                some.push_back(id);
            }
        }
        const bool answered = co_await ask_for_strangers(some);
        if (!answered) {
            co_await sleep_for(env_, meet_again);
            continue;
        }
        for (const user_id& id : some) {
            sought_.erase(id);
        }
    }
    seeking_ = false;
}

task<void> directory::refresh_now(std::vector<user_id> users) {
    bool more = false;
    wire::lookup what;
    what.ids = std::move(users);
    auto found = co_await ask(std::move(what), more);
    if (!found) {
        co_return;
    }
    for (wire::user_entry& entry : *found) {
        (void)co_await take(std::move(entry));
    }
}

}  // namespace calbox::node
