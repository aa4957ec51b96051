// Whole nodes without a rendezvous: edges that become one for a while, and what they believe of
// advertisements that reach them.
#include <gtest/gtest.h>

#include <deque>

#include "crypto/certificates.hpp"
#include "overlay/locations.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::test_network;
using device = test_network::device;

/// A local network in memory: everybody hears everybody.
class lan_room {
public:
    class ear final : public net::multicast {
    public:
        ear(lan_room& room, const environment& env, std::string name)
            : room_(room), arrived_(env), name_(std::move(name)) {}
        result<void> open() override {
            open_ = true;
            return {};
        }
        task<result<datagram>> receive() override {
            while (open_ && waiting_.empty()) {
                arrived_.reset();
                co_await arrived_.wait();
            }
            if (!open_) {
                co_return fail(errc::closed, "closed");
            }
            datagram next = std::move(waiting_.front());
            waiting_.pop_front();
            co_return next;
        }
        void say(byte_view data) override {
            for (const auto& one : room_.ears_) {
                one->take({name_, to_bytes(data)});
            }
        }
        void answer(const std::string& to, byte_view data) override {
            for (const auto& one : room_.ears_) {
                if (one->name_ == to) {
                    one->take({name_, to_bytes(data)});
                }
            }
        }
        void close() noexcept override {
            open_ = false;
            arrived_.set();
        }

    private:
        void take(datagram one) {
            if (open_) {
                waiting_.push_back(std::move(one));
                arrived_.set();
            }
        }
        lan_room& room_;
        event arrived_;
        std::string name_;
        std::deque<datagram> waiting_;
        bool open_ = false;
    };
    net::multicast* plug_in(const environment& env, const std::string& name) {
        ears_.push_back(std::make_unique<ear>(*this, env, name + ":47471"));
        return ears_.back().get();
    }

private:
    std::vector<std::unique_ptr<ear>> ears_;
};

class promotion : public ::testing::Test {
protected:
    ~promotion() override {
        for (device* const one : joined) {
            net.stop(*one);  // while there is a room to leave
        }
    }
    static node::node_settings with_roles(std::uint32_t roles) {
        node::node_settings with;
        with.roles = roles;
        with.heartbeat = 2s;
        return with;
    }
    device& join(const std::string& name, std::uint32_t roles, const std::string& role) {
        auto with = with_roles(roles);
        with.on_no_rendezvous = node::without_rendezvous::promote;
        with.lan = with_lan ? room.plug_in(net.env, name) : nullptr;
        device& one = net.add(name, std::move(with));
        joined.push_back(&one);
        must(net.run(one.api().network.join(must(net.run(registry.api().network.invite({role}))))));
        return one;
    }
    device& add_edge(const std::string& name) {
        edges.push_back(&join(name, wire::role::edge, "edge"));
        return *edges.back();
    }
    static std::string state(device& one) { return one.api().info.status().state; }
    static std::string lessor(device& one) { return one.api().info.status().rendezvous; }
    static bool acts(device& one) { return one.api().overlay.show_overlay().acting; }
    std::vector<device*> acting() {
        std::vector<device*> found;
        for (device* const one : edges) {
            if (one->running && acts(*one)) {
                found.push_back(one);
            }
        }
        return found;
    }
    /// All that run lease from one and the same device.
    bool all_at(const std::string& where) {
        return std::ranges::all_of(edges, [&](device* one) {
            return !one->running || (state(*one) == "connected" && lessor(*one) == where);
        });
    }
    double seconds_until(const std::function<bool()>& question, duration most) {
        const instant begun = net.world.time.now();
        net.until(question, most);
        return std::chrono::duration<double>(net.world.time.now() - begun).count();
    }

    bool with_lan = false;
    test_network net;
    lan_room room;
    device& registry = net.add("registry", with_roles(wire::role::registry));
    std::vector<device*> joined, edges;
};

