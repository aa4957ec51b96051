#include "node/glances.hpp"

#include <algorithm>

#include "crypto/primitives.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view record_prefix = "glances ", after_records = "glances!";
constexpr std::string_view purpose = "calbox glances 1";
/// What is longer is looked at for every range.
constexpr std::int64_t short_most_ms = std::int64_t{8} * 86'400'000;
/// Of what lies on the disk, before all of it is written anew.
constexpr std::size_t old_entries = 2'048;
constexpr std::uint64_t repeats = 1, carries_files = 2;

/// Records of kind meta, under "glances " + user + number, hold many of these, sealed.
struct saved_glance {
    event_id event;
    digest version;
    timestamp start, end;
    std::uint64_t uid = 0;
    std::uint64_t is = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&saved_glance::event), codec::field<2>(&saved_glance::version),
                   codec::field<3>(&saved_glance::start), codec::field<4>(&saved_glance::end),
                   codec::field<5>(&saved_glance::uid), codec::field<6>(&saved_glance::is));
};

bytes key_of(const user_id& whose, std::uint64_t number) {
    bytes key = to_bytes(record_prefix);
    key.insert(key.end(), whose.value.begin(), whose.value.end());
    for (int shift = 56; shift >= 0; shift -= 8) {
        key.push_back(static_cast<std::uint8_t>(number >> shift));
    }
    return key;
}

std::optional<std::pair<user_id, std::uint64_t>> read_key(byte_view key) {
    if (key.size() != record_prefix.size() + user_id::size + 8) {
        return std::nullopt;
    }
    std::uint64_t number = 0;
    for (const std::uint8_t byte : key.last(8)) {
        number = number << 8 | byte;
    }
    return std::pair(*user_id::from_bytes(key.subspan(record_prefix.size(), user_id::size)),
                     number);
}

crypto::secret_bytes seal_key(const crypto::identity& of) {
    return crypto::derive(of.box.secret.view(), purpose);
}

}  // namespace

std::uint64_t uid_mark(std::string_view uid) {
    const digest hash = crypto::sha256(as_bytes(uid));
    std::uint64_t mark = 0;
    for (std::size_t i = 0; i < sizeof mark; ++i) {
        mark = mark << 8 | hash.value[i];
    }
    return mark;
}

task<result<void>> glances::load() {
    const auto rows = co_await db_.scan(replica::record_kind::meta, to_bytes(record_prefix),
                                        to_bytes(after_records));
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        const auto named = read_key(key);
        if (!named) {
            continue;
        }
        const auto& [whose, number] = *named;
        shelf& his = shelves_[whose];
        his.records.insert(number);
        his.last = std::max(his.last, number);
        const crypto::identity* const keys = keys_of_(whose);
        if (keys == nullptr) {
            continue;
        }
        const auto plain = crypto::open(seal_key(*keys).view(), value, key);
        const auto read =
            plain ? codec::decode<std::vector<saved_glance>>(*plain) : fail(plain.error());
        if (!read) {
            env_.log.write(log_level::warn, "calendar",
                           "what was noted of events cannot be read, and they are opened anew");
            continue;
        }
        his.entries += read->size();
        for (const saved_glance& one : *read) {
            saved_.insert_or_assign(one.event, glance{one.version,
                                                      whose,
                                                      {one.start, one.end},
                                                      one.uid,
                                                      (one.is & repeats) != 0,
                                                      (one.is & carries_files) != 0});
        }
    }
    co_return result<void>();
}

std::optional<glance> glances::take_saved(const event_id& which) {
    const auto found = saved_.extract(which);
    return found.empty() ? std::nullopt : std::optional(found.mapped());
}

const glance* glances::find(const event_id& which) const {
    const auto found = all_.find(which);
    return found == all_.end() ? nullptr : &found->second;
}

std::set<glances::place>& glances::times_of(const glance& what) noexcept {
    return what.series                                            ? series_
           : what.utc.end.ms - what.utc.start.ms <= short_most_ms ? short_
                                                                  : long_;
}

void glances::put(const event_id& which, const glance& what, bool on_the_disk) {
    erase(which);
    all_.emplace(which, what);
    times_of(what).emplace(what.utc.start, what.utc.end, which);
    uids_.emplace(what.uid, which);
    if (what.has_files) {
        files_.insert(which);
    }
    if (!what.checked) {
        unchecked_.insert(which);
    }
    if (on_the_disk) {
        return;
    }
    shelf& his = shelves_[what.by];
    his.unsaved.push_back(which);
    if (his.unsaved.size() >= kept_together && !std::exchange(his.saving, true)) {
        tasks_.spawn("glances", save(what.by));
    }
}

void glances::confirm(const event_id& which) {
    if (const auto found = all_.find(which); found != all_.end()) {
        found->second.checked = true;
        unchecked_.erase(which);
    }
}

void glances::erase(const event_id& which) {
    const auto found = all_.find(which);
    if (found == all_.end()) {
        return;
    }
    const glance& what = found->second;
    times_of(what).erase({what.utc.start, what.utc.end, which});
    const auto [first, last] = uids_.equal_range(what.uid);
    uids_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == which; }));
    files_.erase(which);
    unchecked_.erase(which);
    all_.erase(found);
}

