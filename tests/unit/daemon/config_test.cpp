#include "daemon/config.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <map>

namespace calbox::daemon {
namespace {

namespace fs = std::filesystem;

variables environment_of(std::map<std::string, std::string> values) {
    return [values = std::move(values)](const char* name) {
        const auto found = values.find(name);
        return found == values.end() ? std::string() : found->second;
    };
}

const variables at_home =
    environment_of({{"HOME", "/home/ann"}, {"XDG_RUNTIME_DIR", "/run/user/1"}});

config right(const std::string& text) {
    auto made = parse_config(text, "test.toml", at_home);
    EXPECT_TRUE(made) << made.error().message();
    return made.value_or(config{});
}

/// The sentence for `text`, which must be refused.
std::string wrong(const std::string& text, const variables& from = at_home) {
    const auto made = parse_config(text, "test.toml", from);
    EXPECT_FALSE(made) << "accepted: " << text;
    if (made) {
        return {};
    }
    EXPECT_EQ(made.error().code, errc::invalid_argument) << text;
    EXPECT_EQ(made.error().message().find('\n'), std::string::npos)
        << "one sentence: " << made.error().message();
    return made.error().message();
}

void expect_holds(const std::string& sentence, const std::string& part) {
    EXPECT_NE(sentence.find(part), std::string::npos)
        << "\"" << sentence << "\" does not say " << part;
}

TEST(config, without_a_word_is_what_the_manual_says) {
    const config made = right("");
    EXPECT_EQ(made.data_dir, "/home/ann/.local/share/calbox");
    EXPECT_EQ(made.socket, "/run/user/1/calbox/ctl.sock");
    EXPECT_EQ(made.node.roles, 15U);
    EXPECT_EQ(made.node.listen, "127.0.0.1:0");
    EXPECT_TRUE(made.node.advertise.empty());
    EXPECT_TRUE(made.node.enrolment_open);
    EXPECT_TRUE(made.node.found);
    EXPECT_EQ(made.node.heartbeat, std::chrono::seconds(10));
    EXPECT_EQ(made.node.reach, net::reach::automatic);
    EXPECT_EQ(made.node.kdf_memory_bytes, 64U << 20);
    EXPECT_EQ(made.node.kdf_passes, 3U);
    EXPECT_EQ(made.discovery.name, "random");
    EXPECT_EQ(made.consensus.name, "views");
    EXPECT_EQ(made.storage.name, "sqlite");
    EXPECT_EQ(made.recovery.name, "auto");
    EXPECT_TRUE(made.plugin_directories.empty());
    EXPECT_EQ(made.level, log_level::info);
}

TEST(config, the_folder_may_begin_at_home) {
    EXPECT_EQ(right("").folder.path, "");
    EXPECT_EQ(right("[files]\nfolder = \"~/Calendar Box\"\nahead_days = 30").folder.path,
              "/home/ann/Calendar Box");
    EXPECT_EQ(right("[files]\nfolder = \"/srv/x\"\nahead_days = 30").folder.ahead,
              std::chrono::days(30));
    expect_holds(wrong("files.folder = \"x\""), "files.folder: it must be a path");
    expect_holds(wrong("files.folder = \"~/x\"", environment_of({{"XDG_DATA_HOME", "/d"}})),
                 "HOME is not set");
    expect_holds(wrong("files.ahead_days = 0"), "files.ahead_days");
}

TEST(config, files_that_nobody_needs_wait_for_some_days) {
    EXPECT_EQ(right("").node.unneeded_kept, std::chrono::days(14));
    EXPECT_EQ(right("files.unneeded_days = 3").node.unneeded_kept, std::chrono::days(3));
    expect_holds(wrong("files.unneeded_days = 0"), "files.unneeded_days");
}

TEST(config, reads_every_key) {
    const std::string network(64, 'a');
    const config made = right(R"(
data_dir = "/data"
socket = "/run/s.sock"
listen = "[::1]:7320"
advertise = ["server.example.org:7320", "192.0.2.1:7320"]
roles = ["registry", "backup"]
reach = "relay_only"
log.level = "debug"
kdf.memory_mib = 8
kdf.passes = 1
[network]
enrolment = "invited"
found = false
on_no_rendezvous = "exit"
lan_search = false
port_mapping = "off"
reachability_test = false
join = "calbox://join/127.0.0.1:1?network=)" +
                              network + R"(&token=00112233445566778899aabbccddeeff&roles=edge"
[rendezvous]
edges_max = 12
heartbeat_s = 2
min = 3
retires = true
open_command = ["/bin/open", "one"]
[discovery]
plugin = "first"
profile = "report"
settings = { pick = "first", most = 3, strict = true }
[consensus]
plugin = "c"
[storage]
plugin = "memory"
[recovery]
plugin = "id_diff"
[resolver]
policy = "decentralised"
[history]
keep_days = 10
trash_days = 0
[friends]
free_busy = false
[web.door]
listen = "192.0.2.1:8443"
names = ["calendar.example.org"]
certificate = "/tls/chain.pem"
key = "/tls/key.pem"
register = true
[plugins]
directories = ["/a", "/b"]
)");
    EXPECT_EQ(made.data_dir, "/data");
    EXPECT_EQ(made.socket, "/run/s.sock");
    EXPECT_EQ(made.node.listen, "[::1]:7320");
    EXPECT_EQ(made.node.advertise.size(), 2U);
    EXPECT_EQ(made.node.roles, wire::role::registry | wire::role::backup);
    EXPECT_EQ(made.node.reach, net::reach::relay_only);
    EXPECT_EQ(made.level, log_level::debug);
    EXPECT_EQ(made.node.kdf_memory_bytes, 8U << 20);
    EXPECT_EQ(made.node.kdf_passes, 1U);
    EXPECT_FALSE(made.node.enrolment_open);
    EXPECT_FALSE(made.node.found);
    EXPECT_EQ(made.node.on_no_rendezvous, node::without_rendezvous::exit);
    EXPECT_EQ(made.node.profile, overlay::bootstrap::profile::report);
    EXPECT_TRUE(made.node.join.starts_with("calbox://join/"));
    EXPECT_EQ(made.node.edges_max, 12U);
    EXPECT_EQ(made.node.rendezvous_min, 3U);
    EXPECT_EQ(made.node.resolves, overlay::resolver_policy::decentralised);
    EXPECT_EQ(made.open_command, (std::vector<std::string>{"/bin/open", "one"}));
    EXPECT_FALSE(made.lan_search);
    EXPECT_FALSE(made.port_mapping);
    EXPECT_FALSE(made.node.tests_reachability);
    EXPECT_TRUE(made.node.retires);
    EXPECT_EQ(made.node.heartbeat, std::chrono::seconds(2));
    EXPECT_EQ(made.node.history_kept, std::chrono::days(10));
    EXPECT_EQ(made.node.trash_kept, std::chrono::days(0));
    EXPECT_FALSE(made.node.tells_free_busy);
    EXPECT_EQ(made.door.listen->port(), 8443);
    EXPECT_EQ(made.door.names, (std::vector<std::string>{"calendar.example.org", "192.0.2.1"}));
    EXPECT_EQ(made.door.certificate.certificate, "/tls/chain.pem");
    EXPECT_EQ(made.door.certificate.key, "/tls/key.pem");
    EXPECT_TRUE(made.door.registers);
    EXPECT_EQ(made.discovery.name, "first");
    EXPECT_NE(made.discovery.settings.find("\"pick\" : \"first\""), std::string::npos)
        << made.discovery.settings;
    EXPECT_NE(made.discovery.settings.find("true"), std::string::npos);
    EXPECT_EQ(made.consensus.name, "c");
    EXPECT_EQ(made.storage.name, "memory");
    EXPECT_EQ(made.recovery.name, "id_diff");
    EXPECT_EQ(made.plugin_directories, (std::vector<std::string>{"/a", "/b"}));
}

TEST(config, an_unknown_key_is_named_with_its_line_and_a_suggestion) {
    expect_holds(wrong("\nlisten = \"127.0.0.1:1\"\nlisen = 1\n"),
                 "test.toml:3: unknown key lisen; did you mean listen?");
    expect_holds(wrong("[network]\nenrollment = \"open\""),
                 "test.toml:2: unknown key network.enrollment");
    expect_holds(wrong("[network]\nenrollment = \"open\""), "did you mean network.enrolment?");
    expect_holds(wrong("memory_mib = 8"), "did you mean kdf.memory_mib?");
    expect_holds(wrong("no_such_key = 1"), "docs/operations.md");
    expect_holds(wrong("[netwrok]\njoin = \"x\""), "unknown key netwrok");
    expect_holds(wrong("network = 3"), "network is a section");
    expect_holds(wrong("[[network]]\njoin = \"x\""), "network is a section");
}

TEST(config, refuses_values_that_do_not_fit_and_names_the_key) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"data_dir = 1", "data_dir"},
        {"history.keep_days = -1", "history.keep_days"},
        {"history.trash_days = 36501", "36500"},
        {"history.trash_days = 0.5", "history.trash_days"},
        {"data_dir = \"\"", "data_dir"},
        {"network.lan_search = 1", "network.lan_search"},
        {"network.port_mapping = true", "network.port_mapping"},
        {"network.port_mapping = \"always\"", "off"},
        {"network.reachability_test = \"yes\"", "network.reachability_test"},
        {"rendezvous.retires = 0", "rendezvous.retires"},
        {"network.on_no_rendezvous = \"hope\"", "promote"},
        {"rendezvous.min = 1001", "rendezvous.min"},
        {"rendezvous.open_command = [\"open\"]", "absolute"},
        {"data_dir = \"relative\"", "absolute"},
        {"socket = \"relative\"", "absolute"},
        {"socket = \"/" + std::string(120, 's') + "\"", "too long"},
        {"listen = \"nowhere\"", "listen"},
        {"listen = \"127.0.0.1:99999\"", "listen"},
        {"listen = 7320", "listen"},
        {"web.listen = \"0.0.0.0:80\"", "web.listen"},
        {"web.listen = \"example.org:80\"", "web.listen"},
        {"web.listen = \"on\"", "web.listen"},
        {"web.listen = \"0.0.0.0:80\"", "[web.door]"},
        {"web.door.listen = \"0.0.0.0:8443\"", "web.door.names is missing"},
        {"web.door.listen = \"example.org:8443\"", "address of this machine"},
        {"web.door.names = [\"a.example\"]", "web.door.listen is missing"},
        {"web.door.names = [\"a.example:8443\"]", "without a port"},
        {"web.door.names = [\"A.example\"]", "small letters"},
        {"web.door.key = \"/a\"", "belong together"},
        {"web.door.register = 1", "true or false"},
        {"advertise = \"a:1\"", "list"},
        {"advertise = [\"a\"]", "advertise"},
        {"advertise = [\"a:0\"]", "port"},
        {"advertise = [\"a:1\", 2]", "advertise"},
        {"roles = [\"king\"]", "\"king\""},
        {"roles = []", "one role"},
        {"roles = \"edge\"", "list"},
        {"network.join = \"http://x\"", "network.join"},
        {"network.found = \"yes\"", "true or false"},
        {"network.enrolment = \"closed\"", "\"open\", \"invited\""},
        {"rendezvous.edges_max = 0", "rendezvous.edges_max"},
        {"rendezvous.edges_max = 1.5", "whole number"},
        {"rendezvous.heartbeat_s = 301", "300"},
        {"discovery.plugin = \"../evil\"", "discovery.plugin"},
        {"discovery.plugin = \"\"", "discovery.plugin"},
        {"discovery.settings = \"{}\"", "table"},
        {"plugins.directories = [\"here\"]", "absolute"},
        {"reach = \"teleport\"", "\"automatic\""},
        {"log.level = \"loud\"", "log.level"},
        {"log.level = 3", "\"debug\""},
        {"kdf.passes = -1", "kdf.passes"},
        {"kdf.passes = 9223372036854775807", "8"},
        {"kdf.memory_mib = 1", "kdf.memory_mib"},
        {"kdf.memory_mib = true", "whole number"},
    };
    for (const auto& [text, part] : cases) {
        expect_holds(wrong(text), part);
    }
}

