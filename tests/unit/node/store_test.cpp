// What the disk damages is found, set aside, and healed from the others; and copies of a store.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "replica/event_store.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using storage::record_kind;
using test::must;

class store_test : public testing::Test {
protected:
    store_test() {
        std::string pattern = "/tmp/calbox-store-test-XXXXXX";
        directory = ::mkdtemp(pattern.data());
        std::filesystem::create_directory(directory + "/alice");
        hub = &net.add_hub();
        net.storing_by = "sqlite";
        net.storing_in = directory + "/";
        alice = &net.add_edge("alice", *hub);
        alice->sign_in("alice");
        net.storing_by = "memory";
        bob = &net.add_edge("bob", *hub);
        bob->sign_in("bob");
    }
    ~store_test() override {
        net.stop(*alice);
        std::filesystem::remove_all(directory);
    }

    node::event_view share(const std::string& title) {
        node::event_draft what;
        what.title = title;
        what.start = "2026-05-04 14:00";
        what.participants = std::vector<std::string>{"bob"};
        auto made = must(net.run(alice->api().events.create(alice->me(), std::move(what))));
        net.until([&] { return is_at(*bob, made) && is_at(*hub, made); });
        return made;
    }
    node::event_view edit(const node::event_view& event, const std::string& title) {
        node::event_draft change;
        change.title = title;
        auto made =
            must(net.run(alice->api().events.modify(alice->me(), event.id, change, std::nullopt)));
        net.until([&] { return is_at(*bob, made) && is_at(*hub, made); });
        return made;
    }
    static bool is_at(test::test_network::device& who, const node::event_view& what) {
        const auto stored = row(who, record_kind::envelope, replica::event_key(what.id));
        const auto read = stored ? codec::decode<envelope>(*stored) : fail(errc::not_found);
        const auto header = read ? codec::decode<envelope_header>(read->header) : fail(errc::ok);
        return header && header->version == what.version;
    }
    static std::optional<bytes> row(test::test_network::device& who, record_kind kind,
                                    const bytes& key) {
        return must(who.store->records().get(kind, key));
    }
    static void put(test::test_network::device& who, record_kind kind, bytes key, bytes value) {
        storage::batch writes;
        writes.put(kind, std::move(key), std::move(value));
        must(who.store->records().apply(writes));
    }
    model::attachment attach(const node::event_view& to, std::size_t size) {
        test::bytes_source from(bytes(size, 7));
        return must(net.run(alice->api().file.attach(alice->me(), to.id, "plan.pdf", "", from,
                                                     node::attach_terms(false))))
            .what;
    }
    /// As a disk does: nobody is told.
    static void damage(test::test_network::device& at, const file_root& root,
                       std::uint64_t offset) {
        storage::blob_store& blobs = at.store->blobs();
        bytes byte = must(blobs.read(root, offset, 1));
        byte[0] ^= 1;
        must(blobs.set_aside(root, {}));
        must(blobs.write_part(root, offset, byte));
        must(blobs.finish(root));
    }
    node::scrub_view scrub(test::test_network::device& who) {
        EXPECT_TRUE(who.api().store.scrub().running);
        net.until([&] {
            const auto now = who.api().store.scrubbed();
            return !now.running && !now.healing;
        });
        return who.api().store.scrubbed();
    }
    node::store_view shown(test::test_network::device& who) {
        return must(net.run(who.api().store.show()));
    }

    std::string directory;
    test::test_network net;
    test::test_network::device *hub, *alice, *bob;
};

TEST_F(store_test, a_damaged_row_is_written_again_from_memory) {
    const auto event = share("Review");
    share("Another");
    const bytes key = replica::event_key(event.id);
    const bytes good = *row(*alice, record_kind::envelope, key);
    for (const std::size_t at : {std::size_t{20}, good.size() - 5}) {
        bytes torn = good;
        torn[at] ^= 0x10;
        put(*alice, record_kind::envelope, key, torn);
        const auto done = scrub(*alice);
        EXPECT_EQ(done.damaged, 1U);
        EXPECT_EQ(done.healed, 1U);
        EXPECT_GE(done.events, 2U);
        EXPECT_TRUE(row(*alice, record_kind::envelope, key) == good);
    }
    EXPECT_EQ(alice->api().store.scrubbed().found.at(0).name, "alice/1.1");
    EXPECT_EQ(shown(*alice).records_aside, 2U);
    EXPECT_EQ(scrub(*alice).damaged, 0U) << "what is sound is left alone";
}

TEST_F(store_test, an_earlier_version_comes_from_those_who_have_it) {
    const auto first = share("Review");
    edit(first, "Retro");
    edit(first, "Planning");
    const auto begin = replica::version_key(first.id, first.generation, first.version);
    bytes key;
    must(alice->store->records().scan(record_kind::history, begin, {},
                                      [&](byte_view found, byte_view) {
                                          key = to_bytes(found);
                                          return false;
                                      }));
    bytes torn = *row(*alice, record_kind::history, key);
    torn[torn.size() / 2] ^= 1;
    put(*alice, record_kind::history, key, torn);
    const auto done = scrub(*alice);
    EXPECT_EQ(done.damaged, 1U);
    EXPECT_EQ(done.healed, 1U);
    EXPECT_EQ(done.found.at(0).name, "alice/1.1 version 1");
    const auto versions = must(net.run(alice->api().past.versions(alice->me(), first.id)));
    ASSERT_EQ(versions.size(), 3U);
    EXPECT_EQ(versions[2].title, "Review");
    EXPECT_TRUE(versions[2].readable);
}

