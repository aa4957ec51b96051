#include "plugins/loader.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <typeinfo>

#include "support/test_environment.hpp"

namespace {

namespace fs = std::filesystem;
using calbox::errc;
using calbox::plugins::plugin_host;

const std::type_info& type_of(const calbox::discovery::strategy* what) { return typeid(*what); }

/// A directory of plugins that is taken away at the end.
class loader : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "calbox-loader-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        for (const char* kind : {"discovery", "consensus", "storage", "recovery"}) {
            fs::create_directory(root_ / kind);
            ::chmod((root_ / kind).c_str(), 0755);
        }
    }
    void TearDown() override { fs::remove_all(root_); }

    fs::path place(const std::string& built, const std::string& name,
                   const std::string& kind = "discovery") {
        const fs::path to = root_ / kind / (name + ".so");
        fs::copy_file(fs::path(CALBOX_BROKEN_PLUGINS) / (built + ".so"), to,
                      fs::copy_options::overwrite_existing);
        ::chmod(to.c_str(), 0644);
        return to;
    }
    fs::path place(const std::string& built) { return place(built, built); }
    fs::path write(const std::string& name, const std::string& contents) {
        const fs::path to = root_ / "discovery" / (name + ".so");
        std::ofstream(to, std::ios::binary) << contents;
        ::chmod(to.c_str(), 0644);
        return to;
    }
    plugin_host host() { return plugin_host({root_.string()}, log_); }

    /// The refusal of discovery/<name>: its code, and that its sentence names the plugin and holds
    /// `text`.
    void expect_refused(const std::string& name, errc code, const std::string& text,
                        const std::string& settings = "") {
        const auto got = host().discovery(name, settings);
        ASSERT_FALSE(got) << name << " was loaded";
        EXPECT_EQ(to_string(got.error().code), to_string(code)) << got.error().message();
        EXPECT_NE(got.error().message().find(text), std::string::npos) << got.error().message();
        EXPECT_NE(got.error().message().find(name), std::string::npos) << got.error().message();
        EXPECT_EQ(got.error().message().find('\n'), std::string::npos) << got.error().message();
    }

    fs::path root_;
    calbox::test::recording_logger log_;
};

TEST_F(loader, loads_a_fit_plugin_and_says_so) {
    place("good");
    auto plugins = host();
    const auto got = plugins.discovery("good", "");
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->name(), "good");
    EXPECT_EQ(got->version(), "1.0.0");
    calbox::test::seeded_random entropy(1);
    EXPECT_EQ((*got)->choose({{}}, {{}, entropy}), 0U);
    ASSERT_EQ(log_.lines.size(), 1U);
    EXPECT_NE(log_.lines[0].text.find("discovery good 1.0.0"), std::string::npos);
}

TEST_F(loader, loads_the_real_one) {
    plugin_host plugins({CALBOX_PLUGIN_DIRECTORY}, log_);
    const auto got = plugins.discovery("random", R"({"pick":"first"})");
    ASSERT_TRUE(got) << got.error().message();
    const auto wrong = plugins.discovery("random", R"({"pick":"best"})");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, errc::invalid_argument);
}

TEST_F(loader, refuses_what_was_built_in_another_way) {
    place("abi");
    expect_refused("abi", errc::unsupported, "libstdcxx is 3 in the plugin and 12 in this calboxd");
    place("api_major");
    expect_refused("api_major", errc::unsupported, "plugin api 99.0, and this calboxd has 3.0");
    place("api_minor");
    expect_refused("api_minor", errc::unsupported, "plugin api 3.99, and this calboxd has 3.0");
}

