#include "node/file_keeper.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::size_t lost_at_once = 1'000;  // asked for of one device

event_id id_of(const file_root& root) {
    const byte_view view = root.view();
    event_id id{*user_id::from_bytes(view.first(user_id::size)), 0};
    for (const std::uint8_t byte : view.subspan(user_id::size, 8)) {
        id.seq = id.seq << 8 | byte;
    }
    return id;
}

envelope_order order_of(const file_root& root) {
    return {generation_number(1), version_number(1), *digest::from_bytes(root.view())};
}

class file_set_view final : public recovery::view {
public:
    file_set_view(const held_files* held, const kept_needs& needs) : held_(held), needs_(needs) {}

    recovery::listing_ptr list() const override {
        auto all = std::make_shared<recovery::listing>();
        if (held_ != nullptr) {
            for (const auto& [root, size] : held_->all()) {
                all->events.push_back({id_of(root), order_of(root), 0, 0});
            }
        }
        return all;
    }
    std::optional<envelope_order> find(const event_id& event) const override {
        const auto found = lookup(event);
        return found ? std::optional(order_of(found->root)) : std::nullopt;
    }
    std::optional<bytes> load(const event_id& event) const override {
        const auto found = lookup(event);
        return found ? std::optional(codec::encode(*found)) : std::nullopt;
    }

private:
    std::optional<wire::file_keep> lookup(const event_id& event) const {
        if (held_ == nullptr) {
            return std::nullopt;
        }
        file_root least;
        std::ranges::copy(event.organizer.view(), least.value.begin());
        for (std::size_t i = 0; i < 8; ++i) {
            least.value[user_id::size + i] = static_cast<std::uint8_t>(event.seq >> (56 - 8 * i));
        }
        const auto found = held_->all().lower_bound(least);
        if (found == held_->all().end() || id_of(found->first) != event) {
            return std::nullopt;
        }
        return needs_.told(found->first, found->second);
    }

    const held_files* held_;
    const kept_needs& needs_;
};

}  // namespace

std::unique_ptr<recovery::view> file_set::to_ask(const replica::recovery_peers&) const {
    return std::make_unique<file_set_view>(&held_, needs_);
}

std::unique_ptr<recovery::view> file_set::to_answer(std::vector<user_id>, bool everything) const {
    return std::make_unique<file_set_view>(everything ? &held_ : nullptr, needs_);
}

file_keeper::file_keeper(const environment& env, held_files& held, kept_needs& needs,
                         replica::recovery_strategies strategies, files_mediator& mediator,
                         settings with)
    : env_(env),
      held_(held),
      needs_(needs),
      mediator_(mediator),
      with_(with),
      set_(held, needs),
      recovery_(env, set_, std::move(strategies), *this),
      tasks_(env, "keeper") {}

void file_keeper::request_stop() noexcept {
    recovery_.request_stop();
    tasks_.request_stop();
}

task<void> file_keeper::join() {
    co_await recovery_.join();
    co_await tasks_.join();
}

task<void> file_keeper::level_with(std::vector<device_id> backups) {
    if (!with_.is_backup || backups.empty()) {
        co_return;
    }
    replica::recovery_peers asked;
    asked.backups = std::move(backups);
    const auto report = co_await recovery_.run(std::move(asked));
    if (report.applied > 0) {
        env_.log.write(
            log_level::info, "files",
            "other backups have " + std::to_string(report.applied) + " files that are fetched now");
    }
}

task<void> file_keeper::on_recovery(device_id from, bool from_backup, wire::recovery_message what) {
    if (with_.is_backup && from_backup) {
        co_await recovery_.on_message(from, {}, true, std::move(what));
    }
}

task<result<void>> file_keeper::send(device_id to, wire::recovery_message what) {
    what.files = true;
    mediator_.send(to, wire::message_type::recovery, codec::encode(what));
    co_return result<void>();
}

task<result<bool>> file_keeper::apply(device_id from, bytes encoded) {
    const auto what = codec::decode<wire::file_keep>(encoded);
    if (!what) {
        co_return fail(what.error());
    }
    if (held_.has(what->root)) {
        co_return false;
    }
    const auto wanted_here = co_await needs_.offered_by_backup(*what);
    if (!wanted_here) {
        co_return fail(wanted_here.error());
    }
    if (!*wanted_here) {
        co_return false;
    }
    auto taken = want(*what, from, false);
    if (!taken) {
        co_await needs_.not_come(what->root);
    }
    co_return taken.map([] { return true; });
}

