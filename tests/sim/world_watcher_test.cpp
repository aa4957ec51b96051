// The claims, fed by worlds of whole nodes: right where all goes well, and the naive strategy's
// race is seen for what it is.
#include "lab/check/world_watcher.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace calbox::lab::claims {
namespace {

using namespace std::chrono_literals;

/// Alice and Bob with a device each, and a hub for them.
class watched_world : public testing::Test {
protected:
    watched_world() {
        alice.sign_up();
        bob.sign_up();
        watching.knows(alice);
        watching.knows(bob);
    }
    static world_settings settings() {
        world_settings with;
        with.consensus = "naive";
        with.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
        return with;
    }
    node::event_view create(const std::string& title) {
        auto ticket = watching.creates(alice);
        const auto made = alice.create(title, {"bob"});
        watching.answered(ticket, made);
        return must(made, "create");
    }
    node::event_view change(person& who, const node::event_view& seen, const std::string& title) {
        auto ticket = watching.changes(who, seen);
        const auto made = who.change(seen.id, title, seen.version);
        watching.answered(ticket, made);
        return must(made, "change");
    }
    void both_have(const node::event_view& what) {
        in.wait_for("both have it", [&] {
            return std::ranges::all_of(std::array{&alice, &bob}, [&](const person* who) {
                const auto seen = who->sees(what.id);
                return seen && seen->version >= what.version;
            });
        });
        in.pass(1s);
    }
    /// The claims that broke.
    std::set<claim> broken() {
        in.pass(1min);
        watching.end({&alice, &bob});
        std::set<claim> made;
        for (const violation& one : watching.claims.violations()) {
            made.insert(one.what);
        }
        return made;
    }
    std::string lines() const {
        std::string all;
        for (const violation& one : watching.claims.violations()) {
            all += to_line(one) + "\n";
        }
        return all;
    }

