#include "node/series_splits.hpp"

#include <algorithm>
#include <utility>

#include <calbox/mutant.hpp>

#include "node/drafts.hpp"
#include "node/series_edits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view note_prefix = "split ";

bytes note_key(const std::string& uid) { return to_bytes(std::string(note_prefix) + uid); }

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
        notes_.insert_or_assign(std::string(as_text(key).substr(note_prefix.size())),
                                std::move(*read));
    }
    co_return result<void>();
}

task<result<void>> series_splits::begin(std::string uid, event_id series, std::string at) {
    auto written = co_await write(uid, {series, std::move(at), {}});
    if (written) {
        going_on_.insert(std::move(uid));
    }
    co_return written;
}

task<result<void>> series_splits::write(std::string uid, note what) {
    replica::batch writes;
    writes.put(replica::record_kind::meta, note_key(uid), codec::encode(what));
    auto written = co_await db_.apply(std::move(writes));
    if (written) {
        notes_.insert_or_assign(std::move(uid), std::move(what));
    }
    co_return written;
}

task<result<void>> series_splits::end(std::string uid) {
    replica::batch writes;
    writes.erase(replica::record_kind::meta, note_key(uid));
    auto written = co_await db_.apply(std::move(writes));
    going_on_.erase(uid);
    if (written) {
        notes_.erase(uid);
    }
    co_return written;
}

task<result<void>> series_splits::undo(std::string uid, event_id made) {
    note what = notes_.at(uid);
    what.undoes = made;
    auto noted = co_await write(uid, std::move(what));
    if (noted) {
        const auto undone = co_await remove(uid, made);
        if (!undone) {
            leave(uid);
        }
    }
    co_return noted;
}

void series_splits::leave(const std::string& uid) {
    going_on_.erase(uid);
    look();
}

bool series_splits::is_made(const std::string& uid, const note& what) {
    return opened_.with_uid(what.series.organizer, uid) != nullptr;
}

/// There is something to cut or to undo, or nothing that ever could be.
bool series_splits::is_due(const std::string& uid, const note& what) {
    const user_id& organizer = what.series.organizer;
    return !going_on_.contains(uid) && people_.accounts().identity_of(organizer) != nullptr &&
           (what.undoes || is_made(uid, what) || !opened_.open(what.series, organizer));
}

void series_splits::look() {
    if (!notes_.empty() && !std::exchange(finishing_, true)) {
        tasks_.spawn("finish", finish_all());
    }
}

task<void> series_splits::finish_all() {
    while (true) {
        const auto found = std::ranges::find_if(
            notes_, [this](const auto& one) { return is_due(one.first, one.second); });
        if (found == notes_.end()) {
            break;
        }
        const std::string uid = found->first;
        const note what = found->second;
        const auto done = co_await finish(uid, what);
        if (!done) {
            env_.log.write(log_level::warn, "splits",
                           (what.undoes ? "what a series was split into is not deleted yet: "
                                        : "a series that was split is not cut yet: ") +
                               done.error().message());
            co_await sleep_for(env_, again_after);
        }
    }
    finishing_ = false;
}

task<result<void>> series_splits::finish(std::string uid, note what) {
    const auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(ready.error());
    }
    if (!is_due(uid, what)) {
        co_return result<void>();
    }
    if (what.undoes) {
        co_return co_await remove(std::move(uid), *what.undoes);
    }
    co_return co_await cut(std::move(uid), std::move(what));
}

task<result<void>> series_splits::cut(std::string uid, note what) {
    const user_id as = what.series.organizer;
    const auto opened = opened_.open(what.series, as);
    if (!opened) {
        co_return co_await end(std::move(uid));
    }
    const auto rest = without({what.at, edit_scope::following}, (*opened)->content);
    if (!rest || !*rest) {  // it does not take place then any more
        co_return co_await end(std::move(uid));
    }
    replica::change next = change_of((*opened)->header, as);
    model::event_content content = **rest;
    content.modified = env_.time.wall();
    auto body = model::write_body(content, (*opened)->body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    next.body = std::move(*body);
    const auto done = co_await replica_.commit(std::move(next));
    if (!done) {
        co_return fail(done.error());
    }
    co_return co_await end(std::move(uid));
}

task<result<void>> series_splits::remove(std::string uid, event_id made) {
    const replica::held_event* const held = replica_.events().find(made);
    if (held == nullptr) {  // damaged, and not gone
        co_return fail(errc::not_found, "the event that it was split into cannot be read now");
    }
    if (held->header.kind != envelope_kind::tombstone) {
        replica::change next = change_of(held->header, made.organizer);
        next.kind = envelope_kind::tombstone;
        const auto done = co_await replica_.commit(std::move(next));
        if (!done) {
            co_return fail(done.error());
        }
    }
    co_return co_await end(std::move(uid));
}

}  // namespace calbox::node
