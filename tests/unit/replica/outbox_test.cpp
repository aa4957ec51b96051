// What is owed to devices that refuse, that do not answer, and over a store that fails.
#include "replica/outbox.hpp"

#include <gtest/gtest.h>

#include "support/faulty_store.hpp"
#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"

namespace calbox::replica {
namespace {

class postman final : public outbox_mediator {
public:
    task<result<envelope_order>> deliver(device_id to, event_id) override {
        asked.push_back(to);
        if (refuses) {
            co_return fail(*refuses, "as the test wants it");
        }
        co_return envelope_order();
    }
    void delivered(const device_id&, const event_id&) override { ++arrived; }
    std::optional<errc> refuses;
    std::vector<device_id> asked;
    std::size_t arrived = 0;
};

class outbox_test : public testing::Test {
protected:
    void owe(const std::vector<device_id>& devices) {
        batch writes;
        outbox::write_to(writes, devices, which, {});
        ASSERT_TRUE(in.run(db.apply(std::move(writes))));
        out.owe(devices, which);
        in.settle();
    }
    void TearDown() override {
        out.request_stop();
        in.run(out.join());
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    event_store events{in.env, db};
    postman by;
    outbox out{in.env, db, events, by};
    const event_id which{user_id(), 7};
};

TEST_F(outbox_test, whoever_does_not_answer_is_asked_again) {
    by.refuses = errc::unavailable;
    owe({device(1), device(2)});
    EXPECT_EQ(by.asked.size(), 2U);
    EXPECT_EQ(out.owed(which).size(), 2U);
    in.advance(outbox::retry);
    EXPECT_EQ(by.asked.size(), 4U);
    by.refuses.reset();
    out.wake(device(2));
    out.wake(device(3));  // is owed nothing
    in.settle();
    EXPECT_EQ(out.owed(), std::vector<device_id>{device(1)});
    in.advance(outbox::retry);
    EXPECT_EQ(out.size(), 0U);
    EXPECT_EQ(by.arrived, 2U);
    EXPECT_TRUE(store.held.empty());
}

TEST_F(outbox_test, what_a_lost_device_takes_no_part_in_is_owed_no_more) {
    by.refuses = errc::unavailable;
    owe({device(1), device(2)});
    by.refuses = errc::not_found;
    out.give_up(device(1));
    out.give_up(device(3));  // is owed nothing
    in.settle();
    EXPECT_EQ(out.owed(), std::vector<device_id>{device(2)});
    EXPECT_EQ(by.arrived, 0U);
    EXPECT_EQ(store.held.size(), 1U);
}

TEST_F(outbox_test, a_refusal_is_final) {
    for (const errc why : {errc::forbidden, errc::mismatch, errc::malformed, errc::not_found}) {
        by.refuses = why;
        owe({device(1)});
        EXPECT_EQ(out.size(), 0U);
        EXPECT_EQ(by.arrived, 0U);
        EXPECT_TRUE(store.held.empty());
    }
}

TEST_F(outbox_test, a_row_that_cannot_be_erased_is_delivered_once_more_after_a_restart) {
    store.refuses = [](const batch& writes) { return !writes.writes[0].value; };
    owe({device(1)});
    EXPECT_EQ(out.size(), 0U);
    EXPECT_EQ(in.log.lines.back().level, log_level::warn);
    store.refuses = nullptr;
    outbox again(in.env, db, events, by);
    ASSERT_TRUE(in.run(again.load()));
    in.settle();
    EXPECT_EQ(by.arrived, 2U);
    EXPECT_TRUE(store.held.empty());
    again.request_stop();
    in.run(again.join());
}

TEST_F(outbox_test, rows_that_cannot_be_read_stop_the_start) {
    store.held[{record_kind::outbox, {1, 2, 3}}] = {1};
    EXPECT_EQ(in.run(out.load()).error().code, errc::malformed);
    store.unreadable = true;
    EXPECT_EQ(in.run(out.load()).error().code, errc::io_failed);
}

}  // namespace
}  // namespace calbox::replica
