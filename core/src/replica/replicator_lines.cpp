// Several lines of versions of one event: taking it over without a quorum, and keeping what a
// take-over has left out. Besides, what is known of an event that cannot be changed now.
#include <algorithm>

#include "crypto/envelopes.hpp"
#include "replica/replicator.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

namespace {

/// Is this version, with `order`, missing in what `next`, of another line, was made from?
bool leaves_out(const envelope_header& version, const envelope_order& order,
                const envelope_header& next) {
    if (next.generation <= version.generation || version.type != event_kind::calendar ||
        version.kind != envelope_kind::put) {
        return false;
    }
    for (const envelope_order& left : next.left) {
        if (left.generation == version.generation) {
            return left < order;
        }
    }
    // Nothing of its line: but whoever began that line has changed nothing by it.
    return version.left.empty() || version.left.back().hash != version.previous;
}

}  // namespace

tl::unexpected<error> taken_over_meanwhile() {
    return fail(errc::conflict, "the event was taken over by somebody else meanwhile");
}

generation_number replicator::line_of(const event_id& which) const {
    const held_event* const held = store_.find(which);
    return held != nullptr ? held->header.generation : generation_number(1);
}

task<result<event_id>> replicator::take_over(user_id as, event_id which) {
    if (!promised(epoch_of(store_.find(which))).takes_over) {
        co_return fail(errc::unsupported,
                       "this network's consensus strategy knows no take-over: wait, or copy the "
                       "event with calboxctl events copy " +
                           mediator_.id_text(which));
    }
    change what;
    what.as = as;
    what.event = which;
    what.takes_over = true;
    const held_event* const held = store_.find(which);
    if (auto allowed = may(what, held); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    if (held->header.left.size() >= wire::limits::takeovers) {
        co_return fail(errc::too_large, "the event was taken over too often: copy it instead");
    }
    what.type = held->header.type;
    what.participants = held->header.participants;
    what.guests_may = held->header.guests_may;
    what.expect = held->header.version;
    auto body = body_of(*held, as);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    what.body = std::move(*body);
    co_return co_await commit(std::move(what));
}

const missing_quorum* replicator::lacks_quorum(const event_id& which) const {
    const auto found = lacking_.find(which);
    return found == lacking_.end() ? nullptr : &found->second;
}

error replicator::explain(const event_id& which, const consensus::refused& refusal) {
    error why = refusal.why;
    if (why.code == errc::busy && !refusal.holder.is_zero()) {
        why.detail = mediator_.who_edits(which, refusal.holder, refusal.since);
    } else if (why.code == errc::unavailable && !refusal.missing.empty()) {
        why.detail = "this cannot be confirmed: it needs " + std::to_string(refusal.needed) +
                     " of these devices to be reachable: ";
        for (const device_id& device : refusal.missing) {
            why.detail +=
                (&device == &refusal.missing.front() ? "" : ", ") + mediator_.label_of(device);
        }
        if (const held_event* const held = store_.find(which)) {
            if (held->header.type == event_kind::calendar) {
                const std::string id = mediator_.id_text(which);
                const bool takes_over = promised(held->header.next_in).takes_over;
                why.detail += takes_over
                                  ? "; wait for them, copy the event (calboxctl events copy " + id +
                                        "), or take it over (calboxctl events takeover " + id + ")"
                                  : "; wait for them, or copy the event (calboxctl events "
                                    "copy " +
                                        id + ")";
            }
            lacking_.insert_or_assign(which, missing_quorum{refusal.needed, refusal.missing});
            env_.log.write(log_level::info, "consensus",
                           "no quorum for " + mediator_.id_text(which) + ": it needs " +
                               std::to_string(refusal.needed) + " of " +
                               std::to_string(refusal.missing.size()) + " devices");
        }
    }
    return why;
}

/// `next` replaces what is held: if that is this device's, and is left out, it is kept.
replicator::leaving replicator::write_left_out(batch& writes, const envelope_header& next) {
    const held_event* const held = store_.find(next.event);
    if (held == nullptr || crypto::device_of(held->header.by.device_key) != with_.self ||
        !leaves_out(held->header, held->order, next)) {
        return std::nullopt;
    }
    auto what = codec::decode<envelope>(held->encoded);
    if (!what) {
        return std::nullopt;
    }
    return keep_left_out(writes, held->header, held->order, std::move(*what));
}

/// The same for a version that was never held, since another line had come before it.
replicator::leaving replicator::write_left_out(batch& writes, const verified_envelope& lost) {
    const held_event* const held = store_.find(lost.header.event);
    if (held == nullptr || crypto::device_of(lost.header.by.device_key) != with_.self ||
        !leaves_out(lost.header, lost.order, held->header)) {
        return std::nullopt;
    }
    return keep_left_out(writes, lost.header, lost.order, lost.what);
}

replicator::leaving replicator::keep_left_out(batch& writes, const envelope_header& header,
                                              const envelope_order& order, envelope what) {
    bytes key = left_out_key(header.event, order.hash);
    const auto author = crypto::author_user(header.by);
    if (left_out_.contains(key) || !author) {
        return std::nullopt;
    }
    left_out made;
    made.copy = {*author,
                 event_id::make_seq(header.by.number, store_.next_n(*author, header.by.number))};
    made.lost = std::move(what);
    writes.put(record_kind::history, key, codec::encode(made));
    return std::pair(std::move(key), std::move(made));
}

void replicator::note_left_out(leaving what) {
    if (what) {
        left_out_.insert_or_assign(std::move(what->first), std::move(what->second));
    }
}

result<void> replicator::load_left_out(const bytes& key, const bytes& value) {
    if (key.size() != event_key({}).size() + digest::size) {
        return {};
    }
    auto read = codec::decode<left_out>(value);
    if (!read) {
        return fail(std::move(read.error()));
    }
    store_.note_number(read->copy);
    left_out_.insert_or_assign(key, std::move(*read));
    return {};
}

std::optional<left_out> replicator::next_left_out(
    const std::function<bool(const user_id&)>& ready) const {
    const auto found = std::ranges::find_if(left_out_, [&](const auto& one) {
        return one.second.lost && ready(one.second.copy.organizer);
    });
    return found == left_out_.end() ? std::nullopt : std::optional(found->second);
}

bool replicator::is_forked(const event_id& which) const {
    const auto end = left_out_.lower_bound(event_key({which.organizer, which.seq + 1}));
    return std::any_of(left_out_.lower_bound(event_key(which)), end,
                       [](const auto& one) { return one.second.lost.has_value(); });
}

task<result<void>> replicator::kept_left_out(event_id copy) {
    const auto found =
        std::ranges::find_if(left_out_, [&](const auto& one) { return one.second.copy == copy; });
    if (found == left_out_.end()) {
        co_return result<void>();
    }
    const bytes key = found->first;
    const left_out done{copy, std::nullopt};  // so that it is never done again
    batch writes;
    writes.put(record_kind::history, key, codec::encode(done));
    auto stored = co_await db_.apply(std::move(writes));
    if (stored) {
        left_out_.insert_or_assign(key, done);
    }
    co_return stored;
}

}  // namespace calbox::replica
