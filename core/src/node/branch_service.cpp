#include "node/branch_service.hpp"

#include <algorithm>

#include "crypto/envelopes.hpp"
#include "model/characters.hpp"
#include "node/drafts.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

/// `title` with `more` behind it, cut where both are too long.
std::string with_remark(const std::string& title, const std::string& more) {
    const std::size_t most =
        wire::limits::name_bytes - std::min(more.size(), wire::limits::name_bytes);
    return std::string(model::cut(title, most)) + more;
}

/// Do they say the same, whenever it was written?
bool same_text(model::event_content left, model::event_content right) {
    left.modified = right.modified = timestamp();
    return left == right;
}

}  // namespace

result<replica::change> branch_service::copy_of(const opened_event& from, const user_id& as,
                                                std::string title, bool with_participants) const {
    replica::change what;
    what.as = as;
    what.guests_may = from.header.guests_may;
    if (with_participants) {
        what.participants = from.header.participants;
        what.participants.push_back(from.header.event.organizer);
        std::erase(what.participants, as);
        std::ranges::sort(what.participants);
    }
    model::event_content content = from.content;
    content.uid = new_uid(env_.entropy);
    content.title = std::move(title);
    content.organizer = people_.name_of(as);
    content.participants = people_.names_of(what.participants);
    content.answers.clear();
    content.declined.clear();
    for (model::attachment& file : content.files) {
        file.replaces.reset();
    }
    content.created = content.modified = env_.time.wall();
    if (auto fits = model::validate(content); !fits) {
        return fail(std::move(fits.error()));
    }
    auto body = model::write_body(content, from.body);
    if (!body) {
        return fail(std::move(body.error()));
    }
    what.body = std::move(*body);
    return what;
}

task<result<event_view>> branch_service::copy(user_id as, event_id which,
                                              std::optional<std::string> title,
                                              bool with_participants) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    auto what = copy_of(**opened, as, title ? std::move(*title) : (*opened)->content.title,
                        with_participants);
    if (!what) {
        co_return fail(std::move(what.error()));
    }
    const auto made = co_await replica_.commit(std::move(*what));
    if (!made) {
        co_return fail(made.error());
    }
    files_.adopt(as, *made);
    co_return co_await events_.show_saved(as, *made);
}

task<result<event_view>> branch_service::take_over(user_id as, event_id which) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    if (!has_right(as, (*opened)->header, guest_right::modify)) {
        co_return fail(errc::forbidden, "guests may not change this event, nor take it over");
    }
    const auto done = co_await replica_.take_over(as, which);
    if (!done) {
        co_return fail(done.error());
    }
    env_.log.write(log_level::info, "branches",
                   people_.name_of(as) + " has taken over " + people_.id_text(which));
    co_return co_await events_.show_saved(as, which);
}

void branch_service::look() {
    if (!std::exchange(keeping_, true)) {
        tasks_.spawn("keep", keep_all());
    }
}

task<void> branch_service::keep_all() {
    const auto signed_in = [this](const user_id& user) {
        return people_.accounts().identity_of(user) != nullptr &&
               people_.accounts().author_of(user).has_value();
    };
    while (true) {
        auto kept = co_await replica_.look_over_lines();
        if (auto next = replica_.next_left_out(signed_in)) {
            kept = co_await keep(std::move(*next));
        } else if (kept) {
            break;
        }
        if (!kept) {
            env_.log.write(
                log_level::warn, "branches",
                "a version that a take-over left out is not kept yet: " + kept.error().message());
            co_await sleep_for(env_, again_after);
        }
    }
    keeping_ = false;
}

task<result<void>> branch_service::keep(replica::left_out what) {
    if (replica_.events().find(what.copy) != nullptr) {
        co_return co_await replica_.kept_left_out(what.copy);  // before a crash
    }
    const user_id as = what.copy.organizer;
    auto header = crypto::read_header(*what.lost);
    if (!header) {
        co_return fail(std::move(header.error()));
    }
    const event_id from = header->event;
    const envelope_order order{header->generation, header->version,
                               crypto::envelope_hash(*what.lost)};
    const auto lost = opened_.read({std::move(*header), order, codec::encode(*what.lost)}, as);
    const auto now = opened_.open(from, as);
    if (!lost || (now && same_text(lost->content, (*now)->content))) {
        // He left the event by that version, or nothing is lost.
        co_return co_await replica_.kept_left_out(what.copy);
    }
    const std::string name = people_.id_text(from);
    const std::string title = with_remark(
        lost->content.title, " (conflict copy of " + name + ", by " + people_.name_of(as) + ")");
    auto change = copy_of(*lost, as, title, false);
    if (!change) {
        co_return fail(std::move(change.error()));
    }
    change->reserved = what.copy;
    const auto made = co_await replica_.commit(std::move(*change));
    if (!made && made.error().code != errc::already_exists) {
        co_return fail(made.error());
    }
    if (made) {
        env_.log.write(
            log_level::info, "branches",
            "what a take-over of " + name + " left out is kept as " + people_.id_text(what.copy));
        files_.adopt(as, *made);
    }
    co_return co_await replica_.kept_left_out(what.copy);
}

}  // namespace calbox::node
