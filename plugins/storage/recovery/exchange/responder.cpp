#include "responder.hpp"

#include <algorithm>

namespace calbox::recovery {
namespace {

using answers = result<std::vector<bytes>>;

constexpr std::uint32_t parts_max = 64;

error broken_question() {
    return error{errc::malformed, "a recovery question that cannot be read"};
}

/// The share of the events that is asked for as envelopes.
class share {
public:
    static std::optional<share> of(const question& asked) {
        const std::uint32_t parts = asked.parts.value_or(1), part = asked.part.value_or(0);
        const auto key = key_of(asked.key);
        if (parts == 0 || parts > parts_max || part >= parts || (parts > 1 && !key)) {
            return std::nullopt;
        }
        return share(part, parts, asked.others.value_or(false), key.value_or(sketch_key{}));
    }
    bool has(const event_id& event) const noexcept {
        return parts_ == 1 || hash_.part_of(event, parts_) == part_;
    }
    bool tells_others() const noexcept { return others_; }
    void give(answer_writer& to, const known& what, const view& theirs) const {
        if (has(what.event)) {
            if (auto encoded = theirs.load(what.event)) {
                to.envelope(what, std::move(*encoded));
            }
        } else if (others_) {
            to.offer(what);
        }
    }

private:
    share(std::uint32_t part, std::uint32_t parts, bool others, const sketch_key& key)
        : hash_(key), part_(part), parts_(parts), others_(others) {}
    item_hash hash_;
    std::uint32_t part_, parts_;
    bool others_;
};

std::vector<bytes> one_message(answer what) {
    what.last = true;
    return {codec::encode(what)};
}

answers ids_of_all(const question& asked, const listing& all) {
    answer_writer out(asked.number, true);
    for (const listed& one : all.events) {
        out.offer(known::of(one));
    }
    return out.finish();
}

/// Goes through what the asker says he holds, beside what is shown, both in event order.
class beside {
public:
    explicit beside(const std::vector<known>& held) : held_(held), at_(held.begin()) {}
    /// Has he nothing of this event, or an older version?
    bool lacks(const known& one) {
        while (at_ != held_.end() && at_->event < one.event) {
            ++at_;
        }
        return at_ == held_.end() || at_->event != one.event || at_->order < one.order;
    }

private:
    const std::vector<known>& held_;
    std::vector<known>::const_iterator at_;
};

answers on_held(const question& asked, const view& theirs) {
    const auto held = unpack(asked.held.value_or(pack({}, true)));
    const auto mine = share::of(asked);
    const bool ids = asked.reply == reply_form::ids;
    if (!held || !mine || (!ids && asked.reply != reply_form::envelopes)) {
        return fail(broken_question());
    }
    answer_writer out(asked.number, true);
    beside his(*held);
    const listing_ptr all = theirs.list();
    auto at = asked.after ? std::ranges::upper_bound(all->events, *asked.after, {}, &listed::event)
                          : all->events.begin();
    for (; at != all->events.end() && (!asked.through || at->event <= *asked.through); ++at) {
        const known one = known::of(*at);
        if (!his.lacks(one)) {
            continue;
        }
        if (ids) {
            out.offer(one);
        } else {
            mine->give(out, one, theirs);
        }
    }
    return out.finish();
}

/// What is shown, by the names of its streams under the key of the exchange.
class by_name {
public:
    by_name(const listing& all, const item_hash& hash, const number_set& numbers) {
        for (const stream_id& stream : all.streams) {
            names_.push_back(name_of(stream, hash));
            ranges_.push_back(numbers.find(names_.back()));
        }
    }
    /// Nothing for what is in no stream to the asker.
    std::optional<numbered> of(const listed& one) const {
        return one.number > 0 ? std::optional(numbered{names_[one.stream], one.number})
                              : std::nullopt;
    }
    /// Is it among the numbers? What is in no stream to him is not.
    bool has(const listed& one) const noexcept {
        const number_ranges* const ranges = one.number > 0 ? ranges_[one.stream] : nullptr;
        return ranges != nullptr && has_number(*ranges, one.number);
    }

private:
    std::vector<stream_name> names_;  // by their places in the list
    std::vector<const number_ranges*> ranges_;
};

answers on_numbers(const question& asked, const view& theirs, hash_cache& kept) {
    const auto key = key_of(asked.key);
    const auto mine = share::of(asked);
    const auto held = number_set::unpack(asked.numbers.value_or(bytes()));
    if (!key || !mine || !held || !asked.count || !asked.sum) {
        return fail(broken_question());
    }
    const listing_ptr list = theirs.list();
    const hashed_set& all = kept.of(list, *key);
    if (all.items.size() == *asked.count && all.sum == *asked.sum) {
        answer brief;
        brief.kind = answer_kind::same;
        brief.number = asked.number;
        return one_message(std::move(brief));
    }
    const by_name his(*list, item_hash(*key), *held);
    number_set others;
    answer_writer out(asked.number, false);
    for (const listed& one : list->events) {
        if (one.number == 0 || his.has(one)) {
            continue;
        }
        if (!mine->has(one.event)) {
            if (mine->tells_others()) {
                others.add(*his.of(one));
            }
        } else if (auto encoded = theirs.load(one.event)) {
            out.envelope(std::move(*encoded));
        }
    }
    bytes offered = others.pack();
    if (offered.size() > message_bytes) {
        offered.clear();  // the fingerprints differ then, and a sketch finds it
    }
    out.tail(all, std::move(offered));
    return out.finish();
}

answers on_wanted_numbers(const question& asked, const view& theirs) {
    const auto key = key_of(asked.key);
    const auto wanted = number_set::unpack(*asked.numbers);
    if (!key || !wanted) {
        return fail(broken_question());
    }
    const listing_ptr list = theirs.list();
    const by_name his(*list, item_hash(*key), *wanted);
    answer_writer out(asked.number, false);
    for (const listed& one : list->events) {
        if (his.has(one)) {
            if (auto encoded = theirs.load(one.event)) {
                out.envelope(std::move(*encoded));
            }
        }
    }
    return out.finish();
}

answers on_want(const question& asked, const view& theirs, hash_cache& kept) {
    if (asked.numbers) {
        return on_wanted_numbers(asked, theirs);
    }
    const auto events = unpack(asked.events.value_or(pack({}, false)));
    const auto held = unpack(asked.held.value_or(pack({}, true)));
    const bytes hashes = asked.hashes.value_or(bytes());
    const auto key = key_of(asked.key);
    if (!events || !held || hashes.size() % 8 != 0 || (!hashes.empty() && !key)) {
        return fail(broken_question());
    }
    if (hashes.empty()) {
        answer_writer out(asked.number, false);
        for (const known& one : *events) {
            if (auto encoded = theirs.load(one.event)) {
                out.envelope(one, std::move(*encoded));
            }
        }
        return out.finish();
    }
    std::vector<std::uint64_t> some;
    packed_reader in(hashes);
    while (const auto one = in.fixed(8)) {
        some.push_back(*one);
    }
    const hash_selection wanted(std::move(some));
    const listing_ptr list = theirs.list();
    const hashed_set& all = kept.of(list, *key);
    answer_writer out(asked.number, true);
    beside his(*held);
    for (std::size_t i = 0; i < list->events.size(); ++i) {
        if (!wanted.has(all.items[i])) {
            continue;
        }
        const known one = known::of(list->events[i]);
        if (his.lacks(one)) {
            if (auto encoded = theirs.load(one.event)) {
                out.envelope(one, std::move(*encoded));
            }
        }
    }
    return out.finish();
}

answers on_fingerprint(const question& asked, const view& theirs, hash_cache& kept) {
    const auto key = key_of(asked.key);
    if (!key || !asked.count || !asked.sum) {
        return fail(broken_question());
    }
    const listing_ptr list = theirs.list();
    const hashed_set& all = kept.of(list, *key);
    answer brief;
    brief.number = asked.number;
    if (all.items.size() == *asked.count && all.sum == *asked.sum) {
        brief.kind = answer_kind::same;
        return one_message(std::move(brief));
    }
    const std::uint64_t apart = all.items.size() > *asked.count ? all.items.size() - *asked.count
                                                                : *asked.count - all.items.size();
    // The asker's word for his count does not make it longer than two sets of this size need.
    const std::size_t enough = symbols_for(
        std::min<std::uint64_t>(std::max(apart, changed_least), 4 * all.items.size() + 64));
    switch (asked.reply) {
        case reply_form::count:
            brief.kind = answer_kind::count;
            brief.count = all.items.size();
            brief.sum = all.sum;
            return one_message(std::move(brief));
        case reply_form::cheapest:
        case reply_form::sketch:
            // Beside an empty set, no sketch is as short as the list.
            if (*asked.count == 0 || (asked.reply == reply_form::cheapest &&
                                      all.items.size() * listed_bytes <= enough * symbol_bytes)) {
                return ids_of_all(asked, *list);
            }
            return symbol_messages(asked.number, symbols_of(all.items, 0, enough), 0, all);
        case reply_form::envelopes:
        case reply_form::ids:
            break;
    }
    return fail(broken_question());
}

answers on_symbols(const question& asked, const view& theirs, hash_cache& kept) {
    const auto key = key_of(asked.key);
    if (!key || !asked.from || !asked.to || *asked.from >= *asked.to || *asked.to > symbols_max) {
        return fail(broken_question());
    }
    const hashed_set& all = kept.of(theirs.list(), *key);
    return symbol_messages(asked.number, symbols_of(all.items, *asked.from, *asked.to), *asked.from,
                           all);
}

answers on_sketch(const question& asked, const view& theirs, hash_cache& kept) {
    const auto key = key_of(asked.key);
    const auto mine = share::of(asked);
    if (!key || !mine || !asked.count || !asked.symbols) {
        return fail(broken_question());
    }
    const auto symbols = unpack_symbols(*asked.symbols, 0, *asked.count);
    if (!symbols) {
        return fail(symbols.error());
    }
    const listing_ptr list = theirs.list();
    const hashed_set& all = kept.of(list, *key);
    sketch_decoder decoder(all.items);
    if (!decoder.add(*symbols)) {
        answer brief;
        brief.kind = answer_kind::undecoded;
        brief.number = asked.number;
        return one_message(std::move(brief));
    }
    const hash_selection wanted(decoder.found().mine);
    answer_writer out(asked.number, true);
    for (std::size_t i = 0; i < list->events.size(); ++i) {
        if (wanted.has(all.items[i])) {
            mine->give(out, known::of(list->events[i]), theirs);
        }
    }
    return out.finish();
}

}  // namespace

result<std::vector<bytes>> answer_question(byte_view asked, const view& theirs, hash_cache& kept) {
    const auto read = codec::decode<question>(asked);
    if (!read) {
        return fail(read.error());
    }
    switch (read->kind) {
        case question_kind::held:
            return on_held(*read, theirs);
        case question_kind::want:
            return on_want(*read, theirs, kept);
        case question_kind::fingerprint:
            return on_fingerprint(*read, theirs, kept);
        case question_kind::sketch:
            return on_sketch(*read, theirs, kept);
        case question_kind::symbols:
            return on_symbols(*read, theirs, kept);
        case question_kind::numbers:
            return on_numbers(*read, theirs, kept);
    }
    return fail(broken_question());
}

}  // namespace calbox::recovery
