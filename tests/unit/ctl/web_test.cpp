// web: the link is printed, or goes to the browser by a file that nobody else can read.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

using web = with_daemon;

constexpr const char* made = R"({"url":"http://127.0.0.1:4000/#link=ab12"})";

TEST_F(web, prints_the_link) {
    answer = http_answer(201, made);
    const auto printed = alice.run({"web", "--print"});
    EXPECT_EQ(printed.status, 0) << printed.err;
    EXPECT_EQ(printed.out, "http://127.0.0.1:4000/#link=ab12\n");
    EXPECT_EQ(daemon.last().method, "POST");
    EXPECT_EQ(daemon.last().target, "/v1/web");
}

TEST_F(web, without_a_screen_prints_it_too) {
    answer = http_answer(201, made);
    const auto printed = alice.run({"web"});
    EXPECT_EQ(printed.out, "http://127.0.0.1:4000/#link=ab12\n");
    EXPECT_NE(printed.err.find("no screen"), std::string::npos) << printed.err;
    alice.variables["BROWSER"] = "no-such-browser-anywhere";
    EXPECT_NE(alice.run({"web"}).err.find("not installed"), std::string::npos);
}

TEST_F(web, opens_it_by_a_private_file) {
    answer = http_answer(201, made);
    alice.variables["BROWSER"] = "true";
    const auto opened = alice.run({"web"});
    EXPECT_EQ(opened.status, 0) << opened.err;
    EXPECT_EQ((opened.out + opened.err).find("link="), std::string::npos);
    const auto page = std::filesystem::path(alice.socket).parent_path() / "calbox-page.html";
    struct stat found{};
    ASSERT_EQ(::stat(page.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    std::ifstream file(page);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NE(text.find("http://127.0.0.1:4000/#link=ab12"), std::string::npos);
}

TEST_F(web, tells_the_door_for_other_machines) {
    answer = http_answer(200, R"({"address":"","built":true,"door":{
        "address":"https://a.example:8443/","fingerprint":"AB:CD","until":"2027-01-01T00:00:00Z",
        "own_certificate":true}})");
    const auto told = alice.run({"web", "--door"});
    EXPECT_EQ(told.status, 0) << told.err;
    EXPECT_NE(told.out.find("https://a.example:8443/"), std::string::npos);
    EXPECT_NE(told.out.find("AB:CD"), std::string::npos);
    EXPECT_EQ(json::parse(alice.run({"--json", "web", "--door"}).out)["fingerprint"], "AB:CD");
    answer = http_answer(200, R"({"address":"","built":true,"door":null})");
    EXPECT_NE(alice.run({"web", "--door"}).err.find("[web.door]"), std::string::npos);
}

TEST_F(web, says_why_there_is_none) {
    answer = http_problem(503, "unavailable", "this build has no page");
    const auto refused = alice.run({"web"});
    EXPECT_EQ(refused.status, 7);
    EXPECT_NE(refused.err.find("no page"), std::string::npos);
}

}  // namespace
}  // namespace calbox::ctl
