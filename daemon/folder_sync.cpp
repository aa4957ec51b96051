#include "folder_sync.hpp"

#include <algorithm>

#include "directories.hpp"
#include "folder_memory.hpp"
#include "model/merge.hpp"

namespace calbox::daemon {

namespace {

constexpr duration look_at_least = std::chrono::minutes(1);  // where nothing rings
constexpr duration without_folder = std::chrono::seconds(5);
constexpr duration gathered = std::chrono::milliseconds(100);
constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t minutes_days = 7;  // so long after an event things are still attached

std::string key_of(const event_id& id) { return id.organizer.hex() + "-" + std::to_string(id.seq); }

/// A file of the folder on its way to an event.
class folder_source final : public node::byte_source {
public:
    folder_source(const environment& env, std::shared_ptr<folder_disk::reader> from)
        : env_(env), from_(std::move(from)) {}
    task<result<bytes>> next() override {
        auto read = [from = from_] { return from->next(piece_bytes); };
        auto piece = co_await offload(env_, env_.disk, std::move(read));
        co_return piece;
    }

private:
    const environment& env_;
    std::shared_ptr<folder_disk::reader> from_;
};

/// A file of an event on its way into the folder.
class folder_sink final : public node::byte_sink {
public:
    folder_sink(const environment& env, std::shared_ptr<folder_disk::writer> to)
        : env_(env), to_(std::move(to)) {}
    task<result<void>> write(bytes piece) override {
        auto writing = [to = to_, piece = std::move(piece)] { return to->write(piece); };
        auto written = co_await offload(env_, env_.disk, std::move(writing));
        if (!written) {
            problem = written.error();
            co_return fail(errc::closed, "the folder takes no more");  // the file itself is sound
        }
        co_return written;
    }
    std::optional<error> problem;

private:
    const environment& env_;
    std::shared_ptr<folder_disk::writer> to_;
};

/// A file of an event that is held against one of the folder.
class comparing_sink final : public node::byte_sink {
public:
    comparing_sink(const environment& env, std::shared_ptr<folder_disk::reader> with)
        : env_(env), with_(std::move(with)) {}
    task<result<void>> write(bytes piece) override {
        auto read = [with = with_, size = piece.size()] { return with->next(size); };
        auto mine = co_await offload(env_, env_.disk, std::move(read));
        if (!mine || *mine != piece) {
            differs = true;
            co_return fail(errc::closed, "it is another file");
        }
        co_return result<void>();
    }
    bool differs = false;

private:
    const environment& env_;
    std::shared_ptr<folder_disk::reader> with_;
};

tl::unexpected<error> without_disk() {
    return fail(errc::unavailable, "the folder cannot be used now");
}

}  // namespace

folder_sync::folder_sync(const environment& env, node::services on, folder_settings with)
    : env_(env),
      on_(on),
      with_(std::move(with)),
      wake_(env),
      bell_(env, wake_),
      works_(env, "folder"),
      tasks_(env, "folder") {}

void folder_sync::start() {
    if (!with_.path.empty()) {
        tasks_.spawn("look", run());
        tasks_.spawn("changes", follow_changes());
    }
}

void folder_sync::request_stop() noexcept {
    bell_.close();
    works_.request_stop();
    tasks_.request_stop();
}

task<void> folder_sync::join() {
    co_await works_.join();
    co_await tasks_.join();
    // The lock of the folder is given back on the thread that uses it.
    auto give_back = [disk = std::exchange(disk_, nullptr)]() mutable {
        disk.reset();
        return true;
    };
    co_await offload(env_, env_.disk, std::move(give_back));
}

result<node::account_view> folder_sync::owner() const {
    const auto users = on_.account.signed_in();
    if (user_.empty()) {
        if (users.size() == 1) {
            return users.front();
        }
        return fail(errc::unavailable,
                    users.empty() ? "nobody is signed in"
                                  : "several people are signed in: the folder is for the first who "
                                    "is the only one");
    }
    const auto mine = std::ranges::find_if(
        users, [&](const node::account_view& one) { return one.id.hex() == user_; });
    if (mine == users.end()) {
        return fail(errc::unavailable, "the person whose folder it is is not signed in");
    }
    return *mine;
}

task<result<void>> folder_sync::open() {
    if (!plan_) {
        const auto file = with_.memory;
        const auto text = co_await offload(env_, env_.disk, [file] { return kept_text(file); });
        auto known = read_folder_memory(text);
        if (!known || known->path != with_.path.string()) {
            known.emplace();
        }
        id_ = known->id;
        user_ = known->user;
        plan_ = std::make_unique<folder_plan>(std::move(known->book), with_.plan);
    }
    auto who = owner();
    if (!who) {
        co_return fail(std::move(who.error()));
    }
    as_ = *who;
    user_ = as_.id.hex();
    if (disk_) {
        co_return result<void>();
    }
    bytes fresh(16);
    env_.entropy.fill(fresh);
    const auto disk = std::make_shared<folder_disk>(with_.path);
    auto opening = [disk, id = id_, fresh = to_hex(fresh)] { return disk->open(id, fresh); };
    auto opened = co_await offload(env_, env_.disk, std::move(opening));
    if (!opened) {
        co_return fail(std::move(opened.error()));
    }
    id_ = *opened;
    disk_ = disk;
    clean_ = true;
    co_await keep();
    co_return result<void>();
}

task<void> folder_sync::keep() {
    kept_ = plan_->changes();
    const folder_memory what{with_.path.string(), id_, user_, plan_->book()};
    auto keeping = [file = with_.memory, text = write_folder_memory(what)] {
        return keep_text(file, text);
    };
    const bool kept = co_await offload(env_, env_.disk, std::move(keeping));
    if (!kept) {
        env_.log.write(log_level::warn, "folder", "cannot write " + with_.memory.string());
    }
}

std::vector<folder_event> folder_sync::coming() {
    const std::int64_t now = env_.time.wall().ms;
    node::event_query when;
    when.from = timestamp{now - minutes_days * day_ms};
    when.to = timestamp{now + with_.ahead.count() * day_ms};
    std::vector<folder_event> found;
    events_.clear();
    for (const node::event_view& one : on_.events.list(as_.id, when)) {
        const auto& answers = one.content.answers;
        const auto answer = answers.find(as_.name);
        const bool comes =
            answer != answers.end() && (answer->second == model::participation::accepted ||
                                        answer->second == model::participation::tentative);
        if (one.id.organizer != as_.id && !comes) {
            continue;  // anybody may invite: nobody fills this disk by that
        }
        folder_event made;
        made.key = key_of(one.id);
        if (events_.contains(made.key)) {
            continue;  // a later time of a series: it has one directory, of the next time
        }
        made.name = directory_name(one.content.time.start.date_text(), one.content.title);
        for (const model::attachment& file : one.content.files) {
            if (file.of_time) {
                continue;
            }
            made.files.push_back({file.name, file.root, file.size, file.replaces});
        }
        ids_[made.key] = one.id;
        events_[made.key] = {one.id_text, one.content.title, {}, {}};
        found.push_back(std::move(made));
    }
    return found;
}

task<void> folder_sync::run() {
    using namespace asio::experimental::awaitable_operators;
    while (true) {
        wake_.reset();
        duration pause = without_folder;
        auto ready = co_await open();
        if (ready) {
            pause = look_at_least;
            auto looked = co_await look_once();
            if (looked) {
                pause = std::min(pause, *looked);
            }
            ready = looked.map([](duration) {});
        }
        if (!ready) {
            problem_ = ready.error().message();
            state_ = ready.error().code == errc::unavailable ? "waiting" : "stopped";
            disk_.reset();
        }
        co_await (wake_.wait() || sleep_for(env_, pause));
        co_await sleep_for(env_, gathered);
    }
}

/// Returns after how long to look again.
task<result<duration>> folder_sync::look_once() {
    std::uint64_t before = 0;
    result<std::vector<seen_directory>> there = fail(errc::internal);
    do {  // what ended meanwhile is not in the list, or is
        before = ended_;
        auto listing = [disk = disk_, clean = std::exchange(clean_, false)] {
            return disk->list(clean);
        };
        auto listed = co_await offload(env_, env_.disk, std::move(listing));
        there = std::move(listed);
    } while (before != ended_);
    if (!there) {
        co_return fail(std::move(there.error()));
    }
    std::set<std::filesystem::path> places{with_.path};
    for (const seen_directory& one : *there) {
        places.insert(with_.path / one.name);
    }
    bell_.listen(places);
    auto step = plan_->look(std::move(*there), coming(), env_.time.now());
    bool working = !step.actions.empty();
    for (auto& [key, one] : events_) {
        const auto known = plan_->book().find(key);
        one.directory = known == plan_->book().end() ? std::string() : known->second.name;
        one.files = plan_->files_of(key);
        working =
            working || std::ranges::any_of(one.files, [](const auto& file) {
                return file.state != "here" && file.state != "removed" && file.state != "failed";
            });
    }
    state_ = working ? "working" : "in_step";
    problem_.clear();
    for (folder_action& one : step.actions) {
        works_.spawn(std::string(to_string(one.what)), perform(std::move(one)));
    }
    if (kept_ != plan_->changes()) {
        co_await keep();
    }
    co_return step.look_again.value_or(look_at_least);
}

task<void> folder_sync::perform(folder_action what) {
    auto done = co_await act(what);
    ++ended_;
    if (done) {
        plan_->done(what, *done, env_.time.now());
        co_await keep();
    } else {
        env_.log.write(log_level::debug, "folder",
                       std::string(to_string(what.what)) + " failed: " + done.error().message());
        plan_->failed(what, done.error().message(), env_.time.now());
    }
    wake_.set();
}

folder_sync::outcome folder_sync::act(folder_action what) {
    using kind = folder_action::kind;
    if (what.what == kind::place) {
        co_return co_await place(std::move(what));
    }
    if (what.what == kind::attach || what.what == kind::replace) {
        co_return co_await attach(std::move(what));
    }
    if (!disk_) {
        co_return without_disk();
    }
    auto doing = [disk = disk_, what]() -> result<folder_plan::result_of> {
        folder_plan::result_of made;
        if (what.what == kind::make_directory || what.what == kind::move_directory) {
            auto name = what.what == kind::make_directory
                            ? disk->make_directory(what.to, what.event)
                            : disk->move_directory(what.directory, what.to);
            return name.map([&](std::string& got) {
                made.name = std::move(got);
                return made;
            });
        }
        auto moved = what.what == kind::move ? disk->move(what) : disk->remove(what);
        return moved.map([&] { return made; });
    };
    co_return co_await offload(env_, env_.disk, std::move(doing));
}

folder_sync::outcome folder_sync::place(folder_action what) {
    const auto disk = disk_;  // it may be given up while the file comes
    if (!disk) {
        co_return without_disk();
    }
    const event_id which = ids_.at(what.event);
    const user_id as = as_.id;
    const auto fetched = co_await on_.file.fetch(as, which, what.label);
    if (!fetched) {
        co_return fail(fetched.error());
    }
    auto opening = [disk, what, unique = std::to_string(ended_) + "-" + what.root.hex()] {
        return disk->write(what, unique.substr(0, 48));
    };
    const auto writer = co_await offload(env_, env_.disk, std::move(opening));
    if (!writer) {
        co_return fail(writer.error());
    }
    folder_sink into(env_, *writer);
    auto read = co_await on_.file.read(as, which, what.label, 0, 0, into);
    if (!read) {
        co_return fail(into.problem.value_or(read.error()));
    }
    const auto now = on_.file.list(as, which);
    const bool same = now && std::ranges::any_of(*now, [&](const node::file_view& one) {
                          return one.what.name == what.label && one.what.root == what.root;
                      });
    if (!same || fetched->what.root != what.root) {
        co_return fail(errc::conflict, what.label + " has been replaced meanwhile");
    }
    auto finishing = [writer = *writer] { return writer->finish(); };
    const auto as_it_is = co_await offload(env_, env_.disk, std::move(finishing));
    if (!as_it_is) {
        co_return fail(as_it_is.error());
    }
    folder_plan::result_of made;
    made.as = *as_it_is;
    co_return made;
}

task<result<bool>> folder_sync::is_same(folder_action what) {
    const auto disk = disk_;  // it may be given up while the file comes
    if (!disk) {
        co_return without_disk();
    }
    const event_id which = ids_.at(what.event);
    const user_id as = as_.id;
    const auto fetched = co_await on_.file.fetch(as, which, what.label);
    if (!fetched) {
        co_return fail(fetched.error());
    }
    if (fetched->what.root != what.unless) {
        co_return false;
    }
    auto opening = [disk, what] { return disk->read(what); };
    const auto reader = co_await offload(env_, env_.disk, std::move(opening));
    if (!reader) {
        co_return fail(reader.error());
    }
    comparing_sink against(env_, *reader);
    auto read = co_await on_.file.read(as, which, what.label, 0, 0, against);
    if (!read && !against.differs) {
        co_return fail(std::move(read.error()));
    }
    co_return !against.differs;
}

folder_sync::outcome folder_sync::attach(folder_action what) {
    const auto disk = disk_;  // it may be given up while the file comes
    if (!disk) {
        co_return without_disk();
    }
    const event_id which = ids_.at(what.event);
    const user_id as = as_.id;
    folder_plan::result_of made;
    if (what.unless) {
        const auto same = co_await is_same(what);
        if (!same) {
            co_return fail(same.error());
        }
        if (*same) {
            made.name = what.label;
            made.root = *what.unless;
            co_return made;
        }
    }
    const auto there = on_.file.list(as, which);
    if (!there) {
        co_return fail(there.error());
    }
    const auto taken = [&](const std::string& label) {
        return std::ranges::any_of(
            *there, [&](const node::file_view& one) { return one.what.name == label; });
    };
    const bool replaces = what.what == folder_action::kind::replace;
    const std::string label =
        !replaces && taken(what.label)
            ? model::kept_beside(what.label, as_.name, env_.time.wall(), taken)
            : what.label;
    auto opening = [disk, what] { return disk->read(what); };
    const auto reader = co_await offload(env_, env_.disk, std::move(opening));
    if (!reader) {
        co_return fail(reader.error());
    }
    folder_source from(env_, *reader);
    const node::attach_terms terms =
        replaces ? node::attach_terms(true, what.root) : node::attach_terms(false);
    const auto attached = co_await on_.file.attach(as, which, label, {}, from, terms);
    if (!attached) {
        co_return fail(attached.error());
    }
    made.name = attached->what.name;
    made.root = attached->what.root;
    co_return made;
}

task<void> folder_sync::follow_changes() {
    std::uint64_t number = on_.changes.last_number();
    while (true) {
        if (user_.empty() || as_.name.empty()) {
            co_await sleep_for(env_, without_folder);
            continue;
        }
        const auto told = co_await on_.changes.next(as_.id, number);
        if (!told || told->empty()) {
            number = on_.changes.last_number();
            co_await sleep_for(env_, told ? gathered : without_folder);
            continue;
        }
        number = told->back().number;
        const bool somebody_came = std::ranges::any_of(*told, [](const node::change& one) {
            return one.what == "peer" || one.what == "status";
        });
        if (somebody_came && plan_) {
            plan_->forget_failures();
        }
        wake_.set();
    }
}

folder_view folder_sync::view() const {
    folder_view made;
    made.path = with_.path.string();
    made.ahead_days = with_.ahead.count();
    made.state = with_.path.empty() ? "off" : state_;
    made.user = as_.name;
    made.problem = problem_;
    for (const auto& [key, one] : events_) {
        made.events.push_back(one);
    }
    std::ranges::sort(made.events, {}, &folder_view::event::directory);
    return made;
}

}  // namespace calbox::daemon
