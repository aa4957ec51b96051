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

const device_id bob = device(1), carol = device(2), backup = device(9);

class file_holders_test : public testing::Test, public files_mediator {
protected:
    file_holders_test() { begin(false); }
    void TearDown() override { end(); }

    void begin(bool is_backup) {
        held.emplace(in.env, db, *this);
        file_holders::parts with{*held, *this, {}, is_backup};
        with.shared = [this](const std::optional<std::set<event_id>>& of) {
            std::vector<file_holders::shared_files> all;
            for (const auto& [which, one] : events) {
                if (!of || of->contains(which)) {
                    all.push_back(one);
                }
            }
            return all;
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
    void wait(duration time = std::chrono::seconds(2)) {
        in.advance(time);
        in.settle();
    }
    void says(const device_id& from, const file_root& which, bool lost = false) {
        holders->on_kept(from, {which, lost ? std::optional(true) : std::nullopt});
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
            co_return fail(errc::timed_out, "silence");
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
    devices there;
    std::map<device_id, std::set<file_root>> has;
    std::optional<device_id> silent;
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
    says(bob, root(1), true);
    EXPECT_TRUE(holders->of(root(1)).empty());
    wait();
    restart();
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

TEST_F(file_holders_test, of_an_event_that_changes_only_what_is_new_is_asked) {
    meet(bob);
    meet(carol);
    wait();
    share(1, {root(1)}, {bob});
    wait();
    share(1, {root(1), root(2)}, {bob, carol});
    wait();
    share(1, {root(1), root(2)}, {bob, carol});
    wait();
    const decltype(asked) all{{bob, {root(1)}}, {bob, {root(2)}}, {carol, {root(1), root(2)}}};
    EXPECT_EQ(asked, all);
}

TEST_F(file_holders_test, who_does_not_answer_is_asked_again_and_counts_as_before) {
    has[bob] = {root(1)};
    share(1, {root(1)}, {bob});
    meet(bob);
    wait();
    silent = bob;
    share(1, {root(1), root(2)}, {bob});
    wait();
    silent.reset();
    has[bob].insert(root(2));
    share(1, {root(1), root(2)}, {bob});
    wait();
    EXPECT_EQ(asked.size(), 3U);
    EXPECT_EQ(holders->of(root(1)), devices{bob});
    EXPECT_EQ(holders->of(root(2)), devices{bob});
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
    holders->clean();
    wait();
    EXPECT_TRUE(holders->of(root(1)).empty());
    EXPECT_EQ(holders->of(root(2)), devices{bob});
    std::size_t rows = 0;
    for (const auto& [key, value] : store.held) {
        rows += key.first == storage::record_kind::file ? 1U : 0U;
    }
    EXPECT_EQ(rows, 1U);
    says(carol, root(2));
    EXPECT_EQ(holders->of(root(2)), devices{bob});
}

}  // namespace
}  // namespace calbox::node::of_holders
