// The door for other machines: its certificate, made, kept, configured and renewed; and who comes
// through it.
#include "daemon/web_doors.hpp"

#include <fstream>
#include <regex>

#include <openssl/x509v3.h>

#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

constexpr timestamp now{1'780'000'000'000};

TEST(web_certificate_test, one_that_vouches_for_itself_is_for_all_of_its_names) {
    const auto text = web_certificate::make({"calendar.example.org", "192.0.2.7", "::1"}, now);
    ASSERT_TRUE(text) << text.error().message();
    web_certificate subject;
    ASSERT_TRUE(subject.use(*text));
    EXPECT_TRUE(
        std::regex_match(subject.fingerprint(), std::regex("([0-9A-F]{2}:){31}[0-9A-F]{2}")));
    EXPECT_EQ((subject.until().ms - now.ms) / 86'400'000, 824);
    X509* const made = SSL_CTX_get0_certificate(subject.context()->native_handle());
    EXPECT_EQ(X509_check_host(made, "calendar.example.org", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_ip_asc(made, "192.0.2.7", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(made, "::1", 0), 1);
    EXPECT_EQ(X509_check_host(made, "example.org", 0, 0, nullptr), 0);
}

TEST(web_certificate_test, what_is_none_leaves_the_one_before) {
    web_certificate subject;
    const auto first = *web_certificate::make({"a.example"}, now);
    const auto other = *web_certificate::make({"a.example"}, now);
    ASSERT_TRUE(subject.use(first));
    const auto kept = subject.context();
    EXPECT_EQ(subject.use({"nonsense", first.key}).error().code, errc::invalid_argument);
    EXPECT_EQ(subject.use({first.certificate, other.key}).error().code, errc::invalid_argument);
    EXPECT_EQ(subject.use({first.certificate, ""}).error().code, errc::invalid_argument);
    EXPECT_EQ(subject.context(), kept);
    EXPECT_EQ(subject.text(), first);
}

class web_doors_test : public bench {
protected:
    void open(certificate_files files = {}) {
        with.data_dir = directory;
        with.web.reset();
        with.door.listen = asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0);
        with.door.names = {"127.0.0.1"};
        with.door.certificate = std::move(files);
        doors = std::make_unique<web_doors>(world.env, with, all, pages, subject);
        const auto started = world.run(doors->start());
        ASSERT_TRUE(started) << started.error().message();
    }
    void close() {
        doors->request_stop();
        world.run(doors->join());
        doors.reset();
    }
    ~web_doors_test() override {
        if (doors) {
            close();
        }
    }
    std::string fingerprint() const { return pages.door()->fingerprint; }
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        std::ofstream(directory / name) << text;
        return directory / name;
    }

    config with;
    std::unique_ptr<web_doors> doors;
};

TEST_F(web_doors_test, keeps_the_certificate_that_it_made) {
    open();
    const std::string first = fingerprint();
    EXPECT_TRUE(pages.door()->own_certificate);
    EXPECT_EQ(std::filesystem::status(directory / "web.door.pem").permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    close();
    open();
    EXPECT_EQ(fingerprint(), first);
    close();
    world.advance(std::chrono::days(820));
    open();
    EXPECT_NE(fingerprint(), first) << "it ends in five days";
}

TEST_F(web_doors_test, uses_a_renewed_certificate_from_the_next_minute_on) {
    const auto first = *web_certificate::make({"127.0.0.1"}, now);
    const auto second = *web_certificate::make({"127.0.0.1"}, now);
    const auto chain = write("chain.pem", first.certificate);
    const auto key = write("key.pem", first.key);
    open({chain, key});
    EXPECT_FALSE(pages.door()->own_certificate);
    const std::string before = fingerprint();
    write("chain.pem", second.certificate);
    world.advance(std::chrono::minutes(1));
    EXPECT_EQ(fingerprint(), before) << "its key is not there yet";
    write("key.pem", second.key);
    world.advance(std::chrono::minutes(1));
    EXPECT_NE(fingerprint(), before);
}

TEST_F(web_doors_test, says_what_is_wrong_with_the_certificate) {
    with.data_dir = directory;
    with.web.reset();
    with.door.listen = asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0);
    with.door.certificate = {directory / "nowhere.pem", directory / "nowhere.pem"};
    doors = std::make_unique<web_doors>(world.env, with, all, pages, subject);
    const auto refused = world.run(doors->start());
    EXPECT_NE(refused.error().message().find("nowhere.pem"), std::string::npos);
}

}  // namespace
}  // namespace calbox::daemon::testing
