// account export, restore, password: a whole account in a file, and back; another password.
#include <filesystem>

#include <fmt/format.h>

#include "arriving_file.hpp"
#include "context.hpp"
#include "text.hpp"
#include "uploads.hpp"

namespace calbox::ctl {

namespace {

answer<std::string> asked_password(context& with, const std::string& prompt) {
    auto password = with.values.has("password-stdin") ? read_password(with.world)
                                                      : ask_password(with.world, prompt);
    if (password && password->empty()) {
        return refuse("invalid_argument", "the password is empty");
    }
    return password;
}

/// Typed twice where somebody types: nobody can find out another one.
answer<std::string> new_password(context& with, const std::string& prompt,
                                 const std::string& unchanged) {
    auto password = asked_password(with, prompt);
    if (!password || with.values.has("password-stdin")) {
        return password;
    }
    auto again = ask_password(with.world, "The same again: ");
    if (!again) {
        wipe(*password);
        return again;
    }
    const bool same = *again == *password;
    wipe(*again);
    if (!same) {
        wipe(*password);
        return refuse("invalid_argument", "the two passwords differ; " + unchanged);
    }
    return password;
}

answer<void> change_password(context& with) {
    auto old = asked_password(with, "Password until now: ");
    if (!old) {
        return refuse(old.error());
    }
    auto fresh = new_password(with, "New password: ", "nothing was changed");
    if (!fresh) {
        wipe(*old);
        return refuse(fresh.error());
    }
    json body{{"old", *old}, {"new", *fresh}};
    wipe(*old);
    wipe(*fresh);
    const auto done = with.api.send_json("PUT", "/v1/account/password", body);
    wipe(body["old"].get_ref<std::string&>());
    wipe(body["new"].get_ref<std::string&>());
    if (!done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document(json::object());
        return {};
    }
    with.out.done("The new password is good from now on; devices that are signed in stay so");
    return {};
}

/// "12 events, 3 earlier versions, 2 files (3.1 MB)"
std::string content_text(const json& archive) {
    return fmt::format("{} events, {} earlier versions, {} files ({})",
                       number_of(archive, "events"), number_of(archive, "versions"),
                       number_of(archive, "files"), byte_text(number_of(archive, "file_bytes")));
}

void warn_of_missing(context& with, const json& archive) {
    if (const auto missing = number_of(archive, "missing_files"); missing > 0) {
        with.out.note(
            fmt::format("{} files are on no device that could be reached, and not in the "
                        "archive",
                        missing));
    }
}

answer<void> save(context& with) {
    const std::filesystem::path wanted = with.values.one("FILE");
    const bool force = with.values.has("force");
    std::error_code ignored;
    if (!force && std::filesystem::symlink_status(wanted, ignored).type() !=
                      std::filesystem::file_type::not_found) {
        return arriving_file::exists(wanted);
    }
    auto password = new_password(with, "Password for the archive: ", "nothing was written");
    if (!password) {
        return refuse(password.error());
    }
    json body{{"password", *password}};
    wipe(*password);
    request what{.method = "POST",
                 .target = "/v1/account/export",
                 .body = body.dump(),
                 .content_type = "application/json",
                 .headers = {}};
    wipe(body["password"].get_ref<std::string&>());
    auto file = arriving_file::make(wanted);
    if (!file) {
        wipe(what.body);
        return refuse(file.error());
    }
    std::uint64_t size = 0;
    answer<void> done;
    {
        progress shown(with.world, with.out, wanted.filename().string(), 0);
        const auto begin = [&](std::optional<std::uint64_t> length) {
            shown.set_total(length.value_or(0));
        };
        done = with.api.download(what, begin, [&](std::string_view bytes) {
            size += bytes.size();
            shown.add(bytes.size());
            return file->write(bytes);
        });
    }
    wipe(what.body);
    if (done) {
        done = file->finish(force);
    }
    if (!done) {
        return done;
    }
    auto archive = with.api.get("/v1/account");
    if (!archive) {
        return refuse(archive.error());
    }
    warn_of_missing(with, *archive);
    if (with.out.json()) {
        (*archive)["file"] = wanted.string();
        (*archive)["bytes"] = size;
        with.out.document(*archive);
        return {};
    }
    with.out.done(fmt::format("Archived to {} ({}): {}", clean(wanted.string()), byte_text(size),
                              content_text(*archive)));
    return {};
}

answer<void> restore_account(context& with) {
    auto file = reading_file::open(with.values.one("FILE"));
    if (!file) {
        return refuse(file.error());
    }
    auto password = asked_password(with, "Password of the archive: ");
    if (!password) {
        return refuse(password.error());
    }
    request what{.method = "POST",
                 .target = "/v1/account/restore",
                 .body = {},
                 .content_type = "application/vnd.calbox.account",
                 .headers = {{"Calbox-Password", encode_segment(*password)}}};
    wipe(*password);
    if (with.values.has("account-password")) {
        auto other = asked_password(with, "Password of the account in this network: ");
        if (!other) {
            return refuse(other.error());
        }
        what.headers.emplace_back("Calbox-Account-Password", encode_segment(*other));
        wipe(*other);
    }
    answer<reply> sent;
    {
        progress shown(with.world, with.out, file->name(), file->size());
        sent = with.api.upload(what, file->size(), [&](std::span<char> into) {
            auto count = file->read(into);
            if (count) {
                shown.add(*count);
            }
            return count;
        });
    }
    for (auto& [name, value] : what.headers) {
        wipe(value);
    }
    if (!sent) {
        return refuse(sent.error());
    }
    const auto archive = json::parse(sent->body, nullptr, false);
    if (!archive.is_object()) {
        return refuse("malformed", "the daemon's answer is no JSON");
    }
    warn_of_missing(with, archive);
    if (with.out.json()) {
        with.out.document(archive);
        return {};
    }
    with.out.done(fmt::format(
        "{} as {} on device {}: {}",
        truth_of(archive, "registered") ? "Registered and restored" : "Restored",
        clean(text_of(archive, "name")), number_of(archive, "device"), content_text(archive)));
    return {};
}

const option passwords_stdin{.name = "password-stdin",
                             .brief = {},
                             .value = {},
                             .help = "read passwords from the lines of standard input"};

}  // namespace

std::vector<command> account_commands() {
    return {
        {.path = "account export",
         .summary = "Writes a whole account to a file that another device restores",
         .arguments = {{.name = "FILE", .help = "a new file", .kind = word_kind::file}},
         .options = {passwords_stdin,
                     {.name = "force", .brief = {}, .value = {}, .help = "replace the file"}},
         .examples = {{"account export alice.calbox", "asks for a password, twice"},
                      {"account export alice.calbox --password-stdin < secret", "for scripts"}},
         .details =
             "Your keys, events with their earlier versions, files, friends and groups, sealed\n"
             "under the password: take that of your account, so that one is enough. Files that\n"
             "are on other devices are fetched first. The file appears when it is complete.",
         .run = save},
        {.path = "account restore",
         .summary = "Brings an account back from a file, with everything in it",
         .arguments = {{.name = "FILE",
                        .help = "what calboxctl account export wrote",
                        .kind = word_kind::file}},
         .options = {passwords_stdin,
                     {.name = "account-password",
                      .brief = {},
                      .value = {},
                      .help = "ask for the account's password in this network, too"}},
         .examples = {{"account restore alice.calbox", "signs alice in on this device"},
                      {"account restore alice.calbox --account-password",
                       "where the archive has a password of its own"}},
         .details =
             "All of it or nothing is restored; a damaged file is refused. This is a new device\n"
             "of the account then, so no event number is given twice, and what changed since\n"
             "comes from friends and backups. A network that does not know the account gets it,\n"
             "with that password. Refused where you are signed in already.",
         .run = restore_account},
        {.path = "account password",
         .summary = "Changes your password",
         .arguments = {},
         .options = {passwords_stdin},
         .examples = {{"account password", "asks for the one until now, and twice for the new one"},
                      {"account password --password-stdin < both", "a line each, for scripts"}},
         .details =
             "It is needed where you sign in on another device; those that are signed in stay so,\n"
             "and archives keep the password that they were made with. The registry has to be\n"
             "reachable, and never sees either password.",
         .run = change_password},
    };
}

}  // namespace calbox::ctl
