#include "node/files_service.hpp"

#include <algorithm>

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

constexpr std::size_t small_at_once = 256;  // files of one part
constexpr std::size_t at_once_most = 2;     // others, each of which asks for many parts at once

}  // namespace

file_label label_of(const model::attachment& what) {
    return {what.name, what.of_time ? what.of_time->text() : std::string()};
}

files_service::files_service(const environment& env, replica::replicator& replica,
                             opened_events& opened, set_operations& sets, people& who,
                             held_files& held, file_copies& copies, file_holders& holders,
                             own_needs& needs, files_mediator& mediator)
    : env_(env),
      replica_(replica),
      opened_(opened),
      sets_(sets),
      people_(who),
      held_(held),
      copies_(copies),
      holders_(holders),
      needs_(needs),
      mediator_(mediator),
      tasks_(env, "files") {}

file_view files_service::view_of(const user_id& as, const event_id& which,
                                 const model::attachment& what) const {
    return std::move(views_of(as, which, {what}).front());
}

std::vector<file_view> files_service::views_of(const user_id& as, const event_id& which,
                                               const std::vector<model::attachment>& some) const {
    const auto opened = opened_.open(which, as);
    const opened_event* const in = opened ? *opened : nullptr;
    const sources devices = in == nullptr ? sources() : replica_.recipients_of(in->header);
    const device_labels labels(people_.users(), in == nullptr ? envelope_header() : in->header,
                               mediator_.backups());
    if (in != nullptr && !some.empty()) {
        holders_.shown(which);
    }
    std::vector<file_view> views;
    for (const model::attachment& what : some) {
        if (!held_.has(what.root) && copies_.kept(what.root).empty()) {
            copies_.shown(what.root);
        }
        views.push_back(view_of(what, labels, devices));
    }
    return views;
}

/// `devices` of those who take part, in order; without the event there are none.
file_view files_service::view_of(const model::attachment& what, const device_labels& people,
                                 const sources& devices) const {
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
        view.stored_on.push_back(backup_label(device));
    }
    for (const device_id& device : holders_.of(what.root)) {
        if (std::ranges::binary_search(devices, device)) {
            view.stored_on.push_back(people.of(device));
        }
    }
    for (const device_id& device : copies_.lacking(what.root)) {
        view.owed.push_back(backup_label(device));
    }
    for (const auto& [device, why] : copies_.refused(what.root)) {
        view.refused.push_back(backup_label(device) + ": " + why);
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

result<std::vector<file_view>> files_service::list(user_id as, event_id which) const {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        return fail(opened.error());
    }
    return views_of(as, which, (*opened)->content.files);
}

/// Who can be reached of those who take part in an event with one of these files; a file may be in
/// several.
std::map<file_root, files_service::sources> files_service::sources_of(
    const user_id& as, const std::set<file_root>& roots) {
    std::map<file_root, sources> found;
    for (const opened_event* const one : opened_.with_files(as)) {
        std::optional<sources> reachable;
        for (const model::attachment& file : one->content.files) {
            if (!roots.contains(file.root)) {
                continue;
            }
            if (!reachable) {
                reachable = replica_.recipients_of(one->header);
                std::erase_if(*reachable, [&](const device_id& device) {
                    return !mediator_.is_reachable(device);
                });
            }
            sources& all = found[file.root];
            all.insert(all.end(), reachable->begin(), reachable->end());
        }
    }
    for (auto& [root, all] : found) {
        std::ranges::sort(all);
        all.erase(std::unique(all.begin(), all.end()), all.end());
    }
    return found;
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
    const auto owed = co_await copies_.owe({{what.root, what.size}});
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
            auto sources = std::move(sources_of(user.id, {root})[root]);
            co_return co_await held_.fetch(root, size, std::move(sources));
        }
    }
    co_return fail(errc::not_found, "no event here names the file");
}

task<result<file_view>> files_service::fetch(user_id as, event_id which, file_label label) {
    const auto what = find(as, which, label);
    if (!what) {
        co_return fail(what.error());
    }
    auto from = std::move(sources_of(as, {what->root})[what->root]);
    auto fetched = co_await fetch_from(*what, std::move(from));
    if (!fetched) {
        co_return fail(std::move(fetched.error()));
    }
    co_return view_of(as, which, *what);
}

