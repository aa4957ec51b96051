#include "replica/history.hpp"

#include <algorithm>

#include "crypto/envelopes.hpp"

namespace calbox::replica {

namespace {

constexpr std::size_t rows_at_once = 32;  // of at most an envelope each
constexpr std::size_t event_key_bytes = user_id::size + 8;
constexpr std::size_t version_key_bytes = event_key_bytes + 16 + digest::size;

std::uint64_t number_at(byte_view key, std::size_t at) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : key.subspan(at, 8)) {
        value = (value << 8) | byte;
    }
    return value;
}

/// The smallest key behind this one.
bytes after(bytes key) {
    key.push_back(0);
    return key;
}

timestamp later(timestamp from, duration by) {
    return {from.ms + std::chrono::duration_cast<std::chrono::milliseconds>(by).count()};
}

}  // namespace

std::vector<timestamp> ends_of(const std::vector<past_outline>& all, bool deleted,
                               const history_terms& with) {
    std::vector<timestamp> ends;
    for (const past_outline& one : all) {
        ends.push_back(later(one.since, with.versions));
    }
    if (!deleted) {
        return ends;
    }
    const auto last = std::find_if(all.rbegin(), all.rend(), [](const past_outline& one) {
        return one.kind == envelope_kind::put;
    });
    if (last == all.rend()) {
        return ends;
    }
    const timestamp out_of_trash = later(last->since, with.trash);
    for (timestamp& end : ends) {
        end = std::min(end, out_of_trash);
    }
    ends[static_cast<std::size_t>(all.rend() - last) - 1] = out_of_trash;
    return ends;
}

std::optional<history::row> history::read_row(const bytes& key, const bytes& value, timestamp now) {
    if (key.size() != version_key_bytes) {
        return std::nullopt;  // a notice for who was removed
    }
    const auto record = codec::decode<history_record>(value);
    auto header = record ? codec::decode<envelope_header>(record->header) : fail(record.error());
    if (!header) {
        return std::nullopt;
    }
    row made;
    made.key = key;
    made.what.order = {generation_number(number_at(key, event_key_bytes)),
                       version_number(number_at(key, event_key_bytes + 8)),
                       *digest::from_bytes(byte_view(key).last(digest::size))};
    made.what.kind = header->kind;
    made.what.since = record->since.value_or(now);
    made.dated = record->since.has_value();
    made.header = std::move(*header);
    return made;
}

task<result<std::vector<history::row>>> history::rows_of(event_id which) {
    const timestamp now = env_.time.wall();
    std::vector<row> all;
    bytes from = event_key(which);
    const bytes end = event_key({which.organizer, which.seq + 1});
    while (true) {
        const auto rows = co_await db_.scan(record_kind::history, from, end, rows_at_once);
        if (!rows) {
            co_return fail(rows.error());
        }
        for (const auto& [key, value] : *rows) {
            if (auto read = read_row(key, value, now)) {
                all.push_back(std::move(*read));
            }
        }
        if (rows->size() < rows_at_once) {
            break;
        }
        from = after(rows->back().first);
    }
    co_return all;
}

std::vector<timestamp> history::ends_of_rows(const std::vector<row>& all,
                                             const event_id& which) const {
    std::vector<past_outline> outlines;
    for (const row& one : all) {
        outlines.push_back(one.what);
    }
    const held_event* const held = store_.find(which);
    const bool deleted = held != nullptr && held->header.kind == envelope_kind::tombstone;
    return ends_of(outlines, deleted, with_);
}

task<result<std::vector<past_version>>> history::kept(event_id which) {
    const auto all = co_await rows_of(which);
    if (!all) {
        co_return fail(all.error());
    }
    const timestamp now = env_.time.wall();
    const auto ends = ends_of_rows(*all, which);
    std::vector<past_version> found;
    for (std::size_t i = 0; i < all->size(); ++i) {
        if (ends[i] > now) {
            found.push_back({(*all)[i].what, ends[i]});
        }
    }
    co_return found;
}

task<result<std::vector<std::pair<envelope_order, envelope_header>>>> history::headers(
    event_id which) {
    auto all = co_await rows_of(which);
    if (!all) {
        co_return fail(std::move(all.error()));
    }
    std::vector<std::pair<envelope_order, envelope_header>> found;
    for (row& one : *all) {
        found.emplace_back(one.what.order, std::move(one.header));
    }
    co_return found;
}

task<result<held_event>> history::read(event_id which, envelope_order order) {
    auto stored = co_await db_.get(record_kind::history, history_key(which, order));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    if (!*stored) {
        co_return fail(errc::not_found, "that version of the event is not kept here any more");
    }
    const auto what = codec::decode<envelope>(**stored);
    auto header = what ? crypto::read_header(*what) : fail(what.error());
    if (!header) {
        co_return fail(std::move(header.error()));
    }
    co_return held_event{std::move(*header), order, std::move(**stored)};
}

task<result<std::size_t>> history::sweep() {
    std::size_t erased = 0;
    bytes from;
    while (true) {
        const auto next = co_await db_.scan(record_kind::history, from, {}, 1);
        if (!next) {
            co_return fail(next.error());
        }
        if (next->empty() || next->front().first.size() < event_key_bytes) {
            break;
        }
        const event_id which = *event_of_key(next->front().first);
        const auto settled = co_await settle(which);
        if (!settled) {
            co_return fail(settled.error());
        }
        erased += *settled;
        from = event_key({which.organizer, which.seq + 1});
    }
    co_return erased;
}

/// Nobody changes the event meanwhile: whether it is deleted decides.
task<result<std::size_t>> history::settle(event_id which) {
    const auto guard = co_await store_.lock(which);
    const auto all = co_await rows_of(which);
    if (!all) {
        co_return fail(all.error());
    }
    const timestamp now = env_.time.wall();
    const auto ends = ends_of_rows(*all, which);
    batch writes;
    std::size_t erased = 0;
    for (std::size_t i = 0; i < all->size(); ++i) {
        const row& one = (*all)[i];
        if (ends[i] <= now) {
            writes.erase(record_kind::history, one.key);
            ++erased;
        } else if (!one.dated) {
            const auto stored = co_await db_.get(record_kind::history, one.key);
            if (!stored) {
                co_return fail(stored.error());
            }
            auto record = codec::decode<history_record>(stored->value_or(bytes()));
            if (record) {
                record->since = one.what.since;
                writes.put(record_kind::history, one.key, codec::encode(*record));
            }
        }
    }
    if (!writes.empty()) {
        auto applied = co_await db_.apply(std::move(writes));
        if (!applied) {
            co_return fail(std::move(applied.error()));
        }
    }
    co_return erased;
}

}  // namespace calbox::replica
