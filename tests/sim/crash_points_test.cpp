// One edit, a series that is split, a file that is attached, or somebody who joins an open event,
// killed at every point where that makes a difference: whatever a device does between two of its
// effects (an operation on its disk, a message) is lost with it, so that a kill after each effect
// stands for all moments. Each sweep goes on until one ends untouched.
#include <gtest/gtest.h>

#include <chrono>

#include <fmt/format.h>

#include "lab/check/world_watcher.hpp"

namespace calbox::lab::claims {
namespace {

using namespace std::chrono_literals;

/// Who dies: the guest, who is the author; the organizer; the backup.
enum class victim { author, organizer, backup };
enum class point { disk_kill, disk_power_cut, message_sent, message_arrived };

std::string_view name_of(victim who) {
    static constexpr std::string_view names[] = {"author", "organizer", "backup"};
    return names[static_cast<std::size_t>(who)];
}
std::string_view name_of(point where) {
    static constexpr std::string_view names[] = {"killed_in_a_disk_operation", "power_cut",
                                                 "killed_after_sending", "killed_after_arrival"};
    return names[static_cast<std::size_t>(where)];
}

using sweep = std::tuple<const char*, victim, point>;

class crash_points : public testing::TestWithParam<sweep> {
protected:
    crash_points() {
        alice.sign_up();
        bob.sign_up();
        watching.knows(alice);
        watching.knows(bob);
        in.on_disk_lost = [](device& of, ending how) { of.kill(how); };
        in.net.sending = [this](const std::string& from, const std::string&) {
            sent_ += from == dies().name();
        };
        in.net.tap = [this, others = in.net.tap](const std::string& from, const std::string& to,
                                                 byte_view data) {
            others(from, to, data);
            arrived_ += from == dies().name();
        };
        auto ticket = watching.creates(alice);
        const auto made = alice.create("edit 0", {"bob"});
        watching.answered(ticket, made);
        event_ = must(made, "create").id;
        in.wait_for("both have it", [&] { return at_rest(); });
    }

    static world_settings settings() {
        world_settings with;
        with.consensus = std::get<0>(GetParam());
        with.storage = "sqlite";
        with.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
        return with;
    }
    device& dies() {
        const victim who = std::get<1>(GetParam());
        return who == victim::author ? b : who == victim::organizer ? a : z;
    }

    /// Both see the same version with the same content, and nobody is at it.
    bool at_rest() const {
        const auto hers = alice.sees(event_), his = bob.sees(event_);
        return hers && his && hers->version == his->version &&
               hers->content.title == his->content.title &&
               hers->state == node::event_state::confirmed &&
               his->state == node::event_state::confirmed;
    }

    /// Kills the victim at its n-th effect from now, and starts it again a second later. True when
    /// there was none before `done` had been answered with yes for 3 s: others do what follows.
    bool survives(std::uint64_t number, const std::function<bool()>& done) {
        instant quiet_since = in.now();
        const auto goes_on = [&] {
            if (!done()) {
                quiet_since = in.now();
            }
            return in.now() - quiet_since <= 3s;
        };
        sent_ = arrived_ = 0;
        const point where = std::get<2>(GetParam());
        if (where == point::disk_kill) {
            dies().drive()->kill_in(number);
        } else if (where == point::disk_power_cut) {
            dies().drive()->cut_power_in(number);
        }
        const instant end = in.now() + 1min;
        while (dies().up() && goes_on() && in.now() < end) {
            if (in.settle_at_most(1) == 0) {
                (void)in.step(end);
            }
            if ((where == point::message_sent && sent_ >= number) ||
                (where == point::message_arrived && arrived_ >= number)) {
                dies().kill(ending::process);
            }
        }
        if (dies().up()) {
            dies().drive()->kill_in(0);
            dies().drive()->cut_power_in(0);
            return true;
        }
        (void)done();  // what ended with it is answered, too
        in.pass(1s);
        dies().start();
        return false;
    }

