#include "daemon/sd_notify.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

namespace calbox::daemon {
namespace {

/// The service manager's end.
class manager : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "calbox-notify-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        name_ = (GetParam() ? "@" : "") + directory_ + "/notify";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name_.data(), name_.size());
        if (GetParam()) {
            address.sun_path[0] = '\0';
        }
        file_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
        ASSERT_EQ(::bind(file_, reinterpret_cast<const sockaddr*>(&address), length), 0)
            << std::strerror(errno);
    }
    void TearDown() override {
        ::close(file_);
        std::filesystem::remove_all(directory_);
    }
    std::string heard() const {
        char text[100];
        const auto got = ::recv(file_, text, sizeof text, 0);
        return got < 0 ? "" : std::string(text, static_cast<std::size_t>(got));
    }
    std::string directory_, name_;
    int file_ = -1;
};

TEST_P(manager, hears_each_step) {
    const notifier one(name_);
    one.ready();
    EXPECT_EQ(heard(), "READY=1");
    one.alive();
    EXPECT_EQ(heard(), "WATCHDOG=1");
    one.stopping();
    EXPECT_EQ(heard(), "STOPPING=1");
    EXPECT_EQ(heard(), "");
}

TEST_P(manager, is_found_in_the_environment_which_children_do_not_get) {
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    const auto one = notifier::from_environment();
    EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr);
    ASSERT_TRUE(one.watchdog());
    EXPECT_EQ(*one.watchdog(), std::chrono::seconds(3));
    one.ready();
    EXPECT_EQ(heard(), "READY=1");
}

INSTANTIATE_TEST_SUITE_P(both, manager, ::testing::Bool());

TEST(notifier, a_watchdog_of_another_process_or_without_sense_is_none) {
    const std::vector<std::pair<const char*, const char*>> cases{
        {"3000000", "1"}, {"0", ""}, {"-5", ""}, {"soon", ""}, {"9223372036854775807", ""}};
    for (const auto& [time, process] : cases) {
        ::setenv("WATCHDOG_USEC", time, 1);
        ::setenv("WATCHDOG_PID", process, 1);
        EXPECT_FALSE(notifier::from_environment().watchdog()) << time;
    }
}

TEST(notifier, speaks_to_nobody_without_harm) {
    for (const char* const name : {"", "@", "relative", "/nonexistent/notify"}) {
        const notifier one(name);
        one.ready();
    }
    const notifier long_name("/" + std::string(200, 'x'));
    long_name.ready();
}

}  // namespace
}  // namespace calbox::daemon
