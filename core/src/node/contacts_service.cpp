#include "node/contacts_service.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::node {

namespace {
constexpr std::size_t versions_looked_at = 16;  // for the one by which he accepted
}  // namespace

task<std::vector<contacts_service::bond>> contacts_service::bonds(user_id as) const {
    std::vector<bond> found;
    std::vector<std::pair<envelope_header, bytes>> claimed;  // what says that it was accepted
    for (const event_id& id : replica_.events().of_type(event_kind::contact)) {
        const replica::held_event& held = *replica_.events().find(id);
        const envelope_header& header = held.header;
        if (header.kind != envelope_kind::put || !header.involves(as) ||
            header.participants.size() != 1) {
            continue;
        }
        const auto body = replica_.body_of(held, as);
        auto state = body ? codec::decode<friendship>(*body) : fail(body.error());
        if (!state) {
            continue;
        }
        const bool mine = id.organizer == as;
        found.push_back({id, mine ? header.participants.front() : id.organizer, mine, false});
        if (state->accepted) {
            claimed.emplace_back(header, std::move(state->request));
        }
    }
    for (auto& [header, request] : claimed) {
        const bool accepted = co_await wanted_by(as, header, std::move(request));
        std::ranges::find(found, header.event, &bond::id)->accepted = accepted;
    }
    co_return found;
}

/// Has he written a version of it himself, and not deleted it since? Where that one is not kept any
/// more, the other one's has it, signed, as what he accepted.
task<bool> contacts_service::wanted_by(user_id who, envelope_header latest, bytes request) const {
    const auto his = [&](const envelope_header& one) {
        return one.type == event_kind::contact && one.kind == envelope_kind::put &&
               crypto::author_user(one.by) == std::optional(who);
    };
    if (his(latest)) {
        co_return true;
    }
    // The other one has written a version since, as when another strategy took over.
    std::uint64_t version = latest.version.value;
    for (std::size_t looked = 0; version > 1 && looked < versions_looked_at; ++looked) {
        const auto before = co_await replica_.events().earlier(latest.event, latest.generation,
                                                               version_number(--version));
        if (before && *before) {
            const envelope_header& one = (*before)->header;
            if (one.kind == envelope_kind::tombstone || his(one)) {
                co_return his(one);
            }
        }
    }
    auto asked = codec::decode<envelope>(request);
    const auto proof = asked ? replica::verify(std::move(*asked)) : fail(asked.error());
    co_return proof&& his(proof->header) && proof->header.event == latest.event &&
        proof->header.version == version_number(1) && proof->header.generation == latest.generation;
}

task<std::optional<contacts_service::bond>> contacts_service::bond_with(user_id as,
                                                                        user_id other) const {
    const auto all = co_await bonds(as);
    co_return best_with(all, other);
}

std::optional<contacts_service::bond> contacts_service::best_with(const std::vector<bond>& all,
                                                                  const user_id& other) {
    std::optional<bond> best;
    for (const bond& one : all) {
        // Two who asked each other at the same time are friends: either bond will do, an accepted
        // one rather.
        if (one.other == other && (!best || one.accepted)) {
            best = one;
        }
    }
    return best;
}

task<bool> contacts_service::befriended(user_id as, user_id other) const {
    const auto bond = co_await bond_with(as, other);
    co_return bond && bond->accepted;
}

friend_view contacts_service::view_of(const bond& one) const {
    return {people_.name_of(one.other),
            one.accepted      ? "friend"
            : one.asked_by_me ? "asked"
                              : "asks",
            online_(one.other)};
}

task<result<std::vector<user_view>>> contacts_service::users(user_id as) {
    const auto all = co_await people_.users().all();
    if (!all) {
        co_return fail(all.error());
    }
    std::vector<user_id> ids;
    for (const user_info& user : *all) {
        ids.push_back(user.id);
    }
    co_await look_(std::move(ids));
    const auto mine = co_await bonds(as);
    std::vector<user_view> views;
    for (const user_info& user : *all) {
        const auto bond = best_with(mine, user.id);
        views.push_back({user.card.name, user.id, online_(user.id), bond && bond->accepted});
    }
    co_return views;
}

task<std::vector<friend_view>> contacts_service::friends(user_id as) const {
    std::vector<friend_view> views;
    const auto all = co_await bonds(as);
    for (const bond& one : all) {
        const auto best = best_with(all, one.other);
        if (best && best->id == one.id) {
            views.push_back(view_of(one));
        }
    }
    std::ranges::sort(views, {}, &friend_view::name);
    co_return views;
}

task<result<user_id>> contacts_service::known_other(user_id as, std::string name) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto found = co_await people_.resolve({std::move(name)});
    if (!found) {
        co_return fail(found.error());
    }
    if (found->front() == as) {
        co_return fail(errc::invalid_argument, "that is you");
    }
    co_return found->front();
}

task<result<friend_view>> contacts_service::accept_bond(user_id as, bond asked) {
    replica::change what;
    what.as = as;
    what.type = event_kind::contact;
    what.event = asked.id;
    what.participants = {as};
    what.guests_may = guest_right::modify | guest_right::remove;
    const replica::held_event* const request = replica_.events().find(asked.id);
    what.body = codec::encode(friendship{true, request == nullptr ? bytes() : request->encoded});
    const auto done = co_await replica_.commit(std::move(what));
    if (!done) {
        co_return fail(done.error());
    }
    asked.accepted = true;
    co_return view_of(asked);
}