TEST_F(store_test, a_damaged_file_comes_again_on_a_device_and_on_a_backup) {
    const auto event = share("Review");
    const auto file = attach(event, 200'000);
    net.until([&] { return hub->api().info.status().files == 1; });
    for (auto* const one : {alice, hub}) {
        damage(*one, file.root, 70'000);
        const auto done = scrub(*one);
        EXPECT_EQ(done.damaged, 1U);
        EXPECT_EQ(done.healed, 1U);
        EXPECT_EQ(done.found.at(0).what, "file");
        const auto now = shown(*one);
        EXPECT_EQ(now.lost_files, 0U);
        EXPECT_EQ(now.size.pieces, 1U);
        EXPECT_EQ(now.size.parts, 0U);
        EXPECT_EQ(scrub(*one).damaged, 0U);
    }
    test::bytes_sink into;
    must(net.run(alice->api().file.read(alice->me(), event.id, "plan.pdf", 0, 0, into)));
    EXPECT_TRUE(into.all == bytes(200'000, 7));
}

TEST_F(store_test, what_nobody_can_give_stays_lost_until_somebody_comes) {
    const auto event = share("Review");
    const auto file = attach(event, 1'000);
    net.until([&] { return hub->api().info.status().files == 1; });
    net.stop(*hub);
    damage(*alice, file.root, 3);
    const auto done = scrub(*alice);
    EXPECT_EQ(done.damaged, 1U);
    EXPECT_EQ(done.healed, 0U);
    EXPECT_FALSE(done.found.at(0).healed);
    EXPECT_EQ(shown(*alice).lost_files, 1U);
    net.start(*hub);
    // Asking for it again takes minutes, and showing the store reads the whole of it.
    net.until([&] { return alice->api().store.scrubbed().healed == 1U; }, std::chrono::minutes(30),
              std::chrono::seconds(1));
    EXPECT_EQ(shown(*alice).lost_files, 0U);
}

TEST_F(store_test, bytes_that_change_in_the_database_are_noticed_at_the_next_start) {
    const auto event = share("Review");
    const auto another = share("Another");
    const bytes good = *row(*hub, record_kind::envelope, replica::event_key(event.id));
    net.stop(*alice);
    const std::string path = directory + "/alice/calbox.db";
    std::ifstream in(path, std::ios::binary);
    std::string all{std::istreambuf_iterator<char>(in), {}};
    const auto found = all.find(as_text(byte_view(good).last(40)));
    ASSERT_NE(found, std::string::npos);
    std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(found + 10));
    out.put(static_cast<char>(all[found + 10] ^ 4));
    out.close();
    net.start(*alice);
    net.until([&] { return shown(*alice).lost_events == 0; });
    EXPECT_EQ(shown(*alice).records_aside, 1U);
    EXPECT_EQ(must(alice->api().events.show(alice->me(), event.id)).content.title, "Review");
    EXPECT_TRUE(row(*alice, record_kind::envelope, replica::event_key(event.id)) == good);
    EXPECT_EQ(must(alice->api().events.show(alice->me(), another.id)).content.title, "Another");
}

TEST_F(store_test, a_pass_begins_by_itself_and_is_remembered) {
    alice->settings.scrubbing = {std::chrono::hours(24), 1 << 20};
    net.stop(*alice);
    net.start(*alice);
    share("Review");
    EXPECT_FALSE(alice->api().store.scrubbed().began);
    net.until([&] { return alice->api().store.scrubbed().ended.has_value(); },
              std::chrono::minutes(12));
    const auto first = alice->api().store.scrubbed();
    EXPECT_GE(first.events, 1U);
    net.stop(*alice);
    net.start(*alice);
    EXPECT_EQ(alice->api().store.scrubbed().ended, first.ended);
}

TEST_F(store_test, is_copied_while_it_is_open) {
    share("Review");
    const std::string copy = directory + "/copy.db";
    const auto made = must(net.run(alice->api().store.back_up(copy)));
    EXPECT_EQ(made.bytes, std::filesystem::file_size(copy));
    EXPECT_EQ(net.run(alice->api().store.back_up(copy)).error().code, errc::already_exists);
    EXPECT_EQ(net.run(bob->api().store.back_up(directory + "/bob.db")).error().code,
              errc::unsupported);
    share("Later");
    std::filesystem::create_directory(directory + "/other");
    std::filesystem::rename(copy, directory + "/other/calbox.db");
    auto storing = must(net.plugins.storage("sqlite", ""));
    auto opened = must(storing->open(directory + "/other"));
    EXPECT_TRUE(must(opened->check()).sound);
    EXPECT_EQ(must(opened->measure()).records[static_cast<std::size_t>(record_kind::envelope)], 1U);
}

}  // namespace
}  // namespace calbox