/// G15, G16: nothing is there but the registry, where they hear of each other.
TEST_F(promotion, of_five_at_once_one_stays_and_steps_down_for_a_real_one) {
    for (const char* const name : {"a", "b", "c", "d", "e"}) {
        add_edge(name);
    }
    const double first = seconds_until([&] { return !acting().empty(); }, 46s);
    EXPECT_GE(first, 39) << "not before it has looked for long enough";
    const double settled = seconds_until(
        [&] { return acting().size() == 1 && all_at(acting()[0]->api().info.status().device); },
        90s);
    device& chosen = *acting()[0];
    // It stays: nobody goes to and fro.
    for (int i = 0; i < 300; ++i) {
        net.world.advance(1s);
        ASSERT_EQ(acting(), std::vector{&chosen}) << i;
        ASSERT_TRUE(all_at(chosen.api().info.status().device)) << i;
    }
    // It does what a rendezvous does: they see each other, and share.
    device& alice = *edges[0];
    device& bob = *edges[1];
    alice.sign_in("alice");
    bob.sign_in("bob");
    node::event_draft draft;
    draft.title = "lecture";
    draft.start = "2026-05-04 14:00";
    draft.participants = {"bob"};
    const auto which = must(net.run(alice.api().events.create(alice.me(), draft))).id;
    net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); });

    device& real = join("real", wire::role::rendezvous, "rendezvous");
    const std::string where = real.api().info.status().device;
    const double back = seconds_until([&] { return acting().empty() && all_at(where); }, 60s);
    for (int i = 0; i < 300; ++i) {
        net.world.advance(1s);
        ASSERT_TRUE(acting().empty()) << i;
        ASSERT_TRUE(all_at(where)) << i;
    }
    for (const auto& one : net.run(bob.api().overlay.all_rendezvous())) {
        EXPECT_FALSE(one.promoted);
    }
    RecordProperty("first_promotion_s", std::to_string(first));
    RecordProperty("one_is_left_s", std::to_string(settled));
    RecordProperty("back_to_edge_s", std::to_string(back));
    std::printf("[ measured ] promoted after %.1f s, one left %.1f s later, back to edge %.1f s\n",
                first, settled, back);
}

/// G15: the cache is empty, and nobody but the local network can help.
TEST_F(promotion, the_local_network_is_enough) {
    with_lan = true;
    device& newcomer = add_edge("a");  // before there is a rendezvous that it could hear of
    net.stop(newcomer);
    device& real = join("real", wire::role::rendezvous, "rendezvous");
    net.until([&] { return state(real) == "connected"; });
    net.stop(registry);
    net.start(newcomer);
    EXPECT_NE(state(newcomer), "connected");
    const double cold = seconds_until([&] { return state(newcomer) == "connected"; }, 10s);
    EXPECT_EQ(lessor(newcomer), real.api().info.status().device);
    EXPECT_LE(cold, 1.0);
    std::printf("[ measured ] cold cache, local network: %.2f s\n", cold);
}

TEST_F(promotion, who_may_not_is_none_and_the_next_one_follows_when_it_is_lost) {
    device& real = join("real", wire::role::rendezvous, "rendezvous");
    auto never = with_roles(wire::role::edge);
    never.on_no_rendezvous = node::without_rendezvous::wait;
    device& waiting = net.add("waiting", std::move(never));
    must(net.run(
        waiting.api().network.join(must(net.run(registry.api().network.invite({"edge"}))))));
    add_edge("a");
    add_edge("b");
    edges.push_back(&waiting);
    net.until([&] { return all_at(real.api().info.status().device); });
    net.stop(real);
    (void)seconds_until(
        [&] { return acting().size() == 1 && all_at(acting()[0]->api().info.status().device); },
        3min);
    EXPECT_FALSE(acts(waiting));
    net.stop(*acting()[0]);
    (void)seconds_until(
        [&] { return acting().size() == 1 && all_at(acting()[0]->api().info.status().device); },
        3min);
    EXPECT_FALSE(acts(waiting));
}

/// Where devices are, alone with a store.
class hearsay : public ::testing::Test {
protected:
    struct member {
        net::credentials mine;
        device_id id() const { return crypto::device_of(mine.device_key.public_key); }
    };
    member enrol(std::uint32_t roles) {
        member made;
        made.mine.device_key = crypto::signing_key::generate(net.world.entropy);
        made.mine.certificate =
            *crypto::make_device_certificate(ca, ca_certificate, made.mine.device_key.public_key,
                                             roles, net.world.time.wall(), net.world.entropy);
        made.mine.ca_certificate = ca_certificate;
        made.mine.network = crypto::network_of_ca(ca_certificate);
        return made;
    }
    wire::signed_advertisement says(const member& who, std::uint64_t epoch, std::uint64_t sequence,
                                    const std::string& address) {
        return overlay::sign(who.mine.device_key, {who.mine.network,
                                                   who.mine.certificate,
                                                   wire::role::rendezvous,
                                                   {address},
                                                   epoch,
                                                   sequence,
                                                   net.world.time.wall(),
                                                   7 * 24 * 3600});
    }
    static wire::location place(const device_id& device,
                                std::optional<wire::signed_advertisement> said,
                                std::string address = "evil:1") {
        return {device, wire::role::rendezvous, {std::move(address)}, {}, true,
                {},     std::move(said)};
    }
    static std::vector<std::string> at(const overlay::locations& known, const device_id& device) {
        const auto found = known.find(device);
        return found ? found->addresses : std::vector<std::string>();
    }
    void finish(overlay::locations& known) {
        net.run([](overlay::locations& ending) -> task<void> {
            ending.request_stop();
            co_await ending.join();
        }(known));
    }