task<result<friend_view>> contacts_service::ask(user_id as, std::string name) {
    const auto other = co_await known_other(as, std::move(name));
    if (!other) {
        co_return fail(other.error());
    }
    if (const auto known = co_await bond_with(as, *other)) {
        if (known->accepted || known->asked_by_me) {
            co_return view_of(*known);
        }
        co_return co_await accept_bond(as, *known);
    }
    replica::change what;
    what.as = as;
    what.type = event_kind::contact;
    what.participants = {*other};
    what.guests_may = guest_right::modify | guest_right::remove;
    what.body = codec::encode(friendship{false});
    const auto id = co_await replica_.commit(std::move(what));
    if (!id) {
        co_return fail(id.error());
    }
    co_return view_of({*id, *other, true, false});
}

task<result<friend_view>> contacts_service::accept(user_id as, std::string name) {
    const auto other = co_await known_other(as, name);
    if (!other) {
        co_return fail(other.error());
    }
    const auto known = co_await bond_with(as, *other);
    if (!known || (known->asked_by_me && !known->accepted)) {
        co_return fail(errc::not_found, name + " has not asked to be your friend");
    }
    if (known->accepted) {
        co_return view_of(*known);
    }
    co_return co_await accept_bond(as, *known);
}

task<result<void>> contacts_service::end(user_id as, event_id which) {
    const replica::held_event* const held = replica_.events().find(which);
    if (held == nullptr) {
        co_return fail(errc::not_found);
    }
    replica::change what;
    what.as = as;
    what.type = held->header.type;
    what.kind = envelope_kind::tombstone;
    what.event = which;
    what.participants = held->header.participants;
    // What its owner has ended, nobody brings back.
    what.guests_may = which.organizer == as ? 0 : held->header.guests_may;
    const auto done = co_await replica_.commit(std::move(what));
    if (!done) {
        co_return fail(done.error());
    }
    co_return result<void>();
}

task<result<void>> contacts_service::unfriend(user_id as, std::string name) {
    const auto other = co_await known_other(as, name);
    if (!other) {
        co_return fail(other.error());
    }
    bool any = false;
    const auto all = co_await bonds(as);
    for (const bond& one : all) {
        if (one.other == *other) {
            const auto ended = co_await end(as, one.id);
            if (!ended) {
                co_return ended;
            }
            any = true;
        }
    }
    if (!any) {
        co_return fail(errc::not_found, name + " is not among your friends");
    }
    co_return result<void>();
}

std::vector<std::pair<event_id, group_body>> contacts_service::owned_groups(
    const user_id& as) const {
    std::vector<std::pair<event_id, group_body>> found;
    for (const event_id& id : replica_.events().of_type(event_kind::group)) {
        const replica::held_event& held = *replica_.events().find(id);
        if (held.header.kind == envelope_kind::put && id.organizer == as &&
            crypto::author_user(held.header.by) == std::optional(as)) {
            const auto body = replica_.body_of(held, as);
            auto group = body ? codec::decode<group_body>(*body) : fail(body.error());
            if (group) {
                found.emplace_back(id, std::move(*group));
            }
        }
    }
    std::ranges::sort(found, {}, [](const auto& one) { return one.second.name; });
    return found;
}

std::vector<group_view> contacts_service::groups(user_id as) const {
    std::vector<group_view> views;
    for (auto& [id, group] : owned_groups(as)) {
        views.push_back({group.name, group.members});
    }
    return views;
}

std::optional<std::vector<std::string>> contacts_service::members(const user_id& of,
                                                                  const std::string& name) const {
    for (auto& [id, group] : owned_groups(of)) {
        if (group.name == name) {
            return group.members;
        }
    }
    return std::nullopt;
}

task<result<group_view>> contacts_service::set_group(user_id as, group_view group) {
    if (!is_user_name(group.name)) {
        co_return fail(errc::invalid_argument,
                       "a group's name is made as a user's: small letters, digits, '.', '_', '-'");
    }
    if (group.members.size() > wire::limits::participants) {
        co_return fail(errc::too_large, "a group has at most 10,000 members");
    }
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto known = co_await people_.resolve(group.members);
    if (!known) {
        co_return fail(known.error());
    }
    replica::change what;
    what.as = as;
    what.type = event_kind::group;
    for (const auto& [id, one] : owned_groups(as)) {
        if (one.name == group.name) {
            what.event = id;
        }
    }
    what.body = codec::encode(group_body{group.name, group.members});
    const auto done = co_await replica_.commit(std::move(what));
    if (!done) {
        co_return fail(done.error());
    }
    co_return group;
}

task<result<void>> contacts_service::remove_group(user_id as, std::string name) {
    for (const auto& [id, group] : owned_groups(as)) {
        if (group.name == name) {
            co_return co_await end(as, id);
        }
    }
    co_return fail(errc::not_found, "you have no group called \"" + name + "\"");
}

}  // namespace calbox::node
