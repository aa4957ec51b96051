// Several lines of versions of one event: taking it over without a quorum, and keeping what a
// take-over has left out. Besides, what is known of an event that cannot be changed now.
#include <algorithm>

#include <calbox/mutant.hpp>

#include "crypto/envelopes.hpp"
#include "replica/replicator.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

namespace {

/// Was the version of that place there when this one was made?
bool has_in_it(const envelope_header& version, const envelope_order& earlier) {
    if (version.generation == earlier.generation) {
        return earlier.version < version.version;
    }
    return std::ranges::any_of(version.left, [&](const envelope_order& left) {
        return left == earlier ||
               (left.generation == earlier.generation && left.version > earlier.version);
    });
}

/// Whoever takes an event over changes nothing by it, nor does who brings it into another epoch.
bool changes_nothing(const envelope_header& version) {
    const bool takes_over = !version.left.empty() && version.left.back().hash == version.previous;
    return takes_over || (version.moved && version.moved->only_that);
}

bool is_damage(errc why) {
    return why == errc::malformed || why == errc::mismatch || why == errc::not_found;
}

/// Something that its author would keep, if it were left out.
bool is_an_edit(const envelope_header& version) {
    const auto author = crypto::author_user(version.by);
    return version.type == event_kind::calendar && version.kind == envelope_kind::put && author &&
           version.involves(*author) && !changes_nothing(version);
}

/// Is the earlier one in an edit that was made of it, so that whoever made that keeps both?
bool keeps(const envelope_header& version, const envelope_order& earlier) {
    if (is_an_edit(version)) {
        return has_in_it(version, earlier);
    }
    // It says of another line that it went on after the earlier one.
    return std::ranges::any_of(version.left, [&](const envelope_order& left) {
        return left.generation == earlier.generation && left.version > earlier.version;
    });
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

/// Is it this device's, and was never held here, since another line had come before?
bool replicator::is_of_an_ended_line(const envelope_header& own) const {
    const held_event* const held = store_.find(own.event);
    return held != nullptr && held->header.generation > own.generation &&
           crypto::device_of(own.by.device_key) == with_.self;
}

void replicator::leave_in_doubt(verified_envelope what) {
    const event_id which = what.header.event;
    const bool has_ended = is_of_an_ended_line(what.header);
    in_doubt_.insert_or_assign(which, std::move(what));
    if (has_ended) {
        look_over_later(which);
    }
}

void replicator::look_over_later(const event_id& which) {
    other_lines_.insert(which);
    if (const held_event* const held = store_.find(which)) {
        mediator_.changed(held->header, held->header);
    }
}

/// Is it an edit that the line of now was not made from?
bool replicator::is_left_out(const event_id& which, const envelope_header& header,
                             const envelope_order& order) const {
    const held_event* const held = store_.find(which);
    return held != nullptr && held->header.generation > header.generation && is_an_edit(header) &&
           !has_in_it(held->header, order);
}

/// An edit is in what was made of it later, and kept with that by whoever made it. Where a line
/// that was only begun is left out, too, what it was begun with is still its author's to keep. A
/// version that the disk has damaged is looked at again once it is healed.
task<result<void>> replicator::look_over(event_id which) {
    if (mutant("replicator.keeps_nothing")) {
        co_return result<void>();
    }
    const auto guard = co_await store_.lock(which);
    const auto past = co_await earlier_.headers(which);
    if (!past) {
        co_return fail(past.error());
    }
    std::map<bytes, left_out> found;
    batch writes;
    const auto note = [&](const envelope_header& header, bytes key, envelope what) {
        const auto author = crypto::author_user(header.by);
        if (!author || left_out_.contains(key) || found.contains(key)) {
            return;
        }
        left_out made;
        made.copy = {*author, event_id::make_seq(header.by.number,
                                                 store_.next_n(*author, header.by.number))};
        made.lost = std::move(what);
        writes.put(record_kind::history, key, codec::encode(made));
        found.emplace(std::move(key), std::move(made));
    };
    // Others may have seen it, and nobody can tell any more: rather once too often.
    std::optional<digest> doubted;
    if (const auto doubt = in_doubt_.find(which); doubt != in_doubt_.end()) {
        const verified_envelope& mine = doubt->second;
        if (is_left_out(which, mine.header, mine.order)) {
            note(mine.header, left_out_key(which, mine.order.hash), mine.what);
            doubted = mine.order.hash;
        }
    }
    for (const auto& version : *past) {
        const envelope_order& order = version.first;
        const envelope_header& header = version.second;
        bytes key = left_out_key(which, order.hash);
        if (crypto::device_of(header.by.device_key) != with_.self || left_out_.contains(key) ||
            !is_left_out(which, header, order)) {
            continue;
        }
        const bool others_keep_it = std::ranges::any_of(
            *past, [&](const auto& later) { return keeps(later.second, order); });
        if (others_keep_it) {
            continue;
        }
        const auto read = co_await earlier_.read(which, order);
        auto what = read ? codec::decode<envelope>(read->encoded) : fail(read.error());
        if (!what && is_damage(what.error().code)) {
            continue;
        }
        if (!what) {
            co_return fail(std::move(what.error()));
        }
        note(header, std::move(key), std::move(*what));
    }
    if (found.empty()) {
        co_return result<void>();
    }
    auto stored = co_await db_.apply(std::move(writes));
    if (stored) {
        // Another edit may be in doubt by now, or still be, in the line that goes on.
        if (const auto doubt = in_doubt_.find(which);
            doubt != in_doubt_.end() && doubt->second.order.hash == doubted) {
            in_doubt_.erase(doubt);
        }
        left_out_.merge(found);
        if (const held_event* const held = store_.find(which)) {
            mediator_.changed(held->header, held->header);  // it is a forked one now
        }
    }
    co_return stored;
}

task<result<void>> replicator::look_over_lines() {
    result<void> all;
    std::set<event_id> again;
    while (!other_lines_.empty()) {
        const event_id which = *other_lines_.begin();
        other_lines_.erase(which);
        auto looked = co_await look_over(which);
        if (!looked) {
            again.insert(which);
            all = std::move(looked);
        }
    }
    other_lines_.merge(again);
    co_return all;
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