    test_network net;
    crypto::signing_key ca = crypto::signing_key::generate(net.world.entropy);
    bytes ca_certificate =
        *crypto::make_ca_certificate(ca, net.world.time.wall(), net.world.entropy);
    plugins::loaded<storage::strategy> storing{must(net.plugins.storage("memory", ""))};
    std::unique_ptr<storage::store> store{must(storing->open("hearsay"))};
    replica::database db{net.env, *store};
    member me = enrol(wire::role::edge);
    member one = enrol(wire::role::rendezvous);
};

TEST_F(hearsay, of_a_rendezvous_counts_by_its_own_newest_advertisement_alone) {
    const auto first = says(one, 4, 2, "good:1");
    {
        overlay::locations known(net.env, db, me.mine);
        known.note(place(one.id(), std::nullopt));
        EXPECT_FALSE(known.is_rendezvous(one.id()));
        EXPECT_TRUE(at(known, one.id()).empty());
        EXPECT_EQ(known.dropped().unsigned_claims, 1u);

        known.note(place(one.id(), first));
        EXPECT_TRUE(known.is_rendezvous(one.id()));
        EXPECT_EQ(at(known, one.id()), std::vector<std::string>{"good:1"}) << "as it says itself";
        known.note(place(one.id(), std::nullopt));
        EXPECT_EQ(at(known, one.id()), std::vector<std::string>{"good:1"});

        // Replayed: the same again is no news; older ones, and another one of the same number.
        EXPECT_FALSE(known.hear(one.id(), first));
        EXPECT_EQ(known.dropped().older, 0u);
        const auto moved = says(one, 4, 3, "better:1");
        EXPECT_TRUE(known.hear(one.id(), moved));
        EXPECT_FALSE(known.hear(one.id(), first));
        EXPECT_FALSE(known.hear(one.id(), says(one, 3, 99, "before:1")));
        EXPECT_FALSE(known.hear(one.id(), says(one, 4, 3, "forked:1")));
        EXPECT_EQ(known.dropped().older, 3u);
        EXPECT_EQ(at(known, one.id()), std::vector<std::string>{"better:1"});
        EXPECT_TRUE(known.hear(one.id(), says(one, 5, 1, "restarted:1")));

        // Under another's name, and for another network.
        const member other = enrol(wire::role::rendezvous);
        EXPECT_FALSE(known.hear(other.id(), says(one, 9, 9, "evil:1")));
        EXPECT_EQ(known.dropped().forged, 1u);
        member abroad = enrol(wire::role::rendezvous);
        abroad.mine.network.value[3] ^= 1;
        EXPECT_FALSE(known.hear(abroad.id(), says(abroad, 1, 1, "far:1")));
        EXPECT_EQ(known.dropped().other_network, 1u);
        EXPECT_EQ(known.holders(wire::role::rendezvous), std::vector{one.id()});
        finish(known);
    }
    // What is stored is judged again, and rolls nothing back.
    overlay::locations known(net.env, db, me.mine);
    must(net.run(known.load()));
    EXPECT_TRUE(known.is_rendezvous(one.id()));
    EXPECT_EQ(at(known, one.id()), std::vector<std::string>{"restarted:1"});
    EXPECT_FALSE(known.hear(one.id(), first));
    EXPECT_EQ(known.dropped().older, 1u);
    net.world.time.base_ms += std::int64_t{8} * 24 * 3600 * 1000 + 1;
    known.drop_expired();
    EXPECT_FALSE(known.is_rendezvous(one.id()));
    EXPECT_TRUE(at(known, one.id()).empty());
    EXPECT_EQ(known.dropped().expired, 1u);
    finish(known);
}

TEST_F(hearsay, promoted_ones_are_no_holders_of_the_role_but_can_be_found) {
    overlay::locations known(net.env, db, me.mine);
    const member edge = enrol(wire::role::edge);
    EXPECT_TRUE(known.hear(edge.id(), says(edge, 1, 1, "edge:1")));
    EXPECT_TRUE(known.is_promoted(edge.id()));
    EXPECT_TRUE(known.holders(wire::role::rendezvous).empty());
    ASSERT_EQ(known.with_roles(wire::role::rendezvous).size(), 1u);
    EXPECT_EQ(known.with_roles(wire::role::rendezvous)[0].device, edge.id());
    auto no_more = says(edge, 1, 2, "edge:1");
    wire::advertisement what = *codec::decode<wire::advertisement>(no_more.advertisement);
    what.roles = 0;
    EXPECT_TRUE(known.hear(edge.id(), overlay::sign(edge.mine.device_key, what)));
    EXPECT_FALSE(known.is_rendezvous(edge.id()));
    EXPECT_TRUE(known.with_roles(wire::role::rendezvous).empty());
    finish(known);
}

}  // namespace
}  // namespace calbox
