// What a backup does with the files that it is offered, and what it gets from another one.
#include "node/file_keeper.hpp"

#include <gtest/gtest.h>

#include "node/file_copies.hpp"
#include "node/lost_devices.hpp"
#include "support/faulty_store.hpp"
#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::node {
namespace {

device_id device(std::uint8_t number) { return *device_id::from_bytes(bytes(32, number)); }

class once final : public replica::byte_source {
public:
    explicit once(bytes what) : what_(std::move(what)) {}
    task<result<bytes>> next() override { co_return std::exchange(what_, {}); }

private:
    bytes what_;
};

/// Says to a device what another one says, by one question and one answer.
class tells_all final : public recovery::strategy {
    class asks final : public recovery::initiator {
        void step(const recovery::input& what, const recovery::view& mine, recovery::context,
                  std::vector<recovery::effect>& effects) override {
            if (const auto* const all = std::get_if<recovery::begin>(&what)) {
                effects.emplace_back(recovery::send{all->backups.at(0), {1}});
            } else if (const auto* const said = std::get_if<recovery::message>(&what)) {
                const auto file = *codec::decode<wire::file_keep>(said->body);
                std::size_t held = 0;
                const recovery::listing_ptr list = mine.list();
                for (const recovery::listed& one : list->events) {
                    held += mine.find(one.event) == one.order ? 1U : 0U;
                }
                EXPECT_EQ(held, 0U);
                effects.emplace_back(recovery::apply{said->from, codec::encode(file)});
                effects.emplace_back(recovery::finished{true, 0, 1, {}});
            }
        }
    };

public:
    std::unique_ptr<recovery::initiator> initiate() override { return std::make_unique<asks>(); }
    result<std::vector<bytes>> respond(byte_view, const recovery::view& theirs,
                                       recovery::context) override {
        std::vector<bytes> all;
        const recovery::listing_ptr list = theirs.list();
        for (const recovery::listed& one : list->events) {
            all.push_back(*theirs.load(one.event));
        }
        return all;
    }
};

constexpr duration grace = std::chrono::hours(1);

user_id user(std::uint8_t number) { return *user_id::from_bytes(bytes(user_id::size, number)); }

/// One device: its files, and what it says to the other one.
struct machine final : files_mediator {
    machine(test::test_environment& in, device_id self_in, std::uint64_t quota)
        : self(self_in),
          within(in),
          db(in.env, store),
          held(in.env, db, *this),
          copies(in.env, db, held, *this),
          kept(in.env, db, held, {true, grace}),
          keeper(in.env, held, kept, {{{"naive", &strategy}}, "naive"}, *this, {true, quota}),
          tasks(in.env, "machine") {}

    std::vector<device_id> backups() const override { return {other->self}; }
    std::vector<device_id> connected() const override { return {other->self}; }
    bool is_reachable(const device_id&) const override { return true; }
    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override {
        if (to == silent) {
            co_await sleep_for(within.env, std::chrono::seconds(30));
            co_return fail(errc::timed_out, "silence");
        }
        co_return co_await other->answer(self, type, std::move(payload));
    }
    void send(const device_id&, wire::message_type type, bytes payload) override {
        tasks.spawn("send", other->take(self, type, std::move(payload)));
    }
    task<std::vector<device_id>> holders_of(file_root) override {
        co_return std::vector<device_id>();
    }
    task<result<bytes>> answer(device_id from, wire::message_type type, bytes payload) {
        ++asked[type];
        if (type == wire::message_type::file_keep) {
            co_return co_await keeper.on_keep(from, from_backup, {user(from.value[0])},
                                              *codec::decode<wire::file_keep>(payload));
        }
        if (type == wire::message_type::holds) {
            wire::holds_reply reply;
            const auto question = codec::decode<wire::holds>(payload);
            for (const file_root& root : question->files) {
                if (held.has(root)) {
                    reply.files.push_back(root);
                }
            }
            co_return codec::encode(reply);
        }
        if (type == wire::message_type::file_info) {
            const auto size = held.all().find(codec::decode<wire::file_info>(payload)->root);
            const bool there = size != held.all().end();
            co_return codec::encode(wire::file_info_reply{there, there ? size->second : 0});
        }
        if (type == wire::message_type::file_hashes) {
            const auto page = *codec::decode<wire::file_hashes>(payload);
            const auto hashes =
                co_await held.store().leaf_hashes(page.root, page.first, page.count);
            co_return codec::encode(wire::file_hashes_reply{hashes.value_or(bytes())});
        }
        if (type == wire::message_type::small_files) {
            auto some = codec::decode<wire::small_files>(payload)->roots;
            auto parts = co_await held.store().single_leaves(std::move(some),
                                                             wire::limits::small_files_bytes);
            co_return codec::encode(wire::small_files_reply{std::move(parts)});
        }
        const auto leaf = *codec::decode<wire::file_leaf>(payload);
        const auto data = co_await held.store().leaf(leaf.root, leaf.index);
        co_return codec::encode(wire::file_leaf_reply{data.value_or(bytes())});
    }
    task<void> take(device_id from, wire::message_type type, bytes payload) {
        if (type == wire::message_type::file_kept) {
            co_await copies.on_kept(from, *codec::decode<wire::file_kept>(payload));
        } else {
            co_await keeper.on_recovery(from, true,
                                        *codec::decode<wire::recovery_message>(payload));
        }
    }