    node::event_view new_event(const std::string& title, bool every_day) {
        const auto ticket = watching.creates(alice);
        const auto asked = alice.begin_create(title, {"bob"}, {}, every_day);
        in.wait_for("it is made", [&] { return asked->ended; });
        watching.answered(ticket, asked->value);
        const auto made = must(asked->value, "create");
        in.wait_for("bob has it", [&] { return bob.sees(made.id).has_value(); });
        return made;
    }
    /// Many events, and series above all, cost much.
    void forget(const event_id& which) {
        const auto ticket = watching.removes(alice, *alice.sees(which));
        watching.answered(ticket, alice.remove(which));
    }

    void judge() {
        in.pass(1min);
        watching.end({&alice, &bob});
        for (const violation& one : watching.claims.violations(required(in.promised(), {false}))) {
            ADD_FAILURE() << to_line(one);
        }
        for (const std::string& line : in.errors()) {
            ADD_FAILURE() << line;
        }
    }

    world in{settings()};
    device& hub = found_network(in, "hub", wire::role::rendezvous);
    device& z = join_network(in, "Z", wire::role::backup, hub);
    device& a = join_network(in, "A", wire::role::edge, hub);
    device& b = join_network(in, "B", wire::role::edge, hub);
    person alice{a, "alice"}, bob{b, "bob"};
    world_watcher watching{in};
    event_id event_{};
    std::uint64_t sent_ = 0, arrived_ = 0;
};

TEST_P(crash_points, leave_all_or_nothing_of_an_edit) {
    std::size_t all = 0, nothing = 0;
    bool untouched = false;
    std::uint64_t number = 0;
    while (!untouched && ++number < 1000) {
        SCOPED_TRACE(fmt::format("at number {}", number));
        const auto before = bob.sees(event_);
        ASSERT_TRUE(before);
        const std::string title = fmt::format("edit {}", number);
        auto ticket = watching.changes(bob, *before);
        const auto edit = bob.begin_change(event_, title, before->version);
        untouched = survives(number, [&] {
            return edit->ended && alice.up() && bob.up() && alice.title_of(event_) == title;
        });
        // All or nothing, and an answer for whoever still waits for one, within 10 s; from then on
        // it stays so.
        in.pass(10s);
        ASSERT_TRUE(edit->ended);
        watching.answered(ticket, edit->value);
        const auto hers = alice.sees(event_), his = bob.sees(event_);
        ASSERT_TRUE(hers && his);
        EXPECT_EQ(hers->version, his->version);
        EXPECT_EQ(hers->content.title, his->content.title);
        const bool happened = his->content.title == title;
        EXPECT_TRUE(happened || his->content.title == before->content.title) << his->content.title;
        if (edit->value && *edit->value) {
            EXPECT_TRUE(happened) << "acknowledged";
        }
        if (untouched) {
            EXPECT_TRUE(edit->value && *edit->value);
        } else {
            ++(happened ? all : nothing);
        }
        // A holder who died is waited for; then it goes on.
        in.wait_for("all is at rest", [&] { return at_rest(); });
        const auto after = bob.sees(event_);
        EXPECT_EQ(after->content.title, his->content.title) << "it came later, or went";
        std::optional<result<node::event_view>> more;
        const instant freed_by = in.now() + 45s;
        do {
            auto next = watching.changes(alice, *after);
            more = alice.change(event_, title + ", and on", after->version);
            watching.answered(next, more);
            if (!*more) {
                in.pass(1s);
            }
        } while (!*more && in.now() < freed_by);
        must(more, "an edit afterwards");
        in.wait_for("both have it", [&] { return at_rest(); });
    }
    ASSERT_TRUE(untouched);
    judge();
    RecordProperty("points", std::to_string(all + nothing));
    EXPECT_GT(all + nothing, 0U);
    const std::string_view strategy = std::get<0>(GetParam());
    if ((strategy == "views" || strategy == "etcd") && std::get<1>(GetParam()) == victim::author) {
        EXPECT_GT(all, 0U);
        EXPECT_GT(nothing, 0U);
    }
    std::printf("%zu points: %zu times all of it was there, %zu times nothing\n", all + nothing,
                all, nothing);
}

class split_points : public crash_points {
protected:
    /// What the split has made of its later times, in the end.
    std::optional<event_id> rest_of(const node::event_view& series) const {
        for (const node::event_view& one : alice.sees_all()) {
            if (std::ranges::count(one.content.related, series.content.uid) != 0) {
                return one.id;
            }
        }
        return std::nullopt;
    }

