// Series that are split: what is half done is found, and what people did to the halves is not.
#include "lab/check/series_claims.hpp"

#include "model/times.hpp"
#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

model::event_content daily(const std::string& uid, int first_day) {
    model::event_content made;
    made.uid = uid;
    made.title = uid;
    bool day_only = false;
    made.time.start =
        *model::parse_local_time("2026-06-0" + std::to_string(first_day) + "T10:00:00", day_only);
    made.time.end = made.time.start;
    made.time.zone = "UTC";
    made.recurrence = "FREQ=DAILY";
    return made;
}

class series_claims : public claims_test {
protected:
    static model::event_content until(model::event_content series, int last_day) {
        series.recurrence = "FREQ=DAILY;UNTIL=2026060" + std::to_string(last_day) + "T235959Z";
        return series;
    }
    /// What a split of the choir made, from that day on.
    static model::event_content rest(int first_day, std::vector<std::string> of = {"choir"}) {
        auto made = daily("rest", first_day);
        made.related = std::move(of);
        return made;
    }
    std::vector<std::string> in_the_end(std::map<event_id, model::event_content> shown) {
        for (const auto& [id, content] : shown) {
            check.observe_shown(id, content);
        }
        check.observe_end(shown, present, at(9));
        return lines(check.violations());
    }

    std::set<user_id> present{alice.who, bob.who};
    whole_splits check{people};
};

TEST_F(series_claims, what_is_split_wholly_or_not_at_all_is_no_news) {
    EXPECT_EQ(in_the_end({{event, daily("choir", 1)}}), none());
    EXPECT_EQ(in_the_end({{event, until(daily("choir", 1), 3)}, {other_event, rest(4)}}), none());
}

TEST_F(series_claims, a_series_that_goes_on_beside_its_rest_is_found) {
    EXPECT_EQ(in_the_end({{event, daily("choir", 1)}, {other_event, rest(4)}}),
              none{"9.000 s: splits: alice/1.7: takes place at 2026-06-04T10:00:00, and so does "
                   "alice/1.8, which it was split into"});
}

TEST_F(series_claims, a_series_that_nothing_goes_on_with_is_found) {
    EXPECT_EQ(in_the_end({{event, until(daily("choir", 1), 3)}}),
              none{"9.000 s: splits: alice/1.7: takes place no more from 2026-06-04T10:00:00 on, "
                   "and no event does in its place"});
}

TEST_F(series_claims, what_goes_on_from_another_day_does_not_take_its_place) {
    EXPECT_EQ(in_the_end({{event, until(daily("choir", 1), 3)}, {other_event, rest(6)}}).size(),
              1U);
}

TEST_F(series_claims, the_rest_ends_where_the_series_did) {
    check.observe_shown(other_event, rest(5));
    const event_id third{alice.who, event_id::make_seq(device_number(1), 9)};
    auto between = until(rest(3), 4);
    between.uid = "between";
    EXPECT_EQ(in_the_end(
                  {{event, until(daily("choir", 1), 2)}, {third, between}, {other_event, rest(5)}}),
              none());
}

TEST_F(series_claims, what_somebody_deleted_or_brought_back_is_not_asked_for) {
    check.observe_shown(other_event, rest(4));
    check.observe_undone(other_event);
    EXPECT_EQ(in_the_end({{event, until(daily("choir", 1), 3)}}), none());
    check.observe_undone(event);
    EXPECT_EQ(in_the_end({{event, daily("choir", 1)}, {other_event, rest(4)}}), none());
}

TEST_F(series_claims, whose_device_is_away_may_owe_a_half_or_have_lost_it) {
    present = {bob.who};
    EXPECT_EQ(in_the_end({{event, until(daily("choir", 1), 3)}}), none());
    EXPECT_EQ(in_the_end({{event, daily("choir", 1)}, {other_event, rest(4)}}), none());
}

}  // namespace
}  // namespace calbox::lab::claims
