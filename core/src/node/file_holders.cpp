#include "node/file_holders.hpp"

#include <algorithm>
#include <utility>

#include "crypto/primitives.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view holders_suffix = "dev";
/// A session that breaks again and again, or never answers, makes no more questions than this.
constexpr duration holder_asked_again = std::chrono::minutes(1);
constexpr std::size_t events_in_turn = 20;

bytes holders_key(const file_root& root) {
    bytes key = to_bytes(root.view());
    key.insert(key.end(), holders_suffix.begin(), holders_suffix.end());
    return key;
}

digest digest_of(const file_holders::shared_files& in) {
    bytes all;
    for (const file_root& root : in.files) {
        all.insert(all.end(), root.value.begin(), root.value.end());
    }
    for (const device_id& device : in.devices) {
        all.insert(all.end(), device.value.begin(), device.value.end());
    }
    return crypto::sha256(all);
}

}  // namespace

task<result<void>> file_holders::load() {
    const auto rows = co_await db_.scan(replica::record_kind::file);
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        const byte_view view = key;
        if (key.size() != file_root::size + holders_suffix.size() ||
            as_text(view.subspan(file_root::size)) != holders_suffix) {
            continue;
        }
        auto devices = codec::decode<std::vector<device_id>>(value);
        if (!devices || devices->empty()) {
            continue;  // what it said is asked again
        }
        std::ranges::sort(*devices);
        auto& holders = said_[*file_root::from_bytes(view.first(file_root::size))];
        for (const device_id& device : *devices) {
            holders.push_back({device});
        }
    }
    loaded_ = true;
    co_return result<void>();
}

task<void> file_holders::join() {
    co_await tasks_.join();
    co_await write();
}

std::vector<device_id> file_holders::of(const file_root& root) const {
    std::vector<device_id> found;
    if (const auto known = said_.find(root); known != said_.end()) {
        for (const holder& one : known->second) {
            found.push_back(one.device);
        }
    }
    return found;
}

std::set<device_id> file_holders::connected() const {
    const auto all = with_.mediator.connected();
    std::set<device_id> people(all.begin(), all.end());
    for (const device_id& backup : with_.mediator.backups()) {
        people.erase(backup);
    }
    return people;
}

void file_holders::changed(const file_root& root) {
    if (loaded_ && !with_.is_backup) {
        changed_.insert(root);
        soon_.begin();
    }
}

void file_holders::look(const event_id& which) {
    events_.insert(which);
    soon_.begin();
}

void file_holders::shown(const event_id& which) {
    if (!looked_.contains(which)) {
        look(which);
    }
}

void file_holders::on_peer(const device_id& device) {
    if (!looked_.empty() || !events_.empty()) {
        const auto last = asked_.find(device);
        due_[device] = last == asked_.end() ? env_.time.now() : last->second + holder_asked_again;
        soon_.begin();
    }
}

task<void> file_holders::tell_and_ask() {
    co_await tell();
    co_await ask_all();
    if (!changed_.empty() || !due_.empty()) {
        soon_.begin();
    }
}

/// A few events at a time, so that others have their turn.
task<void> file_holders::leave_turn(std::size_t looked) {
    if (looked % events_in_turn == 0) {
        co_await offload(env_, env_.compute, [] { return true; });
    }
}

/// Who cannot be told now asks when he looks.
task<void> file_holders::tell() {
    roots some;
    while (!changed_.empty() && some.size() < told_at_once) {
        some.insert(changed_.extract(changed_.begin()));
    }
    const auto there = some.empty() ? std::set<device_id>() : connected();
    std::map<device_id, roots> told;
    std::size_t looked = 0;
    for (const event_id& which : there.empty() ? std::set<event_id>() : with_.naming(some)) {
        co_await leave_turn(++looked);
        const auto in = with_.shared(which);
        for (const file_root& root : in ? in->files : std::vector<file_root>()) {
            if (!some.contains(root)) {
                continue;
            }
            for (const device_id& device : in->devices) {
                if (there.contains(device)) {
                    told[device].insert(root);
                }
            }
        }
    }
    for (const auto& [device, all] : told) {
        for (const file_root& root : all) {
            const auto gone = with_.held.has(root) ? std::nullopt : std::optional(true);
            with_.mediator.send(device, wire::message_type::file_kept,
                                codec::encode(wire::file_kept{root, gone}));
        }
    }
}

/// Of those that are there, those whose time has come.
std::set<device_id> file_holders::take_due(const std::set<device_id>& there) {
    const instant now = env_.time.now();
    std::erase_if(asked_, [&](const auto& one) { return now - one.second >= holder_asked_again; });
    std::erase_if(due_, [&](const auto& one) { return !there.contains(one.first); });
    std::set<device_id> due;
    std::erase_if(
        due_, [&](const auto& one) { return one.second <= now && due.insert(one.first).second; });
    for (const device_id& device : due) {
        asked_[device] = now;
    }
    return due;
}

