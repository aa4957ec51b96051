#include "node/series_splits.hpp"

#include <algorithm>
#include <utility>

#include <calbox/mutant.hpp>

#include "model/times.hpp"
#include "node/drafts.hpp"
#include "node/series_edits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view note_prefix = "split ";

bytes note_key(const std::string& uid) { return to_bytes(std::string(note_prefix) + uid); }

/// From when on the times of the series, as it is now, are the new event's: it may have been moved.
result<model::local_time> later_times(const series_splits::note& what,
                                      const model::event_content& series) {
    bool day_only = false;
    auto at = model::parse_local_time(what.at, day_only);
    const auto start = model::parse_local_time(what.start, day_only);
    if (at && start) {
        const std::int64_t moved =
            model::wall_seconds(series.time.start) - model::wall_seconds(*start);
        at = model::from_wall_seconds(model::wall_seconds(*at) + moved);
    }
    return at;
}

}  // namespace

task<result<void>> series_splits::load() {
    if (mutant("series_splits.forgets")) {
        co_return result<void>();
    }
    bytes last = to_bytes(note_prefix);
    ++last.back();
    const auto rows =
        co_await db_.scan(replica::record_kind::meta, to_bytes(note_prefix), std::move(last));
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        auto read = codec::decode<note>(value);
        if (!read) {
            co_return fail(std::move(read.error()));
        }
        splits_[std::string(as_text(key).substr(note_prefix.size()))].what = std::move(*read);
    }
    co_return result<void>();
}

task<result<void>> series_splits::begin(std::string uid, note what) {
    std::vector<std::string> others;
    for (const auto& [other, one] : splits_) {
        if (one.what.series != what.series || one.what.undoes || one.what.unwanted) {
            continue;
        }
        if (one.going_on || is_made(other, one.what)) {
            co_return fail(errc::busy,
                           "the series is being split already: try again when that is over");
        }
        others.push_back(other);
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, note_key(uid), codec::encode(what));
    for (const std::string& other : others) {
        split& one = splits_.at(other);
        one.going_on = true;
        one.what.unwanted = true;
        writes.put(replica::record_kind::meta, note_key(other), codec::encode(one.what));
    }
    splits_[uid] = {std::move(what), true, false, {}};
    auto written = co_await db_.apply(std::move(writes));
    for (const std::string& other : others) {
        split& one = splits_.at(other);
        one.going_on = false;
        one.in_doubt = !written;
        one.what.unwanted = written.has_value();
    }
    if (!written) {
        splits_.erase(uid);
    }
    look();
    co_return written;
}

task<result<void>> series_splits::write(const std::string& uid, note what) {
    replica::batch writes;
    writes.put(replica::record_kind::meta, note_key(uid), codec::encode(what));
    auto written = co_await db_.apply(std::move(writes));
    split& one = splits_.at(uid);
    one.in_doubt = !written;
    if (written) {
        one.what = std::move(what);
    }
    co_return written;
}

task<result<void>> series_splits::end(std::string uid) {
    replica::batch writes;
    writes.erase(replica::record_kind::meta, note_key(uid));
    auto written = co_await db_.apply(std::move(writes));
    if (written) {
        splits_.erase(uid);
    } else {
        splits_.at(uid).going_on = false;
    }
    co_return written;
}

task<result<void>> series_splits::undo(std::string uid, event_id made) {
    note what = splits_.at(uid).what;
    what.undoes = made;
    auto noted = co_await write(uid, std::move(what));
    if (noted) {
        auto done = co_await remove(made);
        if (done) {
            done = co_await end(uid);
        }
        if (!done) {
            leave(uid);
        }
    }
    co_return noted;
}

void series_splits::leave(const std::string& uid) {
    splits_.at(uid).going_on = false;
    look();
}

bool series_splits::is_made(const std::string& uid, const note& what) {
    return opened_.with_uid(what.series.organizer, uid) != nullptr;
}

