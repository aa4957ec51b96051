// Earlier versions of events, and deleted ones that come back, over whole nodes and with every
// consensus strategy.
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/identity.hpp"
#include "replica/event_store.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using node::version_change;
using test::must;

class history : public testing::TestWithParam<std::string> {
protected:
    history() : net(1, GetParam()), hub(add_hub(net)) {}

    /// Hours pass here: with few heartbeats.
    static test::test_network::device& add_hub(test::test_network& net) {
        node::node_settings with;
        with.roles = wire::role::registry | wire::role::rendezvous | wire::role::backup;
        with.heartbeat = std::chrono::minutes(5);
        return net.add("hub", std::move(with));
    }

    test::test_network::device& device(const std::string& name) {
        node::node_settings with;
        with.history_kept = kept;
        with.trash_kept = trash;
        auto& one = net.add(name, std::move(with));
        must(net.run(one.api().network.join(must(net.run(hub.api().network.invite({"edge"}))))));
        net.until([&] { return one.api().info.status().state == "connected"; });
        return one;
    }
    void meet() {
        alice = &device("alice");
        alice->sign_in("alice");
        bob = &device("bob");
        bob->sign_in("bob");
    }
    node::event_view share(std::uint32_t rights = guest_right::standard) {
        node::event_draft what;
        what.title = "Meeting";
        what.start = "2026-05-04 14:00";
        what.participants = std::vector<std::string>{"bob"};
        what.guests_may = rights;
        auto made = must(net.run(alice->api().events.create(alice->me(), std::move(what))));
        arrives(*bob, made.id, version_number(1));
        return made;
    }
    static version_number version_at(test::test_network::device& who, event_id which) {
        const auto seen = who.api().events.show(who.me(), which);
        return seen ? seen->version : version_number(0);
    }
    void arrives(test::test_network::device& who, event_id which, version_number version) {
        net.until([&] { return version_at(who, which) == version; });
    }
    void edit(test::test_network::device& who, event_id which, std::string title,
              std::string place) {
        node::event_draft change;
        change.title = std::move(title);
        change.place = std::move(place);
        const auto made =
            must(net.run(who.api().events.modify(who.me(), which, change, std::nullopt)));
        arrives(*alice, which, made.version);
        arrives(*bob, which, made.version);
    }
    void remove(event_id which) {
        must(net.run(alice->api().events.remove(alice->me(), which, std::nullopt)));
        arrives(*bob, which, version_number(0));
    }
    std::vector<node::version_view> versions(test::test_network::device& who, event_id which) {
        return must(net.run(who.api().past.versions(who.me(), which)));
    }
    std::vector<node::trash_view> trash_of(test::test_network::device& who) {
        return must(net.run(who.api().past.trash(who.me())));
    }
    result<node::event_view> restore(test::test_network::device& who, event_id which,
                                     std::optional<version_number> version = {},
                                     std::optional<version_number> expect = {}) {
        return net.run(who.api().past.restore(who.me(), which, version, expect));
    }
    std::size_t records(test::test_network::device& of, storage::record_kind kind) {
        std::size_t count = 0;
        must(of.store->records().scan(kind, {}, {}, [&](byte_view, byte_view) {
            ++count;
            return true;
        }));
        return count;
    }

    duration kept = std::chrono::days(365), trash = std::chrono::days(30);
    test::test_network net;
    test::test_network::device& hub;
    test::test_network::device* alice = nullptr;
    test::test_network::device* bob = nullptr;
};

INSTANTIATE_TEST_SUITE_P(strategies, history, testing::ValuesIn(test::strategies()),
                         [](const auto& one) { return one.param; });

