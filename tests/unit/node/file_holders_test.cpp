// Which devices of people have which files, by their own word.
#include "node/file_holders.hpp"

#include <gtest/gtest.h>

#include "support/faulty_store.hpp"
#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::node::of_holders {
namespace {

using devices = std::vector<device_id>;

device_id device(std::uint8_t number) { return *device_id::from_bytes(bytes(32, number)); }
event_id event_no(std::uint64_t number) { return {user_id(), number}; }
file_root root(std::uint8_t number) {
    return *file_root::from_bytes(bytes(file_root::size, number));
}

user_id user_of(const device_id& one) {
    return *user_id::from_bytes(one.view().first(user_id::size));
}

const device_id bob = device(1), carol = device(2), backup = device(9);

class file_holders_test : public testing::Test, public files_mediator {
protected:
    file_holders_test() { begin(false); }
    void TearDown() override { end(); }

    void begin(bool is_backup) {
        held.emplace(in.env, db, *this);
        file_holders::parts with{*held, *this, {}, {}, {}, is_backup};
        with.shared = [this](const event_id& which) {
            ++opened;
            const auto found = events.find(which);
            return found == events.end() ? std::nullopt : std::optional(found->second);
        };
        with.naming = [this](const file_holders::roots& some) {
            std::set<event_id> all;
            for (const auto& [which, one] : events) {
                if (std::ranges::any_of(one.files,
                                        [&](const auto& r) { return some.contains(r); })) {
                    all.insert(which);
                }
            }
            return all;
        };
        with.concerns = [this](const file_root& which, const std::vector<user_id>& users) {
            return std::ranges::any_of(events, [&](const auto& one) {
                return std::ranges::count(one.second.files, which) > 0 &&
                       std::ranges::any_of(one.second.devices, [&](const device_id& device) {
                           return users == std::vector{user_of(device)};
                       });
            });
        };
        holders.emplace(in.env, db, std::move(with));
        held->changed = [this](const file_root& which, bool) { holders->changed(which); };
        EXPECT_TRUE(in.run(held->load()));
        EXPECT_TRUE(in.run(holders->load()));
    }
    void end() {
        holders->request_stop();
        in.run(holders->join());
    }
    void restart() {
        end();
        begin(false);
    }
    void share(std::uint64_t number, std::vector<file_root> files, devices with) {
        events[event_no(number)] = {std::move(files), std::move(with)};
        holders->look(event_no(number));
    }
    void meet(const device_id& one) {
        there.push_back(one);
        holders->on_peer(one);
    }
    std::size_t rows() const {
        return static_cast<std::size_t>(std::ranges::count_if(store.held, [](const auto& one) {
            return one.first.first == storage::record_kind::file;
        }));
    }
    void wait(duration time = std::chrono::seconds(2)) {
        in.advance(time);
        in.settle();
    }
    void says(const device_id& from, const file_root& which, bool lost = false) {
        holders->on_kept(from, {user_of(from)}, {which, lost ? std::optional(true) : std::nullopt});
    }

    devices backups() const override { return {backup}; }
    devices connected() const override { return there; }
    bool is_reachable(const device_id&) const override { return true; }
    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override {
        EXPECT_EQ(type, wire::message_type::holds);
        const auto question = *codec::decode<wire::holds>(payload);
        EXPECT_LE(question.files.size(), wire::limits::roots_per_message);
        asked.emplace_back(to, question.files);
        wire::holds_reply reply;
        for (const file_root& one : question.files) {
            if (has[to].contains(one)) {
                reply.files.push_back(one);
            }
        }
        co_await sleep_for(in.env, answer_takes);
        if (silent == to) {
            co_return fail(silence, "silence");
        }
        co_return codec::encode(reply);
    }
    void send(const device_id& to, wire::message_type type, bytes payload) override {
        EXPECT_EQ(type, wire::message_type::file_kept);
        const auto what = *codec::decode<wire::file_kept>(payload);
        told.emplace_back(to, what.root, what.lost.value_or(false));
    }
    task<devices> holders_of(file_root) override { co_return devices(); }

