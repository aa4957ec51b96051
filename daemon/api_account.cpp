// Routes for a whole account: its password, and its archive, bytes that stream through, up and
// down.
#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

json archived(const node::archive_view& view) {
    return {{"name", view.name},
            {"made", model::utc_text(view.made)},
            {"events", view.events},
            {"versions", view.versions},
            {"files", view.files},
            {"file_bytes", view.file_bytes},
            {"missing_files", view.missing_files}};
}

/// Sends the head of the answer before the first byte: what cannot be archived is a problem
/// document still.
class archive_answer final : public node::archive_sink {
public:
    explicit archive_answer(http::exchange& line) : line_(line) {}
    task<result<void>> begin(std::uint64_t length) override {
        co_return co_await line_.begin(
            200,
            {{"Content-Type", "application/vnd.calbox.account"},
             {"Content-Disposition", "attachment; filename=\"account.calbox\""}},
            length);
    }
    task<result<void>> write(bytes piece) override {
        co_return co_await line_.out().write(std::move(piece));
    }

private:
    http::exchange& line_;
};

/// Percent-encoded, as no header can have all letters.
result<std::string> password_in(const call& one, std::string_view field) {
    const std::string* const text = one.line.asked().find(field);
    return text == nullptr ? result<std::string>(std::string()) : decoded(*text, false);
}

}  // namespace

outcome get_account(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto view = co_await one.on.archive.show(*as);
    if (!view) {
        co_return fail(view.error());
    }
    co_return json_response(200, archived(*view));
}

outcome post_account_export(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto password = co_await one.text("password");
    if (!password) {
        co_return fail(std::move(password.error()));
    }
    archive_answer into(one.line);
    auto saved = co_await one.on.archive.save(*as, std::move(*password), into);
    if (!saved) {
        co_return fail(std::move(saved.error()));
    }
    http::response made;
    made.status = 200;
    co_return made;
}

outcome put_account_password(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    std::optional<std::string> old, fresh;
    object_reader from(*body);
    from.text("old", old);
    from.text("new", fresh);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    if (!old || !fresh) {
        co_return fail(errc::invalid_argument, "old and new are needed: the two passwords");
    }
    auto done = co_await one.on.account.change_password(*as, std::move(*old), std::move(*fresh));
    co_return empty_response(done);
}

outcome post_account_restore(call& one) {
    auto archive = password_in(one, "calbox-password");
    auto account = password_in(one, "calbox-account-password");
    if (!archive || !account) {
        co_return fail(archive ? account.error() : archive.error());
    }
    if (archive->empty()) {
        co_return fail(errc::invalid_argument,
                       "Calbox-Password must be the archive's password, percent-encoded");
    }
    const auto view = co_await one.on.archive.restore({std::move(*archive), std::move(*account)},
                                                      one.line.body());
    if (!view) {
        co_return fail(view.error());
    }
    json made = archived(*view);
    made["device"] = view->device.value;
    made["registered"] = view->registered;
    co_return json_response(201, made);
}

}  // namespace calbox::daemon