TEST_F(loader, refuses_what_is_not_a_plugin) {
    expect_refused("absent", errc::not_found, "there is no discovery plugin named absent");
    write("text", "hello");
    expect_refused("text", errc::malformed, "not an ELF shared library");
    write("empty", "");
    expect_refused("empty", errc::malformed, "not an ELF shared library");
    place("no_section");
    expect_refused("no_section", errc::unsupported, "not a CalendarBox plugin");
    place("meta_text");
    expect_refused("meta_text", errc::malformed, "CBMETA1");
    place("no_symbol");
    expect_refused("no_symbol", errc::unsupported,
                   "does not export the symbol calbox_plugin_descriptor");
    place("unresolved");
    expect_refused("unresolved", errc::unsupported, "calbox_test_function_that_nobody_defines");
    place("magic");
    expect_refused("magic", errc::malformed, "magic number");
    place("descriptor_version");
    expect_refused("descriptor_version", errc::unsupported, "version 9");
    place("fields");
    expect_refused("fields", errc::malformed, "lacks a field");
}

TEST_F(loader, refuses_the_wrong_kind_and_the_wrong_name) {
    place("good", "good", "consensus");
    const auto other = host().consensus("good", "");
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message().find("of kind discovery, and not consensus"),
              std::string::npos);
    place("kind_lie", "kind_lie", "consensus");
    const auto lie = host().consensus("kind_lie", "");
    ASSERT_FALSE(lie);
    EXPECT_NE(lie.error().message().find("its class is a discovery strategy"), std::string::npos)
        << lie.error().message();
    place("good", "renamed");
    expect_refused("renamed", errc::unsupported, "it calls itself good");
    for (const char* name : {"", "../good", "Good", "good.so", "a b"}) {
        const auto got = host().discovery(name, "");
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::invalid_argument);
    }
}

TEST_F(loader, tells_why_a_factory_failed) {
    place("factory_fails");
    expect_refused("factory_fails", errc::internal,
                   R"(the factory says no to {"size":3,"who":"a"})");
    place("factory_throws");
    expect_refused("factory_throws", errc::internal, "the factory threw this");
    place("factory_throws_int");
    expect_refused("factory_throws_int", errc::internal, "not an exception");
}

TEST_F(loader, checks_settings_before_the_factory_sees_them) {
    place("factory_fails");
    const auto expect = [&](const char* settings, errc code, const char* text) {
        expect_refused("factory_fails", code, text, settings);
    };
    expect("{", errc::invalid_argument, "not a JSON object");
    expect("[]", errc::invalid_argument, "not a JSON object");
    expect(R"({"who":1})", errc::invalid_argument, R"("who" must be of type string, and is 1)");
    expect(R"({"who":"c"})", errc::invalid_argument, R"("who" must be one of ["a","b"])");
    expect(R"({"size":1})", errc::invalid_argument, R"("size" must be at least 2)");
    expect(R"({"size":6})", errc::invalid_argument, R"("size" must be at most 5)");
    expect(R"({"size":2.5})", errc::invalid_argument, R"("size" must be of type integer)");
    expect(R"({"on":null})", errc::invalid_argument, R"("on" must be of type boolean)");
    expect(R"({"colour":"red"})", errc::invalid_argument,
           R"("colour" is not one that this plugin knows)");
    expect(R"({"who":"b","size":5,"on":true})", errc::internal,
           R"({"on":true,"size":5,"who":"b"})");
}

TEST_F(loader, refuses_files_that_others_could_change) {
    const fs::path file = place("good");
    ::chmod(file.c_str(), 0664);
    expect_refused("good", errc::forbidden, "it is writable by others");
    ::chmod(file.c_str(), 0646);
    expect_refused("good", errc::forbidden, "it is writable by others");
    ::chmod(file.c_str(), 0644);
    ::chmod((root_ / "discovery").c_str(), 0775);
    expect_refused("good", errc::forbidden,
                   "its directory " + (root_ / "discovery").string() + " is writable");
    ::chmod((root_ / "discovery").c_str(), 0755);
    ::chmod(root_.c_str(), 0777);
    expect_refused("good", errc::forbidden, "its directory " + root_.string() + " is writable");
    ::chmod(root_.c_str(), 0755);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
        expect_refused("good", errc::forbidden, "belongs to another user (uid 12345)");
        ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
    }
    EXPECT_TRUE(host().discovery("good", ""));
}