    world in{settings()};
    device& hub = found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
    device& a = join_network(in, "A", wire::role::edge, hub);
    device& b = join_network(in, "B", wire::role::edge, hub);
    person alice{a, "alice"}, bob{b, "bob"};
    world_watcher watching{in};
};

TEST_F(watched_world, keeps_every_claim_on_a_good_day) {
    const std::string secret = watching.claims.secrets.marker(alice.id());
    watching.claims.secrets.allow(secret, bob.id());
    node::event_view lunch = create("lunch " + secret);
    both_have(lunch);
    lunch = change(bob, lunch, "late lunch " + secret);
    both_have(lunch);
    // Stale: refused, and that is no violation either.
    node::event_view old = lunch;
    old.version = version_number(1);
    auto ticket = watching.changes(bob, old);
    const auto refused = bob.change(old.id, "never", old.version);
    watching.answered(ticket, refused);
    EXPECT_EQ(refused->error().code, errc::conflict);
    b.kill(ending::power);
    const node::event_view walk = create("walk");
    b.start();
    both_have(walk);
    ticket = watching.removes(alice, lunch);
    watching.answered(ticket, alice.remove(lunch.id, lunch.version));
    // Its tokens are each device's own numbers.
    EXPECT_EQ(broken(), std::set<claim>{claim::tokens}) << lines();
    EXPECT_EQ(watching.claims.noted().size(), 5U);
}

/// One observation after the other that must not be, told as the world would tell it.
TEST_F(watched_world, finds_every_kind_of_wrong) {
    const node::event_view lunch = create("lunch");
    both_have(lunch);
    auto& claims = watching.claims;
    // U3, then U5 and U4.
    node::event_view later = lunch, other = lunch;
    later.version = version_number(7);
    other.content.title = "dinner";
    watching.shown("B", bob.id(), later);
    watching.shown("B", bob.id(), other);
    // U1 and linearizable: two are told that they made version 2, and no disk has it.
    node::event_view second = lunch;
    second.version = version_number(2);
    watching.answered(watching.changes(alice, lunch), result<node::event_view>(second));
    watching.answered(watching.changes(bob, lunch), result<node::event_view>(second));
    (void)watching.changes(alice, lunch);  // U6: and a third is never told anything
    // Tokens and locks.
    operation_id hers, his;
    hers.value[0] = 1;
    his.value[0] = 2;
    watching.asked("A", lunch.id, hers);
    watching.granted("A", lunch.id, hers, {5, 30s, lunch.version}, {});
    watching.asked("B", lunch.id, his);
    watching.granted("B", lunch.id, his, {5, 30s, lunch.version}, {});
    // Files, and texts where they do not belong.
    node::event_view with_file = lunch;
    with_file.content.files.emplace_back().name = "map.pdf";
    (void)watching.attaches(alice, lunch, "map.pdf", digest(), 5);
    digest wrong;
    wrong.value[0] = 1;
    watching.read(bob, with_file, "map.pdf", wrong);
    const std::string secret = claims.secrets.marker(alice.id());
    in.net.tap("A", "B", as_bytes(secret));
    // Lasting: Bob was told that he left, and takes part.
    const auto leaving = watching.sets(bob, lunch);
    watching.would_set(leaving, {field::kind::part, "bob"}, std::string(field_gone));
    watching.answered_set(leaving, answer<void>(result<void>()));
    // Kept: a line of alice's that nobody goes on with.
    envelope_header of_another_line;
    of_another_line.event = lunch.id;
    of_another_line.generation = generation_number(2);
    claims.branches.observe_version(of_another_line, alice.id());
    claims.branches.observe_shown(sealed_version(of_another_line), "by alice");
    // Splits: a series goes on beside what it was split into.
    model::event_content every_day = lunch.content, of_it = lunch.content;
    every_day.recurrence = of_it.recurrence = "FREQ=DAILY";
    of_it.related = {every_day.uid};
    const event_id split_off{alice.id(), event_id::make_seq(device_number(9), 9)};
    claims.series.observe_shown(split_off, of_it);
    claims.series.observe_end({{lunch.id, every_day}, {split_off, of_it}}, {alice.id()}, in.now());
    in.pass(1s);
    watching.confirmed(bob, lunch);
    watching.counts("A", "outbox", 1);
    watching.failed("a device that does not start");
    // U2: Bob is not shown version 2. Convergence: what a third sees is something else again.
    watching.end({&alice, &bob});
    claims.ended({bob.id(), {}}, {other}, in.now());
    std::set<claim> found;
    for (const violation& one : claims.violations()) {
        found.insert(one.what);
    }
    EXPECT_EQ(found.size(), claim_count) << lines();
}

TEST_F(watched_world, finds_texts_on_disks_of_others) {
    const node::event_view lunch = create("lunch");
    const std::string secret = watching.claims.secrets.marker(alice.id());
    watching.writes(secret, lunch.id);
    storage::batch writes;
    writes.put(storage::record_kind::journal, {1}, to_bytes(as_bytes("about " + secret)));
    both_have(lunch);
    watching.stored("A", writes);
    watching.stored("B", writes);  // he takes part in it
    EXPECT_EQ(watching.claims.violations(required({})).size(), 0U) << lines();
    watching.stored("hub", writes);
    watching.stored_file("hub", as_bytes(secret));  // said once of each device
    const auto found = watching.claims.violations(required({}));
    ASSERT_EQ(found.size(), 1U) << lines();
    EXPECT_EQ(found.front().what, claim::secrecy);
    EXPECT_EQ(found.front().where, "hub");
}

TEST_F(watched_world, a_holder_that_died_holds_no_more) {
    const node::event_view lunch = create("lunch");
    operation_id hers, his;
    hers.value[0] = 1;
    his.value[0] = 2;
    watching.granted("A", lunch.id, hers, {5, 30s, lunch.version}, {});
    watching.ended("A");
    watching.granted("B", lunch.id, his, {6, 30s, lunch.version}, {});
    EXPECT_EQ(watching.claims.held.violations().size(), 0U) << lines();
}

TEST_F(watched_world, sees_the_race_of_the_naive_strategy) {
    const node::event_view lunch = create("lunch");
    both_have(lunch);
    in.net.split({{"A"}, {"B"}});
    in.pass(5min);  // until neither takes the other for one that might answer
    auto one = watching.changes(alice, lunch), other = watching.changes(bob, lunch);
    const auto hers = alice.begin_change(lunch.id, "hers", lunch.version);
    const auto his = bob.begin_change(lunch.id, "his", lunch.version);
    ASSERT_TRUE(in.until([&] { return hers->ended && his->ended; }, 5min));
    watching.answered(one, hers->value);
    watching.answered(other, his->value);
    ASSERT_TRUE(hers->value && *hers->value && his->value && *his->value);
    in.net.heal();
    in.pass(5min);
    const std::set<claim> found = broken();
    EXPECT_TRUE(found.contains(claim::linearizable)) << lines();
    EXPECT_TRUE(found.contains(claim::same_content)) << lines();
    for (const violation& held_to : watching.claims.violations(required({}))) {
        ADD_FAILURE() << to_line(held_to);
    }
}

}  // namespace
}  // namespace calbox::lab::claims
