// Services of a test's making behind the API: they remember what they were asked, and fail when
// they are told to.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/services.hpp"

namespace calbox::daemon::testing {

inline user_id user_of(std::uint8_t number) {
    user_id id;
    id.value.fill(number);
    return id;
}

/// What every fake does first: fails, once, with what the test has put here.
struct mishap {
    std::optional<error> next;
    std::optional<error> take() { return std::exchange(next, std::nullopt); }
};

class fake_accounts final : public node::accounts {
public:
    explicit fake_accounts(mishap& trouble) : trouble_(trouble) {}
    task<result<node::account_view>> sign_in(std::string name, std::string password,
                                             bool create) override {
        if (auto problem = trouble_.take()) {
            co_return fail(*problem);
        }
        last = {name, password, create ? "register" : "login"};
        users.push_back({user_of(9), name, device_number(2)});
        co_return users.back();
    }
    task<result<void>> change_password(user_id, std::string old, std::string fresh) override {
        if (auto problem = trouble_.take()) {
            co_return fail(*problem);
        }
        last = {old, fresh, "password"};
        co_return result<void>();
    }
    task<result<void>> sign_out(user_id who) override {
        std::erase_if(users, [&](const auto& one) { return one.id == who; });
        co_return result<void>();
    }
    std::vector<node::account_view> signed_in() const override { return users; }
    result<node::account_view> resolve(const std::string& name) const override {
        if (name.empty() && users.size() == 1) {
            return users.front();
        }
        for (const auto& one : users) {
            if (one.name == name) {
                return one;
            }
        }
        return fail(errc::unauthorised, "say who you are");
    }
    std::vector<node::account_view> users{{user_of(1), "alice", device_number(1)}};
    std::vector<std::string> last;

private:
    mishap& trouble_;
};

class fake_calendar final : public node::calendar {
public:
    explicit fake_calendar(mishap& trouble) : trouble_(trouble) { add("First"); }

