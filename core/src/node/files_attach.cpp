// How files come to an event, and are taken off it.
#include <algorithm>
#include <set>

#include "model/merge.hpp"
#include "node/drafts.hpp"
#include "node/files_service.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

/// Of files that become durable together.
constexpr std::size_t bytes_together = std::size_t{1} << 20;

error too_many_files() { return {errc::too_large, "an event has at most 1,000 files"}; }

/// False where it is there already. `what` gets the name that it has then.
result<bool> put_file(std::vector<model::attachment>& files, const std::string& name,
                      const attach_terms& terms, model::attachment& what) {
    if (std::ranges::find(files, what.root, &model::attachment::root) != files.end()) {
        return false;
    }
    if (files.size() >= wire::limits::files_per_event) {
        return fail(too_many_files());
    }
    const auto named = [&](const std::string& label) {
        return std::ranges::find_if(
            files, [&](const model::attachment& one) { return one.is_at(label, what.of_time); });
    };
    what.name = name;
    what.replaces.reset();
    const auto old = named(name);
    if (old == files.end()) {
        files.push_back(what);
    } else if (terms.replace && old->root == terms.seen) {
        what.replaces = old->root;
        *old = what;
    } else {
        what.name = model::kept_beside(
            name, what.added_by, what.added,
            [&](const std::string& other) { return named(other) != files.end(); });
        files.push_back(what);
    }
    return true;
}

}  // namespace

/// A file whose bytes are here, and that no event names yet.
struct files_service::arrived {
    file_label label;
    attach_terms terms;
    model::attachment what;
};

result<void> files_service::may_attach(const opened_event& to, const user_id& as) const {
    if (!has_right(as, to.header, guest_right::attach)) {
        return fail(errc::forbidden,
                    "guests may not attach files to this event, nor take them off");
    }
    return {};
}

/// Whether a file may come under that name, as far as can be said before it has come.
result<void> files_service::may_come(const opened_event& to, const user_id& as,
                                     const file_label& label, attach_terms& terms) const {
    if (auto allowed = may_attach(to, as); !allowed) {
        return allowed;
    }
    if (!label.occurrence.empty()) {
        if (!model::is_series(to.content)) {
            return fail(errc::invalid_argument,
                        "the event does not repeat: leave out recurrence_id");
        }
        const auto at = model::find_occurrence(to.content, label.occurrence);
        if (!at) {
            return fail(at.error());
        }
    }
    if (!model::is_file_label(label.name)) {
        return fail(errc::invalid_argument,
                    "not a file name: it must be 1 to 255 bytes without '/' or control characters");
    }
    const auto there = find(to, label);
    if (terms.replace && !there) {
        return fail(there.error());
    }
    if (!terms.replace && there) {
        return fail(errc::already_exists,
                    "the event has a file called \"" + label.name + "\" already");
    }
    if (terms.replace && !terms.seen) {
        terms.seen = there->root;
    }
    return to.content.files.size() < wire::limits::files_per_event
               ? result<void>()
               : result<void>(fail(too_many_files()));
}

model::attachment files_service::attachment_of(const replica::stored_file& stored,
                                               const user_id& as,
                                               const std::string& media_type) const {
    model::attachment what;
    what.size = stored.size;
    if (!media_type.empty()) {
        what.media_type = media_type;
    }
    what.root = stored.root;
    what.key = stored.key;
    what.added_by = people_.name_of(as);
    what.added = env_.time.wall();
    return what;
}

task<result<file_view>> files_service::attach(user_id as, event_id which, file_label label,
                                              std::string media_type, byte_source& from,
                                              attach_terms terms) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    if (auto possible = may_come(**opened, as, label, terms); !possible) {
        co_return fail(std::move(possible.error()));
    }
    const envelope_header in = (*opened)->header;
    const auto stored = co_await held_.store().import(from);
    if (!stored) {
        co_return fail(stored.error());
    }
    std::vector<arrived> one;
    one.push_back({std::move(label), terms, attachment_of(*stored, as, media_type)});
    auto named = co_await name(as, which, in, std::move(one));
    if (!named) {
        co_return fail(std::move(named.error()));
    }
    co_return std::move(named->front());
}

task<result<std::vector<file_view>>> files_service::attach_all(user_id as, event_id which,
                                                               file_sequence& from) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    if (auto allowed = may_attach(**opened, as); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const envelope_header in = (*opened)->header;
    std::vector<arrived> all;
    auto taken = co_await take_all(as, which, from, all);
    if (taken && all.empty()) {
        co_return fail(errc::invalid_argument, "there is no file among what was sent");
    }
    if (taken) {
        co_return co_await name(as, which, in, std::move(all));
    }
    for (const arrived& one : all) {
        const auto erased = co_await held_.store().erase(one.what.root);
        if (!erased) {
            env_.log.write(log_level::warn, "files",
                           "a file that was not attached stays: " + erased.error().message());
        }
    }
    co_return fail(std::move(taken.error()));
}

