#include "node/lost_devices.hpp"

namespace calbox::node {

namespace {
constexpr std::string_view lost_name = "lost devices";
}  // namespace

task<result<void>> lost_devices::load() {
    const auto stored = co_await db_.get(replica::record_kind::meta, to_bytes(lost_name));
    if (!stored) {
        co_return fail(stored.error());
    }
    if (*stored) {
        auto read = codec::decode<record>(**stored);
        if (!read) {
            co_return fail(std::move(read.error()));
        }
        for (const entry& one : read->all) {
            known_[one.device] = one;
        }
    }
    co_return result<void>();
}

bool lost_devices::contains(const device_id& device) const {
    const auto found = known_.find(device);
    return found != known_.end() && found->second.lost;
}

void lost_devices::came(const device_id& device) { changed_ |= known_.erase(device) > 0; }

bool lost_devices::missed(const device_id& device, bool is_backup) {
    const timestamp now = env_.time.wall();
    const auto [found, fresh] = known_.try_emplace(device, entry{device, now, false});
    entry& one = found->second;
    changed_ |= fresh;
    if (one.since > now) {
        one.since = now;  // the clock was wrong
        changed_ = true;
    }
    const auto missed_for = std::chrono::milliseconds(now.ms - one.since.ms);
    if (one.lost || missed_for < (is_backup ? backup_patience : patience)) {
        return false;
    }
    one.lost = changed_ = true;
    return true;
}

bool lost_devices::replaced(const device_id& device) {
    const timestamp now = env_.time.wall();
    entry& one = known_.try_emplace(device, entry{device, now, false}).first->second;
    if (one.lost) {
        return false;
    }
    one.lost = changed_ = true;
    return true;
}

task<result<void>> lost_devices::store() {
    if (!std::exchange(changed_, false)) {
        co_return result<void>();
    }
    record all;
    for (const auto& [device, one] : known_) {
        all.all.push_back(one);
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(lost_name), codec::encode(all));
    auto stored = co_await db_.apply(std::move(writes));
    changed_ |= !stored.has_value();
    co_return stored;
}

}  // namespace calbox::node
