// Events that the disk has damaged: found by reading and verifying what is stored, and healed.
#include <algorithm>

#include "replica/replicator.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

namespace {

constexpr std::size_t looked_at_once = 16;  // a signature each
constexpr std::size_t asked_for_a_version = 8;
constexpr std::size_t given_at_once = 100;  // in one batch
constexpr std::size_t short_key = user_id::size + 8;
constexpr std::size_t removal_bytes = short_key + user_id::size;
constexpr std::size_t left_out_bytes = short_key + digest::size;
constexpr std::size_t version_bytes = short_key + 16 + digest::size;

std::uint64_t key_number(byte_view key, std::size_t at) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : key.subspan(at, 8)) {
        value = value << 8 | byte;
    }
    return value;
}

/// Is the record what its key says? Records of kinds that this program does not know are left
/// alone.
bool is_sound(record_kind kind, byte_view key, byte_view value) {
    if (kind == record_kind::history && key.size() == left_out_bytes) {
        return codec::decode<left_out>(value).has_value();
    }
    auto what = codec::decode<envelope>(value);
    const auto next = what ? verify(std::move(*what)) : fail(what.error());
    if (!next) {
        return false;
    }
    const event_id& event = next->header.event;
    if (kind == record_kind::envelope) {
        return std::ranges::equal(event_key(event), key);
    }
    return key.size() == removal_bytes ? event_of_key(key) == event
                                       : std::ranges::equal(history_key(event, next->order), key);
}

bool is_known_key(record_kind kind, byte_view key) {
    return kind == record_kind::envelope
               ? key.size() == short_key
               : key.size() == removal_bytes || key.size() == left_out_bytes ||
                     key.size() == version_bytes;
}

}  // namespace

task<result<records_seen>> replicator::look(record_kind kind, bytes from) {
    const auto rows = co_await db_.scan(kind, std::move(from), {}, looked_at_once);
    if (!rows) {
        co_return fail(rows.error());
    }
    records_seen seen;
    for (const auto& [key, value] : *rows) {
        ++seen.count;
        seen.size += key.size() + value.size();
        if (!is_known_key(kind, key) || is_sound(kind, key, value)) {
            continue;
        }
        const auto damage = co_await heal(kind, key);
        if (!damage) {
            co_return fail(damage.error());
        }
        if (*damage) {
            seen.damaged.push_back(**damage);
        }
    }
    if (rows->size() == looked_at_once) {
        seen.next = rows->back().first;
        seen.next.push_back(0);
    }
    co_return seen;
}

/// Nothing where the record has changed meanwhile, and is sound.
task<result<std::optional<records_seen::damage>>> replicator::heal(record_kind kind, bytes key) {
    records_seen::damage found;
    found.event = *event_of_key(key);
    {
        const auto guard = co_await store_.lock(found.event);
        const auto stored = co_await db_.get(kind, key);
        if (!stored) {
            co_return fail(stored.error());
        }
        if (!*stored || is_sound(kind, key, **stored)) {
            co_return std::optional<records_seen::damage>();
        }
        env_.log.write(log_level::warn, "store",
                       "the disk has damaged a version of the event " +
                           mediator_.id_text(found.event) + ", which is set aside");
        batch writes;
        set_aside(writes, kind, key, **stored, env_.time.wall());
        if (kind == record_kind::envelope) {
            const auto healed = co_await heal_current(found.event, std::move(writes));
            if (!healed) {
                co_return fail(healed.error());
            }
            found.healed = *healed;
            co_return std::optional(found);
        }
        auto moved = co_await db_.apply(std::move(writes));
        if (!moved) {
            co_return fail(std::move(moved.error()));
        }
    }
    if (key.size() == version_bytes) {
        const generation_number line(key_number(key, short_key));
        const version_number number(key_number(key, short_key + 8));
        found.version.emplace(line, number);
        found.healed = co_await ask_for_version(found.event, line, number, key);
    }
    co_return std::optional(found);
}

/// What is in memory came from the disk or from the net, and is believed when it is verified.
/// Nobody else writes the event.
task<result<bool>> replicator::heal_current(event_id which, batch writes) {
    const held_event* const held = store_.find(which);
    const bytes here = held == nullptr ? bytes() : held->encoded;
    const bool good = held != nullptr && is_sound(record_kind::envelope, event_key(which), here);
    if (good) {
        writes.put(record_kind::envelope, event_key(which), here);
    }
    auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    if (!good) {
        store_.lose(which);
    }
    co_return good;
}

/// Others who have seen it replaced hold the same version among their earlier ones.
task<bool> replicator::ask_for_version(event_id which, generation_number line,
                                       version_number number, bytes key) {
    const held_event* const held = store_.find(which);
    if (held == nullptr || number.value == 0) {
        co_return false;
    }
    auto others = recipients_of(held->header);
    others.resize(std::min(others.size(), asked_for_a_version));
    const envelope_order before{line, version_number(number.value - 1), {}};
    for (const device_id& one : others) {
        auto question = codec::encode(wire::earlier{which, before});
        const auto answer =
            co_await mediator_.request(one, wire::message_type::earlier, std::move(question));
        auto reply = answer ? codec::decode<wire::earlier_reply>(*answer) : fail(answer.error());
        for (const envelope& version : reply ? reply->versions : std::vector<envelope>()) {
            bytes encoded = codec::encode(version);
            if (!is_sound(record_kind::history, key, encoded)) {
                continue;
            }
            batch writes;
            writes.put(record_kind::history, key, std::move(encoded));
            const auto stored = co_await db_.apply(std::move(writes));
            if (stored) {
                look_over_later(which);  // which may have passed it over
            }
            co_return stored.has_value();
        }
    }
    co_return false;
}

task<result<void>> replicator::give(device_id to, std::vector<event_id> which) {
    for (std::size_t at = 0; at < which.size(); at += given_at_once) {
        batch writes;
        std::vector<event_store::guard> guards;
        std::vector<event_id> given;
        for (std::size_t i = at; i < std::min(which.size(), at + given_at_once); ++i) {
            auto guard = co_await store_.lock(which[i]);
            guards.push_back(std::move(guard));
            const held_event* const held = store_.find(which[i]);
            if (held == nullptr || std::ranges::count(outbox_.owed(which[i]), to) > 0) {
                continue;
            }
            write_owed(writes, {to}, which[i], held->order);
            given.push_back(which[i]);
        }
        auto stored = co_await db_.apply(std::move(writes));
        if (!stored) {
            co_return stored;
        }
        for (const event_id& one : given) {
            outbox_.owe({to}, one);
        }
    }
    co_return result<void>();
}

}  // namespace calbox::replica
