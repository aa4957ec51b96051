// Routes about files: bytes that stream through, up and down, and never lie in memory as a whole.
#include <algorithm>
#include <charconv>

#include "api_calls.hpp"
#include "multipart.hpp"
#include "wire/limits.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t media_type_bytes = 127;

/// "type/subtype", with or without parameters, in visible ASCII.
bool is_media_type(std::string_view text) {
    const auto slash = text.find('/');
    return text.size() <= media_type_bytes && slash != std::string_view::npos && slash > 0 &&
           slash + 1 < text.size() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// The recurrence id of the query: of that time of a series alone. Empty: there is none.
result<std::string> time_of(const call& one, user_id as, event_id which) {
    if (auto known = one.only({"recurrence_id"}); !known) {
        return fail(std::move(known.error()));
    }
    const std::string* const time = one.asked_for("recurrence_id");
    if (time == nullptr) {
        return std::string();
    }
    bool day_only = false;
    if (const auto at = one.on.events.show_at(as, which, *time); at && at->occurrence) {
        return at->occurrence->text();
    }
    const auto gone = model::parse_local_time(*time, day_only);  // it takes place no more
    if (!gone) {
        return fail(errc::invalid_argument, "recurrence_id: " + gone.error().message());
    }
    return gone->text();
}

/// The file that a path names.
result<node::file_label> label_of(const call& one, user_id as, event_id which) {
    return time_of(one, as, which).map([&](std::string time) {
        return node::file_label(one.parts[2], std::move(time));
    });
}

/// The file of that name among the event's.
result<node::file_view> find_file(const call& one, user_id as, event_id which,
                                  const node::file_label& label) {
    const std::string& name = label.name;
    auto files = one.on.file.list(as, which);
    if (!files) {
        return fail(std::move(files.error()));
    }
    const auto found = std::find_if(files->begin(), files->end(), [&](const node::file_view& file) {
        const auto& time = file.what.of_time;
        return file.what.name == name && (time ? time->text() : "") == label.occurrence;
    });
    if (found == files->end()) {
        return fail(errc::not_found, "the event has no file called \"" + name + "\"");
    }
    return std::move(*found);
}

/// The file that a PUT is to replace: what has the name now, or what If-Match says.
result<node::attach_terms> terms_of(const call& one, bool replace) {
    const std::string* const tag = one.line.asked().find("if-match");
    if (tag == nullptr) {
        return node::attach_terms(replace);
    }
    const bool quoted = tag->size() > 2 && tag->starts_with('"') && tag->ends_with('"');
    const auto root = quoted ? file_root::from_hex(tag->substr(1, tag->size() - 2)) : std::nullopt;
    if (!replace || !root) {
        return fail(errc::invalid_argument,
                    "If-Match must be the ETag of the file that is replaced, as it was read");
    }
    return node::attach_terms(replace, *root);
}

/// Everything that can be refused without a byte of the body: the client need not send it then.
result<void> may_upload(const call& one, user_id as, event_id which, const node::file_label& label,
                        bool replace) {
    if (const auto event = one.on.events.show(as, which); !event) {
        return fail(event.error());
    }
    const std::string& name = label.name;
    const auto there = find_file(one, as, which, label);
    if (there && !replace) {
        return fail(errc::already_exists,
                    "the event has a file called \"" + name +
                        "\" already: an update replaces it (PUT; calboxctl files update)");
    }
    if (!there && (replace || there.error().code != errc::not_found)) {
        return fail(there.error());
    }
    const std::string* const type = one.line.asked().find("content-type");
    if (type != nullptr && !is_media_type(*type)) {
        return fail(errc::invalid_argument, "Content-Type must be a media type, as in text/plain");
    }
    if (const std::string* const text = one.line.asked().find("content-length")) {
        std::uint64_t size = 0;
        const auto read = std::from_chars(text->data(), text->data() + text->size(), size);
        if (read.ec != std::errc() || size > wire::limits::file_bytes) {
            return fail(errc::too_large, "the file is larger than 1 TiB");
        }
    }
    return {};
}

outcome upload(call& one, bool replace) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto label = label_of(one, as, which);
    if (!label) {
        co_return fail(label.error());
    }
    if (auto allowed = may_upload(one, as, which, *label, replace); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const std::string* const type = one.line.asked().find("content-type");
    const auto terms = terms_of(one, replace);
    if (!terms) {
        co_return fail(terms.error());
    }
    const auto file = co_await one.on.file.attach(
        as, which, *label, type == nullptr ? std::string() : *type, one.line.body(), *terms);
    if (!file) {
        co_return fail(file.error());
    }
    const bool replaced = replace && file->what.name == one.parts[2];
    co_return json_response(replaced ? 200 : 201, to_json(*file));
}

/// The files of a form, all at one time of a series or at all of it.
class form_files final : public node::file_sequence {
public:
    form_files(node::byte_source& body, const std::string& boundary, std::string time)
        : form_(body, boundary), time_(std::move(time)) {}

    task<result<std::optional<node::new_file>>> next() override {
        auto file = co_await form_.next_file();
        if (!file) {
            co_return fail(std::move(file.error()));
        }
        if (!*file) {
            co_return std::nullopt;
        }
        auto& [name, type] = **file;
        if (!type.empty() && !is_media_type(type)) {
            co_return fail(errc::invalid_argument,
                           "the Content-Type of \"" + name + "\" is no media type");
        }
        co_return node::new_file{node::file_label(std::move(name), time_), std::move(type),
                                 &form_.content()};
    }

private:
    multipart_files form_;
    const std::string time_;
};

/// The bytes that a download is about: [first, first + length).
struct part {
    std::uint64_t first = 0, length = 0;
    bool whole = true;
};

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

/// Reads a Range of one range (RFC 9110, 14.2). Nothing: it cannot be satisfied. What is not
/// understood, and several ranges, are answered with the whole, as that RFC allows.
std::optional<part> part_asked_for(const http::request& asked, std::uint64_t size,
                                   const std::string& tag) {
    const part whole{0, size, true};
    const std::string* const range = asked.find("range");
    const std::string* const condition = asked.find("if-range");
    if (range == nullptr || asked.count("range") > 1 ||
        (condition != nullptr && *condition != tag)) {
        return whole;
    }
    constexpr std::string_view unit = "bytes=";
    std::string_view text = *range;
    const auto dash = text.find('-');
    if (!text.starts_with(unit) || dash == std::string_view::npos) {
        return whole;
    }
    const auto from = text.substr(unit.size(), dash - unit.size());
    const auto to = text.substr(dash + 1);
    const auto first = number_in(from);
    const auto last = number_in(to);
    if ((!first && !from.empty()) || (!last && !to.empty()) || (!first && !last)) {
        return whole;
    }
    if (!first) {
        const std::uint64_t length = std::min(*last, size);
        return length == 0 ? std::nullopt : std::optional(part{size - length, length, false});
    }
    if (last && *last < *first) {
        return whole;
    }
    if (*first >= size) {
        return std::nullopt;
    }
    const std::uint64_t most = size - *first;
    return part{*first, last && *last - *first < most ? *last - *first + 1 : most, false};
}

/// A name for RFC 6266: ASCII for old clients, and all of it.
std::string disposition(const std::string& name) {
    std::string plain;
    for (const char letter : name) {
        const bool safe =
            letter >= 0x20 && letter < 0x7f && letter != '"' && letter != '\\' && letter != '%';
        plain += safe ? letter : '_';
    }
    return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + encoded(name);
}

http::fields head_of(const node::file_view& file, const part& wanted, const std::string& tag) {
    const std::string& type = file.what.media_type;
    http::fields head = {
        {"Content-Type", is_media_type(type) ? type : "application/octet-stream"},
        {"Content-Disposition", disposition(file.what.name)},
        // Whoever opens it in a browser all the same gets a page that can do nothing.
        {"Content-Security-Policy", "sandbox"},
        {"Accept-Ranges", "bytes"},
        {"ETag", tag},
    };
    if (!wanted.whole) {
        head.push_back({"Content-Range", "bytes " + std::to_string(wanted.first) + "-" +
                                             std::to_string(wanted.first + wanted.length - 1) +
                                             "/" + std::to_string(file.what.size)});
    }
    return head;
}

/// Sends the head of the answer before the first piece: a file that cannot be read at all is a
/// problem document still.
class late_sink final : public node::byte_sink {
public:
    late_sink(http::exchange& line, int status, http::fields head, std::uint64_t length)
        : line_(line), status_(status), head_(std::move(head)), length_(length) {}

    task<result<void>> begin() {
        if (std::exchange(begun_, true)) {
            co_return result<void>();
        }
        co_return co_await line_.begin(status_, head_, length_);
    }
    task<result<void>> write(bytes piece) override {
        auto ready = co_await begin();
        if (!ready) {
            co_return ready;
        }
        co_return co_await line_.out().write(std::move(piece));
    }

private:
    http::exchange& line_;
    const int status_;
    const http::fields head_;
    const std::uint64_t length_;
    bool begun_ = false;
};

http::response unsatisfiable(std::uint64_t size) {
    auto made =
        http::problem(416, error(errc::invalid_argument, "the file has " + std::to_string(size) +
                                                             " bytes: that range lies outside"));
    made.head.push_back({"Content-Range", "bytes */" + std::to_string(size)});
    return made;
}

outcome send_part(call& one, user_id as, event_id which, node::file_label label,
                  node::file_view file) {
    const std::string tag = "\"" + file.what.root.hex() + "\"";
    const auto wanted = part_asked_for(one.line.asked(), file.what.size, tag);
    if (!wanted) {
        co_return unsatisfiable(file.what.size);
    }
    http::response made;
    made.status = wanted->whole ? 200 : 206;
    late_sink into(one.line, made.status, head_of(file, *wanted, tag), wanted->length);
    if (wanted->length > 0 && one.line.asked().method != "HEAD") {
        auto read = co_await one.on.file.read(as, which, std::move(label), wanted->first,
                                              wanted->length, into);
        if (!read) {
            co_return fail(std::move(read.error()));
        }
    }
    auto begun = co_await into.begin();
    if (!begun) {
        co_return fail(std::move(begun.error()));
    }
    co_return made;
}

/// One of the things that are done with a file, and need no more than its label.
outcome told_of(call& one, task<result<node::file_view>> (node::files::*act)(user_id, event_id,
                                                                             node::file_label)) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    const auto label = label_of(one, as, which);
    if (!label) {
        co_return fail(label.error());
    }
    const auto file = co_await (one.on.file.*act)(as, which, *label);
    if (!file) {
        co_return fail(file.error());
    }
    co_return json_response(200, to_json(*file));
}

}  // namespace

