#include "node/store_service.hpp"

#include <algorithm>

namespace calbox::node {

namespace {

constexpr std::string_view scrub_name = "scrub";
constexpr duration first_look = std::chrono::minutes(10);
constexpr duration look_again = std::chrono::minutes(10);
constexpr duration healing_time = std::chrono::seconds(10);  // after a pass, for what was lost
constexpr std::size_t listed_most = 1'000;
/// How much is read between two times that the state is stored.
constexpr std::uint64_t stored_every = 64 << 20;

scrub_view view_of(const replica::scrub_pass& pass) {
    scrub_view view;
    view.began = pass.began;
    view.ended = pass.ended;
    view.events = pass.events;
    view.versions = pass.versions;
    view.files = pass.files;
    view.bytes = pass.bytes_read;
    view.damaged = pass.damaged;
    view.healed = pass.healed;
    return view;
}

}  // namespace

store_admin::~store_admin() = default;

store_service::store_service(const environment& env, parts with)
    : env_(env), with_(std::move(with)), scrub_(with_.terms), hurry_(env), tasks_(env, "store") {}

task<result<void>> store_service::load() {
    const auto stored = co_await with_.db.get(replica::record_kind::meta, to_bytes(scrub_name));
    if (!stored) {
        co_return fail(stored.error());
    }
    if (*stored) {
        // One that cannot be read is begun anew: it is about nothing but itself.
        if (auto record = codec::decode<replica::scrub_record>(**stored)) {
            scrub_ = replica::scrub(with_.terms, std::move(*record));
        }
    }
    for (const event_id& one : with_.replica.events().lost()) {
        note({with_.names.id_text(one), one, {}, false});
    }
    for (const auto& [root, size] : with_.held.lost()) {
        note({root.hex(), {}, root, false});
    }
    co_return result<void>();
}

void store_service::start() { tasks_.spawn("scrub", work()); }

bool store_service::is_healed(const damage& one) const {
    if (one.event) {
        return !with_.replica.events().lost().contains(*one.event);
    }
    return one.file ? with_.held.has(*one.file) : one.healed;
}

void store_service::note(damage what) {
    const bool listed = std::ranges::any_of(
        found_, [&](const damage& one) { return one.name == what.name && !is_healed(one); });
    if (listed) {
        return;
    }
    if (found_.size() < listed_most) {
        found_.push_back(std::move(what));
    } else {
        more_found_ += what.healed ? 0 : 1;
    }
}

/// Returns early when somebody wants everything read now.
task<void> store_service::wait(duration most) {
    using namespace asio::experimental::awaitable_operators;
    if (!hurry_.is_set() && most > duration::zero()) {
        co_await (sleep_for(env_, most) || hurry_.wait());
    }
}

task<void> store_service::work() {
    co_await wait(first_look);
    while (true) {
        if (hurry_.is_set() || scrub_.is_due(env_.time.wall())) {
            scrub_.begin(env_.time.wall(), hurry_.is_set());
            hurry_.reset();
            healing_ = true;
            const auto done = co_await go_on();
            if (!done) {
                env_.log.write(log_level::warn, "store",
                               "what is stored cannot be read: " + done.error().message());
            }
        }
        co_await heal();
        co_await settle();
        healing_ = false;
        co_await wait(look_again);
    }
}

/// To the end of the pass that is under way.
task<result<void>> store_service::go_on() {
    std::uint64_t stored_at = scrub_.state().now->bytes_read;
    while (scrub_.running()) {
        if (hurry_.is_set()) {
            scrub_.begin(env_.time.wall(), true);
            hurry_.reset();
        }
        co_await wait(scrub_.rest(env_.time.now()));
        const auto stage = scrub_.state().now->stage;
        auto done = stage == replica::scrub_stage::events
                        ? co_await look_at_records(replica::record_kind::envelope)
                    : stage == replica::scrub_stage::versions
                        ? co_await look_at_records(replica::record_kind::history)
                        : co_await look_at_next_file();
        if (!done) {
            co_return done;
        }
        if (!scrub_.running() || scrub_.state().now->bytes_read - stored_at > stored_every) {
            stored_at = scrub_.running() ? scrub_.state().now->bytes_read : 0;
            if (auto stored = co_await store_state(); !stored) {
                co_return stored;
            }
        }
    }
    co_return result<void>();
}

task<result<void>> store_service::look_at_records(replica::record_kind kind) {
    auto seen = co_await with_.replica.look(kind, scrub_.state().now->from);
    if (!seen) {
        co_return fail(std::move(seen.error()));
    }
    for (const auto& one : seen->damaged) {
        scrub_.found(one.healed);
        std::string name = with_.names.id_text(one.event);
        if (kind == replica::record_kind::envelope) {
            with_.opened.forget(one.event);
            note({std::move(name), one.event, {}, one.healed});
        } else {
            name +=
                one.version ? " version " + std::to_string(one.version->second.value) : " (a note)";
            note({std::move(name), {}, {}, one.healed});
        }
    }
    const instant now = env_.time.now();
    if (kind == replica::record_kind::envelope) {
        scrub_.read_events(seen->count, seen->size, std::move(seen->next), now);
    } else {
        scrub_.read_versions(seen->count, seen->size, std::move(seen->next), now);
    }
    co_return result<void>();
}

task<result<void>> store_service::look_at_next_file() {
    const auto& all = with_.held.all();
    const auto last = file_root::from_bytes(scrub_.state().now->from);
    const auto next = last ? all.upper_bound(*last) : all.begin();
    if (next == all.end()) {
        scrub_.end(env_.time.wall());
        co_return result<void>();
    }
    const file_root root = next->first;
    std::vector<std::uint64_t> bad;
    bool whole = true;
    for (std::uint64_t at = 0; whole;) {
        const auto seen = co_await with_.held.look(root, at);
        if (!seen && seen.error().code == errc::io_failed) {
            co_return fail(seen.error());
        }
        whole = seen.has_value();
        if (whole) {
            bad.insert(bad.end(), seen->bad.begin(), seen->bad.end());
            scrub_.read_leaves(seen->bytes, env_.time.now());
            at = seen->next;
            if (!seen->more) {
                break;
            }
            co_await wait(scrub_.rest(env_.time.now()));
        }
    }
    auto done = co_await finish_file(root, std::move(bad), whole);
    if (done) {
        scrub_.read_file(to_bytes(root.view()));
    }
    co_return done;
}

task<result<void>> store_service::finish_file(file_root root, std::vector<std::uint64_t> bad,
                                              bool whole) {
    if ((bad.empty() && whole) || !with_.held.has(root)) {
        co_return result<void>();  // or it was erased meanwhile
    }
    const auto moved = co_await with_.held.give_up(root, std::move(bad));
    if (!moved) {
        env_.log.write(log_level::warn, "store",
                       "a damaged file is not set aside: " + moved.error().message());
    }
    scrub_.found(false);
    note({root.hex(), {}, root, false});
    co_return result<void>();
}

/// Everything that is lost is asked for, of whoever can be reached now.
task<void> store_service::heal() {
    if (!with_.replica.events().lost().empty()) {
        with_.catch_up();
    }
    with_.keeper.seek_lost();
    std::vector<file_root> lost;
    for (const auto& [root, size] : with_.held.lost()) {
        lost.push_back(root);
    }
    for (const file_root& root : lost) {
        const auto back = co_await with_.files.bring_back(root);
        if (!back) {
            env_.log.write(log_level::debug, "store",
                           "a damaged file stays lost: " + back.error().message());
        }
    }
}

std::uint64_t store_service::lost() const {
    const auto open =
        std::ranges::count_if(found_, [this](const damage& one) { return !is_healed(one); });
    return static_cast<std::uint64_t>(open) + more_found_;
}

/// What is asked for comes a little later.
task<void> store_service::settle() {
    const instant until = env_.time.now() + healing_time;
    while (lost() > 0 && env_.time.now() < until && !hurry_.is_set()) {
        co_await wait(std::chrono::seconds(1));
    }
    if (scrub_.still_lost(lost())) {
        (void)co_await store_state();
    }
}

task<result<void>> store_service::store_state() {
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(scrub_name), codec::encode(scrub_.state()));
    co_return co_await with_.db.apply(std::move(writes));
}