TEST_P(history, shows_who_changed_what_and_brings_a_version_back) {
    meet();
    const auto event = share();
    edit(*alice, event.id, "Review", "Room 1");
    edit(*bob, event.id, "Review", "Room 2");
    const auto seen = versions(*bob, event.id);
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0].version, version_number(3));
    EXPECT_EQ(seen[0].by, "bob");
    EXPECT_EQ(seen[0].what, version_change::changed);
    EXPECT_FALSE(seen[0].until);
    EXPECT_EQ(seen[0].changes, (std::vector<model::field_change>{{"place", "Room 1", "Room 2"}}));
    EXPECT_EQ(seen[1].by, "alice");
    EXPECT_EQ(seen[1].changes, (std::vector<model::field_change>{{"title", "Meeting", "Review"},
                                                                 {"place", "", "Room 1"}}));
    EXPECT_TRUE(seen[1].until);
    EXPECT_EQ(seen[2].what, version_change::created);
    EXPECT_EQ(seen[2].title, "Meeting");
    EXPECT_TRUE(seen[2].changes.empty());

    const auto back = must(restore(*bob, event.id, version_number(1)));
    EXPECT_EQ(back.version, version_number(4));
    EXPECT_EQ(back.content.title, "Meeting");
    EXPECT_EQ(back.content.place, "");
    EXPECT_EQ(back.content.uid, event.content.uid);
    EXPECT_EQ(back.content.participants, std::vector<std::string>{"bob"});
    arrives(*alice, event.id, version_number(4));
    EXPECT_EQ(must(alice->api().events.show(alice->me(), event.id)).content.title, "Meeting");
}

TEST_P(history, a_deleted_event_comes_back_to_everybody) {
    meet();
    const auto event = share();
    edit(*alice, event.id, "Review", "Room 1");
    remove(event.id);
    EXPECT_TRUE(trash_of(*bob).empty()) << "he may not delete it";
    EXPECT_EQ(restore(*bob, event.id).error().code, errc::forbidden);
    const auto found = trash_of(*alice);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].id_text, event.id_text);
    EXPECT_EQ(found[0].content.title, "Review");
    EXPECT_EQ(found[0].deletion.by, "alice");
    EXPECT_EQ(versions(*bob, event.id).front().what, version_change::deleted);

    const auto back = must(restore(*alice, event.id));
    EXPECT_EQ(back.version, version_number(4));
    EXPECT_EQ(back.content.title, "Review");
    arrives(*bob, event.id, version_number(4));
    EXPECT_EQ(must(bob->api().events.show(bob->me(), event.id)).content.place, "Room 1");
    EXPECT_TRUE(trash_of(*alice).empty());
    const auto seen = versions(*bob, event.id);
    EXPECT_EQ(seen.front().what, version_change::brought_back);
    EXPECT_TRUE(seen.front().changes.empty());
    edit(*bob, event.id, "Review", "Room 3");  // its new key is everybody's
    remove(event.id);
    EXPECT_EQ(must(restore(*alice, event.id, version_number(1))).content.title, "Meeting");
}

TEST_P(history, who_may_delete_brings_back) {
    meet();
    const auto event = share(guest_right::standard | guest_right::remove);
    remove(event.id);
    ASSERT_EQ(trash_of(*bob).size(), 1u);
    must(restore(*bob, event.id));
    arrives(*alice, event.id, version_number(3));
}

TEST_P(history, refuses_what_cannot_be_restored) {
    meet();
    const auto event = share();
    edit(*alice, event.id, "Review", "Room 1");
    EXPECT_EQ(restore(*alice, event.id).error().code, errc::invalid_argument) << "not deleted";
    EXPECT_EQ(restore(*alice, event.id, version_number(2)).error().code, errc::invalid_argument);
    EXPECT_EQ(restore(*alice, event.id, version_number(9)).error().code, errc::not_found);
    EXPECT_EQ(restore(*alice, event.id, version_number(1), version_number(1)).error().code,
              errc::conflict)
        << "somebody was faster";
    auto& carol = device("carol");
    carol.sign_in("carol");
    EXPECT_EQ(restore(carol, event.id, version_number(1)).error().code, errc::not_found);
    EXPECT_EQ(net.run(carol.api().past.versions(carol.me(), event.id)).error().code,
              errc::not_found);
    node::event_draft read_only;
    read_only.guests_may = 0u;
    must(net.run(alice->api().events.modify(alice->me(), event.id, read_only, std::nullopt)));
    arrives(*bob, event.id, version_number(3));
    EXPECT_EQ(restore(*bob, event.id, version_number(1)).error().code, errc::forbidden);
}

