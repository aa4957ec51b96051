#include <gtest/gtest.h>

#include <set>

#include "wire/messages.hpp"

namespace calbox::wire {
namespace {

TEST(message_table, names_every_message_once_in_ascending_order) {
    std::set<std::string_view> names;
    int last = 0;
    for (const message_rule& rule : message_table()) {
        EXPECT_GT(static_cast<int>(rule.type), last);
        last = static_cast<int>(rule.type);
        EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
        EXPECT_EQ(find_rule(static_cast<std::uint8_t>(rule.type)), &rule);
    }
    EXPECT_EQ(find_rule(0), nullptr);
    EXPECT_EQ(find_rule(255), nullptr);
}

TEST(message_table, lets_strangers_in_to_enrol_and_to_nothing_else) {
    for (const message_rule& rule : message_table()) {
        const bool open_to_all = rule.type == message_type::hello ||
                                 rule.type == message_type::ping ||
                                 rule.type == message_type::enroll;
        EXPECT_EQ(rule.who == sender::anyone, open_to_all) << rule.name;
    }
}

TEST(messages, come_back_as_they_went) {
    lease_reply reply;
    reply.what = lease_reply::verdict::redirect;
    reply.lease_ms = 1'200'000;
    reply.rendezvous.push_back({device_id::from_bytes(bytes(32, 7)).value(),
                                role::rendezvous,
                                {"[::1]:4747"},
                                {},
                                true,
                                {}});
    const auto back = codec::decode<lease_reply>(codec::encode(reply));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->what, reply.what);
    ASSERT_EQ(back->rendezvous.size(), 1u);
    EXPECT_EQ(back->rendezvous[0].addresses, reply.rendezvous[0].addresses);
    EXPECT_FALSE(back->rendezvous[0].relay);
}

TEST(envelope_order, prefers_generation_then_version_then_hash) {
    const digest low = *digest::from_bytes(bytes(32, 1));
    const digest high = *digest::from_bytes(bytes(32, 2));
    const envelope_order base{generation_number(1), version_number(2), low};
    EXPECT_LT(base, (envelope_order{generation_number(1), version_number(2), high}));
    EXPECT_LT((envelope_order{generation_number(1), version_number(2), high}),
              (envelope_order{generation_number(1), version_number(3), low}));
    EXPECT_LT((envelope_order{generation_number(1), version_number(9), high}),
              (envelope_order{generation_number(2), version_number(1), low}));
}

}  // namespace
}  // namespace calbox::wire
