#include "replica/event_store.hpp"

#include <calbox/mutant.hpp>

#include <algorithm>

#include "crypto/envelopes.hpp"
#include "crypto/identity.hpp"
#include "crypto/primitives.hpp"

namespace calbox::replica {

namespace {

void append_number(bytes& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

/// Record of kind meta, under "numbers " + user + device number.
struct numbers_record {
    event_id last;  // the highest that is not given
    network_epoch epoch;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&numbers_record::last), codec::field<2>(&numbers_record::epoch));
};
constexpr std::string_view numbers_name = "numbers ", after_numbers = "numbers!";
/// More than any device has under way at a time.
constexpr std::uint32_t numbers_left_out = 10'000;

/// The event whose current version was set aside under that name.
std::optional<event_id> damaged_event(byte_view name) {
    constexpr std::size_t before_key = aside_name.size() + 1 + 8;
    if (name.size() != before_key + user_id::size + 8 ||
        name[aside_name.size()] != static_cast<std::uint8_t>(record_kind::envelope)) {
        return std::nullopt;
    }
    return event_of_key(name.subspan(before_key));
}

}  // namespace

bytes event_key(const event_id& event) {
    bytes key = to_bytes(event.organizer.view());
    append_number(key, event.seq);
    return key;
}

std::optional<event_id> event_of_key(byte_view key) noexcept {
    if (key.size() < user_id::size + 8) {
        return std::nullopt;
    }
    event_id event{*user_id::from_bytes(key.first(user_id::size)), 0};
    for (const std::uint8_t byte : key.subspan(user_id::size, 8)) {
        event.seq = event.seq << 8 | byte;
    }
    return event;
}

bytes version_key(const event_id& event, generation_number generation, version_number version) {
    bytes key = event_key(event);
    append_number(key, generation.value);
    append_number(key, version.value);
    return key;
}

bytes history_key(const event_id& event, const envelope_order& order) {
    bytes key = version_key(event, order.generation, order.version);
    key.insert(key.end(), order.hash.value.begin(), order.hash.value.end());
    return key;
}

bytes left_out_key(const event_id& event, const digest& hash) {
    bytes key = event_key(event);
    key.insert(key.end(), hash.value.begin(), hash.value.end());
    return key;
}

bytes removal_key(const event_id& event, const user_id& user) {
    bytes key = event_key(event);
    key.insert(key.end(), user.value.begin(), user.value.end());
    return key;
}

result<verified_envelope> verify(envelope what) {
    auto header = crypto::verify_envelope(what);
    if (!header) {
        return fail(std::move(header.error()));
    }
    const envelope_order order{header->generation, header->version, crypto::envelope_hash(what)};
    return verified_envelope{std::move(what), std::move(*header), order};
}

task<result<void>> event_store::load() {
    auto rows = co_await db_.scan(record_kind::envelope);
    if (!rows) {
        co_return fail(std::move(rows.error()));
    }
    batch damaged;
    for (auto& [key, value] : *rows) {
        auto what = codec::decode<envelope>(value);
        auto header = what ? crypto::read_header(*what) : fail(what.error());
        if (!header && header.error().code == errc::unsupported) {
            co_return fail(header.error());
        }
        if (!header || event_key(header->event) != key) {
            env_.log.write(log_level::warn, "store",
                           "the disk has damaged an event, which is set aside and asked for anew" +
                               (header ? std::string() : ": " + header.error().message()));
            set_aside(damaged, record_kind::envelope, key, value, env_.time.wall());
            continue;
        }
        const envelope_order order{header->generation, header->version,
                                   crypto::envelope_hash(*what)};
        note_number(header->event);
        const event_id event = header->event;
        hold(event, {std::move(*header), order, std::move(value)});
    }
    if (!damaged.empty()) {
        if (auto moved = co_await db_.apply(std::move(damaged)); !moved) {
            co_return moved;
        }
    }
    const auto aside =
        co_await db_.scan(record_kind::meta, to_bytes(aside_name), to_bytes(after_aside));
    if (!aside) {
        co_return fail(aside.error());
    }
    for (const auto& [key, value] : *aside) {
        const auto event = damaged_event(key);
        if (event && find(*event) == nullptr) {
            lose(*event);
        }
    }
    const auto streams = co_await db_.scan(record_kind::stream);
    if (!streams) {
        co_return fail(streams.error());
    }
    for (const auto& [key, value] : *streams) {
        // Where events are lost, it is not known which numbers they had.
        if (auto read = streams_.load(value, lost_.empty()); !read) {
            co_return read;
        }
    }
    for (const auto& [id, held] : events_) {
        streams_.came(held.header);
    }
    const auto numbers =
        co_await db_.scan(record_kind::meta, to_bytes(numbers_name), to_bytes(after_numbers));
    if (!numbers) {
        co_return fail(numbers.error());
    }
    for (const auto& [key, value] : *numbers) {
        const auto record = codec::decode<numbers_record>(value);
        if (!record) {
            co_return fail(record.error());
        }
        note_number(record->last);
        numbered_in_[{record->last.organizer, record->last.device().value}] = record->epoch;
    }
    co_return result<void>();
}