    device_id self;
    machine* other = nullptr;
    test::test_environment& within;
    std::optional<device_id> silent;
    tells_all strategy;
    test::faulty_store store;
    replica::database db;
    held_files held;
    file_copies copies;
    kept_needs kept;
    file_keeper keeper;
    task_scope tasks;
    bool from_backup = false;  // what comes, comes from one
    std::map<wire::message_type, int> asked;
};

class file_keeper_test : public testing::Test {
protected:
    file_keeper_test() {
        edge.other = &backup;
        backup.other = &edge;
    }
    void TearDown() override {
        for (machine* const one : {&edge, &backup}) {
            one->copies.request_stop();
            one->keeper.request_stop();
            one->tasks.request_stop();
        }
        for (machine* const one : {&edge, &backup}) {
            in.run(one->copies.join());
            in.run(one->keeper.join());
            in.run(one->tasks.join());
        }
    }
    /// A file of `edge` is offered, and needed by these.
    file_root bring(std::size_t size, std::optional<std::vector<user_id>> users) {
        edge.copies.needed_by = [users](const file_root&) { return users; };
        const file_root root = add(size);
        EXPECT_TRUE(in.run(edge.copies.owe({{root, size}})));
        in.settle();
        EXPECT_TRUE(backup.held.has(root));
        return root;
    }
    result<bytes> release(std::vector<user_id> from, user_id who, const file_root& root) {
        return in.run(backup.kept.on_needs(std::move(from), {{}, {{{who}, {root}}}}));
    }
    kept_needs::counts sweep() { return in.run(backup.kept.sweep()).value(); }
    /// What is on the disk of a device, as its next start finds it.
    struct restarted {
        restarted(test::test_environment& in, machine& of) {
            held.emplace(in.env, of.db, of);
            EXPECT_TRUE(in.run(held->load()));
            kept.emplace(in.env, of.db, *held, kept_needs::settings{true, grace});
            EXPECT_TRUE(in.run(kept->load()));
        }
        mutable std::optional<held_files> held;
        mutable std::optional<kept_needs> kept;
    };

    file_root add(std::size_t size) {
        once from(bytes(size, 7));
        const auto made = *in.run(edge.held.store().import(from));
        edge.held.note(made.root, made.size);
        return made.root;
    }