    /// The series is changed while it is split, which refuses the second commit.
    bool meanwhile_ = false;
    std::size_t all_ = 0, nothing_ = 0;
    void sweep_splits();
};

void split_points::sweep_splits() {
    bool untouched = false;
    std::uint64_t number = 0;
    while (!untouched && ++number < 1000) {
        SCOPED_TRACE(fmt::format("at number {}", number));
        const auto series = new_event("choir", true);
        std::optional<world_watcher::ticket> change;
        std::shared_ptr<outcome<result<node::event_view>>> changed;
        if (meanwhile_) {
            change = watching.changes(alice, series);
            changed = alice.begin_change(series.id, "choir, moved", {});
        }
        auto ticket = watching.splits(alice, series, "choir, later");
        const auto split = alice.begin_split(series, "choir, later", 3);
        untouched = survives(number, [&] {
            if (change && changed->ended) {
                watching.answered(*std::exchange(change, {}), changed->value);
            }
            return split->ended && alice.up();
        });
        in.wait_for("it is wholly split, or not at all", [&] {
            return split->ended && alice.up() && alice.at().api().info.status().caught_up &&
                   watching.half_split({&alice, &bob}).empty();
        });
        watching.answered_split(ticket, split->value);
        in.pass(45s);  // what comes later is no half either
        EXPECT_EQ(watching.half_split({&alice, &bob}), "");
        const auto rest = rest_of(series);
        if (split->value && *split->value) {
            EXPECT_TRUE(rest) << "acknowledged";
        } else if (split->value && split->value->error().code == errc::conflict) {
            EXPECT_FALSE(rest) << "refused";
        }
        if (untouched) {
            EXPECT_TRUE(split->value && split->value->has_value() != meanwhile_);
        } else {
            ++(rest ? all_ : nothing_);
        }
        forget(series.id);
        if (rest) {
            forget(*rest);
        }
    }
    ASSERT_TRUE(untouched);
    judge();
    std::printf("%zu points: %zu times it was split, %zu times not\n", all_ + nothing_, all_,
                nothing_);
}

TEST_P(split_points, leave_all_or_nothing_of_a_split) {
    sweep_splits();
    EXPECT_GT(all_, 0U);
    if (std::get<2>(GetParam()) == point::disk_power_cut) {
        EXPECT_GT(nothing_, 0U);
    }
}

TEST_P(split_points, leave_all_or_nothing_of_one_that_is_refused) {
    meanwhile_ = true;
    sweep_splits();
    EXPECT_GT(nothing_, 0U);
}

class attach_points : public crash_points {
protected:
    static bytes content_of(std::uint64_t number) {
        bytes content(40'000);
        seeded(number, "content").fill(content);
        return content;
    }
    static bool has_file(const std::optional<node::event_view>& seen, const std::string& name) {
        return seen && std::ranges::count(seen->content.files, name, &model::attachment::name) != 0;
    }
};

TEST_P(attach_points, leave_a_whole_file_or_none) {
    std::size_t all = 0, nothing = 0;
    bool untouched = false;
    std::uint64_t number = 0;
    const std::string name = "file";
    while (!untouched && ++number < 1000) {
        SCOPED_TRACE(fmt::format("at number {}", number));
        const event_id event = new_event("notes", false).id;
        const bytes content = content_of(number);
        auto ticket =
            watching.attaches(bob, *bob.sees(event), name, crypto::sha256(content), content.size());
        const auto attached = bob.begin_attach(event, name, content);
        untouched = survives(number, [&] {
            return attached->ended && alice.up() && bob.up() && has_file(alice.sees(event), name);
        });
        in.pass(10s);
        ASSERT_TRUE(attached->ended);
        watching.answered_set(ticket, attached->value);
        in.wait_for("both see the same", [&] {
            const auto hers = alice.sees(event), his = bob.sees(event);
            return hers && his && hers->version == his->version;
        });
        const auto hers = alice.sees(event), his = bob.sees(event);
        const bool there = has_file(hers, name);
        EXPECT_EQ(has_file(his, name), there);
        if (attached->value && *attached->value) {
            EXPECT_TRUE(there) << "acknowledged";
        }
        for (person* const who : {&alice, &bob}) {
            if (there) {
                EXPECT_EQ(must(who->read(event, name), "read"), content) << who->name();
            }
        }
        if (untouched) {
            EXPECT_TRUE(attached->value && *attached->value);
        } else {
            ++(there ? all : nothing);
        }
        forget(event);
    }
    ASSERT_TRUE(untouched);
    judge();
    EXPECT_GT(all, 0U);
    std::printf("%zu points: %zu times it was there, %zu times not\n", all + nothing, all, nothing);
}

class join_points : public crash_points {
protected:
    std::pair<node::event_view, std::string> new_open_event() {
        const auto ticket = watching.creates(alice);
        const auto made = alice.create("tea", {});
        watching.answered(ticket, made);
        const auto event = must(made, "create");
        const auto link = alice.begin_open(event.id);
        in.wait_for("it is open", [&] { return link->ended; });
        return {event, must(link->value, "open")};
    }
    bool is_guest(const event_id& which) const {
        const auto hers = alice.sees(which);
        return hers && std::ranges::count(hers->content.participants, bob.name()) != 0;
    }
};

TEST_P(join_points, lose_no_request_to_join) {
    std::size_t all = 0, nothing = 0;
    bool untouched = false;
    std::uint64_t number = 0;
    while (!untouched && ++number < 1000) {
        SCOPED_TRACE(fmt::format("at number {}", number));
        const auto [event, link] = new_open_event();
        auto ticket = watching.joins(bob, event.id);
        const auto asked = bob.begin_join(link);
        untouched = survives(number, [&, which = event.id] {
            return asked->ended && alice.up() && bob.up() && bob.sees(which);
        });
        in.wait_for("he takes part, or nobody waits", [&] {
            return asked->ended && bob.up() && bob.at().api().info.status().caught_up &&
                   bob.at().api().joining.waiting(bob.id()).empty();
        });
        in.pass(5s);
        const bool joined = bob.sees(event.id).has_value();
        EXPECT_EQ(is_guest(event.id), joined);
        const bool was_told = asked->value && *asked->value;
        watching.answered_join(ticket, asked->value);
        if (was_told || std::get<1>(GetParam()) == victim::organizer) {
            EXPECT_TRUE(joined);  // the request is at the guest's
        }
        if (!untouched) {
            ++(joined ? all : nothing);
        }
        forget(event.id);
    }
    ASSERT_TRUE(untouched);
    judge();
    EXPECT_GT(all, 0U);
    std::printf("%zu points: %zu times he took part, %zu times not\n", all + nothing, all, nothing);
}

std::string name_of_sweep(const testing::TestParamInfo<sweep>& info) {
    return fmt::format("{}_{}_{}", std::get<0>(info.param), name_of(std::get<1>(info.param)),
                       name_of(std::get<2>(info.param)));
}

INSTANTIATE_TEST_SUITE_P(series, split_points,
                         testing::Combine(testing::Values("views", "organizer", "etcd"),
                                          testing::Values(victim::organizer),
                                          testing::Values(point::disk_power_cut,
                                                          point::message_arrived)),
                         name_of_sweep);

INSTANTIATE_TEST_SUITE_P(file, attach_points,
                         testing::Combine(testing::Values("views", "organizer", "etcd"),
                                          testing::Values(victim::author, victim::backup),
                                          testing::Values(point::disk_power_cut,
                                                          point::message_arrived)),
                         name_of_sweep);

INSTANTIATE_TEST_SUITE_P(open_event, join_points,
                         testing::Combine(testing::Values("views", "organizer", "etcd"),
                                          testing::Values(victim::author, victim::organizer),
                                          testing::Values(point::disk_power_cut,
                                                          point::message_arrived)),
                         name_of_sweep);

INSTANTIATE_TEST_SUITE_P(
    edit, crash_points,
    testing::Combine(testing::Values("views", "organizer", "naive", "etcd"),
                     testing::Values(victim::author, victim::organizer, victim::backup),
                     testing::Values(point::disk_kill, point::disk_power_cut, point::message_sent,
                                     point::message_arrived)),
    name_of_sweep);

}  // namespace
}  // namespace calbox::lab::claims