const held_event* event_store::find(const event_id& event) const noexcept {
    const auto found = events_.find(event);
    return found == events_.end() ? nullptr : &found->second;
}

namespace {

/// Is `next` the version by which `who` takes himself out of the event, and changes nothing else
/// that a header shows? Or the notice of it, for another device of his?
bool leaves(const user_id& who, const envelope_header& before, const envelope_header& next) {
    std::vector<user_id> rest = before.participants;
    const bool of_that_kind =
        next.kind == envelope_kind::put || next.kind == envelope_kind::removed_you;
    return std::erase(rest, who) == 1 && of_that_kind && next.participants == rest &&
           next.guests_may == before.guests_may;
}

}  // namespace

bool event_store::is_current(const held_event& held) const {
    const envelope_header& header = held.header;
    if (header.kind == envelope_kind::removed_you) {
        return false;
    }
    return is_backups || !streams_.ours || streams_.ours(header.event.organizer) ||
           std::ranges::any_of(header.participants, streams_.ours);
}

result<void> event_store::permitted(const verified_envelope& next) const {
    const envelope_header& header = next.header;
    const auto author = crypto::author_user(header.by);
    if (!author) {
        return fail(errc::mismatch, "an envelope whose author does not certify himself");
    }
    const bool by_organizer = *author == header.event.organizer;
    const held_event* const held = find(header.event);
    const bool is_his_alone = header.type == event_kind::group ||
                              header.type == event_kind::reminder ||
                              header.type == event_kind::opening;
    if (is_his_alone && !by_organizer) {
        return fail(errc::forbidden, "what is one person's alone is written by him");
    }
    if (held != nullptr && held->header.type != header.type) {
        return fail(errc::forbidden, "an event stays of the kind that it was made as");
    }
    if (held != nullptr && header.generation == held->header.generation &&
        header.version > held->header.version && header.next_in < held->header.next_in) {
        return fail(errc::mismatch, "a version of an epoch that the event has left");
    }
    const auto place = [](const envelope_header& of) {
        return std::pair(of.generation, of.version);
    };
    // Who was out may be invited again, by somebody who came since.
    const bool invited_again = held != nullptr && !is_current(*held) &&
                               header.kind == envelope_kind::put &&
                               place(header) > place(held->header);
    if (held == nullptr || invited_again) {
        if (header.version == version_number(1) && !by_organizer) {
            return fail(errc::forbidden, "only its organizer creates an event");
        }
        // A guest who left signs a version without himself, so that a device that first hears of
        // the event by that version cannot ask whether he takes part.
        const bool may_have_left =
            header.version > version_number(1) && header.epoch > key_epoch{1};
        if (!header.involves(*author) && !may_have_left) {
            return fail(errc::forbidden, "the author does not take part in this event");
        }
        return {};
    }
    if (by_organizer || leaves(*author, held->header, header)) {
        return {};
    }
    if (!held->header.involves(*author)) {
        return fail(errc::forbidden, "the author does not take part in this event");
    }
    const std::uint32_t rights = held->header.guests_may;
    if (header.generation > held->header.generation) {
        // Another line, whose versions do not follow what is held: by what they say of themselves,
        // so that every device comes to the same result whichever line it has seen.
        const std::uint32_t needed =
            header.kind == envelope_kind::tombstone ? guest_right::remove : guest_right::modify;
        return (header.guests_may & needed) != 0
                   ? result<void>()
                   : fail(errc::forbidden, "guests may not take this event over");
    }
    // What a version says is sealed, so that what it changes is asked where it is made; here the
    // rights that a header shows.
    const bool deletes = header.kind == envelope_kind::tombstone;
    // Whoever takes part may answer, so that a version that shows no other change may be his. Where
    // one was made beside the deletion, and not upon it (a strategy that allows it), the order of
    // the two decides, as everywhere.
    const bool brings_back = held->header.kind == envelope_kind::tombstone && !deletes &&
                             header.previous == held->order.hash;
    const bool invites = header.participants != held->header.participants;
    if (deletes && (rights & guest_right::remove) == 0) {
        return fail(errc::forbidden, "guests may not delete this event");
    }
    if (brings_back && (rights & guest_right::remove) == 0) {
        return fail(errc::forbidden, "guests may not bring this event back");
    }
    if (header.guests_may != rights) {
        return fail(errc::forbidden, "only the organizer changes what guests may do");
    }
    if (invites && (rights & guest_right::invite) == 0) {
        return fail(errc::forbidden, "guests may not invite others to this event, nor remove them");
    }
    return {};
}

