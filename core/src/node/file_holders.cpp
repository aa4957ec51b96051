#include "node/file_holders.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view holders_suffix = "dev";
/// What changes together is told and asked together, and the others have the event by then.
constexpr duration gathered = std::chrono::seconds(1);
/// A session that breaks again and again makes no more questions than this.
constexpr duration asked_again = std::chrono::minutes(1);

bytes holders_key(const file_root& root) {
    bytes key = to_bytes(root.view());
    key.insert(key.end(), holders_suffix.begin(), holders_suffix.end());
    return key;
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
        const auto devices = codec::decode<std::vector<device_id>>(value);
        for (const device_id& device : devices.value_or(std::vector<device_id>())) {
            said_[*file_root::from_bytes(view.first(file_root::size))][device] = true;
        }
    }
    loaded_ = true;
    co_return result<void>();
}

std::vector<device_id> file_holders::of(const file_root& root) const {
    std::vector<device_id> found;
    if (const auto known = said_.find(root); known != said_.end()) {
        for (const auto& [device, has_it] : known->second) {
            if (has_it) {
                found.push_back(device);
            }
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
        begin_work();
    }
}

void file_holders::look(const event_id& which) {
    events_.insert(which);
    begin_work();
}

void file_holders::begin_work() {
    if (!tasks_.stopping() && !std::exchange(working_, true)) {
        tasks_.spawn("tell and ask", work());
    }
}

task<void> file_holders::work() {
    const struct ending {
        bool& working;
        ~ending() { working = false; }
    } however_it_ends{working_};
    while (!changed_.empty() || !events_.empty()) {
        co_await sleep_for(env_, gathered);
        if (!changed_.empty()) {
            tell(std::exchange(changed_, {}));
        }
        if (!events_.empty()) {
            ask_of_new(std::exchange(events_, {}));
        }
    }
}

/// Who cannot be told now asks when he comes.
void file_holders::tell(const roots& changed) {
    const auto there = connected();
    std::map<device_id, roots> told;
    for (const shared_files& in : there.empty() ? std::vector<shared_files>() : with_.shared({})) {
        for (const file_root& root : in.files) {
            for (const device_id& device :
                 changed.contains(root) ? in.devices : std::vector<device_id>()) {
                if (there.contains(device)) {
                    told[device].insert(root);
                }
            }
        }
    }
    for (const auto& [device, some] : told) {
        for (const file_root& root : some) {
            const auto gone = with_.held.has(root) ? std::nullopt : std::optional(true);
            with_.mediator.send(device, wire::message_type::file_kept,
                                codec::encode(wire::file_kept{root, gone}));
        }
    }
}

void file_holders::ask_of_new(const std::set<event_id>& events) {
    auto there = connected();
    for (const device_id& device : looking_) {
        const auto last = looked_.find(device);
        if (last == looked_.end() || env_.time.now() - last->second >= asked_again - gathered) {
            there.erase(device);  // it is asked of everything in this second
        }
    }
    std::map<device_id, roots> wanted;
    for (const shared_files& in :
         there.empty() ? std::vector<shared_files>() : with_.shared(events)) {
        for (const file_root& root : in.files) {
            const auto known = said_.find(root);
            for (const device_id& device : in.devices) {
                if (there.contains(device) &&
                    (known == said_.end() || !known->second.contains(device))) {
                    wanted[device].insert(root);
                }
            }
        }
    }
    for (auto& [device, some] : wanted) {
        tasks_.spawn("ask a holder", ask(device, std::move(some)));
    }
}

void file_holders::on_peer(const device_id& device) {
    if (connected().contains(device) && !tasks_.stopping() && looking_.insert(device).second) {
        tasks_.spawn("look after a holder", look_after(device));
    }
}

void file_holders::users_changed() {
    for (const device_id& device : connected()) {
        on_peer(device);
    }
}

task<void> file_holders::look_after(device_id device) {
    const auto last = looked_.find(device);
    const duration since = last == looked_.end() ? asked_again : env_.time.now() - last->second;
    co_await sleep_for(env_, std::max(gathered, asked_again - since));
    looking_.erase(device);
    if (!connected().contains(device)) {
        co_return;
    }
    looked_[device] = env_.time.now();
    roots which;
    for (const shared_files& in : with_.shared({})) {
        if (std::ranges::count(in.devices, device) > 0) {
            which.insert(in.files.begin(), in.files.end());
        }
    }
    co_await ask(device, std::move(which));
}

task<void> file_holders::ask(device_id device, roots which) {
    for (auto at = which.begin(); at != which.end();) {
        std::vector<file_root> some;
        for (; at != which.end() && some.size() < wire::limits::roots_per_message; ++at) {
            some.push_back(*at);
        }
        const bool answered = co_await ask_some(device, std::move(some));
        if (!answered) {
            co_return;  // again when it is met next
        }
    }
}

task<bool> file_holders::ask_some(device_id device, std::vector<file_root> some) {
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
    for (const file_root& root : some) {
        said_[root].try_emplace(device, false);
    }
    const auto answer = co_await with_.mediator.ask(device, wire::message_type::holds,
                                                    codec::encode(wire::holds{{}, some, {}}));
    const auto reply = answer ? codec::decode<wire::holds_reply>(*answer) : fail(answer.error());
    const roots has = reply ? roots(reply->files.begin(), reply->files.end()) : roots();
    const roots& heard = asking_[device].heard;
    for (const file_root& root : some) {
        const auto known = said_.find(root);
        if (known == said_.end() || !known->second.contains(device) || heard.contains(root)) {
            continue;
        }
        if (reply) {
            note(root, device, has.contains(root));
        } else if (!known->second[device]) {
            known->second.erase(device);
        }
    }
    co_return reply.has_value();
}

void file_holders::on_kept(const device_id& from, const wire::file_kept& what) {
    const auto known = said_.find(what.root);
    if (known == said_.end() || !known->second.contains(from)) {
        return;
    }
    if (const auto asked = asking_.find(from); asked != asking_.end()) {
        asked->second.heard.insert(what.root);
    }
    note(what.root, from, !what.lost.value_or(false));
}

void file_holders::note(const file_root& root, const device_id& device, bool has_it) {
    bool& now = said_[root][device];
    if (now != has_it) {
        now = has_it;
        write_later(root);
    }
}

void file_holders::clean() {
    std::map<file_root, std::set<device_id>> named;
    for (const shared_files& in : with_.shared({})) {
        for (const file_root& root : in.files) {
            named[root].insert(in.devices.begin(), in.devices.end());
        }
    }
    for (auto at = said_.begin(); at != said_.end();) {
        const auto here = at++;
        auto& [root, devices] = *here;
        const auto in = named.find(root);
        const auto gone = std::erase_if(devices, [&](const auto& one) {
            return in == named.end() || !in->second.contains(one.first);
        });
        if (gone > 0) {
            write_later(root);
        }
        if (devices.empty()) {
            said_.erase(here);
        }
    }
}

/// What comes together is written together. What a crash loses is asked again.
void file_holders::write_later(const file_root& root) {
    unwritten_.insert(root);
    if (!tasks_.stopping() && !std::exchange(writing_, true)) {
        tasks_.spawn("write", write());
    }
}

task<void> file_holders::write() {
    const struct ending {
        bool& writing;
        ~ending() { writing = false; }
    } however_it_ends{writing_};
    while (!unwritten_.empty()) {
        replica::batch writes;
        for (const file_root& root : std::exchange(unwritten_, {})) {
            const auto devices = of(root);
            if (devices.empty()) {
                writes.erase(replica::record_kind::file, holders_key(root));
            } else {
                writes.put(replica::record_kind::file, holders_key(root), codec::encode(devices));
            }
        }
        const auto stored = co_await db_.apply(std::move(writes));
        if (!stored) {
            env_.log.write(log_level::warn, "files",
                           "cannot note who has a file: " + stored.error().message());
        }
    }
}

}  // namespace calbox::node