TEST(config, refuses_what_is_not_toml_with_its_line) {
    expect_holds(wrong("listen = \"127.0.0.1:1\"\nroles = ["), "test.toml:2");
    expect_holds(wrong("listen = \"a:1\"\nlisten = \"b:1\"\n"), "test.toml:2");
    expect_holds(wrong("\xff\xfe\x00"), "not TOML");
    EXPECT_FALSE(parse_config(std::string(5000, '['), "test.toml", at_home)) << "deep nesting";
    std::string deep = "a = ";
    deep.append(20'000, '[').append(20'000, ']');
    EXPECT_FALSE(parse_config(deep, "test.toml", at_home));
}

TEST(config, says_what_to_name_where_the_environment_says_nothing) {
    const auto bare = environment_of({});
    expect_holds(wrong("", bare), "name data_dir");
    expect_holds(wrong("data_dir = \"/d\"", bare), "name socket");
    EXPECT_TRUE(parse_config("data_dir = \"/d\"\nsocket = \"/s\"", "test.toml", bare));
    const auto relative =
        environment_of({{"XDG_DATA_HOME", "x"}, {"XDG_RUNTIME_DIR", "y"}, {"HOME", "/h"}});
    const auto made = parse_config("", "test.toml", relative);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->data_dir, "/h/.local/share/calbox");
    EXPECT_EQ(made->socket, "/h/.local/share/calbox/ctl.sock") << "where calboxctl looks, too";
}