scrub_view store_service::scrub() {
    hurry_.set();
    healing_ = true;
    scrub_.begin(env_.time.wall(), true);
    return scrubbed();
}

scrub_view store_service::scrubbed() const {
    const auto& state = scrub_.state();
    scrub_view view = state.now    ? view_of(*state.now)
                      : state.last ? view_of(*state.last)
                                   : scrub_view();
    view.running = state.now.has_value();
    view.healing = healing_ && !view.running;
    view.healed = std::max(view.healed, view.damaged - std::min(lost(), view.damaged));
    view.hurries = scrub_.hurries();
    for (const damage& one : found_) {
        view.found.push_back({one.event  ? "event"
                              : one.file ? "file"
                                         : "version",
                              one.name, is_healed(one)});
    }
    return view;
}

task<result<store_view>> store_service::show() {
    auto size = co_await with_.db.measure();
    if (!size) {
        co_return fail(std::move(size.error()));
    }
    const auto aside = co_await with_.db.scan(
        replica::record_kind::meta, to_bytes(replica::aside_name), to_bytes(replica::after_aside));
    if (!aside) {
        co_return fail(aside.error());
    }
    store_view view;
    view.engine = with_.engine();
    view.size = *size;
    for (const std::uint64_t records : size->records) {
        view.records += records;
    }
    for (const auto& [id, held] : with_.replica.events().all()) {
        const bool exists =
            held.header.type == event_kind::calendar && held.header.kind == envelope_kind::put;
        view.events += exists ? 1 : 0;
    }
    view.files = with_.held.all().size();
    view.records_aside = aside->size();
    view.lost_events = with_.replica.events().lost().size();
    view.lost_files = with_.held.lost().size();
    view.lacking_events = with_.copies.lacking();
    view.given_events = with_.copies.given();
    view.scrub = scrubbed();
    co_return view;
}

task<result<backup_view>> store_service::back_up(std::string file) {
    auto made = co_await with_.db.back_up(file);
    co_return made.map([&](std::uint64_t size) { return backup_view{std::move(file), size}; });
}

}  // namespace calbox::node