    test::test_environment in;
    machine edge{in, device(1), UINT64_MAX};
    machine backup{in, device(2), 100'000};
};

TEST_F(file_keeper_test, a_backup_that_is_met_is_offered_what_it_lacks_and_asked_once) {
    const file_root one = add(10), other = add(70'000);
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_TRUE(backup.held.has(one));
    EXPECT_TRUE(backup.held.has(other));
    EXPECT_EQ(backup.keeper.wanted_files(), 0U);
    EXPECT_EQ(backup.keeper.wanted_bytes(), 0U);
    EXPECT_EQ(edge.copies.kept(one), std::vector{backup.self});
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_EQ(backup.asked[wire::message_type::file_keep], 2);
    EXPECT_EQ(backup.asked[wire::message_type::holds], 1) << "all of it is known to be there";
}

TEST_F(file_keeper_test, of_what_came_otherwise_a_backup_is_asked_together) {
    const auto nobody = [](const file_root&) { return std::vector<user_id>(); };
    edge.copies.needed_by = nobody;
    std::vector<file_root> all;
    for (std::size_t n = 0; n < 1'000; ++n) {
        file_root& root = all.emplace_back();
        root.value[0] = static_cast<std::uint8_t>(n);
        root.value[1] = static_cast<std::uint8_t>(n >> 8);
        backup.held.note(root, 10);
        edge.held.note(root, 10);
        edge.copies.look(root);
    }
    const file_root lacking = add(10);
    edge.copies.look(lacking);
    in.advance(std::chrono::seconds(2));
    in.settle();
    for (const file_root& root : all) {
        ASSERT_EQ(edge.copies.kept(root), std::vector{backup.self});
    }
    EXPECT_EQ(backup.asked[wire::message_type::holds], 1);
    EXPECT_EQ(edge.copies.kept(lacking), std::vector{backup.self}) << "it was offered";
    EXPECT_EQ(backup.asked[wire::message_type::file_keep], 1);
    edge.copies.look(all[0]);
    edge.copies.look(lacking);
    in.advance(std::chrono::seconds(2));
    in.settle();
    EXPECT_EQ(backup.asked[wire::message_type::holds], 1) << "it has said so";
}

TEST_F(file_keeper_test, what_is_forgotten_is_not_on_the_disk_either) {
    const auto rows = [&] {
        const auto all = *in.run(edge.db.scan(replica::record_kind::file));
        return std::ranges::count_if(all, [](const auto& row) {
            return row.first.size() == file_root::size + device_id::size;
        });
    };
    const file_root one = bring(10, {}), other = bring(10, {});
    ASSERT_EQ(rows(), 2);
    edge.copies.forget([&](const file_root& root) { return root == one; });
    in.settle();
    EXPECT_EQ(rows(), 1);
    EXPECT_TRUE(edge.copies.kept(one).empty());
    EXPECT_EQ(edge.copies.kept(other), std::vector{backup.self});
}

TEST_F(file_keeper_test, the_quota_is_kept_and_what_is_beyond_stays_owed) {
    const file_root first = add(60'000), second = add(60'000);
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_EQ(backup.held.all().size(), 1U);
    EXPECT_LE(backup.held.total_bytes(), 100'000U);
    EXPECT_EQ(backup.keeper.refused(), 1U);
    EXPECT_EQ(edge.copies.kept(first).size() + edge.copies.kept(second).size(), 1U);
    const file_root beyond = edge.copies.kept(first).empty() ? first : second;
    const auto why = edge.copies.refused(beyond);
    ASSERT_EQ(why.size(), 1U);
    EXPECT_NE(why.at(backup.self).find("backup.quota_mib"), std::string::npos);
    EXPECT_TRUE(edge.copies.refused(beyond == first ? second : first).empty());
}

TEST_F(file_keeper_test, many_small_files_are_asked_for_together) {
    std::vector<file_root> all;
    for (std::size_t n = 0; n < 300; ++n) {
        all.push_back(add(100));
    }
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_EQ(backup.held.all().size(), 300U);
    EXPECT_GT(edge.asked[wire::message_type::small_files], 1);
    EXPECT_LT(
        edge.asked[wire::message_type::small_files] + edge.asked[wire::message_type::file_leaf],
        150);
    EXPECT_LT(backup.store.applied, 300U) << "they become durable together";
    for (const file_root& one : all) {
        EXPECT_EQ(edge.copies.kept(one), std::vector{backup.self});
    }
}

TEST_F(file_keeper_test, a_device_that_is_silent_does_not_hold_up_the_others) {
    backup.silent = device(9);
    for (std::uint8_t n = 0; n < 200; ++n) {
        ASSERT_TRUE(in.run(backup.keeper.on_keep(
            device(9), true, {}, {*file_root::from_bytes(bytes(file_root::size, n)), 100, {}})));
    }
    bring(100, {});
}

/// One is being noted while that comes; a look at what the backup holds is written first.
TEST_F(file_keeper_test, what_was_noted_late_is_not_written_over_what_is_known_since) {
    const file_root small = add(10), large = add(200'000);
    edge.copies.on_peer(backup.self);
    in.settle();
    ASSERT_TRUE(edge.copies.kept(large).empty()) << "more than the backup keeps";
    in.advance(std::chrono::minutes(2));  // it is asked for everything again
    edge.tasks.spawn("kept", edge.copies.on_kept(backup.self, {small, {}}));
    edge.tasks.spawn("kept", edge.copies.on_kept(backup.self, {large, {}}));
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_TRUE(edge.copies.kept(large).empty());
    bytes key = to_bytes(large.view());
    key.insert(key.end(), backup.self.value.begin(), backup.self.value.end());
    EXPECT_EQ(codec::decode<bool>(**in.run(edge.db.get(replica::record_kind::file, key))), false);
}

TEST_F(file_keeper_test, what_the_disk_lost_is_offered_again) {
    const file_root one = add(1'000);
    edge.copies.on_peer(backup.self);
    in.settle();
    ASSERT_TRUE(backup.held.has(one));
    ASSERT_TRUE(in.run(
        backup.db.with_blobs([&](storage::blob_store& blobs) { return blobs.remove(one); })));
    EXPECT_FALSE(*in.run(backup.held.is_here(one)));
    EXPECT_EQ(backup.held.lost().size(), 1U);
    backup.keeper.seek_lost();
    in.settle();
    EXPECT_TRUE(backup.held.has(one));
    EXPECT_TRUE(backup.held.lost().empty());
    EXPECT_EQ(edge.copies.kept(one), std::vector{backup.self});
}

TEST_F(file_keeper_test, another_backup_tells_by_a_recovery_strategy_what_it_has) {
    const file_root one = add(1'000);
    in.run(backup.keeper.level_with({edge.self}));
    in.settle();
    EXPECT_TRUE(backup.held.has(one));
    EXPECT_EQ(backup.asked[wire::message_type::file_keep], 0);
}

TEST_F(file_keeper_test, what_nobody_needs_is_erased_after_the_grace_and_not_before) {
    const file_root one = bring(70'000, {{user(1), user(5)}});
    EXPECT_TRUE(release({user(1)}, user(1), one));
    in.advance(grace * 3);
    EXPECT_EQ(sweep().files, 0U) << "somebody is away, and needs it";
    EXPECT_EQ(backup.kept.waiting().files, 0U);
    EXPECT_EQ(release({user(1)}, user(5), one).error().code, errc::forbidden);
    EXPECT_TRUE(release({user(5)}, user(5), one));
    EXPECT_EQ(backup.kept.waiting().bytes, 70'000U);
    in.advance(grace - std::chrono::seconds(1));
    EXPECT_EQ(sweep().files, 0U);
    EXPECT_TRUE(backup.held.has(one));
    in.advance(std::chrono::seconds(1));
    const auto erased = sweep();
    EXPECT_EQ(erased.files, 1U);
    EXPECT_EQ(erased.bytes, 70'000U);
    EXPECT_FALSE(backup.held.has(one));
    EXPECT_TRUE(backup.store.blobs_held.empty());
    EXPECT_EQ(backup.held.total_bytes(), 0U);
    EXPECT_EQ(backup.kept.waiting().files, 0U);
    EXPECT_EQ(sweep().files, 0U);
}

TEST_F(file_keeper_test, what_came_without_names_is_kept_for_good) {
    const file_root one = bring(100, {});
    EXPECT_TRUE(in.run(backup.kept.on_needs({user(1)}, {{{{user(1)}, {one}}}, {}})));
    EXPECT_TRUE(release({user(1)}, user(1), one));
    in.advance(grace * 2);
    EXPECT_EQ(sweep().files, 0U) << "whoever says so later may not know everybody";
    EXPECT_TRUE(backup.held.has(one));
    const file_root crowd =
        bring(100, std::vector<user_id>(wire::limits::needs_per_file + 1, user(1)));
    EXPECT_TRUE(release({user(1)}, user(1), crowd));
    const file_root old = bring(100, {{user(1)}});
    EXPECT_TRUE(in.run(backup.keeper.on_keep(device(9), false, {user(9)}, {old, 100, {}})));
    EXPECT_TRUE(release({user(1)}, user(1), old));
    in.advance(grace * 2);
    EXPECT_EQ(sweep().files, 0U) << "an older program wants it, and names nobody";
    EXPECT_EQ(backup.held.all().size(), 3U);
}

TEST_F(file_keeper_test, who_needs_it_again_within_the_grace_keeps_it) {
    const file_root one = bring(100, {{user(1)}});
    EXPECT_TRUE(release({user(1)}, user(1), one));
    EXPECT_TRUE(in.run(backup.kept.on_needs({user(1)}, {{{{user(1)}, {one}}}, {}})));
    in.advance(grace * 2);
    EXPECT_EQ(sweep().files, 0U);
    EXPECT_TRUE(release({user(1)}, user(1), one));
    in.advance(grace);
    EXPECT_EQ(sweep().files, 1U);
    // It was erased, and is offered for somebody else: as any other file.
    EXPECT_TRUE(in.run(edge.copies.owe({{one, 100}})));
    edge.copies.needed_by = [](const file_root&) { return std::vector{user(7)}; };
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_TRUE(backup.held.has(one));
    in.advance(grace * 2);
    EXPECT_EQ(sweep().files, 0U);
}

TEST_F(file_keeper_test, a_device_does_not_offer_what_it_needs_no_more) {
    edge.copies.is_over = [](const file_root&) { return true; };
    const file_root one = add(100);
    edge.copies.on_peer(backup.self);
    in.settle();
    EXPECT_FALSE(backup.held.has(one));
}

TEST_F(file_keeper_test, a_release_that_is_not_durable_is_not_said) {
    const file_root one = bring(100, {{user(1)}});
    backup.store.refuses = [](const storage::batch&) { return true; };
    EXPECT_FALSE(release({user(1)}, user(1), one));
    backup.store.refuses = nullptr;
    const restarted after(in, backup);
    EXPECT_EQ(after.kept->waiting().files, 0U);
    EXPECT_EQ(after.kept->told(one, 100).users, std::vector{user(1)});
}

/// The number of the write, or of the call about file bytes, that fails while it is erased.
TEST_F(file_keeper_test, a_crash_at_any_moment_of_the_erasing_leaves_nothing_behind) {
    for (const bool bytes_fail : {false, true}) {
        for (std::uint64_t failing = 1; failing <= 4; ++failing) {
            SCOPED_TRACE(failing);
            const file_root one = bring(100, {{user(1)}});
            EXPECT_TRUE(release({user(1)}, user(1), one));
            in.advance(grace);
            std::uint64_t left = failing;
            if (bytes_fail) {
                backup.store.blob_call_fails = failing;
            } else {
                backup.store.refuses = [&](const storage::batch&) { return --left == 0; };
            }
            (void)in.run(backup.kept.sweep());
            backup.store.refuses = nullptr;
            backup.store.blob_call_fails = 0;
            const restarted after(in, backup);
            EXPECT_TRUE(in.run(after.kept->sweep()));
            EXPECT_FALSE(after.held->has(one));
            EXPECT_TRUE(after.held->lost().empty());
            EXPECT_TRUE(backup.store.blobs_held.empty());
            // The same device goes on in the next round.
            (void)in.run(backup.held.drop(one));
            EXPECT_TRUE(in.run(backup.kept.load()));
        }
    }
}

TEST_F(file_keeper_test, a_new_backup_inherits_who_needs_what) {
    edge.kept.on_its_way = [](const file_root&) { return false; };
    once from(bytes(1'000, 7));
    const auto made = *in.run(edge.held.store().import(from));
    ASSERT_TRUE(in.run(edge.kept.offered(made.root, {{user(1), user(2)}}, {user(1)})));
    edge.held.note(made.root, made.size);
    in.run(backup.keeper.level_with({edge.self}));
    in.settle();
    ASSERT_TRUE(backup.held.has(made.root));
    EXPECT_EQ(backup.kept.told(made.root, 1'000).users, (std::vector{user(1), user(2)}));
    const auto offer = edge.kept.told(made.root, made.size);
    for (const user_id& each : *offer.users) {
        EXPECT_TRUE(release({each}, each, made.root));
    }
    in.advance(grace);
    EXPECT_EQ(sweep().files, 1U);
    in.run(backup.keeper.level_with({edge.self}));
    in.settle();
    EXPECT_FALSE(backup.held.has(made.root)) << "the other one has not heard yet who released it";
    ASSERT_TRUE(in.run(edge.kept.on_needs({user(3)}, {{{{user(3)}, {made.root}}}, {}})));
    in.run(backup.keeper.level_with({edge.self}));
    in.settle();
    EXPECT_TRUE(backup.held.has(made.root)) << "somebody else needs it";
    EXPECT_EQ(backup.kept.told(made.root, 1'000).users, std::vector{user(3)});
}

TEST_F(file_keeper_test, a_backup_that_offers_a_file_brings_back_nothing_that_was_released) {
    backup.from_backup = true;
    const file_root one = bring(100, {{user(1)}});
    EXPECT_TRUE(release({user(1)}, user(1), one));
    in.advance(grace);
    EXPECT_EQ(sweep().files, 1U);
    EXPECT_TRUE(in.run(backup.keeper.on_keep(edge.self, true, {}, {one, 100, {{user(1)}}})));
    in.settle();
    EXPECT_FALSE(backup.held.has(one)) << "it has not heard yet who released it";
    EXPECT_TRUE(in.run(backup.keeper.on_keep(edge.self, true, {}, {one, 100, {}})));
    in.settle();
    EXPECT_TRUE(backup.held.has(one)) << "nobody knows who needs it";
}

TEST_F(file_keeper_test, unknown_at_the_other_backup_is_unknown_here) {
    const file_root one = add(1'000);
    in.run(backup.keeper.level_with({edge.self}));
    in.settle();
    ASSERT_TRUE(backup.held.has(one));
    EXPECT_FALSE(backup.kept.told(one, 1'000).users);
    EXPECT_TRUE(in.run(backup.kept.on_needs({user(1)}, {{{{user(1)}, {one}}}, {}})));
    EXPECT_TRUE(release({user(1)}, user(1), one));
    in.advance(grace * 2);
    EXPECT_EQ(sweep().files, 0U);
}

TEST(lost_devices_test, a_device_is_given_up_after_its_time_and_counts_when_it_comes) {
    test::test_environment in;
    test::faulty_store store;
    replica::database db(in.env, store);
    lost_devices lost(in.env, db);
    EXPECT_FALSE(lost.missed(device(1), true));
    EXPECT_FALSE(lost.missed(device(2), false));
    in.advance(lost_devices::backup_patience);
    EXPECT_FALSE(lost.missed(device(2), false));
    EXPECT_TRUE(lost.missed(device(1), true));
    EXPECT_FALSE(lost.missed(device(1), true)) << "said once";
    ASSERT_TRUE(in.run(lost.store()));
    lost_devices again(in.env, db);
    ASSERT_TRUE(in.run(again.load()));
    EXPECT_TRUE(again.contains(device(1)));
    EXPECT_FALSE(again.contains(device(2)));
    again.came(device(1));
    EXPECT_FALSE(again.contains(device(1)));
    EXPECT_TRUE(again.replaced(device(2)));
    EXPECT_FALSE(again.replaced(device(2)));
}

}  // namespace
}  // namespace calbox::node