TEST_P(history, nothing_is_restored_while_somebody_edits) {
    meet();
    const auto event = share();
    edit(*alice, event.id, "Review", "Room 1");
    const auto editing = net.run(bob->api().lock.begin(bob->me(), event.id));
    if (GetParam() == "naive") {
        EXPECT_EQ(editing.error().code, errc::unsupported);
        return;
    }
    must(editing);
    const auto refused = restore(*alice, event.id, version_number(1));
    EXPECT_EQ(refused.error().code, errc::busy);
    EXPECT_NE(refused.error().message().find("bob"), std::string::npos);
    bob->api().lock.end(editing->id);
    net.until([&] { return restore(*alice, event.id, version_number(1)).has_value(); });
}

TEST_P(history, who_came_later_sees_nothing_from_before) {
    meet();
    auto& carol = device("carol");
    carol.sign_in("carol");
    const auto event = share();
    edit(*alice, event.id, "Review", "Room 1");
    node::event_draft more;
    more.participants = std::vector<std::string>{"bob", "carol"};
    must(net.run(alice->api().events.modify(alice->me(), event.id, more, std::nullopt)));
    arrives(carol, event.id, version_number(3));
    ASSERT_EQ(versions(carol, event.id).size(), 1u);
    EXPECT_EQ(restore(carol, event.id, version_number(1)).error().code, errc::not_found);
    EXPECT_EQ(versions(*alice, event.id).front().changes,
              (std::vector<model::field_change>{{"participants", "bob", "bob, carol"}}));

    // On one device of all of them a version is still shown to its own participants only.
    must(net.run(bob->api().account.sign_in("carol", "a long password of carol", false)));
    const auto here = net.run(bob->api().past.versions(carol.me(), event.id));
    EXPECT_EQ(must(here).size(), 1u);
}

TEST_P(history, is_erased_when_its_time_is_up_and_the_current_version_never) {
    kept = std::chrono::hours(1);
    trash = std::chrono::minutes(5);
    meet();
    const auto event = share(), deleted = share(), left = share();
    edit(*alice, event.id, "Review", "Room 1");
    remove(deleted.id);
    node::event_draft alone;
    alone.participants = std::vector<std::string>();
    must(net.run(alice->api().events.modify(alice->me(), left.id, alone, std::nullopt)));
    arrives(*bob, left.id, version_number(0));
    net.world.advance(std::chrono::minutes(2));
    EXPECT_EQ(trash_of(*alice).size(), 1u);
    EXPECT_EQ(records(*alice, storage::record_kind::history), 4u);
    net.world.advance(std::chrono::minutes(9));  // the first clean-up
    EXPECT_TRUE(trash_of(*alice).empty());
    EXPECT_EQ(restore(*alice, deleted.id).error().code, errc::not_found);
    EXPECT_EQ(records(*alice, storage::record_kind::history), 3u) << "without the deleted one";
    EXPECT_EQ(records(*alice, storage::record_kind::envelope), 3u) << "with its tombstone";
    EXPECT_EQ(versions(*alice, event.id).size(), 2u);
    net.world.advance(std::chrono::hours(6));  // the next one
    EXPECT_EQ(versions(*alice, event.id).size(), 1u);
    EXPECT_EQ(records(*alice, storage::record_kind::history), 1u) << "the notice for bob";
    EXPECT_EQ(must(alice->api().events.show(alice->me(), event.id)).content.title, "Review");
    EXPECT_EQ(records(hub, storage::record_kind::history), 3u) << "the backup keeps them longer";
    net.stop(hub);
    hub.settings.history_kept = kept;  // what its own settings say
    hub.settings.trash_kept = trash;
    net.start(hub);
    net.world.advance(std::chrono::minutes(11));
    EXPECT_EQ(records(hub, storage::record_kind::history), 0u);
    EXPECT_EQ(records(hub, storage::record_kind::envelope), 3u);
}