void event_store::pass_over(const verified_envelope& older) {
    const held_event* const held = find(older.header.event);
    const auto author = crypto::author_user(older.header.by);
    // Whoever has no part in the event has numbers of his own.
    if (held != nullptr && author && held->header.involves(*author)) {
        streams_.came(older.header);
    }
}

bool event_store::is_newer(const verified_envelope& next) const noexcept {
    const held_event* const held = find(next.header.event);
    if (mutant("event_store.takes_older")) {
        return held == nullptr || held->order != next.order;
    }
    if (mutant("event_store.ignores_hash")) {
        return held == nullptr || held->header.version < next.header.version;
    }
    return held == nullptr || held->order < next.order;
}

void event_store::write_to(batch& writes, const verified_envelope& next) const {
    if (const held_event* const held = find(next.header.event)) {
        write_earlier(writes, held->header.event, held->order, held->encoded);
    }
    writes.put(record_kind::envelope, event_key(next.header.event), codec::encode(next.what));
    streams_.write_came(writes, next.header);
}

void event_store::write_earlier(batch& writes, const event_id& event, const envelope_order& order,
                                const bytes& encoded) const {
    auto earlier = codec::decode<history_record>(encoded);
    if (earlier) {
        earlier->since = env_.time.wall();
    }
    writes.put(record_kind::history, history_key(event, order),
               earlier ? codec::encode(*earlier) : encoded);
}

void event_store::lose(const event_id& event) {
    note_number(event);
    if (const held_event* const held = find(event)) {
        if (changing) {
            changing(held, nullptr);
        }
        by_type_[held->header.type].erase(event);
        events_.erase(event);
        lists_.changed(event);
    }
    lost_.insert(event);
    streams_.forget_came();
    for (const auto& [id, held] : events_) {
        streams_.came(held.header);
    }
}

void event_store::publish(verified_envelope next) {
    const event_id event = next.header.event;
    note_number(event);
    lost_.erase(event);
    streams_.came(next.header);
    bytes encoded = codec::encode(next.what);
    hold(event, {std::move(next.header), next.order, std::move(encoded)});
}

void event_store::hold(const event_id& event, held_event next) {
    if (changing) {
        changing(find(event), &next);
    }
    if (next.header.type != event_kind::calendar) {
        by_type_[next.header.type].insert(event);
    }
    events_.insert_or_assign(event, std::move(next));
    lists_.changed(event);
}

const std::set<event_id>& event_store::of_type(event_kind type) const {
    static const std::set<event_id> none;
    const auto found = by_type_.find(type);
    return found == by_type_.end() ? none : found->second;
}

event_store::guard::~guard() {
    if (store_ == nullptr) {
        return;
    }
    const auto found = store_->locks_.find(event_);
    const auto freed = found->second;
    store_->locks_.erase(found);
    freed->set();
}