void glances::forget_all() {
    all_.clear();
    saved_.clear();
    short_.clear();
    long_.clear();
    series_.clear();
    uids_.clear();
    files_.clear();
    unchecked_.clear();
    replica::batch writes;
    for (auto& [whose, his] : shelves_) {
        for (const std::uint64_t number : his.records) {
            writes.erase(replica::record_kind::meta, key_of(whose, number));
        }
        his.records.clear();
        his.entries = 0;
        his.unsaved.clear();
    }
    if (!writes.empty()) {
        tasks_.spawn("glances", [](replica::database& db, replica::batch all) -> task<void> {
            (void)co_await db.apply(std::move(all));  // they open for nobody who is not here
        }(db_, std::move(writes)));
    }
}

void glances::write(replica::batch& writes, const user_id& whose, shelf& into,
                    const std::vector<event_id>& which) {
    const crypto::identity* const keys = keys_of_(whose);
    std::vector<saved_glance> some;
    const auto put_some = [&] {
        bytes key = key_of(whose, ++into.last);
        bytes sealed = crypto::seal(seal_key(*keys).view(), codec::encode(some), key, env_.entropy);
        into.records.insert(into.last);
        into.entries += some.size();
        writes.put(replica::record_kind::meta, std::move(key), std::move(sealed));
        some.clear();
    };
    for (const event_id& one : which) {
        const glance* const what = find(one);
        if (what != nullptr && what->by == whose) {
            some.push_back({one, what->version, what->utc.start, what->utc.end, what->uid,
                            (what->series ? repeats : 0) | (what->has_files ? carries_files : 0)});
        }
        if (some.size() == kept_together) {
            put_some();
        }
    }
    if (!some.empty()) {
        put_some();
    }
}

task<void> glances::save(user_id whose) {
    while (shelves_[whose].unsaved.size() >= kept_together && keys_of_(whose) != nullptr) {
        shelf& his = shelves_[whose];
        std::vector<event_id> which = std::exchange(his.unsaved, {});
        replica::batch writes;
        std::set<std::uint64_t> replaced;
        if (his.entries > 2 * all_.size() + old_entries) {
            replaced = std::exchange(his.records, {});
            for (const std::uint64_t number : replaced) {
                writes.erase(replica::record_kind::meta, key_of(whose, number));
            }
            his.entries = 0;
            which.clear();
            for (const auto& [id, one] : all_) {
                which.push_back(id);
            }
        }
        write(writes, whose, his, which);
        const auto kept = co_await db_.apply(std::move(writes));
        if (!kept) {
            env_.log.write(log_level::warn, "calendar",
                           "what was noted of events is not kept: " + kept.error().message());
            shelves_[whose].records.merge(replaced);
        }
    }
    shelves_[whose].saving = false;
}

std::vector<event_id> glances::between(std::optional<timestamp> from,
                                       std::optional<timestamp> to) const {
    std::vector<event_id> found;
    const auto look = [&](const std::set<place>& some, std::optional<timestamp> first) {
        for (auto at = first ? some.lower_bound({*first, timestamp{INT64_MIN}, {}}) : some.begin();
             at != some.end() && (!to || std::get<0>(*at) < *to); ++at) {
            if (!from || std::get<1>(*at) >= *from) {
                found.push_back(std::get<2>(*at));
            }
        }
    };
    // Whatever is still going on at `from` has begun at most so long before.
    constexpr std::int64_t earliest = INT64_MIN + short_most_ms;
    look(short_, from && from->ms > earliest ? std::optional(timestamp{from->ms - short_most_ms})
                                             : std::nullopt);
    look(long_, std::nullopt);
    for (const auto& [start, end, which] : series_) {
        found.push_back(which);
    }
    return found;
}

/// By start, each is compared with the one before it that ends last: two that touch are both found,
/// since whatever begins between them touches the same one.
std::vector<event_id> glances::meeting() const {
    std::set<event_id> found;
    std::optional<place> last;
    auto one = short_.begin(), other = long_.begin();
    while (one != short_.end() || other != long_.end()) {
        const bool first = other == long_.end() || (one != short_.end() && *one < *other);
        const place& now = first ? *one++ : *other++;
        if (last && std::get<0>(now) <= std::get<1>(*last)) {
            found.insert(std::get<2>(*last));
            found.insert(std::get<2>(now));
        }
        if (!last || std::get<1>(now) > std::get<1>(*last)) {
            last = now;
        }
    }
    for (const auto& [start, end, which] : series_) {
        found.insert(which);
    }
    return {found.begin(), found.end()};
}

std::vector<event_id> glances::with_uid(std::string_view uid) const {
    std::vector<event_id> found;
    const auto [first, last] = uids_.equal_range(uid_mark(uid));
    std::for_each(first, last, [&](const auto& one) { found.push_back(one.second); });
    return found;
}

std::vector<event_id> glances::unchecked(std::size_t most) const {
    std::vector<event_id> some;
    for (auto at = unchecked_.begin(); at != unchecked_.end() && some.size() < most; ++at) {
        some.push_back(*at);
    }
    return some;
}

}  // namespace calbox::node