outcome get_files(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto time = time_of(one, as, which);
    if (!time) {
        co_return fail(time.error());
    }
    auto files = one.on.file.list(as, which);
    if (!files) {
        co_return fail(std::move(files.error()));
    }
    if (!time->empty()) {
        std::erase_if(*files, [&](const node::file_view& file) {
            return !file.what.of_time || file.what.of_time->text() != *time;
        });
    }
    co_return json_response(200, {{"files", list_of(*files)}});
}

outcome post_files(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    auto time = time_of(one, as, which);
    if (!time) {
        co_return fail(std::move(time.error()));
    }
    const std::string* const type = one.line.asked().find("content-type");
    const auto boundary = boundary_of(type == nullptr ? std::string() : *type);
    if (!boundary) {
        co_return fail(boundary.error());
    }
    form_files all(one.line.body(), *boundary, std::move(*time));
    const auto files = co_await one.on.file.attach_all(as, which, all);
    if (!files) {
        co_return fail(files.error());
    }
    co_return json_response(201, {{"files", list_of(*files)}});
}

outcome fetch_files(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    const auto time = time_of(one, as, which);
    if (!time) {
        co_return fail(time.error());
    }
    const auto files = co_await one.on.file.fetch_all(as, which, *time);
    if (!files) {
        co_return fail(files.error());
    }
    co_return json_response(200, {{"files", list_of(*files)}});
}

