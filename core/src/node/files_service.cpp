#include "node/files_service.hpp"

#include <algorithm>

#include "model/merge.hpp"
#include "node/drafts.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

/// Of which time of a series a file is that is meant by that label; nothing: of all of it.
std::optional<model::local_time> time_of(const model::event_content& content,
                                         const file_label& label) {
    if (const auto at = model::find_occurrence(content, label.occurrence)) {
        return at->id;
    }
    bool date_only = false;  // of a time that does not take place any more
    const auto read = model::parse_local_time(label.occurrence, date_only);
    return read ? std::optional(*read) : std::nullopt;
}

/// False where it is there already. `what` gets the name that it has then.
result<bool> put_file(std::vector<model::attachment>& files, const std::string& name,
                      const attach_terms& terms, model::attachment& what) {
    if (std::ranges::find(files, what.root, &model::attachment::root) != files.end()) {
        return false;
    }
    if (files.size() >= wire::limits::files_per_event) {
        return fail(errc::too_large, "an event has at most 1,000 files");
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

file_label label_of(const model::attachment& what) {
    return {what.name, what.of_time ? what.of_time->text() : std::string()};
}

files_service::files_service(const environment& env, replica::replicator& replica,
                             opened_events& opened, set_operations& sets, people& who,
                             held_files& held, file_copies& copies, own_needs& needs,
                             files_mediator& mediator)
    : env_(env),
      replica_(replica),
      opened_(opened),
      sets_(sets),
      people_(who),
      held_(held),
      copies_(copies),
      needs_(needs),
      mediator_(mediator),
      tasks_(env, "files") {}

file_view files_service::view_of(const model::attachment& what) const {
    file_view view;
    view.what = what;
    const bool here = held_.has(what.root);
    const auto moving = held_.progress(what.root);
    const auto paused = held_.paused(what.root);
    view.held = here                                    ? "here"
                : paused                                ? "paused"
                : moving || coming_.contains(what.root) ? "fetching"
                                                        : "elsewhere";
    view.fetched = here ? what.size : moving.value_or(paused.value_or(0));
    if (here) {
        view.stored_on.push_back("this device");
    }
    for (const device_id& device : copies_.kept(what.root)) {
        view.stored_on.push_back("backup " + device.hex().substr(0, 8));
    }
    for (const device_id& device : copies_.lacking(what.root)) {
        view.owed.push_back("backup " + device.hex().substr(0, 8));
    }
    for (const auto& [device, why] : copies_.refused(what.root)) {
        view.refused.push_back("backup " + device.hex().substr(0, 8) + ": " + why);
    }
    return view;
}

result<model::attachment> files_service::find(const opened_event& in,
                                              const file_label& label) const {
    const auto& all = in.content.files;
    const auto time = label.occurrence.empty() ? std::nullopt : time_of(in.content, label);
    const auto found = std::ranges::find_if(
        all, [&](const model::attachment& one) { return one.is_at(label.name, time); });
    if (found == all.end() || (!label.occurrence.empty() && !time)) {
        return fail(errc::not_found, "the event has no file called \"" + label.name + "\"" +
                                         (label.occurrence.empty() ? "" : " at that time"));
    }
    return *found;
}

result<model::attachment> files_service::find(const user_id& as, const event_id& which,
                                              const file_label& label) const {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        return fail(opened.error());
    }
    return find(**opened, label);
}

result<void> files_service::may_attach(const opened_event& to, const user_id& as) const {
    if (!has_right(as, to.header, guest_right::attach)) {
        return fail(errc::forbidden,
                    "guests may not attach files to this event, nor take them off");
    }
    return {};
}

task<result<file_view>> files_service::attach(user_id as, event_id which, file_label label,
                                              std::string media_type, byte_source& from,
                                              attach_terms terms) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    if (auto allowed = may_attach(**opened, as); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    if (!label.occurrence.empty()) {
        if (!model::is_series((*opened)->content)) {
            co_return fail(errc::invalid_argument,
                           "the event does not repeat: leave out recurrence_id");
        }
        const auto at = model::find_occurrence((*opened)->content, label.occurrence);
        if (!at) {
            co_return fail(at.error());
        }
    }
    const std::string& name = label.name;
    if (!model::is_file_label(name)) {
        co_return fail(
            errc::invalid_argument,
            "not a file name: it must be 1 to 255 bytes without '/' or control characters");
    }
    const auto there = find(**opened, label);
    if (terms.replace ? !there : there.has_value()) {
        co_return terms.replace
            ? fail(there.error())
            : fail(errc::already_exists, "the event has a file called \"" + name + "\" already");
    }
    if (terms.replace && !terms.seen) {
        terms.seen = there->root;
    }
    if ((*opened)->content.files.size() >= wire::limits::files_per_event) {
        co_return fail(errc::too_large, "an event has at most 1,000 files");
    }
    const envelope_header in = (*opened)->header;
    auto stored = co_await held_.store().import(from);
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    auto expected = co_await needs_.expect(stored->root, as, in);
    if (!expected) {
        co_return fail(std::move(expected.error()));
    }
    held_.note(stored->root, stored->size);
    auto owed = co_await copies_.owe(stored->root, stored->size);
    if (!owed) {
        co_return fail(std::move(owed.error()));
    }
    co_await copies_.wait_for_one(stored->root);
    model::attachment what;
    what.size = stored->size;
    if (!media_type.empty()) {
        what.media_type = media_type;
    }
    what.root = stored->root;
    what.key = stored->key;
    what.added_by = people_.name_of(as);
    what.added = env_.time.wall();
    auto named = co_await sets_.apply(
        as, which,
        [&](const opened_event& newest, set_operations::next_version& next) -> result<bool> {
            if (auto allowed = may_attach(newest, as); !allowed) {
                return fail(std::move(allowed.error()));
            }
            if (!label.occurrence.empty()) {  // the series may have been moved meanwhile
                const auto at = model::find_occurrence(newest.content, label.occurrence);
                if (!at) {
                    return fail(errc::conflict, at.error().message());
                }
                what.of_time = at->id;
            }
            return put_file(next.content.files, name, terms, what);
        });
    if (!named) {
        co_return fail(std::move(named.error()));
    }
    co_return view_of(what);
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

result<std::vector<file_view>> files_service::list(user_id as, event_id which) const {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        return fail(opened.error());
    }
    std::vector<file_view> views;
    for (const model::attachment& file : (*opened)->content.files) {
        views.push_back(view_of(file));
    }
    return views;
}

/// Who can be reached of those who take part in an event with this file; it may be in several.
std::vector<device_id> files_service::sources_of(const user_id& as, const file_root& root) {
    std::vector<device_id> sources;
    for (const opened_event* const one : opened_.with_files(as)) {
        const auto& files = one->content.files;
        if (std::ranges::find(files, root, &model::attachment::root) != files.end()) {
            const auto more = replica_.recipients_of(one->header);
            sources.insert(sources.end(), more.begin(), more.end());
        }
    }
    std::ranges::sort(sources);
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    std::erase_if(sources,
                  [&](const device_id& device) { return !mediator_.is_reachable(device); });
    return sources;
}

void files_service::adopt(const user_id& as, const event_id& which) {
    const auto opened = opened_.open(which, as);
    for (const model::attachment& file :
         opened ? (*opened)->content.files : std::vector<model::attachment>()) {
        tasks_.spawn("adopt", adopt_one(as, which, file));
    }
}

task<void> files_service::adopt_one(user_id as, event_id which, model::attachment what) {
    const auto here = co_await fetch(as, which, label_of(what));
    if (!here) {
        env_.log.write(log_level::debug, "files",
                       "a copied event's file stays elsewhere: " + here.error().message());
        co_return;
    }
    const auto owed = co_await copies_.owe(what.root, what.size);
    if (!owed) {
        env_.log.write(log_level::warn, "files",
                       "a file is not offered to the backups: " + owed.error().message());
    }
}

task<result<void>> files_service::bring_back(file_root root) {
    for (const account_view& user : people_.accounts().signed_in()) {
        for (const opened_event* const one : opened_.with_files(user.id)) {
            const auto& files = one->content.files;
            const auto what = std::ranges::find(files, root, &model::attachment::root);
            if (what == files.end()) {
                continue;
            }
            const std::uint64_t size = what->size;
            auto sources = sources_of(user.id, root);
            if (sources.empty()) {
                co_return fail(errc::unavailable, "nobody who could have it can be reached now");
            }
            co_return co_await held_.fetch(root, size, std::move(sources));
        }
    }
    co_return fail(errc::not_found, "no event here names the file");
}

task<result<file_view>> files_service::fetch(user_id as, event_id which, file_label label) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const auto what = find(**opened, label);
    if (!what) {
        co_return fail(what.error());
    }
    std::vector<device_id> sources = sources_of(as, what->root);
    while (held_.progress(what->root)) {  // somebody else asked for it already
        co_await sleep_for(env_, std::chrono::milliseconds(20));
    }
    const auto here = co_await held_.is_here(what->root);
    if (!here) {
        co_return fail(here.error());
    }
    if (!*here) {
        const bool alone = sources.empty();
        auto fetched = co_await held_.fetch(what->root, what->size, std::move(sources));
        const bool paused = held_.paused(what->root).has_value();
        if (!fetched && !paused && (alone || fetched.error().code == errc::unavailable)) {
            // Others may have it: who took part once, or whom nobody here knows to be online.
            auto others = co_await mediator_.holders_of(what->root);
            if (others.empty() && alone) {
                co_return fail(errc::unavailable,
                               "nobody who could have \"" + label.name + "\" can be reached now");
            }
            auto again = co_await held_.fetch(what->root, what->size, std::move(others));
            fetched = std::move(again);
        }
        if (!fetched) {
            co_return fail(fetched.error().code, "\"" + label.name + "\" cannot be fetched now: " +
                                                     fetched.error().message());
        }
    }
    co_return view_of(*what);
}