class config_file : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "calbox-config-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        home_ = pattern;
    }
    void TearDown() override { fs::remove_all(home_); }
    void write(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    variables here() const { return environment_of({{"HOME", home_.string()}}); }
    fs::path home_;
};

TEST_F(config_file, the_usual_place_is_read_when_it_is_there) {
    EXPECT_TRUE(load_config({}, here())) << "nothing has to be there";
    write(home_ / ".config/calbox/calbox.toml", "log.level = \"warn\"");
    const auto made = load_config({}, here());
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->level, log_level::warn);
}

TEST_F(config_file, one_that_is_named_must_be_readable) {
    for (const fs::path& path : {home_ / "absent.toml", home_}) {
        const auto made = load_config(path, here());
        ASSERT_FALSE(made);
        expect_holds(made.error().message(), path.string());
    }
    write(home_ / "large.toml", std::string((1 << 20) + 1, '#'));
    const auto large = load_config(home_ / "large.toml", here());
    ASSERT_FALSE(large);
    expect_holds(large.error().message(), "1 MiB");
    write(home_ / "wrong.toml", "\n\nx = 1");
    const auto named = load_config(home_ / "wrong.toml", here());
    ASSERT_FALSE(named);
    expect_holds(named.error().message(), "wrong.toml:3: unknown key x");
}

}  // namespace
}  // namespace calbox::daemon