/// Durable on return. What has come before something failed is among `all`, too.
task<result<void>> files_service::take_all(user_id as, event_id which, file_sequence& from,
                                           std::vector<arrived>& all) {
    std::set<std::pair<std::string, std::string>> labels;
    replica::batch later;
    std::size_t waiting = 0;
    while (true) {
        const auto next = co_await from.next();
        if (!next) {
            co_return fail(next.error());
        }
        if (!*next) {
            break;
        }
        const file_label& label = (*next)->label;
        const auto opened = opened_.open(which, as);
        if (!opened) {
            co_return fail(opened.error());
        }
        attach_terms terms(false);
        if (auto possible = may_come(**opened, as, label, terms); !possible) {
            co_return possible;
        }
        if (!labels.emplace(label.name, label.occurrence).second) {
            co_return fail(errc::already_exists,
                           "two of the files are called \"" + label.name + "\"");
        }
        if ((*opened)->content.files.size() + all.size() >= wire::limits::files_per_event) {
            co_return fail(too_many_files());
        }
        const auto stored = co_await held_.store().import(*(*next)->bytes, later);
        if (!stored) {
            co_return fail(stored.error());
        }
        all.push_back({label, terms, attachment_of(*stored, as, (*next)->media_type)});
        waiting += stored->size;
        if (waiting >= bytes_together) {
            waiting = 0;
            auto written = co_await held_.store().write(std::exchange(later, {}));
            if (!written) {
                co_return written;
            }
        }
    }
    if (later.empty()) {
        co_return result<void>();
    }
    co_return co_await held_.store().write(std::move(later));
}

/// Has backups take the files, and the event name them, in one version.
task<result<std::vector<file_view>>> files_service::name(user_id as, event_id which,
                                                         envelope_header in,
                                                         std::vector<arrived> all) {
    std::vector<file_root> roots;
    std::vector<file_copies::file> files;
    for (const arrived& one : all) {
        roots.push_back(one.what.root);
        files.emplace_back(one.what.root, one.what.size);
    }
    auto expected = co_await needs_.expect(roots, as, in);
    if (!expected) {
        co_return fail(std::move(expected.error()));
    }
    for (const auto& [root, size] : files) {
        held_.note(root, size);
    }
    auto owed = co_await copies_.owe(std::move(files));
    if (!owed) {
        co_return fail(std::move(owed.error()));
    }
    co_await copies_.wait_for_one(std::move(roots));
    auto named = co_await sets_.apply(
        as, which,
        [&](const opened_event& newest, set_operations::next_version& next) -> result<bool> {
            if (auto allowed = may_attach(newest, as); !allowed) {
                return fail(std::move(allowed.error()));
            }
            bool changed = false;
            for (arrived& one : all) {
                const std::string& time = one.label.occurrence;
                if (!time.empty()) {  // the series may have been moved meanwhile
                    const auto at = model::find_occurrence(newest.content, time);
                    if (!at) {
                        return fail(errc::conflict, at.error().message());
                    }
                    one.what.of_time = at->id;
                }
                const auto put = put_file(next.content.files, one.label.name, one.terms, one.what);
                if (!put) {
                    return put;
                }
                changed = changed || *put;
            }
            return changed;
        });
    if (!named) {
        co_return fail(std::move(named.error()));
    }
    std::vector<file_view> views;
    for (const arrived& one : all) {
        views.push_back(view_of(one.what));
    }
    co_return views;
}

task<result<void>> files_service::detach(user_id as, event_id which, file_label label) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const auto there = find(**opened, label);
    if (!there) {
        co_return fail(there.error());
    }
    auto detached = co_await sets_.apply(
        as, which,
        [&](const opened_event& newest, set_operations::next_version& next) -> result<bool> {
            if (auto allowed = may_attach(newest, as); !allowed) {
                return fail(std::move(allowed.error()));
            }
            auto& all = next.content.files;
            const auto file = std::ranges::find_if(all, [&](const model::attachment& one) {
                return one.is_at(there->name, there->of_time);
            });
            if (file == all.end()) {
                return false;  // somebody else took it off
            }
            if (file->root != there->root) {
                return fail(errc::conflict,
                            "somebody has replaced \"" + label.name + "\" meanwhile: it stays");
            }
            all.erase(file);
            return true;
        });
    co_return detached;
}

}  // namespace calbox::node