    test::test_environment in;
    test::faulty_store store;
    replica::database db{in.env, store};
    std::map<event_id, file_holders::shared_files> events;
    std::size_t opened = 0;
    devices there;
    std::map<device_id, std::set<file_root>> has;
    std::optional<device_id> silent;
    errc silence = errc::timed_out;
    duration answer_takes{};
    std::vector<std::pair<device_id, std::vector<file_root>>> asked;
    using message = std::tuple<device_id, file_root, bool>;
    std::vector<message> told;
    std::optional<held_files> held;
    std::optional<file_holders> holders;
};

TEST_F(file_holders_test, who_is_met_is_asked_and_counts_over_restarts) {
    has[bob] = {root(1), root(3)};
    share(1, {root(1), root(2)}, {bob, backup});
    share(2, {root(3)}, {carol, backup});
    wait();
    EXPECT_TRUE(asked.empty()) << "nobody is there";
    meet(bob);
    meet(backup);
    wait();
    ASSERT_EQ(asked.size(), 1U) << "a backup is asked by others";
    EXPECT_EQ(asked[0].first, bob);
    EXPECT_EQ(asked[0].second, (std::vector{root(1), root(2)})) << "only what is shared with him";
    EXPECT_EQ(holders->of(root(1)), devices{bob});
    EXPECT_TRUE(holders->of(root(2)).empty());
    EXPECT_TRUE(holders->of(root(3)).empty());
    there.clear();
    restart();
    EXPECT_EQ(holders->of(root(1)), devices{bob});
    // What is not looked at after a start is not opened, and asked about when it is.
    asked.clear();
    opened = 0;
    meet(bob);
    wait();
    EXPECT_EQ(opened, 0U);
    EXPECT_TRUE(asked.empty());
    holders->shown(event_no(1));
    holders->shown(event_no(1));
    wait();
    EXPECT_EQ(asked.size(), 1U);
    holders->shown(event_no(1));
    wait();
    EXPECT_EQ(asked.size(), 1U);
    EXPECT_EQ(opened, 1U);
}

TEST_F(file_holders_test, however_many_come_back_each_event_is_opened_once) {
    devices all;
    for (std::uint8_t n = 10; n < 210; ++n) {
        all.push_back(device(n));
        has[all.back()] = {root(1)};
    }
    for (std::uint8_t n = 1; n <= 100; ++n) {
        share(n, {root(n)}, all);
    }
    wait();
    opened = 0;
    for (const device_id& one : all) {
        meet(one);
    }
    wait();
    EXPECT_EQ(opened, 100U);
    EXPECT_EQ(asked.size(), all.size());
    EXPECT_EQ(holders->of(root(1)), all);
    opened = 0;
    held->note(root(7), 10);
    held->note(root(8), 10);
    wait();
    EXPECT_EQ(opened, 2U) << "what names the files";
    EXPECT_EQ(told.size(), 2 * all.size());
}

TEST_F(file_holders_test, many_files_are_told_of_in_pieces) {
    std::vector<file_root> many;
    for (std::size_t n = 0; n < file_holders::told_at_once + 10; ++n) {
        file_root one = root(1);
        one.value[0] = static_cast<std::uint8_t>(n);
        one.value[1] = static_cast<std::uint8_t>(n >> 8);
        many.push_back(one);
    }
    share(1, many, {bob});
    there = {bob};
    for (const file_root& one : many) {
        held->note(one, 10);
    }
    wait(std::chrono::milliseconds(1'500));
    EXPECT_EQ(told.size(), file_holders::told_at_once);
    wait();
    EXPECT_EQ(told.size(), many.size());
}

TEST_F(file_holders_test, a_device_speaks_for_itself_and_of_what_is_shared_with_it) {
    share(1, {root(1), root(2)}, {bob});
    share(2, {root(3)}, {carol});
    meet(bob);
    wait();
    says(bob, root(1));
    says(bob, root(3));
    says(carol, root(1));
    EXPECT_EQ(holders->of(root(1)), devices{bob});
    EXPECT_TRUE(holders->of(root(3)).empty());
    share(3, {root(1)}, {bob, backup});
    says(backup, root(1));
    EXPECT_EQ(holders->of(root(1)), devices{bob}) << "a backup is counted elsewhere";
    says(bob, root(1), true);
    EXPECT_TRUE(holders->of(root(1)).empty());
    says(bob, root(2));
    restart();
    EXPECT_EQ(holders->of(root(2)), devices{bob}) << "it is written at the end";
    EXPECT_TRUE(holders->of(root(1)).empty());
}

TEST_F(file_holders_test, what_it_said_is_corrected_when_it_comes_back) {
    has[bob] = {root(1)};
    share(1, {root(1), root(2)}, {bob});
    meet(bob);
    wait();
    there.clear();
    has[bob] = {root(2)};  // meanwhile
    meet(bob);
    wait();
    EXPECT_EQ(asked.size(), 1U) << "it was asked just now";
    wait(std::chrono::minutes(1));
    EXPECT_EQ(asked.size(), 2U);
    EXPECT_TRUE(holders->of(root(1)).empty());
    EXPECT_EQ(holders->of(root(2)), devices{bob});
}

TEST_F(file_holders_test, what_is_said_during_a_question_is_newer_than_the_answer) {
    share(1, {root(1), root(2)}, {bob});
    has[bob] = {root(2)};
    answer_takes = std::chrono::seconds(5);
    meet(bob);
    wait();
    ASSERT_EQ(asked.size(), 1U);
    says(bob, root(1));
    says(bob, root(2), true);
    wait(answer_takes);
    EXPECT_EQ(holders->of(root(1)), devices{bob});
    EXPECT_TRUE(holders->of(root(2)).empty());
}

TEST_F(file_holders_test, an_event_is_asked_about_again_when_its_files_or_people_are_others) {
    meet(bob);
    meet(carol);
    wait();
    share(1, {root(1)}, {bob});
    wait();
    share(1, {root(1), root(2)}, {bob, carol});
    wait();
    share(1, {root(1), root(2)}, {bob, carol});
    wait();
    share(1, {root(1), root(2)}, {carol});
    wait();
    has[bob] = {root(2)};
    share(1, {root(1), root(2)}, {bob, carol});
    wait();
    const std::vector both{root(1), root(2)};
    const decltype(asked) all{{bob, {root(1)}}, {bob, both}, {carol, both},
                              {carol, both},    {bob, both}, {carol, both}};
    EXPECT_EQ(asked, all);
    EXPECT_EQ(holders->of(root(2)), devices{bob});
}

TEST_F(file_holders_test, who_does_not_answer_is_asked_again_and_counts_as_before) {
    has[bob] = {root(1)};
    share(1, {root(1)}, {bob});
    wait();
    meet(bob);
    wait();
    silent = bob;
    share(1, {root(1), root(2)}, {bob});
    wait();
    EXPECT_EQ(asked.size(), 2U);
    EXPECT_EQ(holders->of(root(1)), devices{bob});
    silent.reset();
    has[bob].insert(root(2));
    wait(std::chrono::seconds(30));
    EXPECT_EQ(asked.size(), 2U);
    wait(std::chrono::seconds(32));
    EXPECT_EQ(asked.size(), 3U) << "though its session was open all the time";
    EXPECT_EQ(holders->of(root(2)), devices{bob});
    wait(std::chrono::minutes(5));
    EXPECT_EQ(asked.size(), 3U);
}

TEST_F(file_holders_test, who_does_not_know_the_question_is_not_asked_again) {
    silent = bob;
    silence = errc::unsupported;
    share(1, {root(1)}, {bob});
    meet(bob);
    wait(std::chrono::minutes(5));
    EXPECT_EQ(asked.size(), 1U);
}

TEST_F(file_holders_test, what_is_said_together_is_written_together_and_again_where_that_failed) {
    devices all;
    for (std::uint8_t n = 10; n < 60; ++n) {
        all.push_back(device(n));
    }
    share(1, {root(1), root(2)}, all);
    wait();
    const auto before = store.applied;
    for (const device_id& one : all) {
        says(one, root(1));
        wait(std::chrono::milliseconds(10));
    }
    wait(std::chrono::seconds(5));
    EXPECT_EQ(store.applied, before + 1);
    store.refuses = [](const storage::batch&) { return true; };
    says(all[0], root(2));
    wait(std::chrono::seconds(5));
    store.refuses = nullptr;
    says(all[1], root(1), true);
    wait(std::chrono::seconds(5));
    EXPECT_EQ(rows(), 2U);
    restart();
    EXPECT_EQ(holders->of(root(2)), devices{all[0]});
}

TEST_F(file_holders_test, the_others_are_told_what_comes_and_goes) {
    share(1, {root(1), root(2)}, {bob, carol, backup});
    share(2, {root(3)}, {carol});
    there = {bob, backup};
    held->note(root(1), 10);
    held->note(root(3), 10);
    held->note(root(4), 10);
    wait();
    EXPECT_EQ(told, (std::vector{message(bob, root(1), false)}));
    told.clear();
    EXPECT_TRUE(in.run(held->drop(root(1))));
    wait();
    EXPECT_EQ(told, (std::vector{message(bob, root(1), true)}));
    told.clear();
    end();
    begin(true);
    held->note(root(1), 10);
    wait();
    EXPECT_TRUE(told.empty()) << "everybody knows that a backup has everything";
}

TEST_F(file_holders_test, many_files_are_asked_of_in_pieces) {
    std::vector<file_root> many;
    for (std::size_t n = 0; n < wire::limits::roots_per_message + 1; ++n) {
        file_root one = root(1);
        one.value[0] = static_cast<std::uint8_t>(n);
        one.value[1] = static_cast<std::uint8_t>(n >> 8);
        many.push_back(one);
    }
    has[bob] = {many.begin(), many.end()};
    share(1, many, {bob});
    meet(bob);
    wait();
    EXPECT_EQ(asked.size(), 2U);
    const auto without =
        std::ranges::count_if(many, [&](const file_root& one) { return holders->of(one).empty(); });
    EXPECT_EQ(without, 0);
}

TEST_F(file_holders_test, what_nobody_names_and_who_takes_part_no_more_is_forgotten) {
    has[bob] = has[carol] = {root(1), root(2)};
    share(1, {root(1), root(2)}, {bob, carol});
    meet(bob);
    meet(carol);
    wait();
    ASSERT_EQ(holders->of(root(2)), (devices{bob, carol}));
    events[event_no(1)] = {{root(2)}, {bob}};
    in.run(holders->clean());
    wait(std::chrono::seconds(5));
    EXPECT_TRUE(holders->of(root(1)).empty());
    EXPECT_EQ(holders->of(root(2)), devices{bob});
    EXPECT_EQ(rows(), 1U);
    says(carol, root(2));
    EXPECT_EQ(holders->of(root(2)), devices{bob});
}

}  // namespace
}  // namespace calbox::node::of_holders
