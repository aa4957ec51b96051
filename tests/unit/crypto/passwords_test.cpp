#include <gtest/gtest.h>

#include "crypto/passwords.hpp"

namespace calbox::crypto {
namespace {

TEST(passwords, are_brought_into_one_form) {
    EXPECT_EQ(normal_password("zehn Zeicho\u0308").value(), "zehn Zeich\u00f6");
    EXPECT_EQ(normal_password("\xff\xfe").error().code, errc::invalid_argument);
    EXPECT_EQ(normal_password(std::string(1025, 'a')).error().code, errc::too_large);
    EXPECT_TRUE(normal_password(std::string(1024, 'a')));
}

TEST(passwords, that_are_short_or_easy_to_guess_are_refused) {
    EXPECT_NE(hard_to_guess("nine char", "alice").error().message().find("10 characters"),
              std::string::npos);
    for (const char* easy : {"1234567890", "password12345", "aaaaaaaaaaaaaaaa", "qwertyuiop[]",
                             "2014-05-12", "alicealice1", "calendarbox1", "P@ssw0rd2026"}) {
        const auto refused = hard_to_guess(easy, "alice");
        ASSERT_FALSE(refused) << easy;
        EXPECT_EQ(refused.error().code, errc::invalid_argument);
        EXPECT_NE(refused.error().message().find("easy to guess"), std::string::npos) << easy;
    }
    for (const char* hard : {"correct horse battery", "zehn Zeich\u00f6", "x7#qLm29!vTz"}) {
        EXPECT_TRUE(hard_to_guess(hard, "alice")) << hard;
    }
    // As long as it may be, and as hard to look at as it gets: it ends, with an answer.
    EXPECT_FALSE(hard_to_guess(std::string(1024, '1'), "alice"));
}

TEST(passwords, know_the_name_of_their_user) {
    EXPECT_TRUE(hard_to_guess("wolframowitsch", "bob"));
    EXPECT_FALSE(hard_to_guess("wolframowitsch", "wolframowitsch"));
}

}  // namespace
}  // namespace calbox::crypto