task<result<file_view>> files_service::pause(user_id as, event_id which, file_label label) {
    const auto what = find(as, which, label);
    if (!what) {
        co_return fail(what.error());
    }
    if (held_.has(what->root)) {
        co_return fail(errc::conflict, "\"" + label.name + "\" is on this device already");
    }
    auto paused = co_await held_.pause(what->root);
    if (!paused) {
        co_return fail(std::move(paused.error()));
    }
    co_return view_of(*what);
}

task<result<file_view>> files_service::resume(user_id as, event_id which, file_label label) {
    const auto what = find(as, which, label);
    if (!what) {
        co_return fail(what.error());
    }
    auto resumed = co_await held_.resume(what->root);
    if (!resumed) {
        co_return fail(std::move(resumed.error()));
    }
    if (!held_.has(what->root) && coming_.insert(what->root).second) {
        tasks_.spawn("resume", bring(as, which, *what));
    }
    co_return view_of(*what);
}

task<void> files_service::bring(user_id as, event_id which, model::attachment what) {
    const struct ending {
        files_service& owner;
        file_root root;
        ~ending() { owner.coming_.erase(root); }
    } however_it_ends{*this, what.root};
    const auto fetched = co_await fetch(as, which, label_of(what));
    if (!fetched) {
        env_.log.write(log_level::info, "files",
                       "a file does not come: " + fetched.error().message());
    }
}

