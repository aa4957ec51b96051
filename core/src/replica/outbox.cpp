#include "replica/outbox.hpp"

#include <calbox/mutant.hpp>

namespace calbox::replica {

outbox_mediator::~outbox_mediator() = default;

outbox::~outbox() {
    for (const auto& [device, waiting] : lines_) {
        env_.timers.cancel(waiting.retry);
    }
}

static bytes row_key(const device_id& device, const event_id& which) {
    bytes key = to_bytes(device.view());
    const bytes rest = event_key(which);
    key.insert(key.end(), rest.begin(), rest.end());
    return key;
}

outbox::outbox(const environment& env, database& db, event_store& store, outbox_mediator& mediator)
    : env_(env), db_(db), store_(store), mediator_(mediator), tasks_(env, "outbox") {}

task<result<void>> outbox::load() {
    const auto rows = co_await db_.scan(record_kind::outbox);
    if (!rows) {
        co_return fail(rows.error());
    }
    if (mutant("outbox.empty_after_restart")) {
        co_return result<void>();
    }
    for (const auto& [key, value] : *rows) {
        if (key.size() != device_id::size + user_id::size + 8) {
            co_return fail(errc::malformed, "the store holds an outbox row that cannot be read");
        }
        const byte_view view = key;
        event_id which{*user_id::from_bytes(view.subspan(device_id::size, user_id::size)), 0};
        for (const std::uint8_t byte : view.last(8)) {
            which.seq = which.seq << 8 | byte;
        }
        lines_[*device_id::from_bytes(view.first(device_id::size))].events.insert(which);
    }
    for (const auto& [device, waiting] : lines_) {
        start(device);
    }
    co_return result<void>();
}

void outbox::write_to(batch& writes, const std::vector<device_id>& devices, const event_id& which,
                      const envelope_order& order) {
    for (const device_id& device : devices) {
        writes.put(record_kind::outbox, row_key(device, which), codec::encode(order));
    }
}

void outbox::owe(const std::vector<device_id>& devices, const event_id& which) {
    for (const device_id& device : devices) {
        lines_[device].events.insert(which);
        start(device);
    }
}

void outbox::wake(const device_id& device) {
    if (lines_.contains(device)) {
        start(device);
    }
}

void outbox::give_up(const device_id& device) {
    if (lines_.contains(device)) {
        tasks_.spawn("give up", drain_all(device));
    }
}

task<void> outbox::drain_all(device_id device) {
    const auto all = lines_[device].events;
    for (const event_id& which : all) {
        (void)co_await deliver_one(device, which);
    }
}

void outbox::start(const device_id& device) {
    line& waiting = lines_[device];
    if (waiting.draining || waiting.events.empty() || tasks_.stopping()) {
        waiting.woken = waiting.draining;
        return;
    }
    waiting.woken = false;
    waiting.draining = true;
    env_.timers.cancel(waiting.retry);
    tasks_.spawn("drain", drain(device));
}

task<bool> outbox::deliver_one(device_id device, event_id which) {
    const held_event* const before = store_.find(which);
    const std::optional<envelope_order> sent = before ? std::optional(before->order) : std::nullopt;
    const auto answer = co_await mediator_.deliver(device, which);
    if (!answer) {
        // A refusal is final: asking again with the same bytes cannot end otherwise.
        const errc why = answer.error().code;
        if (!mutant("outbox.erases_undelivered") && why != errc::forbidden &&
            why != errc::mismatch && why != errc::malformed && why != errc::not_found) {
            co_return false;
        }
        env_.log.write(log_level::debug, "outbox", "given up: " + answer.error().message());
    }
    // A writer of this event has its row in a batch before it publishes: not between the two.
    const auto guard = co_await store_.lock(which);
    const held_event* const now = store_.find(which);
    if (now != nullptr && sent && *sent < now->order && !mutant("outbox.forgets_newer")) {
        co_return true;  // a newer version has come meanwhile: the row stays for it
    }
    lines_[device].events.erase(which);
    batch writes;
    writes.erase(record_kind::outbox, row_key(device, which));
    const auto erased = co_await db_.apply(std::move(writes));
    if (!erased) {
        env_.log.write(log_level::warn, "outbox",
                       "cannot erase a row: " + erased.error().message());
    }
    if (answer) {
        mediator_.delivered(device, which);
    }
    co_return true;
}

task<void> outbox::drain(device_id device) {
    bool reachable = true;
    while (reachable && !lines_[device].events.empty()) {
        const event_id which = *lines_[device].events.begin();
        reachable = co_await deliver_one(device, which);
    }
    line& waiting = lines_[device];
    waiting.draining = false;
    if (!reachable && waiting.woken) {
        start(device);
    } else if (!reachable) {
        waiting.retry =
            env_.timers.schedule(env_.time.now() + retry, [this, device] { start(device); });
    }
}

std::vector<device_id> outbox::owed(const event_id& which) const {
    std::vector<device_id> devices;
    for (const auto& [device, waiting] : lines_) {
        if (waiting.events.contains(which)) {
            devices.push_back(device);
        }
    }
    return devices;
}

std::vector<device_id> outbox::owed() const {
    std::vector<device_id> devices;
    for (const auto& [device, waiting] : lines_) {
        if (!waiting.events.empty()) {
            devices.push_back(device);
        }
    }
    return devices;
}

std::size_t outbox::size() const noexcept {
    std::size_t rows = 0;
    for (const auto& [device, waiting] : lines_) {
        rows += waiting.events.size();
    }
    return rows;
}

}  // namespace calbox::replica