outcome post_file(call& one) { return upload(one, false); }

outcome put_file(call& one) { return upload(one, true); }

outcome get_file(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto label = label_of(one, as, which);
    if (!label) {
        co_return fail(label.error());
    }
    auto file = find_file(one, as, which, *label);
    if (!file) {
        co_return fail(std::move(file.error()));
    }
    if (one.line.asked().method != "HEAD") {
        // At once when it is here. Not given up when the client leaves: the next one who asks finds
        // it here.
        auto fetched = co_await one.on.file.fetch(as, which, *label);
        if (!fetched) {
            co_return fail(std::move(fetched.error()));
        }
        *file = std::move(*fetched);
    }
    co_return co_await send_part(one, as, which, *label, std::move(*file));
}

outcome fetch_file(call& one) { return told_of(one, &node::files::fetch); }

outcome pause_file(call& one) { return told_of(one, &node::files::pause); }

outcome resume_file(call& one) { return told_of(one, &node::files::resume); }

outcome get_folder(call& one) {
    folder_view view = one.folder();
    const auto as = one.user();
    const auto users = one.on.account.signed_in();
    const bool is_mine = as && std::ranges::any_of(users, [&](const node::account_view& user) {
                             return user.id == *as && user.name == view.user;
                         });
    if (!is_mine) {
        view.events.clear();  // what they are called is for that person alone
    }
    co_return json_response(200, to_json(view));
}

outcome delete_file(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto label = label_of(one, as, which);
    if (!label) {
        co_return fail(label.error());
    }
    auto removed = co_await one.on.file.detach(as, which, *label);
    co_return empty_response(removed);
}

}  // namespace calbox::daemon