/// One pass for all: an event that is new is asked about everywhere, and the others where a device
/// is due.
task<void> file_holders::ask_all() {
    const auto there = connected();
    const auto due = take_due(there);
    const auto changed = std::exchange(events_, {});
    auto events = changed;
    if (!due.empty()) {
        for (const auto& [which, before] : looked_) {
            events.insert(which);
        }
    }
    std::map<device_id, std::vector<file_root>> wanted;
    std::size_t looked = 0;
    for (const event_id& which : events) {
        co_await leave_turn(++looked);
        const auto in = with_.shared(which);
        if (!in) {
            looked_.erase(which);
            continue;
        }
        bool is_new = changed.contains(which);
        if (is_new) {
            const digest now = digest_of(*in);
            is_new = std::exchange(looked_[which], now) != now;
        }
        for (const device_id& device : in->devices) {
            if ((is_new ? there : due).contains(device)) {
                auto& all = wanted[device];
                all.insert(all.end(), in->files.begin(), in->files.end());
            }
        }
    }
    for (auto& [device, some] : wanted) {
        if (!tasks_.stopping()) {
            tasks_.spawn("ask a holder", ask(device, std::move(some)));
        }
    }
}

task<void> file_holders::ask(device_id device, std::vector<file_root> which) {
    std::ranges::sort(which);
    which.erase(std::unique(which.begin(), which.end()), which.end());
    auto questions = questions_of(which);
    for (std::vector<file_root>& some : questions) {
        const auto answered = co_await ask_some(device, std::move(some));
        if (!answered) {
            if (answered.error().code != errc::unsupported) {
                due_[device] = env_.time.now() + holder_asked_again;
                soon_.begin();
            }
            co_return;
        }
    }
}

task<result<void>> file_holders::ask_some(device_id device, std::vector<file_root> some) {
    const struct ending {
        file_holders& owner;
        device_id device;
        ~ending() {
            if (--owner.asking_[device].questions == 0) {
                owner.asking_.erase(device);
            }
        }
    } however_it_ends{*this, device};
    ++asking_[device].questions;
    const auto has = co_await ask_which_are_there(with_.mediator, device, some);
    if (!has) {
        co_return fail(has.error());
    }
    for (const file_root& root : some) {
        if (!asking_[device].heard.contains(root)) {
            note(root, device, has->contains(root));
        }
    }
    co_return result<void>();
}

void file_holders::on_kept(const device_id& from, const std::vector<user_id>& users,
                           const wire::file_kept& what) {
    const auto backups = with_.mediator.backups();
    if (std::ranges::count(backups, from) > 0 || !with_.concerns(what.root, users)) {
        return;
    }
    if (const auto asked = asking_.find(from); asked != asking_.end()) {
        asked->second.heard.insert(what.root);
    }
    note(what.root, from, !what.lost.value_or(false));
}

void file_holders::note(const file_root& root, const device_id& device, bool has_it) {
    const auto known = said_.find(root);
    if (known == said_.end() && !has_it) {
        return;
    }
    auto& holders = known == said_.end() ? said_[root] : known->second;
    const auto at = std::ranges::lower_bound(holders, device, {}, &holder::device);
    const bool had_it = at != holders.end() && at->device == device;
    if (had_it && has_it) {
        at->is_named = true;
        return;
    }
    if (had_it == has_it) {
        return;
    }
    if (has_it) {
        holders.insert(at, {device});
    } else {
        holders.erase(at);
    }
    if (holders.empty()) {
        said_.erase(root);
    }
    write_later(root);
}

/// What is said meanwhile stays.
task<void> file_holders::clean() {
    roots all;
    for (auto& [root, holders] : said_) {
        all.insert(all.end(), root);
        for (holder& one : holders) {
            one.is_named = false;
        }
    }
    std::size_t looked = 0;
    for (const event_id& which : all.empty() ? std::set<event_id>() : with_.naming(all)) {
        co_await leave_turn(++looked);
        const auto in = with_.shared(which);
        for (const file_root& root : in ? in->files : std::vector<file_root>()) {
            const auto known = said_.find(root);
            if (known == said_.end()) {
                continue;
            }
            for (holder& one : known->second) {
                one.is_named = one.is_named || std::ranges::binary_search(in->devices, one.device);
            }
        }
    }
    for (auto at = said_.begin(); at != said_.end();) {
        const auto gone =
            std::erase_if(at->second, [](const holder& one) { return !one.is_named; });
        if (gone > 0) {
            write_later(at->first);
        }
        at = at->second.empty() ? said_.erase(at) : std::next(at);
    }
}

/// What comes together is written together. What a crash loses is asked again.
void file_holders::write_later(const file_root& root) {
    unwritten_.insert(root);
    writes_.begin();
}

task<void> file_holders::write() {
    replica::batch writes;
    const auto taken = std::exchange(unwritten_, {});
    for (const file_root& root : taken) {
        const auto devices = of(root);
        if (devices.empty()) {
            writes.erase(replica::record_kind::file, holders_key(root));
        } else {
            writes.put(replica::record_kind::file, holders_key(root), codec::encode(devices));
        }
    }
    if (writes.empty()) {
        co_return;
    }
    const auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        env_.log.write(log_level::warn, "files",
                       "cannot note who has a file: " + stored.error().message());
        unwritten_.insert(taken.begin(), taken.end());  // with what is noted next
    }
}

}  // namespace calbox::node
