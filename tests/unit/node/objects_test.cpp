// Whole nodes: who holds what is found by the object layer, whatever becomes of single rendezvous.
#include <gtest/gtest.h>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::test_network;
using device = test_network::device;

class objects : public testing::Test {
protected:
    device& add_rendezvous(const std::string& name) {
        node::node_settings with;
        with.roles = wire::role::rendezvous;
        device& one = net.add(name, std::move(with));
        must(net.run(
            one.api().network.join(must(net.run(hub.api().network.invite({"rendezvous"}))))));
        net.until([&] { return one.api().info.status().state == "connected"; });
        return one;
    }
    event_id share(device& from, std::vector<std::string> with, const std::string& title) {
        node::event_draft draft;
        draft.title = title;
        draft.start = "2027-01-01T10:00";
        draft.end = "2027-01-01T11:00";
        draft.zone = "UTC";
        draft.participants = std::move(with);
        return must(net.run(from.api().events.create(from.me(), draft))).id;
    }
    static node::objects_view shown(device& of) { return of.api().objects.show_objects(); }
    std::uint64_t found(device& by, event_id which) {
        const auto view = net.run(by.api().objects.holders(by.me(), which, 3));
        return view ? view->answered.size() : 0;
    }
    test_network net;
    device& hub = add_center();

private:
    device& add_center() {
        node::node_settings with;
        with.roles = wire::role::registry | wire::role::rendezvous;
        return net.add("hub", std::move(with));
    }
};

TEST_F(objects, holders_are_found_after_rendezvous_have_gone_and_come) {
    std::vector<device*> leasing{&hub};
    for (const char* name : {"r1", "r2", "r3"}) {
        leasing.push_back(&add_rendezvous(name));
    }
    device& alice = net.add_edge("a", hub);
    device& bob = net.add_edge("b", hub);
    alice.sign_in("alice");
    bob.sign_in("bob");
    net.world.advance(2min);  // the rendezvous have heard of each other
    std::vector<event_id> events;
    for (int i = 0; i < 20; ++i) {
        events.push_back(share(alice, {"bob"}, "meeting " + std::to_string(i)));
    }
    const auto kept = [&] {
        std::uint64_t all = 0;
        for (device* const one : leasing) {
            all += one->running ? shown(*one).kept_entries : 0;
        }
        return all;
    };
    // Twenty events at two devices, each noted by three rendezvous.
    net.until([&] { return shown(alice).told == 20 && shown(bob).told == 20 && kept() == 120; });
    EXPECT_EQ(shown(alice).copies, 3u);
    EXPECT_EQ(found(bob, events[0]), 1u);

    net.stop(*leasing[1]);
    net.until([&] { return kept() == 120; }, 3min);
    for (const event_id& one : events) {
        EXPECT_EQ(found(bob, one), 1u);
        EXPECT_EQ(found(alice, one), 1u);
    }
    net.stop(*leasing[2]);
    net.until([&] { return bob.api().info.status().state == "connected"; });
    for (const event_id& one : events) {
        EXPECT_EQ(found(bob, one), 1u) << "two are left, and both have noted it";
    }

    must(net.run(alice.api().events.remove(alice.me(), events[0], {})));
    net.until([&] { return shown(alice).told == 19 && shown(bob).told == 19; });
}

TEST_F(objects, a_file_is_fetched_from_whom_only_the_object_layer_knows) {
    device& alice = net.add_edge("a", hub);
    device& bob = net.add_edge("b", hub);
    device& carol = net.add_edge("c", hub);
    alice.sign_in("alice");
    bob.sign_in("bob");
    carol.sign_in("carol");
    const event_id which = share(alice, {"bob", "carol"}, "slides");
    bytes sent(100'000, 7);
    test::bytes_source from(sent);
    must(net.run(alice.api().file.attach(alice.me(), which, "a", "", from, false)));
    const auto sees_it = [&](device& one) {
        const auto files = one.api().file.list(one.me(), which);
        return files && files->size() == 1;
    };
    net.until([&] { return sees_it(bob) && sees_it(carol); });
    must(net.run(bob.api().file.fetch(bob.me(), which, "a")));
    // Bob has it, and takes part no more.
    node::event_draft change;
    change.participants = std::vector<std::string>{"carol"};
    must(net.run(alice.api().events.modify(alice.me(), which, change, {})));
    net.until([&] {
        return must(carol.api().events.show(carol.me(), which)).content.participants.size() == 1 &&
               shown(bob).told == shown(bob).held && !bob.api().events.show(bob.me(), which);
    });
    net.stop(alice);
    net.world.advance(1min);
    must(net.run(carol.api().file.fetch(carol.me(), which, "a")));
    test::bytes_sink into;
    must(net.run(carol.api().file.read(carol.me(), which, "a", 0, 0, into)));
    EXPECT_TRUE(into.all == sent);
}

}  // namespace
}  // namespace calbox