    node::event_view& add(const std::string& title) {
        node::event_view made;
        made.id = {user_of(1), event_id::make_seq(device_number(1),
                                                  static_cast<std::uint32_t>(all.size() + 1))};
        made.id_text = "alice/" + made.id.seq_text();
        made.generation = generation_number(1);
        made.version = version_number(1);
        made.content.title = title;
        made.content.time.start = {2026, 5, 3, 14, 0, 0};
        made.content.time.end = {2026, 5, 3, 15, 0, 0};
        made.content.time.zone = "Europe/Lisbon";
        made.organizer = made.written_by = "alice";
        made.guests_may = 3;
        made.utc = {{1'777'813'200'000}, {1'777'816'800'000}};
        all.push_back(made);
        return all.back();
    }
    task<result<node::event_view>> create(user_id, node::event_draft draft) override {
        if (auto problem = trouble_.take()) {
            co_return fail(*problem);
        }
        last = draft;
        co_return add(draft.title.value_or(""));
    }
    task<result<node::event_view>> modify(user_id, event_id which, node::event_draft change,
                                          node::edit_terms terms) override {
        const auto expect = expected = terms.expect;
        session = terms.session;
        last = change;
        node::event_view& event = *at(which);
        if (event.lacks) {
            co_return fail(errc::unavailable, "this cannot be confirmed");
        }
        if (expect && *expect != event.version && !(terms.merge && meeting.both.empty())) {
            co_return fail(errc::conflict);
        }
        event.version = event.version.next();
        event.content.title = change.title.value_or(event.content.title);
        co_return event;
    }
    task<result<node::meeting_view>> compare(user_id, event_id which, node::event_draft change,
                                             version_number base) override {
        last = change;
        if (base.value == 0) {
            co_return fail(errc::not_found);
        }
        node::meeting_view view = meeting;
        view.base = *at(which);
        view.base.version = base;
        co_return view;
    }
    task<result<node::event_view>> answer(user_id, event_id which,
                                          model::participation what) override {
        if (at(which) == nullptr) {
            co_return fail(errc::not_found, "no such event");
        }
        node::event_view& event = *at(which);
        event.content.answers["bob"] = what;
        co_return event;
    }
    task<result<void>> remove(user_id, event_id which, node::edit_terms terms) override {
        expected = terms.expect;
        session = terms.session;
        std::erase_if(all, [&](const auto& one) { return one.id == which; });
        co_return result<void>();
    }
    task<result<void>> leave(user_id, event_id which) override {
        left = which;
        co_return result<void>();
    }
    task<result<void>> take_out(user_id as, event_id which, node::chosen_times times,
                                node::edit_terms terms) override {
        last.times = std::move(times);
        co_return co_await remove(as, which, std::move(terms));
    }
    result<std::vector<node::event_view>> occurrences(
        user_id as, const node::event_query& query) const override {
        auto found = list(as, query);
        for (node::event_view& one : found) {
            one.series = true;
            one.occurrence = one.content.time.start;
        }
        return found;
    }
    result<node::event_view> show_at(user_id as, event_id which,
                                     const std::string& occurrence) const override {
        auto found = show(as, which);
        bool day_only = false;
        const auto at = model::parse_local_time(occurrence, day_only);
        if (!at) {
            return fail(at.error());
        }
        if (found) {
            found->series = true;
            found->occurrence = *at;
        }
        return found;
    }
    std::vector<node::event_view> list(user_id as, const node::event_query& query) const override {
        asked = query;
        asked_as = as;
        return all;
    }
    result<node::event_view> show(user_id, event_id which) const override {
        const auto* found = at(which);
        if (found == nullptr) {
            return fail(errc::not_found, "no such event");
        }
        return *found;
    }
    std::vector<std::pair<node::event_view, node::event_view>> conflicts(user_id) const override {
        return {{all.front(), all.front()}};
    }
    result<event_id> find(user_id, const std::string& id_text) const override {
        const auto slash = id_text.find('/');
        const auto seq = event_id::seq_from_text(id_text.substr(slash + 1));
        if (!seq) {
            return fail(errc::invalid_argument, "not an event id: " + id_text);
        }
        if (id_text.substr(0, slash) != "alice") {
            return fail(errc::not_found, "no such user");
        }
        return event_id{user_of(1), *seq};
    }
    node::event_view* at(event_id which) {
        return const_cast<node::event_view*>(std::as_const(*this).at(which));
    }
    const node::event_view* at(event_id which) const {
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.id == which; });
        return found == all.end() ? nullptr : &*found;
    }

    std::vector<node::event_view> all;
    std::optional<event_id> left;
    node::event_draft last;
    std::optional<version_number> expected;
    std::string session;
    node::meeting_view meeting;
    mutable node::event_query asked;
    mutable user_id asked_as;

private:
    mishap& trouble_;
};