TEST_P(history, of_a_store_without_times_is_counted_from_the_first_cleaning) {
    kept = std::chrono::hours(1);
    meet();
    const auto event = share();
    edit(*alice, event.id, "Review", "Room 1");
    std::pair<bytes, bytes> before;
    must(alice->store->records().scan(storage::record_kind::history, {}, {},
                                      [&](byte_view key, byte_view value) {
                                          before = {to_bytes(key), to_bytes(value)};
                                          return false;
                                      }));
    // As an earlier program wrote it: an envelope and no more.
    storage::batch writes;
    writes.put(storage::record_kind::history, before.first,
               codec::encode(must(codec::decode<envelope>(before.second))));
    must(alice->store->records().apply(writes));
    net.world.advance(std::chrono::minutes(65));
    EXPECT_EQ(versions(*alice, event.id).size(), 2u) << "that was ten minutes after the start";
    net.world.advance(std::chrono::minutes(6));
    EXPECT_EQ(versions(*alice, event.id).size(), 1u);
}

TEST_P(history, files_come_back_with_their_version) {
    meet();
    const auto event = share();
    test::bytes_source from(to_bytes("the old text"));
    must(net.run(
        alice->api().file.attach(alice->me(), event.id, "a.txt", "text/plain", from, false)));
    const auto with_file = version_at(*alice, event.id);
    must(net.run(alice->api().file.detach(alice->me(), event.id, "a.txt")));
    must(restore(*alice, event.id, with_file));
    arrives(*bob, event.id, version_at(*alice, event.id));
    must(net.run(bob->api().file.fetch(bob->me(), event.id, "a.txt")));
    test::bytes_sink into;
    must(net.run(bob->api().file.read(bob->me(), event.id, "a.txt", 0, 0, into)));
    EXPECT_EQ(into.all, to_bytes("the old text"));
}

/// What a device takes from others, whatever the others' programs let their users do.
TEST(history_rights, only_who_may_delete_an_event_brings_it_back) {
    test::test_environment world;
    must(crypto::initialise());
    plugins::plugin_host plugins({CALBOX_PLUGIN_DIRECTORY}, world.log);
    const auto storing = must(plugins.storage("memory", ""));
    const auto store = must(storing->open("here"));
    replica::database db(world.env, *store);
    replica::event_store events(world.env, db);
    author guest;
    guest.identity_key = bytes(32, 7);
    guest.device_key = bytes(32, 8);
    replica::verified_envelope deleted;
    deleted.header.kind = envelope_kind::tombstone;
    deleted.header.event = {user_id{{1}}, event_id::make_seq(device_number(1), 1)};
    deleted.header.version = version_number(3);
    deleted.header.participants = {*crypto::author_user(guest)};
    deleted.header.guests_may = guest_right::standard | guest_right::invite;
    deleted.order = {generation_number(1), version_number(3), digest{{9}}};
    events.publish(deleted);
    replica::verified_envelope back = deleted;
    back.header.kind = envelope_kind::put;
    back.header.version = version_number(4);
    back.header.by = guest;
    back.header.previous = deleted.order.hash;
    EXPECT_EQ(events.permitted(back).error().code, errc::forbidden);
    // Made beside the deletion, by a strategy that allows it: the order decides, as everywhere.
    back.header.previous = digest{{5}};
    EXPECT_TRUE(events.permitted(back));
    deleted.header.guests_may = guest_right::remove;
    events.publish(deleted);
    back.header = deleted.header;
    back.header.kind = envelope_kind::put;
    back.header.by = guest;
    back.header.previous = deleted.order.hash;
    EXPECT_TRUE(events.permitted(back));
}

}  // namespace
}  // namespace calbox
