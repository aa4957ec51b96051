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

/// Of a change that failed so. What came of it is seen later.
bool may_have_happened(errc why) {
    switch (why) {
        case errc::timed_out:
        case errc::cancelled:
        case errc::closed:
        case errc::io_failed:
        case errc::disk_full:
        case errc::internal:
            return true;
        default:
            return false;
    }
}

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

/// Files that come to an event together.
struct files_service::arriving {
    user_id as;
    event_id which;
    envelope_header in;
    std::vector<arrived> files = {};
    replica::batch later = {};  // what of them is not durable yet
    std::size_t waiting = 0;    // bytes that have come since something was written
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
                    "not a file name: it must be 1 to 255 bytes without '/', '\\' or control "
                    "characters");
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
    arriving one{as, which, (*opened)->header};
    auto taken = co_await take(one, std::move(label), std::move(media_type), from, terms);
    if (taken) {
        auto written = co_await write(one);
        taken = std::move(written);
    }
    auto named = co_await name(std::move(one), std::move(taken));
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
    arriving all{as, which, (*opened)->header};
    auto taken = co_await take_all(all, from);
    if (taken && all.files.empty()) {
        co_return fail(errc::invalid_argument, "there is no file among what was sent");
    }
    co_return co_await name(std::move(all), std::move(taken));
}

/// Durable on return, all of them. What has come before something failed is among `all`, too.
task<result<void>> files_service::take_all(arriving& all, file_sequence& from) {
    std::set<std::pair<std::string, std::string>> labels;
    while (true) {
        const auto next = co_await from.next();
        if (!next) {
            co_return fail(next.error());
        }
        if (!*next) {
            break;
        }
        const file_label& label = (*next)->label;
        const auto opened = opened_.open(all.which, all.as);
        if (!opened) {
            co_return fail(opened.error());
        }
        attach_terms terms(false);
        if (auto possible = may_come(**opened, all.as, label, terms); !possible) {
            co_return possible;
        }
        if (!labels.emplace(label.name, label.occurrence).second) {
            co_return fail(errc::already_exists,
                           "two of the files are called \"" + label.name + "\"");
        }
        if ((*opened)->content.files.size() + all.files.size() >= wire::limits::files_per_event) {
            co_return fail(too_many_files());
        }
        auto taken = co_await take(all, label, (*next)->media_type, *(*next)->bytes, terms);
        if (taken && all.waiting >= bytes_together) {
            auto written = co_await write(all);
            taken = std::move(written);
        }
        if (!taken) {
            co_return taken;
        }
    }
    co_return co_await write(all);
}

/// Durable on return, unless it has one part: then it is with write().
task<result<void>> files_service::take(arriving& all, file_label label, std::string media_type,
                                       byte_source& from, attach_terms terms) {
    const replica::file_store::announcing announce = [&](const file_root& root) {
        return expect(all, {root});
    };
    const auto stored = co_await held_.store().import(from, all.later, announce);
    if (!stored) {
        co_return fail(stored.error());
    }
    all.files.push_back({std::move(label), terms, attachment_of(*stored, all.as, media_type)});
    all.waiting += stored->size;
    co_return result<void>();
}

task<result<void>> files_service::write(arriving& all) {
    std::vector<file_root> roots;
    for (const auto& blob : all.later.blobs) {
        roots.push_back(blob.root);
    }
    all.waiting = 0;
    auto expected = co_await expect(all, std::move(roots));
    if (!expected || all.later.empty()) {
        co_return expected;
    }
    co_return co_await held_.store().write(std::exchange(all.later, {}));
}

/// Before these are durable, so that they are found again where whoever brings them ends before
/// they are named.
task<result<void>> files_service::expect(const arriving& all, std::vector<file_root> roots) {
    if (auto fits = may_name(all); !fits) {
        co_return fits;
    }
    co_return co_await needs_.expect(std::move(roots), all.as, all.in);
}

/// Whether the event has room for the names of those that have come so far.
result<void> files_service::may_name(const arriving& all) const {
    const auto opened = opened_.open(all.which, all.as);
    if (!opened) {
        return fail(opened.error());
    }
    model::event_content next = (*opened)->content;
    for (const arrived& one : all.files) {
        model::attachment what = one.what;
        if (const auto put = put_file(next.files, one.label.name, one.terms, what); !put) {
            return fail(put.error());
        }
    }
    const auto body = model::write_body(next, (*opened)->body);
    if (body && body->size() >= wire::limits::envelope_body_bytes) {
        return fail(errc::too_large, "with these files the event is larger than 256 KiB");
    }
    return {};
}

/// Has backups take the files, and the event name them, in one version. Nothing stays of them where
/// they did not all come, or where it cannot.
task<result<std::vector<file_view>>> files_service::name(arriving all, result<void> taken) {
    bool unsure = false;  // whether it names them
    if (taken) {
        auto named = co_await name_them(all);
        unsure = !named && may_have_happened(named.error().code);
        taken = std::move(named);
    }
    if (!taken) {
        if (!unsure && !replica_.is_doubtful(all.which)) {
            co_await drop(all);
        }
        co_return fail(std::move(taken.error()));
    }
    for (const device_id& backup : mediator_.backups()) {
        if (mediator_.is_reachable(backup)) {
            needs_.on_backup(backup);  // who else needs them is known now
        }
    }
    std::vector<model::attachment> some;
    for (const arrived& one : all.files) {
        some.push_back(one.what);
    }
    co_return views_of(all.as, all.which, some);
}

task<void> files_service::drop(const arriving& all) {
    const auto opened = opened_.open(all.which, all.as);
    std::vector<file_root> roots;
    for (const arrived& one : all.files) {
        const bool named = opened && std::ranges::count((*opened)->content.files, one.what.root,
                                                        &model::attachment::root) > 0;
        if (!named) {
            roots.push_back(one.what.root);
        }
    }
    needs_.forgo(roots, all.as);
    for (const file_root& root : roots) {
        const auto erased = co_await held_.drop(root);
        if (!erased) {
            env_.log.write(log_level::warn, "files",
                           "a file that was not attached stays: " + erased.error().message());
        }
    }
}

task<result<void>> files_service::name_them(arriving& all) {
    std::vector<file_root> roots;
    std::vector<file_copies::file> files;
    for (const arrived& one : all.files) {
        roots.push_back(one.what.root);
        files.emplace_back(one.what.root, one.what.size);
    }
    for (const auto& [root, size] : files) {
        held_.note(root, size);
    }
    auto owed = co_await copies_.owe(std::move(files));
    if (!owed) {
        co_return owed;
    }
    co_await copies_.wait_for_one(std::move(roots));
    const user_id as = all.as;
    auto named = co_await sets_.apply(
        as, all.which,
        [&](const opened_event& newest, set_operations::next_version& next) -> result<bool> {
            if (auto allowed = may_attach(newest, as); !allowed) {
                return fail(std::move(allowed.error()));
            }
            bool changed = false;
            for (arrived& one : all.files) {
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
    co_return named;
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
