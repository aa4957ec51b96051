// Routes about people: who is signed in, users, friends, groups.
#include "api_calls.hpp"
#include "web_sessions.hpp"

namespace calbox::daemon {

namespace {

http::response made_of(int status, const auto& view) {
    return json_response(status, to_json(view));
}

}  // namespace

outcome get_session(call& one) {
    co_return json_response(200, {{"users", list_of(one.on.account.signed_in())}});
}

outcome post_session(call& one) {
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    std::string name, password;
    std::optional<bool> create;
    object_reader from(*body);
    from.need("name", name);
    from.need("password", password);
    from.truth("register", create);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    const auto account = co_await one.on.account.sign_in(std::move(name), std::move(password),
                                                         create.value_or(false));
    if (!account) {
        co_return fail(account.error());
    }
    co_return made_of(201, *account);
}

outcome delete_session(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto done = co_await one.on.account.sign_out(*as);
    if (!done) {
        co_return fail(std::move(done.error()));
    }
    one.pages.close_all(*as);
    co_return empty_response();
}

outcome get_users(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto users = co_await one.on.contact.users(*as);
    if (!users) {
        co_return fail(users.error());
    }
    co_return json_response(200, {{"users", list_of(*users)}});
}

outcome get_friends(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto friends = co_await one.on.contact.friends(*as);
    co_return json_response(200, {{"friends", list_of(friends)}});
}

outcome post_friend(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto name = co_await one.text("name");
    if (!name) {
        co_return fail(std::move(name.error()));
    }
    const auto asked = co_await one.on.contact.ask(*as, std::move(*name));
    if (!asked) {
        co_return fail(asked.error());
    }
    co_return made_of(201, *asked);
}

outcome accept_friend(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    const auto accepted = co_await one.on.contact.accept(*as, one.parts[0]);
    if (!accepted) {
        co_return fail(accepted.error());
    }
    co_return made_of(200, *accepted);
}

outcome delete_friend(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto done = co_await one.on.contact.unfriend(*as, one.parts[0]);
    co_return empty_response(done);
}

outcome get_groups(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    co_return json_response(200, {{"groups", list_of(one.on.contact.groups(*as))}});
}

outcome put_group(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    node::group_view group;
    group.name = one.parts[0];
    object_reader from(*body);
    from.need("members", group.members);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    const auto kept = co_await one.on.contact.set_group(*as, std::move(group));
    if (!kept) {
        co_return fail(kept.error());
    }
    co_return made_of(200, *kept);
}

outcome delete_group(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto done = co_await one.on.contact.remove_group(*as, one.parts[0]);
    co_return empty_response(done);
}

}  // namespace calbox::daemon