task<result<bytes>> file_keeper::on_keep(device_id from, bool from_backup,
                                         std::vector<user_id> users, wire::file_keep what) {
    if (!with_.is_backup) {
        co_return fail(errc::unsupported, "this device is no backup");
    }
    const auto wanted_here = from_backup ? co_await needs_.offered_by_backup(what)
                                         : co_await needs_.offered(what.root, what.users, users);
    if (!wanted_here) {
        co_return fail(wanted_here.error());
    }
    if (!*wanted_here) {
        co_return codec::encode(wire::nothing{});
    }
    if (held_.has(what.root)) {
        tasks_.spawn("keep", keep_here(from, what));
        co_return codec::encode(wire::nothing{});
    }
    auto taken = want(what, from, true);
    if (!taken) {
        co_await needs_.not_come(what.root);
        co_return fail(std::move(taken.error()));
    }
    co_return codec::encode(wire::nothing{});
}

task<void> file_keeper::keep_here(device_id from, wire::file_keep what) {
    const auto here = co_await held_.is_here(what.root);
    if (here && *here) {
        mediator_.send(from, wire::message_type::file_kept,
                       codec::encode(wire::file_kept{what.root, {}}));
    } else if (here) {
        (void)want(what, from, true);
    }
}

result<void> file_keeper::want(const wire::file_keep& what, const device_id& source, bool tell) {
    if (what.size > wire::limits::file_bytes) {
        return fail(errc::too_large, "the file is larger than a backup keeps");
    }
    const auto known = wanted_.find(what.root);
    if (known != wanted_.end() && known->second.size != what.size) {
        return fail(errc::mismatch, "somebody else says that the file has another size");
    }
    if (known == wanted_.end()) {
        const std::uint64_t used = held_.total_bytes() + pending_bytes_;
        if (what.size > with_.quota_bytes || used > with_.quota_bytes - what.size) {
            ++refused_;
            return fail(errc::disk_full,
                        "this backup keeps " + std::to_string(with_.quota_bytes >> 20) +
                            " MiB of files at most: its operator can raise backup.quota_mib");
        }
        pending_bytes_ += what.size;
        line_of(what.size).of[source].queue.push_back(what.root);
    }
    wanted& one = wanted_[what.root];
    one.size = what.size;
    one.sources.insert(source);
    if (tell) {
        one.tell.insert(source);
    }
    begin_work(line_of(what.size));
    return {};
}

file_keeper::line& file_keeper::line_of(std::uint64_t size) noexcept {
    return size <= wire::limits::leaf_bytes ? small_ : large_;
}

void file_keeper::begin_work(line& in) {
    for (auto& [source, offered] : in.of) {
        for (std::size_t left = offered.queue.size();
             left > 0 && in.working < in.most && offered.working < in.most_of_one; --left) {
            ++in.working;
            ++offered.working;
            tasks_.spawn("fetch", work(in, source));
        }
    }
}

/// `in` is the keeper's own.
task<void> file_keeper::work(line& in, device_id source) {
    line::offers& offered = in.of[source];
    {
        const struct ending {
            int &all, &of_one;
            ~ending() {
                --all;
                --of_one;
            }
        } however_it_ends{in.working, offered.working};
        while (!offered.queue.empty()) {
            const file_root next = offered.queue.front();
            offered.queue.pop_front();
            co_await fetch(next);
        }
    }
    begin_work(in);
}

task<void> file_keeper::fetch(file_root root) {
    const wanted asked = wanted_[root];  // what is offered meanwhile is more
    const auto fetched = co_await held_.fetch(
        root, asked.size, std::vector<device_id>(asked.sources.begin(), asked.sources.end()));
    wanted& one = wanted_[root];
    if (!fetched) {
        env_.log.write(log_level::warn, "files",
                       "cannot keep a file: " + fetched.error().message());
        for (const device_id& device : asked.sources) {
            one.sources.erase(device);
        }
        if (!one.sources.empty()) {
            line_of(one.size).of[*one.sources.begin()].queue.push_back(root);
            begin_work(line_of(one.size));
            co_return;
        }
    } else {
        for (const device_id& device : one.tell) {
            mediator_.send(device, wire::message_type::file_kept,
                           codec::encode(wire::file_kept{root, {}}));
        }
    }
    pending_bytes_ -= one.size;
    wanted_.erase(root);
    co_await needs_.not_come(root);
}

void file_keeper::ask_for(const device_id& device, const file_root& root) {
    mediator_.send(device, wire::message_type::file_kept,
                   codec::encode(wire::file_kept{root, true}));
}

void file_keeper::on_peer(const device_id& device) {
    if (!with_.is_backup) {
        return;
    }
    std::size_t most = lost_at_once;
    for (const auto& [root, size] : held_.lost()) {
        if (most-- == 0) {
            return;
        }
        ask_for(device, root);
    }
}

void file_keeper::seek_lost() {
    for (const device_id& device : mediator_.connected()) {
        on_peer(device);
    }
}

std::uint64_t file_keeper::wanted_bytes() const noexcept {
    std::uint64_t come = 0;
    for (const auto& [root, one] : wanted_) {
        come += held_.progress(root).value_or(0);
    }
    return pending_bytes_ - std::min(come, pending_bytes_);
}

}  // namespace calbox::node
