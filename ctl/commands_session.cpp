// login, register, logout, whoami.
#include <algorithm>

#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::size_t password_characters_min = 10;

const option password_stdin{.name = "password-stdin",
                            .brief = {},
                            .value = {},
                            .help = "read the password from the first line of standard input"};

std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

answer<std::string> password_for(context& with, const std::string& name) {
    return with.values.has("password-stdin")
               ? read_password(with.world)
               : ask_password(with.world, fmt::format("Password of {}: ", clean(name)));
}

answer<void> sign_in(context& with, const std::string& name, std::string password, bool first) {
    json body{{"name", name}, {"password", password}, {"register", first}};
    auto done = with.api.send_json("POST", "/v1/session", body);
    wipe(password);
    wipe(body["password"].get_ref<std::string&>());
    if (!done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document(*done);
        return {};
    }
    with.out.done(fmt::format("{} as {} on device {}",
                              first ? "Registered and signed in" : "Signed in",
                              clean(text_of(*done, "name")), number_of(*done, "device")));
    return {};
}

problem taken_name(problem why, const std::string& name) {
    const bool taken = why.code == "unauthorised" || why.code == "already_exists";
    if (taken && why.detail.find("another name") == std::string::npos) {
        why.detail += "; choose another name, or sign in with calboxctl login " + clean(name);
    }
    return why;
}

/// Registers `name` once the same password was typed twice.
answer<void> register_with(context& with, const std::string& name, std::string password,
                           const std::string& prompt) {
    if (characters(password) < password_characters_min) {
        wipe(password);
        return refuse("invalid_argument", fmt::format("a password has at least {} characters",
                                                      password_characters_min));
    }
    if (!with.values.has("password-stdin")) {
        auto again = ask_password(with.world, prompt);
        if (!again) {
            wipe(password);
            return refuse(again.error());
        }
        const bool same = *again == password;
        wipe(*again);
        if (!same) {
            wipe(password);
            return refuse("invalid_argument", "the two passwords differ; nobody was registered");
        }
    }
    auto done = sign_in(with, name, std::move(password), true);
    if (!done) {
        return refuse(taken_name(done.error(), name));
    }
    return done;
}

/// Nobody is told whether a name exists. Who typed one that is new may register it right here, by
/// the same password once more; for a script that is another command.
answer<void> first_use(context& with, const std::string& name, const std::string& password,
                       problem refused) {
    if (with.values.has("password-stdin") || characters(password) < password_characters_min) {
        refused.detail += "; calboxctl register " + clean(name) + " takes a new name";
        return refuse(refused);
    }
    with.out.note(clean(refused.detail) + ". If " + clean(name) +
                  " is to be a new name, type the same password again to register it.");
    return register_with(with, name, password, "The same again, or Ctrl-C: ");
}

answer<void> login(context& with) {
    std::string name = with.values.one("NAME");
    if (name.empty()) {
        auto asked = ask_line(with.world, "Name: ");
        if (!asked) {
            return refuse(asked.error());
        }
        name = *asked;
    }
    auto password = password_for(with, name);
    if (!password) {
        return refuse(password.error());
    }
    if (password->empty()) {
        return refuse("invalid_argument", "the password is empty");
    }
    std::string kept = *password;
    auto done = sign_in(with, name, std::move(*password), false);
    if (!done && done.error().code == "unauthorised") {
        done = first_use(with, name, kept, done.error());
    }
    wipe(kept);
    return done;
}

answer<void> register_user(context& with) {
    const std::string name = with.values.one("NAME");
    auto password = password_for(with, name);
    if (!password) {
        return refuse(password.error());
    }
    return register_with(with, name, std::move(*password), "The same again: ");
}

answer<void> logout(context& with) {
    if (auto done = with.api.remove("/v1/session"); !done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document(json::object());
    }
    with.out.done("Signed out; the keys of this account are erased from this device");
    return {};
}

answer<void> whoami(context& with) {
    const auto found = with.api.get("/v1/session");
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
        return {};
    }
    const auto& users = list_of(*found, "users");
    if (users.empty()) {
        return refuse("unauthorised", "nobody is signed in on this device");
    }
    for (const auto& one : users) {
        const auto name = clean(text_of(one, "name"));
        with.out.line(with.out.quiet()
                          ? name
                          : fmt::format("{} (device {})", name, number_of(one, "device")));
    }
    return {};
}

}  // namespace

std::vector<command> session_commands() {
    return {
        {.path = "login",
         .summary = "Signs in on this device",
         .arguments = {{.name = "NAME",
                        .help = "the name at the registry; asked for without it",
                        .required = false}},
         .options = {password_stdin},
         .examples = {{"login alice", "asks for the password, which never leaves this machine"},
                      {"login alice --password-stdin < secret", "for scripts"}},
         .details = "A name that is new is registered, when the same password is typed once more.",
         .run = login},
        {.path = "register",
         .summary = "Takes a new name in the network and signs in with it",
         .arguments = {{.name = "NAME", .help = "the name that others will see"}},
         .options = {password_stdin},
         .examples = {{"register alice", "asks for a new password, twice"}},
         .details = "A password has at least 10 characters and is not easy to guess. It never "
                    "leaves this machine, and nobody can restore it.",
         .run = register_user},
        {.path = "logout",
         .summary = "Signs out and erases the keys of the account from this device",
         .arguments = {},
         .options = {},
         .examples = {{"logout", "events and files return with the next login"}},
         .details = {},
         .run = logout},
        {.path = "whoami",
         .summary = "Who is signed in on this device",
         .arguments = {},
         .options = {},
         .examples = {{"whoami", "one line for each"}},
         .details = {},
         .run = whoami},
    };
}

}  // namespace calbox::ctl