task<result<void>> files_service::fetch_from(model::attachment what, sources from) {
    while (held_.progress(what.root)) {  // somebody else asked for it already
        co_await sleep_for(env_, std::chrono::milliseconds(20));
    }
    const auto here = co_await held_.is_here(what.root);
    if (!here || *here) {
        co_return here.map([](bool) {});
    }
    const bool alone = from.empty();
    auto fetched = co_await held_.fetch(what.root, what.size, std::move(from));
    const bool paused = held_.paused(what.root).has_value();
    if (!fetched && !paused && (alone || fetched.error().code == errc::unavailable)) {
        // Others may have it: who took part once, or whom nobody here knows to be online.
        auto others = co_await mediator_.holders_of(what.root);
        if (others.empty() && alone) {
            co_return fail(errc::unavailable,
                           "nobody who could have \"" + what.name + "\" can be reached now");
        }
        auto again = co_await held_.fetch(what.root, what.size, std::move(others));
        fetched = std::move(again);
    }
    if (!fetched) {
        co_return fail(fetched.error().code,
                       "\"" + what.name + "\" cannot be fetched now: " + fetched.error().message());
    }
    co_return fetched;
}

/// Files that are fetched by several coroutines, each of which takes the next one.
struct files_service::fetches {
    struct one {
        model::attachment what;
        sources from;
        std::string problem = {};
    };
    std::vector<one> all;
    std::vector<std::size_t> left;  // in `all`, the next one at the end
    int fetching = 0;
    event over;
    explicit fetches(const environment& env) : over(env) {}
};

task<result<std::vector<file_view>>> files_service::fetch_all(user_id as, event_id which,
                                                              std::string occurrence) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const model::event_content& content = (*opened)->content;
    const auto time = occurrence.empty() ? std::nullopt : time_of(content, {"", occurrence});
    const auto work = std::make_shared<fetches>(env_);
    std::set<file_root> roots;
    for (const model::attachment& file : content.files) {
        if (occurrence.empty() || (time && file.of_time == time)) {
            work->all.push_back({file, {}});
            roots.insert(file.root);
        }
    }
    if (!occurrence.empty() && roots.empty()) {
        co_return fail(errc::not_found, "the event has no file at that time");
    }
    auto found = sources_of(as, roots);
    for (fetches::one& file : work->all) {
        file.from = found[file.what.root];
    }
    if (tasks_.stopping()) {
        co_return fail(errc::closed, "the daemon is stopping");
    }
    // Small ones first, since many of them come together.
    for (const bool small : {true, false}) {
        for (std::size_t i = work->all.size(); i-- > 0;) {
            if ((work->all[i].what.size <= wire::limits::leaf_bytes) == small) {
                work->left.push_back(i);
            }
        }
        const std::size_t at_once =
            std::min(work->left.size(), small ? small_at_once : at_once_most);
        work->fetching = static_cast<int>(at_once);
        work->over.reset();
        for (std::size_t i = 0; i < at_once; ++i) {
            tasks_.spawn("fetch", fetch_next(work));
        }
        if (at_once > 0) {
            co_await work->over.wait();
        }
    }
    std::vector<model::attachment> all;
    for (const fetches::one& file : work->all) {
        all.push_back(file.what);
    }
    auto views = views_of(as, which, all);
    for (std::size_t i = 0; i < views.size(); ++i) {
        views[i].problem = work->all[i].problem;
    }
    co_return views;
}

task<void> files_service::fetch_next(std::shared_ptr<fetches> of) {
    const struct ending {
        fetches& of;
        ~ending() {
            if (--of.fetching == 0) {
                of.over.set();
            }
        }
    } however_it_ends{*of};
    while (!of->left.empty()) {
        fetches::one& file = of->all[of->left.back()];
        of->left.pop_back();
        const auto fetched = co_await fetch_from(file.what, std::move(file.from));
        if (!fetched) {
            file.problem = fetched.error().message();
        }
    }
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
    co_return view_of(as, which, *what);
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
    co_return view_of(as, which, *what);
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

task<result<bytes>> files_service::on_small(wire::small_files what) {
    if (what.roots.empty() || what.roots.size() > wire::limits::small_files_per_message) {
        co_return fail(errc::invalid_argument, "no files, or too many at once");
    }
    auto parts = co_await held_.store().single_leaves(std::move(what.roots),
                                                      wire::limits::small_files_bytes);
    co_return codec::encode(wire::small_files_reply{std::move(parts)});
}

}  // namespace calbox::node
