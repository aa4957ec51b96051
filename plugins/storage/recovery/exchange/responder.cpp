#include "responder.hpp"

#include <algorithm>
#include <unordered_set>

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

template <class Visit>
void each_known(const view& theirs, Visit&& visit) {
    theirs.each([&](const event_id& event, const envelope_order& order) {
        return visit(known{event, brief_order::of(order)});
    });
}

hashed_set hashed(const view& theirs, const item_hash& hash) {
    hashed_set all;
    each_known(theirs, [&](const known& one) {
        all.add(hash.of(one));
        return true;
    });
    return all;
}

std::vector<bytes> one_message(answer what) {
    what.last = true;
    return {codec::encode(what)};
}

answers ids_of_all(const question& asked, const view& theirs) {
    answer_writer out(asked.number, true);
    each_known(theirs, [&](const known& one) {
        out.offer(one);
        return true;
    });
    return out.finish();
}

answers on_held(const question& asked, const view& theirs) {
    const auto held = unpack(asked.held.value_or(pack({}, true)));
    const auto mine = share::of(asked);
    const bool ids = asked.reply == reply_form::ids;
    if (!held || !mine || (!ids && asked.reply != reply_form::envelopes)) {
        return fail(broken_question());
    }
    answer_writer out(asked.number, true);
    auto at = held->begin();
    each_known(theirs, [&](const known& one) {
        if (asked.after && one.event <= *asked.after) {
            return true;
        }
        if (asked.through && one.event > *asked.through) {
            return false;
        }
        while (at != held->end() && at->event < one.event) {
            ++at;
        }
        const bool is_held = at != held->end() && at->event == one.event;
        if (!is_held || at->order < one.order) {
            if (ids) {
                out.offer(one);
            } else {
                mine->give(out, one, theirs);
            }
        }
        return true;
    });
    return out.finish();
}

/// Of what is shown: where it stands in the streams to the asker.
std::optional<numbered> numbered_in(const view& theirs, const event_id& event,
                                    const item_hash& hash) {
    const auto where = theirs.place_of(event);
    return where ? std::optional(numbered{name_of(where->stream, hash), where->number})
                 : std::nullopt;
}

answers on_numbers(const question& asked, const view& theirs) {
    const auto key = key_of(asked.key);
    const auto mine = share::of(asked);
    const auto held = number_set::unpack(asked.numbers.value_or(bytes()));
    if (!key || !mine || !held || !asked.count || !asked.sum) {
        return fail(broken_question());
    }
    const item_hash hash(*key);
    hashed_set all;
    number_set others;
    std::vector<event_id> lacking;
    each_known(theirs, [&](const known& one) {
        all.add(hash.of(one));
        const auto at = numbered_in(theirs, one.event, hash);
        if (at && !held->has(*at)) {
            if (mine->has(one.event)) {
                lacking.push_back(one.event);
            } else if (mine->tells_others()) {
                others.add(*at);
            }
        }
        return true;
    });
    if (all.items.size() == *asked.count && all.sum == *asked.sum) {
        answer brief;
        brief.kind = answer_kind::same;
        brief.number = asked.number;
        return one_message(std::move(brief));
    }
    answer_writer out(asked.number, false);
    for (const event_id& one : lacking) {
        if (auto encoded = theirs.load(one)) {
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
    const item_hash hash(*key);
    answer_writer out(asked.number, false);
    each_known(theirs, [&](const known& one) {
        const auto at = numbered_in(theirs, one.event, hash);
        if (at && wanted->has(*at)) {
            if (auto encoded = theirs.load(one.event)) {
                out.envelope(std::move(*encoded));
            }
        }
        return true;
    });
    return out.finish();
}

answers on_want(const question& asked, const view& theirs) {
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
    std::unordered_set<std::uint64_t> wanted;
    packed_reader in(hashes);
    while (const auto one = in.fixed(8)) {
        wanted.insert(*one);
    }
    const item_hash hash(*key);
    answer_writer out(asked.number, true);
    auto at = held->begin();
    each_known(theirs, [&](const known& one) {
        while (at != held->end() && at->event < one.event) {
            ++at;
        }
        const bool is_newer = at == held->end() || at->event != one.event || at->order < one.order;
        if (is_newer && wanted.contains(hash.of(one))) {
            if (auto encoded = theirs.load(one.event)) {
                out.envelope(one, std::move(*encoded));
            }
        }
        return true;
    });
    return out.finish();
}

answers on_fingerprint(const question& asked, const view& theirs) {
    const auto key = key_of(asked.key);
    if (!key || !asked.count || !asked.sum) {
        return fail(broken_question());
    }
    const hashed_set all = hashed(theirs, item_hash(*key));
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
                return ids_of_all(asked, theirs);
            }
            return symbol_messages(asked.number, symbols_of(all.items, 0, enough), 0, all);
        case reply_form::envelopes:
        case reply_form::ids:
            break;
    }
    return fail(broken_question());
}

answers on_symbols(const question& asked, const view& theirs) {
    const auto key = key_of(asked.key);
    if (!key || !asked.from || !asked.to || *asked.from >= *asked.to || *asked.to > symbols_max) {
        return fail(broken_question());
    }
    const hashed_set all = hashed(theirs, item_hash(*key));
    return symbol_messages(asked.number, symbols_of(all.items, *asked.from, *asked.to), *asked.from,
                           all);
}

answers on_sketch(const question& asked, const view& theirs) {
    const auto key = key_of(asked.key);
    const auto mine = share::of(asked);
    if (!key || !mine || !asked.count || !asked.symbols) {
        return fail(broken_question());
    }
    const auto symbols = unpack_symbols(*asked.symbols, 0, *asked.count);
    if (!symbols) {
        return fail(symbols.error());
    }
    const item_hash hash(*key);
    sketch_decoder decoder(hashed(theirs, hash).items);
    if (!decoder.add(*symbols)) {
        answer brief;
        brief.kind = answer_kind::undecoded;
        brief.number = asked.number;
        return one_message(std::move(brief));
    }
    const auto& only_here = decoder.found().mine;
    const std::unordered_set<std::uint64_t> wanted(only_here.begin(), only_here.end());
    answer_writer out(asked.number, true);
    each_known(theirs, [&](const known& one) {
        if (wanted.contains(hash.of(one))) {
            mine->give(out, one, theirs);
        }
        return true;
    });
    return out.finish();
}

}  // namespace

result<std::vector<bytes>> answer_question(byte_view asked, const view& theirs) {
    const auto read = codec::decode<question>(asked);
    if (!read) {
        return fail(read.error());
    }
    switch (read->kind) {
        case question_kind::held:
            return on_held(*read, theirs);
        case question_kind::want:
            return on_want(*read, theirs);
        case question_kind::fingerprint:
            return on_fingerprint(*read, theirs);
        case question_kind::sketch:
            return on_sketch(*read, theirs);
        case question_kind::symbols:
            return on_symbols(*read, theirs);
        case question_kind::numbers:
            return on_numbers(*read, theirs);
    }
    return fail(broken_question());
}

}  // namespace calbox::recovery
