// Links are good once and for a minute, sessions for thirty days without a use.
#include "daemon/web_sessions.hpp"

#include <gtest/gtest.h>

#include "fake_services.hpp"
#include "support/test_environment.hpp"

namespace calbox::daemon::testing {
namespace {

class web_sessions_test : public ::testing::Test {
protected:
    test::test_environment world;
    web_sessions subject{world.env};
};

TEST_F(web_sessions_test, a_link_is_good_once) {
    const auto link = subject.make_link(user_of(1));
    const auto secret = subject.open_by_link(link);
    ASSERT_TRUE(secret);
    EXPECT_EQ(subject.find(*secret), std::optional(web_sessions::owner(user_of(1))));
    EXPECT_EQ(subject.open_by_link(link).error().code, errc::unauthorised);
    EXPECT_FALSE(subject.find(link));
    EXPECT_EQ(subject.open_by_link("").error().code, errc::unauthorised);
}

TEST_F(web_sessions_test, a_link_is_good_for_a_minute) {
    const auto early = subject.make_link(std::nullopt);
    const auto late = subject.make_link(std::nullopt);
    world.advance(std::chrono::seconds(60));
    EXPECT_TRUE(subject.open_by_link(early));
    world.advance(std::chrono::seconds(1));
    EXPECT_FALSE(subject.open_by_link(late));
}

TEST_F(web_sessions_test, a_session_lasts_while_it_is_used) {
    const auto used = subject.open(user_of(1));
    const auto unused = subject.open(user_of(2));
    world.advance(std::chrono::days(20));
    EXPECT_TRUE(subject.find(used));
    world.advance(std::chrono::days(11));
    EXPECT_TRUE(subject.find(used));
    EXPECT_FALSE(subject.find(unused));
    subject.close(used);
    EXPECT_FALSE(subject.find(used));
}

TEST_F(web_sessions_test, of_too_many_the_one_used_least_recently_goes) {
    const auto first = subject.open(user_of(1));
    world.advance(std::chrono::seconds(1));
    const auto second = subject.open(user_of(1));
    world.advance(std::chrono::seconds(1));
    EXPECT_TRUE(subject.find(first));
    for (std::size_t i = 2; i <= web_sessions::sessions_max; ++i) {
        subject.open(user_of(1));
    }
    EXPECT_TRUE(subject.find(first));
    EXPECT_FALSE(subject.find(second));
}

TEST_F(web_sessions_test, outlive_a_restart) {
    int changes = 0;
    subject.on_change([&] { ++changes; });
    const auto hers = subject.open(user_of(1));
    const auto nobodys = subject.open(std::nullopt);
    const auto closed = subject.open(user_of(2));
    subject.close(closed);
    EXPECT_EQ(changes, 4);
    EXPECT_EQ(subject.text().find(hers), std::string::npos);
    web_sessions again{world.env};
    again.load("short nobody 1\n" + subject.text() + "and what is cut off");
    EXPECT_EQ(again.text(), subject.text());
    EXPECT_EQ(again.find(hers), std::optional(web_sessions::owner(user_of(1))));
    const auto nobody = again.find(nobodys);
    ASSERT_TRUE(nobody.has_value());
    EXPECT_FALSE(nobody->has_value());
    EXPECT_FALSE(again.find(closed));
}

TEST_F(web_sessions_test, the_cookie_has_the_port_in_its_name) {
    subject.serve_at("127.0.0.1:4000", 4000);
    EXPECT_EQ(subject.cookie_name(), "calbox_4000");
}

}  // namespace
}  // namespace calbox::daemon::testing