TEST_F(loader, refuses_links_pipes_and_directories) {
    const fs::path file = place("good", "other");
    fs::create_symlink(file, root_ / "discovery" / "good.so");
    expect_refused("good", errc::forbidden, "symbolic link");
    fs::remove(root_ / "discovery" / "good.so");
    ASSERT_EQ(::mkfifo((root_ / "discovery" / "good.so").c_str(), 0600), 0);
    expect_refused("good", errc::forbidden, "not a regular file");
    fs::remove(root_ / "discovery" / "good.so");
    fs::create_directory(root_ / "discovery" / "good.so");
    expect_refused("good", errc::forbidden, "not a regular file");
}

TEST_F(loader, refuses_a_library_that_was_cut_short) {
    const fs::path file = place("good");
    const auto whole = fs::file_size(file);
    for (std::uintmax_t length = 0; length < whole; length += 97) {
        place("good");
        fs::resize_file(file, length);
        const auto got = host().discovery("good", "");
        ASSERT_FALSE(got) << length << " of " << whole << " bytes were enough";
        ASSERT_EQ(got.error().code, errc::malformed) << length << ": " << got.error().message();
    }
}

TEST_F(loader, a_replaced_file_is_the_new_library) {
    place("good");
    auto plugins = host();
    const auto before = plugins.discovery("good", "");
    ASSERT_TRUE(before);
    fs::remove(root_ / "discovery" / "good.so");
    place("good2", "good");
    const auto after = plugins.discovery("good", "");
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(before->version(), "1.0.0");
    EXPECT_EQ(after->version(), "2.0.0");
}

TEST_F(loader, several_instances_and_hosts_share_a_library) {
    place("good");
    auto one = host();
    auto two = host();
    auto first = one.discovery("good", "");
    auto second = one.discovery("good", "");
    auto third = two.discovery("good", "");
    ASSERT_TRUE(first && second && third);
    EXPECT_NE(first->get(), second->get());
    const std::type_info& one_type = type_of(first->get());
    EXPECT_EQ(&one_type, &type_of(third->get()));  // the same library, not a second copy of it
}

TEST_F(loader, lists_everything_without_running_it) {
    place("good");
    place("abi");
    place("factory_throws");
    place("good", "good", "storage");
    auto plugins = host();
    auto got = plugins.discovery("good", "");
    ASSERT_TRUE(got);
    const auto list = plugins.list();
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].name, "abi");
    EXPECT_NE(list[0].status.find("refused: it was built in another way"), std::string::npos);
    EXPECT_EQ(list[1].status, "available");
    EXPECT_EQ(list[2].name, "good");
    EXPECT_EQ(list[2].status, "in use");
    EXPECT_EQ(list[2].version, "1.0.0");
    EXPECT_EQ(list[2].traits, "test small");
    EXPECT_EQ(list[2].summary, "For the tests of the loader");
    EXPECT_EQ(list[2].file, (root_ / "discovery/good.so").string());
    EXPECT_EQ(list[3].kind, "storage");
    EXPECT_NE(list[3].status.find("of kind discovery"), std::string::npos);
    got = calbox::fail(errc::cancelled);
    EXPECT_EQ(plugins.list()[2].status, "available");
}

TEST_F(loader, the_first_directory_wins_and_a_refusal_does_not_fall_through) {
    place("good");
    plugin_host both({(root_ / "nowhere").string(), root_.string()}, log_);
    EXPECT_TRUE(both.discovery("good", ""));
    const fs::path second = root_ / "second";
    fs::create_directories(second / "discovery");
    fs::copy_file(root_ / "discovery/good.so", second / "discovery/good.so");
    ::chmod((root_ / "discovery/good.so").c_str(), 0666);
    plugin_host order({root_.string(), second.string()}, log_);
    EXPECT_FALSE(order.discovery("good", ""));
}

}  // namespace
