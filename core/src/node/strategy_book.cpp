#include "node/strategy_book.hpp"

#include "crypto/certificates.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view book_name = "strategies";  // of a record of kind meta

}  // namespace

void strategy_book::set_ca(byte_view ca_certificate) {
    ca_key_ = crypto::certificate_key(ca_certificate);
}

task<result<void>> strategy_book::load() {
    const auto stored = co_await db_.get(replica::record_kind::meta, to_bytes(book_name));
    if (!stored) {
        co_return fail(stored.error());
    }
    if (!*stored) {
        co_return result<void>();
    }
    auto read = codec::decode<wire::strategies>(**stored);
    if (!read) {
        co_return fail(errc::malformed,
                       "the store holds a record of the network's strategies that "
                       "cannot be read");
    }
    for (const wire::signed_strategy& one : read->known) {
        auto record = codec::decode<wire::strategy_record>(one.record);
        if (!record) {
            co_return fail(std::move(record.error()));
        }
        known_.push_back(std::move(*record));
    }
    told_ = std::move(*read);
    co_return result<void>();
}

network_epoch strategy_book::last() const noexcept {
    return known_.empty() ? network_epoch(1) : known_.back().epoch;
}

std::optional<duration> strategy_book::pending() const {
    if (now() == last()) {
        return std::nullopt;
    }
    return std::chrono::milliseconds(known_.back().takes_effect.ms - env_.time.wall().ms);
}

network_epoch strategy_book::now() const {
    for (const wire::strategy_record& one : known_) {
        if (one.takes_effect <= env_.time.wall()) {
            reached_ = std::max(reached_, one.epoch);
        }
    }
    return reached_;
}

result<void> strategy_book::add(const wire::signed_strategy& one, wire::strategies& signed_ones,
                                std::vector<wire::strategy_record>& records) const {
    auto record = codec::decode<wire::strategy_record>(one.record);
    if (!record || record->settings.size() > wire::limits::strategy_settings_bytes ||
        record->name.size() > wire::limits::name_bytes ||
        record->version.size() > wire::limits::name_bytes) {
        return fail(errc::malformed, "a record of the network's strategy that cannot be read");
    }
    if (record->epoch.value == 0 || record->epoch.value > wire::limits::strategy_epochs ||
        !crypto::verify(ca_key_, strategy_domain, one.record, one.signature)) {
        return fail(errc::mismatch,
                    "a record of the network's strategy that the registry did not sign");
    }
    if (record->epoch.value <= records.size()) {
        return records[record->epoch.value - 1] == *record
                   ? result<void>()
                   : fail(errc::conflict,
                          "the registry has signed two strategies for one epoch of the network: "
                          "was it restored from an older copy?");
    }
    if (record->epoch.value != records.size() + 1) {
        return fail(errc::malformed, "records of the network's strategies with a hole");
    }
    records.push_back(std::move(*record));
    signed_ones.known.push_back(one);
    return {};
}

task<result<bool>> strategy_book::take(wire::strategies what) {
    while (!nobody_takes_.is_set()) {
        co_await nobody_takes_.wait();
    }
    nobody_takes_.reset();
    const struct ending {
        event& reached;
        ~ending() { reached.set(); }
    } at_the_end{nobody_takes_};
    if (ca_key_.empty() || what.known.size() <= known_.size()) {
        co_return false;
    }
    auto told = told_;
    auto records = known_;
    for (const wire::signed_strategy& one : what.known) {
        if (auto added = add(one, told, records); !added) {
            co_return fail(std::move(added.error()));
        }
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(book_name), codec::encode(told));
    auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    known_ = std::move(records);
    told_ = std::move(told);
    co_return true;
}

}  // namespace calbox::node
