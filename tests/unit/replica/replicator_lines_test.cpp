// Lines of versions: what a take-over has left out is kept by whoever made it, once.
#include <algorithm>

#include "unit/replica/replicator_fixture.hpp"

namespace calbox::replica {
namespace {

/// alice holds version 1 of hers, with bob and carol.
class lines_of_versions : public replicator_test {
protected:
    void SetUp() override {
        at_alice();
        first_ = begin(guest_right::standard | guest_right::remove);
    }
    /// The next version of what `made_from` is of, by `by`; in another line, where one is named.
    envelope next(const envelope& made_from, const person& by, std::uint64_t line = 0,
                  const std::function<void(envelope_header&)>& change = {}) {
        const auto before = verify(made_from)->header;
        auto made =
            header_of(which, by, before.version.value + 1, {bob.id, carol.id}, order_of(made_from));
        made.generation = before.generation;
        made.left = before.left;
        made.guests_may = before.guests_may;
        if (line != 0) {
            made.generation = generation_number(line);
            made.left.push_back(order_of(made_from));
        }
        if (change) {
            change(made);
        }
        return sign(std::move(made), by, in.entropy);
    }
    void hold(const envelope& what) {
        ASSERT_TRUE(in.run(replica->receive(what)));
        ASSERT_EQ(replica->events().find(which)->order, order_of(what));
    }
    /// The versions that alice is to keep, of those that have come until now.
    std::vector<version_number> kept() {
        EXPECT_TRUE(in.run(replica->look_over_lines()));
        std::vector<version_number> all;
        while (auto one = replica->next_left_out([](const user_id&) { return true; })) {
            all.push_back(verify(*one->lost)->header.version);
            EXPECT_TRUE(in.run(replica->kept_left_out(one->copy)));
        }
        return all;
    }
    /// Alice changes the event, and nobody can say what comes of that.
    void edit_in_doubt() {
        consensus::refused doubt;
        doubt.why = error(errc::timed_out, "too few answer");
        strategy.answer = [this, doubt](const consensus::input& what,
                                        scripted_strategy::effects& out) {
            if (const auto* const edit = std::get_if<consensus::commit>(&what)) {
                out.push_back(consensus::done{edit->operation, doubt});
            } else if (const auto* const asked = std::get_if<consensus::fate>(&what)) {
                out.push_back(consensus::done{asked->operation, doubt});
            } else {
                play(what, out);
            }
        };
        auto edit = by_alice({bob.id, carol.id});
        edit.event = which;
        const auto told = in.run(replica->commit(edit));
        ASSERT_FALSE(told);
        EXPECT_EQ(told.error().code, errc::timed_out) << told.error().message();
    }
    using versions = std::vector<version_number>;

    envelope first_;
};

TEST_F(lines_of_versions, what_a_line_was_begun_with_is_kept_when_it_loses_and_only_once) {
    const auto mine = next(first_, alice);
    hold(mine);
    hold(next(mine, bob, 2));
    EXPECT_EQ(kept(), versions());
    const auto wins = next(first_, carol, 3);
    hold(wins);
    EXPECT_EQ(kept(), versions{version_number(2)});
    hold(next(wins, carol, 4));
    end();
    at_alice();
    EXPECT_EQ(kept(), versions());
}

TEST_F(lines_of_versions, what_somebody_else_has_made_another_edit_of_is_his_to_keep) {
    const auto mine = next(first_, alice);
    hold(mine);
    hold(next(mine, bob));
    hold(next(first_, carol, 2));
    EXPECT_EQ(kept(), versions());
}

TEST_F(lines_of_versions, what_nobody_else_would_keep_is_the_authors_to_keep) {
    const std::function<void(envelope_header&)> leaves = [&](envelope_header& made) {
        made.participants = {carol.id};
    };
    const std::function<void(envelope_header&)> deletes = [](envelope_header& made) {
        made.kind = envelope_kind::tombstone;
    };
    const std::function<void(envelope_header&)> moves = [](envelope_header& made) {
        made.moved = handover{{}, true};
    };
    std::uint64_t line = 1;
    envelope last = first_;
    for (const auto& change : {leaves, deletes, moves}) {
        const auto mine = next(last, alice);
        hold(mine);
        hold(next(mine, bob, 0, change));
        const auto wins = next(last, carol, ++line);
        hold(wins);
        EXPECT_EQ(kept(), versions{verify(mine)->header.version}) << line;
        last = wins;
    }
}

TEST_F(lines_of_versions, an_edit_of_this_devices_that_comes_after_its_line_has_ended_is_kept) {
    const auto mine = next(first_, alice);
    hold(next(first_, carol, 2));
    EXPECT_EQ(kept(), versions());
    ASSERT_TRUE(in.run(replica->receive(mine)));
    EXPECT_EQ(kept(), versions{version_number(2)});
    ASSERT_TRUE(in.run(replica->receive(mine)));
    EXPECT_EQ(kept(), versions());
}

TEST_F(lines_of_versions, an_edit_that_comes_when_another_line_was_begun_with_it_is_kept_later) {
    const auto mine = next(first_, alice);
    hold(next(mine, bob, 2));
    ASSERT_TRUE(in.run(replica->receive(mine)));
    EXPECT_EQ(kept(), versions());
    hold(next(first_, carol, 3));
    EXPECT_EQ(kept(), versions{version_number(2)});
}

TEST_F(lines_of_versions, an_edit_in_doubt_is_kept_where_its_line_has_ended) {
    for (const bool goes_on : {true, false}) {
        edit_in_doubt();
        if (goes_on) {  // and says what has come of it
            first_ = next(first_, bob);
            hold(first_);
        }
        first_ = next(first_, alice, goes_on ? 2 : 3);
        hold(first_);
        EXPECT_EQ(kept().size(), goes_on ? 0U : 1U);
    }
}

TEST_F(lines_of_versions, an_edit_in_doubt_is_not_forgotten_for_another_one_that_is_kept) {
    hold(next(first_, alice));
    hold(next(first_, alice, 2));
    edit_in_doubt();
    EXPECT_EQ(kept(), versions{version_number(2)});
    hold(next(first_, bob, 3));
    EXPECT_EQ(std::ranges::count(kept(), version_number(3)), 1);
}

TEST_F(lines_of_versions, what_cannot_be_read_now_is_not_forgotten) {
    const auto mine = next(first_, alice);
    hold(mine);
    hold(next(first_, carol, 2));
    store.unreadable = true;
    EXPECT_FALSE(in.run(replica->look_over_lines()));
    store.unreadable = false;
    EXPECT_EQ(kept(), versions{version_number(2)}) << "nothing is forgotten";
}

TEST_F(lines_of_versions, an_edit_that_the_disk_has_damaged_is_kept_once_it_is_healed) {
    const auto mine = next(first_, alice);
    hold(mine);
    auto& row = store.held[{record_kind::history, history_key(which, order_of(mine))}];
    hold(next(first_, carol, 2));
    const bytes good = row;
    auto broken = mine;
    broken.body.push_back(0);
    row = codec::encode(broken);
    EXPECT_EQ(kept(), versions());
    row = good;
    end();
    at_alice();
    EXPECT_EQ(kept(), versions{version_number(2)});
}

}  // namespace
}  // namespace calbox::replica
