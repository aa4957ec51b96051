// Routes about what this device stores.
#include "api_calls.hpp"

namespace calbox::daemon {

outcome get_store(call& one) {
    const auto view = co_await one.on.store.show();
    if (!view) {
        co_return fail(view.error());
    }
    co_return json_response(200, to_json(*view));
}

outcome get_store_check(call& one) {
    const auto report = co_await one.on.store.check();
    if (!report) {
        co_return fail(report.error());
    }
    co_return json_response(200, {{"sound", report->sound}, {"text", report->text}});
}

outcome post_store_backup(call& one) {
    auto file = co_await one.text("file");
    if (!file) {
        co_return fail(std::move(file.error()));
    }
    if (!file->starts_with('/') || file->find('\0') != std::string::npos) {
        co_return fail(errc::invalid_argument, "file must be an absolute path, beginning with /");
    }
    const auto made = co_await one.on.store.back_up(std::move(*file));
    if (!made) {
        co_return fail(made.error());
    }
    co_return json_response(201, {{"file", made->file}, {"bytes", made->bytes}});
}

outcome post_store_scrub(call& one) {
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    co_return json_response(202, to_json(one.on.store.scrub()));
}

}  // namespace calbox::daemon