task<result<void>> files_service::read(user_id as, event_id which, file_label label,
                                       std::uint64_t first, std::uint64_t length, byte_sink& into) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const auto what = find(**opened, label);
    if (!what) {
        co_return fail(what.error());
    }
    const std::uint64_t begin = std::min(first, what->size);
    const std::uint64_t most = what->size - begin;
    auto done = co_await held_.store().read(what->root, what->size, what->key, begin,
                                            length == 0 ? most : std::min(length, most), into);
    if (!done && done.error().code != errc::closed) {
        const auto whole = co_await held_.verify(what->root);
        if (whole && !*whole) {
            co_return fail(errc::mismatch, "the copy of \"" + label.name +
                                               "\" on this device is damaged, and given up: try "
                                               "again, and it is fetched from the others");
        }
    }
    co_return done;
}

task<result<bytes>> files_service::on_info(wire::file_info what) {
    const auto size = held_.all().find(what.root);
    const bool held = size != held_.all().end();
    co_return codec::encode(wire::file_info_reply{held, held ? size->second : 0});
}

task<result<bytes>> files_service::on_hashes(wire::file_hashes what) {
    auto hashes = co_await held_.store().leaf_hashes(what.root, what.first, what.count);
    if (!hashes) {
        co_return fail(std::move(hashes.error()));
    }
    co_return codec::encode(wire::file_hashes_reply{std::move(*hashes)});
}

task<result<bytes>> files_service::on_leaf(wire::file_leaf what) {
    auto leaf = co_await held_.store().leaf(what.root, what.index);
    if (!leaf) {
        co_return fail(std::move(leaf.error()));
    }
    co_return codec::encode(wire::file_leaf_reply{std::move(*leaf)});
}

}  // namespace calbox::node