task<result<std::optional<held_event>>> event_store::earlier(event_id event,
                                                             generation_number generation,
                                                             version_number version) const {
    const bytes first = version_key(event, generation, version);
    const auto rows = co_await db_.scan(record_kind::history, first,
                                        version_key(event, generation, version.next()));
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        if (key.size() != first.size() + digest::size) {
            continue;  // a notice of removal
        }
        auto what = codec::decode<envelope>(value);
        auto header = what ? crypto::read_header(*what) : fail(what.error());
        if (!header) {
            co_return fail(errc::malformed, "the store holds an envelope that cannot be read");
        }
        const envelope_order order{header->generation, header->version,
                                   crypto::envelope_hash(*what)};
        co_return std::optional(held_event{std::move(*header), order, value});
    }
    co_return std::optional<held_event>();
}

task<event_store::guard> event_store::lock(event_id which) {
    while (true) {
        const auto found = locks_.find(which);
        if (found == locks_.end()) {
            break;
        }
        const auto freed = found->second;
        co_await freed->wait();
    }
    locks_.emplace(which, std::make_shared<event>(env_));
    co_return guard(this, which);
}

void event_store::note_number(const event_id& given) {
    auto& last = last_n_[{given.organizer, given.device().value}];
    last = std::max(last, given.n());
}

std::uint32_t event_store::next_n(const user_id& organizer, device_number device) {
    return ++last_n_[{organizer, device.value}];
}

task<result<void>> event_store::begin_numbers(user_id organizer, device_number device,
                                              network_epoch epoch) {
    const std::pair whose(organizer, device.value);
    if (epoch == network_epoch(1) || numbered_in_[whose] >= epoch) {
        co_return result<void>();
    }
    last_n_[whose] += numbers_left_out;
    const event_id last{organizer, event_id::make_seq(device, last_n_[whose])};
    bytes key = to_bytes(numbers_name);
    const bytes rest = event_key({organizer, device.value});
    key.insert(key.end(), rest.begin(), rest.end());
    batch writes;
    writes.put(record_kind::meta, std::move(key), codec::encode(numbers_record{last, epoch}));
    auto stored = co_await db_.apply(std::move(writes));
    if (stored) {
        numbered_in_[whose] = epoch;
    }
    co_return stored;
}

bool store_view::visible(const held_event& held) const noexcept {
    if (held.header.kind == envelope_kind::removed_you) {
        return false;  // between the author and whom he removed
    }
    return friends_ != nullptr || everything_ || shown_lists::shows(answered_, held.header);
}

recovery::listing_ptr store_view::list() const {
    if (friends_ != nullptr || everything_) {
        return store_.list({});
    }
    return store_.list(answered_);
}

recovery::listing_ptr store_view::list_with(const device_id& peer) const {
    if (friends_ == nullptr) {
        return list();
    }
    shown_lists::choice what;
    if (!everything_) {
        what.users = users_;
    }
    if (const auto found = friends_->find(peer); found != friends_->end()) {
        what.others = found->second;
    }
    return store_.list(std::move(what));
}

std::optional<envelope_order> store_view::find(const event_id& event) const {
    const held_event* const held = store_.find(event);
    const bool shown = held != nullptr && (friends_ != nullptr || visible(*held));
    return shown ? std::optional(held->order) : std::nullopt;
}

std::optional<bytes> store_view::load(const event_id& event) const {
    const held_event* const held = store_.find(event);
    return held != nullptr && visible(*held) ? std::optional(held->encoded) : std::nullopt;
}

bool store_view::keeps_numbers() const { return friends_ != nullptr && !everything_; }

void store_view::each_stream(
    const device_id& peer,
    const std::function<void(const stream_id&, const recovery::number_ranges&)>& visit) const {
    const bool is_friend = friends_ != nullptr && friends_->contains(peer);
    std::set<device_id> shared_with;
    if (is_friend) {
        const recovery::listing_ptr all = list_with(peer);
        for (const recovery::listed& one : all->events) {
            shared_with.insert(store_.numbers().author(store_.find(one.event)->header));
        }
    }
    for (const auto& [stream, numbers] : store_.numbers().all()) {
        const bool for_us = std::ranges::count(users_, stream.recipient) > 0;
        if (for_us && (!is_friend || shared_with.contains(stream.device))) {
            visit(stream, numbers);
        }
    }
}

}  // namespace calbox::replica