class fake_reminders final : public node::reminders {
public:
    result<node::reminder_times> show(user_id, event_id) const override { return kept; }
    task<result<node::reminder_times>> set(user_id, event_id, node::reminder_times to) override {
        kept = to;
        co_return kept;
    }
    result<std::vector<node::reminder_view>> due(user_id,
                                                 const model::interval& when) const override {
        node::reminder_view one;
        one.at = when.start;
        one.minutes = 10;
        one.id_text = "alice/1.1";
        one.of.utc = when;
        return std::vector{one};
    }
    task<result<std::vector<node::reminder_view>>> take(user_id as) override {
        auto first = due(as, {{0}, {60'000}});
        co_return taken++ == 0 ? std::move(first) : std::vector<node::reminder_view>();
    }
    node::reminder_times kept{{10}, {}};
    int taken = 0;
};

class fake_free_busy final : public node::free_busy {
public:
    task<result<node::busy_view>> ask(user_id, std::string name, model::interval range) override {
        node::busy_view told;
        told.name = name;
        told.known = name == "bob";
        if (told.known) {
            told.busy = {{range.start, {range.start.ms + 60'000}}};
        } else {
            told.why = "no device of " + name + " can be reached";
        }
        co_return told;
    }
};

class fake_open_events final : public node::open_events {
public:
    result<std::string> link(user_id, event_id) const override { return kept; }
    task<result<std::string>> open(user_id, event_id) override {
        kept = "calbox:event/alice/1.1?secret=1";
        co_return kept;
    }
    task<result<void>> close(user_id, event_id) override {
        kept.clear();
        co_return result<void>();
    }
    task<result<node::open_list>> list(user_id, std::string name) override {
        node::open_list all{name.empty() ? "alice" : name, name != "carol", "", {}};
        if (!all.known) {
            all.why = "no device of carol can be reached";
            co_return all;
        }
        node::open_event_view one;
        one.id_text = all.name + "/1.1";
        one.title = "Course";
        one.link = "calbox:event/" + one.id_text;
        all.events.push_back(one);
        co_return all;
    }
    std::string kept;
};

class fake_joins final : public node::joins {
public:
    task<result<node::join_view>> join(user_id, std::string link) override {
        if (!link.starts_with("calbox:event/")) {
            co_return fail(errc::invalid_argument, "not a link");
        }
        node::join_view one;
        one.id_text = "bob/1.1";
        one.organizer = "bob";
        one.link = link;
        one.joined = link.ends_with("/joined");
        one.why = one.joined ? "" : "no device of bob can be reached";
        if (!one.joined) {
            all.push_back(one);
        }
        co_return one;
    }
    std::vector<node::join_view> waiting(user_id) const override { return all; }
    task<result<void>> withdraw(user_id, std::string id_text) override {
        if (std::erase_if(all, [&](const auto& one) { return one.id_text == id_text; }) == 0) {
            co_return fail(errc::not_found, "no such request");
        }
        co_return result<void>();
    }
    std::vector<node::join_view> all;
};

class fake_branches final : public node::branches {
public:
    explicit fake_branches(fake_calendar& events) : events_(events) {}
    task<result<node::event_view>> copy(user_id, event_id which, std::optional<std::string> title,
                                        bool with_participants) override {
        everybody = with_participants;
        const auto* const first = events_.at(which);
        if (first == nullptr) {
            co_return fail(errc::not_found);
        }
        const std::string same = first->content.title;
        co_return events_.add(title.value_or(same));
    }
    task<result<node::event_view>> take_over(user_id as, event_id which) override {
        if (refusal) {
            co_return fail(*refusal);
        }
        if (auto* const event = events_.at(which)) {
            event->generation = event->generation.next();
            event->version = event->version.next();
        }
        co_return events_.show(as, which);
    }

    bool everybody = false;
    std::optional<error> refusal;

private:
    fake_calendar& events_;
};

/// One event with a version before it, and one that was deleted.
class fake_history final : public node::history {
public:
    explicit fake_history(fake_calendar& events) : events_(events) {}
    task<result<std::vector<node::version_view>>> versions(user_id, event_id) override {
        node::version_view now, before;
        now.version = version_number(2);
        now.by = "bob";
        now.device = device_number(3);
        now.written = {2000};
        now.readable = true;
        now.title = "First";
        now.changes = {{"place", "", "Room 3"}};
        before.version = version_number(1);
        before.what = node::version_change::created;
        before.by = "alice";
        before.until = timestamp{86'400'000};
        std::vector<node::version_view> both;
        both.push_back(std::move(now));
        both.push_back(std::move(before));
        co_return both;
    }
    task<result<node::event_view>> restore(user_id as, event_id which,
                                           std::optional<version_number> version,
                                           std::optional<version_number> expect) override {
        wanted = version;
        expected = expect;
        if (refusal) {
            co_return fail(*refusal);
        }
        co_return events_.show(as, which);
    }
    task<result<std::vector<node::trash_view>>> trash(user_id) override {
        node::trash_view one;
        one.id_text = "alice/1.9";
        one.organizer = "alice";
        one.content.title = "Holidays";
        one.content.time = {{2026, 8, 3}, {2026, 8, 15}, "UTC", true};
        one.deletion.version = version_number(4);
        one.deletion.by = "alice";
        one.deletion.written = {1000};
        one.until = {86'400'000};
        std::vector<node::trash_view> all;
        all.push_back(std::move(one));
        co_return all;
    }
    result<event_id> find(user_id as, const std::string& id_text) const override {
        return events_.find(as, id_text);
    }

    std::optional<error> refusal;
    std::optional<version_number> wanted, expected;

private:
    fake_calendar& events_;
};

/// Byte number `at` of every file here.
inline std::uint8_t file_byte(std::uint64_t at) {
    return static_cast<std::uint8_t>((at * 31) ^ (at >> 16));
}

class fake_locks final : public node::locks {
public:
    explicit fake_locks(const environment& env) : env_(env) {}
    task<result<node::session_view>> begin(user_id, event_id) override {
        if (refusal) {
            co_return fail(*refusal);
        }
        over = std::make_shared<event>(env_);
        held = node::lock_view{"alice", device_number(1), {1000}, {38'500}, true};
        node::session_view view;
        view.id = "5e55";
        view.version = version_number(1);
        view.lock = *held;
        co_return view;
    }
    task<std::string> ended(std::string) override {
        const auto waits = over;
        co_await waits->wait();
        co_return std::string("it was released");
    }
    void end(const std::string& session) override {
        ended_sessions.push_back(session);
        held.reset();
    }
    result<void> release(user_id, event_id) override {
        if (!held) {
            return fail(errc::not_found, "no lock");
        }
        held.reset();
        over->set();
        return {};
    }
    result<std::optional<node::lock_view>> show(user_id, event_id) const override { return held; }
    std::string explain(event_id) const override { return R"({"strategy":"views"})"; }

    std::optional<error> refusal;
    std::optional<node::lock_view> held;
    std::vector<std::string> ended_sessions;
    std::shared_ptr<event> over;

private:
    const environment& env_;
};

class fake_files final : public node::files {
public:
    fake_files(const environment& env, mishap& trouble) : go_on(env), trouble_(trouble) {}

    node::file_view& add(const std::string& name, std::uint64_t size) {
        node::file_view made;
        made.what.name = name;
        made.what.size = size;
        made.what.root.value.fill(0xab);
        made.held = "here";
        made.fetched = size;
        all.push_back(made);
        return all.back();
    }
    task<result<node::file_view>> attach(user_id, event_id, node::file_label label,
                                         std::string media_type, node::byte_source& from,
                                         node::attach_terms terms) override {
        seen = terms.seen;
        std::string name = label.name;
        if (somebody_was_faster) {
            name = "beside " + name;
            terms.replace = false;
        }
        std::uint64_t size = 0;
        while (true) {
            const auto piece = co_await from.next();
            if (!piece) {
                failure = piece.error();
                co_return fail(piece.error());
            }
            if (piece->empty()) {
                break;
            }
            for (const std::uint8_t byte : *piece) {
                intact = intact && byte == file_byte(size++);
            }
            largest_piece = std::max(largest_piece, piece->size());
        }
        if (terms.replace) {
            std::erase_if(all, [&](const auto& one) { return one.what.name == name; });
        }
        add(name, size).what.media_type = media_type;
        if (bool day_only = false; !label.occurrence.empty()) {
            all.back().what.of_time = model::parse_local_time(label.occurrence, day_only).value();
        }
        co_return all.back();
    }
    task<result<std::vector<node::file_view>>> attach_all(user_id as, event_id which,
                                                          node::file_sequence& from) override {
        std::vector<node::file_view> made;
        while (true) {
            const auto next = co_await from.next();
            if (!next) {
                failure = next.error();
                co_return fail(next.error());
            }
            if (!*next) {
                break;
            }
            auto one = co_await attach(as, which, (*next)->label, (*next)->media_type,
                                       *(*next)->bytes, node::attach_terms(false));
            if (!one) {
                co_return fail(one.error());
            }
            made.push_back(std::move(*one));
        }
        ++changes;
        co_return made;
    }
    task<result<std::vector<node::file_view>>> fetch_all(user_id as, event_id which,
                                                         std::string occurrence) override {
        std::vector<node::file_view> views;
        for (const node::file_view& one : std::vector(all)) {
            const auto& time = one.what.of_time;
            const node::file_label label(one.what.name, time ? time->text() : "");
            if (!occurrence.empty() && label.occurrence != occurrence) {
                continue;
            }
            const auto fetched = co_await fetch(as, which, label);
            views.push_back(fetched ? *fetched : one);
            views.back().problem = fetched ? "" : fetched.error().message();
        }
        if (!occurrence.empty() && views.empty()) {
            co_return fail(errc::not_found, "no file at that time");
        }
        co_return views;
    }
    task<result<void>> detach(user_id, event_id, node::file_label name) override {
        if (std::erase_if(all, [&](const auto& one) { return is_it(one, name); }) == 0) {
            co_return fail(errc::not_found, "no such file");
        }
        co_return result<void>();
    }
    result<std::vector<node::file_view>> list(user_id, event_id) const override { return all; }
    task<result<node::file_view>> fetch(user_id, event_id, node::file_label name) override {
        const auto found =
            std::ranges::find_if(all, [&](const node::file_view& one) { return is_it(one, name); });
        if (found == all.end()) {
            co_return fail(errc::not_found, "no such file");
        }
        if (found->held == "here") {
            co_return *found;
        }
        ++fetches;
        if (held_up) {
            co_await go_on.wait();
        }
        if (auto problem = trouble_.take()) {
            co_return fail(*problem);
        }
        found->held = "here";
        co_return *found;
    }
    task<result<node::file_view>> pause(user_id, event_id, node::file_label label) override {
        return told(std::move(label), "paused");
    }
    task<result<node::file_view>> resume(user_id, event_id, node::file_label label) override {
        return told(std::move(label), "fetching");
    }
    task<result<node::file_view>> told(node::file_label label, std::string held) {
        const auto found = std::ranges::find_if(
            all, [&](const node::file_view& one) { return one.what.name == label.name; });
        if (found == all.end()) {
            co_return fail(errc::not_found, "no such file");
        }
        found->held = held;
        co_return *found;
    }
    task<result<void>> read(user_id, event_id, node::file_label, std::uint64_t first,
                            std::uint64_t length, node::byte_sink& into) override {
        for (std::uint64_t at = first; at < first + length;) {
            if (fails_at && at >= *fails_at) {
                co_return fail(errc::mismatch, "the file is damaged");
            }
            bytes piece(std::min<std::uint64_t>(64 * 1024, first + length - at));
            for (auto& byte : piece) {
                byte = file_byte(at++);
            }
            ++pieces_read;
            auto written = co_await into.write(std::move(piece));
            if (!written) {
                failure = written.error();
                co_return written;
            }
        }
        co_return result<void>();
    }

    std::vector<node::file_view> all;
    int changes = 0;  // of the event, by several files at once
    static bool is_it(const node::file_view& one, const node::file_label& label) {
        const auto& time = one.what.of_time;
        return one.what.name == label.name && (time ? time->text() : "") == label.occurrence;
    }
    std::size_t largest_piece = 0, pieces_read = 0;
    bool intact = true, held_up = false;
    bool somebody_was_faster = false;
    int fetches = 0;
    std::optional<file_root> seen;
    std::optional<std::uint64_t> fails_at;
    std::optional<error> failure;
    event go_on;

private:
    mishap& trouble_;
};

class fake_contacts final : public node::contacts {
public:
    task<result<std::vector<node::user_view>>> users(user_id) override {
        co_return std::vector<node::user_view>{{"bob", user_of(2), true, false}};
    }
    task<std::vector<node::friend_view>> friends(user_id) const override {
        co_return std::vector<node::friend_view>{{"bob", "asks", true}};
    }
    task<result<node::friend_view>> ask(user_id, std::string name) override {
        last = name;
        co_return node::friend_view{name, "asked", false};
    }
    task<result<node::friend_view>> accept(user_id, std::string name) override {
        last = name;
        co_return node::friend_view{name, "friend", true};
    }
    task<result<void>> unfriend(user_id, std::string name) override {
        last = name;
        co_return result<void>();
    }
    std::vector<node::group_view> groups(user_id) const override {
        return {{"team", {"bob", "carol"}}};
    }
    task<result<node::group_view>> set_group(user_id, node::group_view group) override {
        co_return group;
    }
    task<result<void>> remove_group(user_id, std::string name) override {
        last = name;
        co_return result<void>();
    }
    std::string last;
};

class fake_network final : public node::network_admin {
public:
    node::network_view show() const override {
        return {"abcd", true, {"127.0.0.1:1"}, {"127.0.0.1:2"}};
    }
    task<result<node::network_view>> create() override { co_return show(); }
    std::vector<node::strategy_view> strategies() const override {
        std::vector<node::strategy_view> all(2);
        all[0].name = "views";
        all[0].version = "1.0.0";
        all[0].events = 3;
        all[1].epoch = 2;
        all[1].name = "organizer";
        all[1].version = "1.0.0";
        all[1].takes_effect = timestamp{1'800'000'000'000};
        all[1].in_effect = false;
        return all;
    }
    task<result<std::vector<node::strategy_view>>> change_strategy(
        node::strategy_change to) override {
        last = {to.name, to.settings, std::to_string(to.after.count())};
        if (to.name == "etcd") {
            co_return fail(errc::unsupported, "the strategy etcd cannot");
        }
        co_return strategies();
    }
    task<result<std::string>> invite(std::vector<std::string> roles) override {
        last = roles;
        co_return "calbox://join/127.0.0.1:1?x";
    }
    task<result<node::network_view>> join(std::string invitation) override {
        last = {invitation};
        co_return show();
    }
    std::vector<std::string> last;
};

class fake_info final : public node::node_info {
public:
    node::status_view status() const override {
        if (broken) {
            throw std::runtime_error("a bug");
        }
        node::status_view view;
        view.version = "1.2";
        view.state = "connected";
        view.events = 3;
        view.recovery = recovery();
        return view;
    }
    node::recovery_view recovery() const override {
        node::recovery_view view;
        view.strategy = strategy;
        view.strategies = {"auto", "naive"};
        view.exchanges = 1;
        view.friends = {{}, 5, 2000};
        view.last.strategy = "naive";
        view.last.friends = {{"ab12", 5, 2000}};
        return view;
    }
    result<void> use_recovery(std::string name) override {
        if (name != "auto" && name != "naive") {
            return fail(errc::not_found, "there is no such strategy");
        }
        strategy = std::move(name);
        return {};
    }
    std::vector<node::peer_view> peers() const override {
        return {{"ab12", {"bob"}, {"edge"}, "127.0.0.1:3", true, "relayed"}};
    }
    std::vector<node::plugin_view> plugins() const override {
        return {{"storage", "sqlite", "1", "/x/sqlite.so", "durable", "records", "in use"}};
    }
    task<std::vector<node::finding>> doctor() override {
        co_return std::vector<node::finding>{{"clock", false, "it is wrong", "set it"}};
    }
    std::string strategy = "auto";
    bool broken = false;
};

class fake_overlay final : public node::overlay_admin {
public:
    node::overlay_view show_overlay() const override {
        node::overlay_view view;
        view.state = "connected";
        view.rendezvous = "ab12";
        view.edges = 7;
        view.edges_max = 9;
        view.moved_away = 1;
        view.reachable = "no";
        view.discovery = show_discovery();
        return view;
    }
    task<std::vector<node::rendezvous_view>> all_rendezvous() override {
        co_return std::vector<node::rendezvous_view>{
            {"ab12", {"127.0.0.1:4"}, true, false, true, 7, 9, 1.5},
            {"cd34", {}, false, false, false, {}, {}, 0}};
    }
    std::vector<node::route_view> known_routes() const override {
        return {{"ef56", {"bob"}, {"edge"}, {"127.0.0.1:5"}, "ab12", true, "direct"}};
    }
    node::discovery_view show_discovery() const override { return {used, "1.0.0", "random"}; }
    task<result<node::discovery_view>> use_discovery(std::string strategy) override {
        if (strategy == "none") {
            co_return fail(errc::not_found, "there is no such plugin");
        }
        used = std::move(strategy);
        co_return show_discovery();
    }
    std::string used = "random";
};

class fake_store final : public node::store_admin {
public:
    task<result<node::store_view>> show() override {
        node::store_view view;
        view.engine = "sqlite";
        view.size.layout = 1;
        view.size.database_bytes = 4096;
        view.events = 3;
        view.scrub = scrubbed();
        co_return view;
    }
    task<result<storage::check_report>> check() override {
        co_return storage::check_report{sound, sound ? "all is well" : "a page is torn"};
    }
    task<result<node::backup_view>> back_up(std::string file) override {
        if (file == last) {
            co_return fail(errc::already_exists, file + " exists already");
        }
        last = file;
        co_return node::backup_view{std::move(file), 4096};
    }
    node::scrub_view scrub() override {
        running = true;
        return scrubbed();
    }
    node::scrub_view scrubbed() const override {
        node::scrub_view view;
        view.running = running;
        view.began = timestamp{1000};
        view.events = 2;
        view.damaged = 1;
        view.found.push_back({"event", "alice/1.7", false});
        return view;
    }
    bool sound = true, running = false;
    std::string last;
};

class fake_objects final : public node::object_admin {
public:
    node::objects_view show_objects() const override {
        return {5, 4, 3, 20, 30, {"hybrid", 6, 7, 1, 2}};
    }
    task<result<node::holders_view>> holders(user_id, event_id, std::uint32_t copies) override {
        node::holders_view view{"0a", 2, {{"ef56", {"bob"}, 4}, {"ef57", {}, 3}}};
        view.answered.resize(std::min<std::size_t>(copies, 2));
        co_return view;
    }
};

class fake_search final : public node::searches {
public:
    task<result<std::vector<node::found_view>>> find(user_id, std::string words,
                                                     std::size_t most) override {
        last = words;
        last_most = most;
        if (words.empty()) {
            co_return fail(errc::invalid_argument, "say which words");
        }
        node::found_view one;
        one.id_text = "alice/1.7";
        one.organizer = "alice";
        one.content.title = "Budget review";
        one.matches = {{"title", {{"Budget", true}, {" review", false}}}};
        std::vector<node::found_view> all;
        all.push_back(std::move(one));
        co_return all;
    }
    std::string last;
    std::size_t last_most = 0;
};

class fake_exchange final : public node::exchange {
public:
    result<std::string> to_calendar(user_id, const node::export_query& query) override {
        last = query;
        return "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
    }
    task<result<std::vector<node::imported_view>>> from_calendar(user_id, std::string text,
                                                                 std::string zone,
                                                                 bool dry) override {
        if (text.empty()) {
            co_return fail(errc::malformed, "the file is not an iCalendar file");
        }
        last_zone = zone;
        last_dry = dry;
        co_return std::vector<node::imported_view>{{"added", "a", "One", "alice/1.7", ""},
                                                   {"refused", "b", "Two", "", "it has no start"}};
    }
    node::export_query last;
    std::string last_zone;
    bool last_dry = false;
};

class fake_archives final : public node::archives {
public:
    explicit fake_archives(mishap& trouble) : trouble_(trouble) {}
    task<result<node::archive_view>> show(user_id) override { co_return view(); }
    task<result<void>> save(user_id, std::string password, node::archive_sink& into) override {
        if (auto problem = trouble_.take()) {
            co_return fail(*problem);
        }
        given.archive = std::move(password);
        if (auto begun = co_await into.begin(7); !begun) {
            co_return begun;
        }
        co_return co_await into.write(to_bytes("archive"));
    }
    task<result<node::archive_view>> restore(passwords with, replica::byte_source& from) override {
        given = std::move(with);
        while (true) {
            const auto piece = co_await from.next();
            if (!piece) {
                co_return fail(piece.error());
            }
            if (piece->empty()) {
                break;
            }
            taken.append(as_text(*piece));
        }
        if (auto problem = trouble_.take()) {
            co_return fail(*problem);
        }
        co_return view();
    }
    passwords given;
    std::string taken;

private:
    static node::archive_view view() {
        node::archive_view made;
        made.name = "alice";
        made.events = 2;
        made.versions = 1;
        made.device = device_number(3);
        return made;
    }
    mishap& trouble_;
};

class fake_watch final : public node::watch {
public:
    explicit fake_watch(const environment& env) : env_(env), news_(std::make_shared<event>(env)) {}

    void tell(const std::string& text) {
        node::change made;
        made.number = ++last;
        made.what = "event";
        made.text = text;
        changes.push_back(made);
        const auto told = std::exchange(news_, std::make_shared<event>(env_));
        told->set();
    }
    task<result<std::vector<node::change>>> next(user_id, std::uint64_t after) override {
        ++waiting;
        struct leaving {
            int& count;
            ~leaving() { --count; }
        };
        const leaving at_the_end{waiting};
        while (true) {
            if (after < first_kept) {
                co_return fail(errc::not_found, "read the lists again");
            }
            std::vector<node::change> found;
            for (const auto& one : changes) {
                if (one.number > after) {
                    found.push_back(one);
                }
            }
            if (!found.empty()) {
                co_return found;
            }
            const auto news = news_;
            co_await news->wait();
        }
    }
    std::uint64_t last_number() const noexcept override { return last; }

    std::vector<node::change> changes;
    std::uint64_t last = 10, first_kept = 10;
    int waiting = 0;

private:
    const environment& env_;
    std::shared_ptr<event> news_;
};

}  // namespace calbox::daemon::testing