/// There is something to cut or to undo, or nothing that ever could be.
bool series_splits::is_due(const std::string& uid, const split& one) {
    if (one.going_on || people_.accounts().identity_of(one.what.series.organizer) == nullptr) {
        return false;
    }
    const replica::held_event* const series = replica_.events().find(one.what.series);
    return one.what.undoes || is_made(uid, one.what) ||
           (series != nullptr && series->header.kind == envelope_kind::tombstone);
}

std::vector<std::string> series_splits::due() {
    std::vector<std::string> all;
    for (const auto& [uid, one] : splits_) {
        if (is_due(uid, one)) {
            all.push_back(uid);
        }
    }
    return all;
}

void series_splits::look() {
    if (!splits_.empty() && !std::exchange(finishing_, true)) {
        tasks_.spawn("finish", finish_all());
    }
}

task<void> series_splits::finish_all() {
    duration wait = again_after;
    while (true) {
        const std::vector<std::string> all = due();
        if (all.empty()) {
            break;
        }
        bool failed = false;
        for (const std::string& uid : all) {
            const auto done = co_await finish(uid);
            const auto left = splits_.find(uid);
            failed = failed || !done;
            if (!done && left != splits_.end() &&
                std::exchange(left->second.complaint, done.error().message()) !=
                    done.error().message()) {
                env_.log.write(
                    log_level::warn, "splits",
                    (left->second.what.undoes ? "what a series was split into is not deleted yet: "
                                              : "a series that was split is not cut yet: ") +
                        done.error().message());
            }
        }
        if (failed) {
            co_await sleep_for(env_, wait);
            wait = std::min(2 * wait, again_most);
        } else {
            wait = again_after;
        }
    }
    finishing_ = false;
}

task<result<void>> series_splits::finish(std::string uid) {
    const auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(ready.error());
    }
    const auto found = splits_.find(uid);
    if (found == splits_.end() || !is_due(uid, found->second)) {
        co_return result<void>();
    }
    note what = found->second.what;
    if (const opened_event* const made = opened_.with_uid(what.series.organizer, uid);
        what.unwanted && made != nullptr && !what.undoes) {
        what.undoes = made->header.event;
        if (auto noted = co_await write(uid, what); !noted) {
            co_return noted;
        }
    }
    auto done = co_await (what.undoes ? remove(*what.undoes) : cut(uid));
    co_return done ? co_await end(std::move(uid)) : std::move(done);
}

/// Nothing is to be done where it has been cut already, or is gone.
task<result<void>> series_splits::cut(std::string uid) {
    const note what = splits_.at(uid).what;
    if (splits_.at(uid).in_doubt) {  // before what it is to say cannot be undone
        if (auto noted = co_await write(uid, what); !noted) {
            co_return noted;
        }
    }
    const user_id as = what.series.organizer;
    const auto opened = opened_.open(what.series, as);
    if (!opened) {
        const replica::held_event* const held = replica_.events().find(what.series);
        const bool gone = held != nullptr && held->header.kind == envelope_kind::tombstone;
        co_return gone ? result<void>() : fail(opened.error());
    }
    const opened_event series = **opened;
    const auto at = later_times(what, series.content);
    auto rest = at ? until(*at, series.content) : fail(at.error());
    if (!rest) {
        co_return fail(std::move(rest.error()));
    }
    if (!*rest) {
        co_return co_await remove(what.series);
    }
    if (**rest == series.content) {
        co_return result<void>();
    }
    replica::change next = change_of(series.header, as);
    (*rest)->modified = env_.time.wall();
    auto body = model::write_body(**rest, series.body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    next.body = std::move(*body);
    const auto done = co_await replica_.commit(std::move(next));
    co_return done ? result<void>() : fail(done.error());
}

task<result<void>> series_splits::remove(event_id which) {
    const replica::held_event* const held = replica_.events().find(which);
    if (held == nullptr) {  // damaged, and not gone
        co_return fail(errc::not_found, "the event cannot be read now");
    }
    if (held->header.kind == envelope_kind::tombstone) {
        co_return result<void>();
    }
    replica::change next = change_of(held->header, which.organizer);
    next.kind = envelope_kind::tombstone;
    const auto done = co_await replica_.commit(std::move(next));
    co_return done ? result<void>() : fail(done.error());
}

}  // namespace calbox::node
