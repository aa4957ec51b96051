#include "initiator.hpp"

#include <algorithm>

namespace calbox::recovery {
namespace {

constexpr duration answer_time = std::chrono::seconds(10);  // without progress
constexpr std::size_t wants_per_question = 32'768;
constexpr std::uint64_t round_timer = 1;
constexpr std::uint64_t settled_timer = 2;
constexpr unsigned backups_asked_max = 2;

std::uint64_t apart(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a - b : b - a; }

}  // namespace

void exchange_initiator::step(const input& what, const view& mine, context where,
                              effects_type& effects) {
    if (phase_ != phase::over) {
        std::visit([&](const auto& one) { on(one, mine, where, effects); }, what);
    }
}

void exchange_initiator::on(const begin& what, const view& mine, context where,
                            effects_type& effects) {
    if (phase_ != phase::idle) {
        return;
    }
    phase_ = phase::asking;
    where.entropy.fill(key_);
    hash_.emplace(key_);
    for (const device_id& device : what.friends) {
        peers_[device];
    }
    for (const device_id& device : what.backups) {
        peers_[device].is_backup = true;
    }
    if (by_ == summary::numbers && mine.keeps_numbers()) {
        begin_by_numbers(mine, effects);
    } else {
        ask_first(mine, effects);
    }
    advance(mine, effects);
}

// Asking
// ------------------------------------------------------------------------------------------------

void exchange_initiator::ask(const device_id& to, question what, std::uint32_t depth,
                             effects_type& effects) {
    what.number = next_number_++;
    open_question& open = peers_.at(to).open[what.number];
    open.kind = what.kind;
    open.numbered = what.numbers.has_value();
    open.depth = depth;
    depth_ = std::max(depth_, depth);
    effects.push_back(send{to, codec::encode(what)});
    effects.push_back(set_timer{round_timer, answer_time});
}

void exchange_initiator::ask_first(const view& mine, effects_type& effects) {
    for (const auto& [device, whom] : peers_) {
        if (by_ == summary::list) {
            if (!whom.is_backup) {
                question shape;
                shape.reply = reply_form::ids;
                ask_held(device, known_with(device, mine), std::move(shape), 1, effects);
            }
            continue;
        }
        ask_fingerprint(device, 1, mine, effects);
    }
}

void exchange_initiator::ask_fingerprint(const device_id& to, std::uint32_t depth, const view& mine,
                                         effects_type& effects) {
    const reply_form reply = peers_.at(to).is_backup    ? reply_form::count
                             : by_ == summary::cheapest ? reply_form::cheapest
                                                        : reply_form::sketch;
    ask(to, fingerprint_of(hashes_with(to, mine), reply), depth, effects);
}

question exchange_initiator::fingerprint_of(const hashed_set& set, reply_form reply) const {
    question made;
    made.kind = question_kind::fingerprint;
    made.reply = reply;
    made.key = bytes(key_.begin(), key_.end());
    made.count = set.items.size();
    made.sum = set.sum;
    return made;
}

void exchange_initiator::ask_held(const device_id& to, const std::vector<known>& held,
                                  question shape, std::uint32_t depth, effects_type& effects) {
    shape.kind = question_kind::held;
    std::size_t at = 0;
    std::optional<event_id> after;
    do {
        const std::size_t end = std::min(held.size(), at + items_per_message);
        question one = shape;
        one.held = pack({held.begin() + static_cast<std::ptrdiff_t>(at),
                         held.begin() + static_cast<std::ptrdiff_t>(end)},
                        true);
        // The last question reaches to the end of all ids, the first from their beginning.
        one.after = after;
        if (end < held.size()) {
            one.through = held[end - 1].event;
        }
        after = one.through;
        ask(to, std::move(one), depth, effects);
        at = end;
    } while (at < held.size());
}

void exchange_initiator::ask_wants(const device_id& to, wants what, std::uint32_t depth,
                                   const view& mine, effects_type& effects) {
    const auto& decoder = peers_.at(to).decoder;
    for (std::size_t at = 0; at < what.hashes.size(); at += wants_per_question) {
        question one;
        one.kind = question_kind::want;
        one.key = bytes(key_.begin(), key_.end());
        one.hashes.emplace();
        const std::size_t end = std::min(what.hashes.size(), at + wants_per_question);
        for (std::size_t i = at; i < end; ++i) {
            put_fixed(*one.hashes, what.hashes[i], 8);
        }
        if (decoder && !decoder->found().mine.empty()) {
            // Of what differs, the asker's own versions: older ones are not to be sent.
            const hash_selection differing(decoder->found().mine);
            const listing_ptr all = mine.list_with(to);
            const hashed_set& hashes = kept_.of(all, key_);
            std::vector<known> held;
            for (std::size_t i = 0; i < all->events.size(); ++i) {
                if (differing.has(hashes.items[i]) && held.size() < items_per_message) {
                    held.push_back(known::of(all->events[i]));
                }
            }
            one.held = pack(held, true);
        }
        ask(to, std::move(one), depth, effects);
    }
    for (std::size_t at = 0; at < what.events.size(); at += items_per_message) {
        const auto begin = what.events.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = begin + static_cast<std::ptrdiff_t>(
                                     std::min(what.events.size() - at, items_per_message));
        question one;
        one.kind = question_kind::want;
        one.events = pack({begin, end}, false);
        const std::uint32_t number = next_number_;
        ask(to, std::move(one), depth, effects);
        for (auto item = begin; item != end; ++item) {
            peers_.at(to).open.at(number).events.insert(item->event);
        }
    }
}

std::vector<known> exchange_initiator::known_with(const device_id& to, const view& mine) {
    const listing_ptr all = mine.list_with(to);
    std::vector<known> items;
    items.reserve(all->events.size());
    std::ranges::transform(all->events, std::back_inserter(items), known::of);
    return items;
}

const hashed_set& exchange_initiator::hashes_with(const device_id& to, const view& mine) {
    return kept_.of(mine.list_with(to), key_);
}

/// What a backup need not send: what is held, and what friends are just now asked for.
exchange_initiator::summary_set exchange_initiator::summarise(const device_id& backup,
                                                              const view& mine, bool promised) {
    summary_set set;
    set.maybe_superseded = 0;
    std::map<event_id, brief_order> coming;
    std::vector<std::uint64_t> unnamed;
    if (promised) {
        offers_.each_assigned(mine, [&](std::uint64_t hash, const std::optional<known>& what) {
            if (what) {
                brief_order& order = coming[what->event];
                order = std::max(order, what->order);
            } else {
                unnamed.push_back(hash);
                set.all_known = false;
            }
        });
    }
    if (coming.empty()) {
        set.listed = known_with(backup, mine);
        set.hashes = hashes_with(backup, mine);
    } else {
        auto next = coming.begin();
        for (known& held : known_with(backup, mine)) {
            for (; next != coming.end() && next->first < held.event; ++next) {
                set.listed.push_back({next->first, next->second});
            }
            if (next != coming.end() && next->first == held.event) {
                held.order = std::max(held.order, next->second);
                ++next;
            }
            set.listed.push_back(held);
        }
        for (; next != coming.end(); ++next) {
            set.listed.push_back({next->first, next->second});
        }
        set.hashes = hashed_set(hash_->of(set.listed));
    }
    for (const std::uint64_t hash : unnamed) {
        set.hashes.add(hash);
    }
    if (!unnamed.empty()) {
        for (const auto& [device, whom] : peers_) {
            set.maybe_superseded += whom.decoder ? whom.decoder->found().mine.size() : 0;
        }
    }
    return set;
}

void exchange_initiator::ask_backups(const view& mine, bool promised, std::uint32_t depth,
                                     effects_type& effects) {
    std::vector<device_id> asked;
    for (const auto& [device, whom] : peers_) {
        if (whom.is_backup && !lost_.contains(device)) {
            asked.push_back(device);
        }
    }
    if (asked.empty() || ++backups_asked_ > backups_asked_max) {
        return;
    }
    const summary_set set = summarise(asked.front(), mine, promised);
    if (by_ != summary::list) {
        const std::pair own(std::uint64_t{set.hashes.items.size()}, set.hashes.sum);
        std::erase_if(asked, [&](const device_id& device) {
            return !peers_.at(device).print || peers_.at(device).print == own;
        });
    }
    bool alike = by_ != summary::list;
    for (const device_id& device : asked) {
        alike = alike && peers_.at(device).print == peers_.at(asked.front()).print;
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
        question shape;
        if (asked.size() > 1) {
            shape.key = bytes(key_.begin(), key_.end());
            shape.part = static_cast<std::uint32_t>(i);
            shape.parts = static_cast<std::uint32_t>(asked.size());
            shape.others = !alike;
        }
        peer& whom = peers_.at(asked[i]);
        const std::size_t own = set.hashes.items.size();
        const std::size_t enough =
            by_ == summary::list
                ? 0
                : symbols_for(std::max(apart(whom.print->first, own), changed_least) +
                              set.maybe_superseded);
        // An empty list says more than any sketch.
        const bool list =
            set.all_known &&
            (by_ == summary::list || own == 0 ||
             (by_ == summary::cheapest && own * listed_bytes <= enough * symbol_bytes));
        if (list) {
            ask_held(asked[i], set.listed, std::move(shape), depth, effects);
        } else {
            shape.kind = question_kind::sketch;
            shape.key = bytes(key_.begin(), key_.end());
            shape.count = own;
            const std::size_t some = std::min(enough, 2 * symbols_per_message);
            shape.symbols = pack_symbols(symbols_of(set.hashes.items, 0, some), 0, own);
            whom.undecoded = 0;
            ask(asked[i], std::move(shape), depth, effects);
        }
    }
}

/// The backups for which the sketch was too short: their own symbols are asked for.
void exchange_initiator::ask_undecoded(const view& mine, std::uint32_t depth,
                                       effects_type& effects) {
    for (auto& [device, whom] : peers_) {
        if (whom.undecoded == 0 || lost_.contains(device)) {
            continue;
        }
        whom.undecoded = 0;
        const auto held = known_with(device, mine);
        const std::size_t enough =
            std::max(symbols_for(4 * apart(whom.print ? whom.print->first : 0, held.size()) + 256),
                     std::size_t{1});
        if (enough * symbol_bytes >= held.size() * listed_bytes || enough >= symbols_max) {
            question shape;  // ids: another backup may have the same
            shape.reply = reply_form::ids;
            ask_held(device, held, std::move(shape), depth, effects);
            continue;
        }
        whom.decoder = std::make_unique<sketch_decoder>(hashes_with(device, mine).items);
        question one;
        one.kind = question_kind::symbols;
        one.key = bytes(key_.begin(), key_.end());
        one.from = 0;
        one.to = static_cast<std::uint32_t>(enough);
        ask(device, std::move(one), depth, effects);
    }
}

// Hearing
// ------------------------------------------------------------------------------------------------

void exchange_initiator::on(const message& what, const view& mine, context, effects_type& effects) {
    const auto from = peers_.find(what.from);
    auto read = codec::decode<answer>(what.body);
    if (from == peers_.end() || lost_.contains(what.from) || !read ||
        read->index >= messages_per_answer) {
        return;
    }
    const auto asked = from->second.open.find(read->number);
    if (asked == from->second.open.end() || asked->second.indices.contains(read->index)) {
        return;  // answered already, or this message came twice
    }
    if (!take(what.from, from->second, asked->second, *read, mine, effects)) {
        return;
    }
    asked->second.indices.insert(read->index);
    if (read->last) {
        asked->second.last = read->index;
    }
    effects.push_back(
        set_timer{round_timer, answer_time});  // progress: whoever still sends is given time
    if (asked->second.complete()) {
        open_question whole = std::move(asked->second);
        from->second.open.erase(asked);
        answered(what.from, from->second, std::move(whole), mine, effects);
    }
    advance(mine, effects);
}

/// False when it is no answer to that question.
bool exchange_initiator::take(const device_id& from, peer& whom, open_question& asked, answer& read,
                              const view& mine, effects_type& effects) {
    switch (read.kind) {
        case answer_kind::items:
            return take_items(from, asked, read, mine, effects);
        case answer_kind::symbols:
            return take_symbols(whom, asked, read);
        case answer_kind::same:
            whom.print.reset();
            whom.agrees = true;
            return asked.kind == question_kind::fingerprint || asked.kind == question_kind::numbers;
        case answer_kind::count:
            whom.print = std::pair(read.count.value_or(0), read.sum.value_or(0));
            return asked.kind == question_kind::fingerprint;
        case answer_kind::undecoded:
            whom.undecoded = 1;
            return asked.kind == question_kind::sketch;
    }
    return false;
}

bool exchange_initiator::take_items(const device_id& from, open_question& asked, answer& read,
                                    const view& mine, effects_type& effects) {
    if (asked.numbered) {
        take_numbered(from, read, mine, effects);
        return true;
    }
    const auto offered = unpack(read.offers.value_or(pack({}, true)));
    const auto listed = unpack(read.list.value_or(pack({}, true)));
    const std::size_t envelopes = read.envelopes ? read.envelopes->size() : 0;
    if (!offered || !listed || listed->size() != envelopes) {
        return false;
    }
    for (const known& one : *offered) {
        const auto held = mine.find(one.event);
        if (!held || brief_order::of(*held) < one.order) {
            offers_.add(from, hash_->of(one), one);
        }
    }
    for (std::size_t i = 0; i < envelopes; ++i) {
        const known& one = (*listed)[i];
        bool again = false;
        if (one.order == brief_order()) {
            again = asked.events.erase(one.event) == 0;  // it was asked for by its name
        } else {
            // The order is the sender's word: believing it can only drop his own envelope.
            const auto held = mine.find(one.event);
            if (held && brief_order::of(*held) >= one.order) {
                ++duplicates_;
                continue;
            }
            const std::uint64_t hash = hash_->of(one);
            again = !seen_.insert(hash).second;
            offers_.came(hash, one);
        }
        duplicates_ += again ? 1 : 0;
        effects.push_back(apply{from, std::move((*read.envelopes)[i])});
    }
    return true;
}

bool exchange_initiator::take_symbols(peer& whom, open_question& asked, const answer& read) {
    const bool wanted =
        asked.kind == question_kind::fingerprint || asked.kind == question_kind::symbols;
    if (!wanted || !read.count || !read.from || !read.symbols) {
        return false;
    }
    auto some = unpack_symbols(*read.symbols, *read.from, *read.count);
    std::size_t all = some ? some->size() : 0;
    for (const auto& [from, part] : asked.symbols) {
        all += part.size();
    }
    if (!some || some->empty() || all > symbols_max) {
        return false;
    }
    whom.print = std::pair(*read.count, std::uint64_t{0});
    asked.symbols[*read.from] = std::move(*some);
    return true;
}

void exchange_initiator::answered(const device_id& from, peer& whom, open_question asked,
                                  const view& mine, effects_type& effects) {
    if (!asked.symbols.empty()) {
        decode(from, whom, asked, mine, effects);
    }
}

void exchange_initiator::decode(const device_id& from, peer& whom, open_question& asked,
                                const view& mine, effects_type& effects) {
    if (!whom.decoder) {
        whom.decoder = std::make_unique<sketch_decoder>(hashes_with(from, mine).items);
    }
    bool done = false;
    for (const auto& [begins, some] : asked.symbols) {
        if (begins == whom.decoder->symbols() && begins + some.size() <= symbols_max) {
            done = whom.decoder->add(some);
        }
    }
    if (done) {
        for (const std::uint64_t hash : whom.decoder->found().theirs) {
            offers_.add(from, hash, std::nullopt);
        }
        return;
    }
    const std::size_t has = whom.decoder->symbols();
    const std::size_t wanted = whom.decoder->wanted();
    const std::uint64_t there = whom.print ? whom.print->first : 0;
    const std::uint32_t depth = asked.depth + 1;
    if (wanted <= has || (wanted - has) * symbol_bytes >= there * listed_bytes) {
        // The whole list is shorter than what a sketch would still need.
        whom.decoder.reset();
        question shape;
        shape.reply = reply_form::ids;
        ask_held(from, {}, std::move(shape), depth, effects);
        return;
    }
    question further;
    further.kind = question_kind::symbols;
    further.key = bytes(key_.begin(), key_.end());
    further.from = static_cast<std::uint32_t>(has);
    further.to = static_cast<std::uint32_t>(wanted);
    ask(from, std::move(further), depth, effects);
}

void exchange_initiator::on(const peer_lost& what, const view& mine, context,
                            effects_type& effects) {
    if (peers_.contains(what.device) && !lost_.contains(what.device)) {
        lose(what.device);
        advance(mine, effects);
    }
}

void exchange_initiator::lose(const device_id& device) {
    lost_.insert(device);
    peers_.at(device).open.clear();
}

void exchange_initiator::on(const timer& what, const view& mine, context, effects_type& effects) {
    if (what.tag == settled_timer && phase_ == phase::settling) {
        plan(mine, effects);
    } else if (what.tag == settled_timer && phase_ == phase::numbered) {
        after_numbers(mine, effects);
    } else if (what.tag == round_timer && phase_ != phase::idle) {
        for (const auto& [device, whom] : peers_) {
            if (!whom.open.empty()) {
                lose(device);
            }
        }
        advance(mine, effects);
    }
}

bool exchange_initiator::is_waiting() const {
    return std::ranges::any_of(peers_, [](const auto& one) { return !one.second.open.empty(); });
}

void exchange_initiator::advance(const view& mine, effects_type& effects) {
    if (is_waiting()) {
        return;
    }
    if (phase_ == phase::asking) {
        plan(mine, effects);
    } else if (phase_ == phase::fetching || phase_ == phase::numbering) {
        // Effects are performed in order, so this timer fires when all that came has been applied.
        phase_ = phase_ == phase::fetching ? phase::settling : phase::numbered;
        effects.push_back(set_timer{settled_timer, duration{}});
    }
}

/// With nothing under way: what is asked next, or the end.
void exchange_initiator::plan(const view& mine, effects_type& effects) {
    const bool first = phase_ == phase::asking;
    phase_ = phase::fetching;
    const std::uint32_t depth = depth_ + 1;
    const bool broken = !first && offers_.is_broken(mine);
    auto shared = offers_.assign(mine, lost_);
    if (first && shared.empty() && ask_backups_by_numbers(mine, depth, effects)) {
        return;
    }
    if (first || (shared.empty() && broken)) {
        ask_backups(mine, first, depth, effects);
    }
    ask_undecoded(mine, depth, effects);
    for (auto& [device, what] : shared) {
        ask_wants(device, std::move(what), depth, mine, effects);
    }
    if (!is_waiting()) {
        finish(effects);
    }
}

void exchange_initiator::finish(effects_type& effects) {
    phase_ = phase::over;
    finished end;
    end.caught_up = lost_.empty();
    end.duplicates = duplicates_;
    end.rounds = depth_;
    end.silent.assign(lost_.begin(), lost_.end());
    effects.push_back(std::move(end));
}

}  // namespace calbox::recovery
