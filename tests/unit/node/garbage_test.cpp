// A member of the network whose program is broken or hostile: over a session that TLS has let in it
// sends every message of the table cut, changed and made up. No node ends, none keeps anything of
// it, and all others are served.
#include <gtest/gtest.h>

#include <algorithm>

#include <calbox/cbor.hpp>

#include "node/enrolment.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using test::must;
using test::test_network;
using wire::message_type;

/// A device with a certificate, and nothing behind it.
class mallory final : public net::pool_mediator,
                      public net::message_handler,
                      public net::relay_dialler {
public:
    mallory(test_network& net, test_network::device& hub)
        : net_(net),
          hub_address_(hub.api().info.status().addresses.at(0)),
          storing_(must(net.plugins.storage("memory", ""))),
          store_(must(storing_->open("mallory"))),
          db_(net.env, *store_),
          me_(net.env, db_) {
        must(net.run(me_.load()));
        net::pool_settings with;
        with.listen = "mallory:0";
        pool_ = net::make_pool(net.env, me_.mine(), *this, *this, *this, with);
        must(pool_->start());
        const auto invitation =
            must(node::parse_invitation(must(net.run(hub.api().network.invite({"edge"})))));
        must(net.run(me_.join(invitation, wire::role::edge, *pool_)));
        hub_ = me_.record().registry;
    }
    ~mallory() override {
        net_.run([](net::pool& ending) -> task<void> {
            ending.request_stop();
            co_await ending.join();
        }(*pool_));
    }
    mallory(const mallory&) = delete;
    mallory& operator=(const mallory&) = delete;

    /// Sends as the table says; the answer does not matter.
    void say(message_type type, bytes payload) {
        if (wire::find_rule(static_cast<std::uint8_t>(type))->answered) {
            (void)net_.run(pool_->request(hub_, type, std::move(payload), std::chrono::seconds(2)));
        } else {
            (void)net_.run(pool_->send(hub_, type, std::move(payload)));
        }
    }
    bool is_answered() {
        return net_.run(pool_->request(hub_, message_type::ping, codec::encode(wire::nothing{})))
            .has_value();
    }

    wire::hello hello() override {
        wire::hello mine;
        mine.network = me_.mine().network;
        mine.roles = wire::role::edge;
        mine.consensus = "naive 1.0.0";
        mine.consensus_settings = crypto::sha256({});
        return mine;
    }
    std::vector<author> verify_users(const device_id&, const std::vector<author>&) override {
        return {};
    }
    task<std::optional<wire::location>> find(device_id device) override {
        wire::location where;
        where.device = device;
        where.roles = wire::role::registry | wire::role::rendezvous | wire::role::backup;
        where.addresses = {hub_address_};
        co_return where;
    }
    void came(const net::peer&) override {}
    void went(const device_id&) override {}
    task<result<bytes>> on_request(const net::peer&, message_type, bytes) override {
        co_return bytes();
    }
    task<void> on_message(const net::peer&, message_type, bytes) override { co_return; }
    task<result<std::unique_ptr<net::byte_stream>>> dial(device_id, device_id) override {
        co_return fail(errc::unavailable);
    }

private:
    test_network& net_;
    std::string hub_address_;
    plugins::loaded<storage::strategy> storing_;
    std::unique_ptr<storage::store> store_;
    replica::database db_;
    node::enrolment me_;
    std::unique_ptr<net::pool> pool_;
    device_id hub_;
};

/// One well-formed payload of each message: what cuts and changes begin from.
std::vector<std::pair<message_type, bytes>> well_formed() {
    wire::enroll enroll;
    enroll.roles = wire::role::rendezvous;
    wire::lookup lookup;
    wire::locate locate;
    locate.users = {user_id()};
    wire::publish publish;
    publish.objects.emplace_back();
    publish.lives_s = 60;
    publish.holder.emplace();
    wire::lease lease;
    wire::strategies strategies;
    strategies.known.emplace_back();
    wire::make_room room;
    room.edges = {device_id()};
    const wire::members members{device_id(), {wire::member_news()}, wire::member_span()};
    wire::advertise advertise;
    advertise.said.advertisement = codec::encode(wire::advertisement());
    advertise.said.signature = bytes(64);
    wire::update update;
    update.what.header = codec::encode(envelope_header());
    return {
        {message_type::hello, codec::encode(wire::hello())},
        {message_type::bindings, codec::encode(wire::bindings())},
        {message_type::enroll, codec::encode(enroll)},
        {message_type::login_begin, codec::encode(wire::login_begin())},
        {message_type::register_user, codec::encode(wire::register_user())},
        {message_type::login, codec::encode(wire::login())},
        {message_type::lookup, codec::encode(lookup)},
        {message_type::strategies, codec::encode(strategies)},
        {message_type::probe, codec::encode(wire::probe())},
        {message_type::lease, codec::encode(lease)},
        {message_type::heartbeat, codec::encode(wire::heartbeat())},
        {message_type::leave, codec::encode(wire::leave())},
        {message_type::locate, codec::encode(locate)},
        {message_type::presence, codec::encode(wire::presence())},
        {message_type::relay_open, codec::encode(wire::relay_open())},
        {message_type::relay_data, codec::encode(wire::relay_data())},
        {message_type::relay_close, codec::encode(wire::relay_close())},
        {message_type::make_room, codec::encode(room)},
        {message_type::move, codec::encode(wire::move())},
        {message_type::loads, codec::encode(wire::nothing())},
        {message_type::advertise, codec::encode(advertise)},
        {message_type::resolve, codec::encode(wire::resolve{"devices", codec::encode(locate), 1})},
        {message_type::resolve,
         codec::encode(wire::resolve{"objects", codec::encode(wire::find_object()), 1})},
        {message_type::publish, codec::encode(publish)},
        {message_type::members, codec::encode(members)},
        {message_type::watch, codec::encode(wire::watch{{user_id()}, {device_id()}, true, false})},
        {message_type::update, codec::encode(update)},
        {message_type::consensus, codec::encode(wire::consensus_message())},
        {message_type::recovery, codec::encode(wire::recovery_message())},
        {message_type::file_info, codec::encode(wire::file_info())},
        {message_type::file_hashes, codec::encode(wire::file_hashes())},
        {message_type::file_leaf, codec::encode(wire::file_leaf())},
        {message_type::small_files, codec::encode(wire::small_files{{file_root()}})},
        {message_type::file_keep, codec::encode(wire::file_keep())},
        {message_type::file_kept, codec::encode(wire::file_kept())},
        {message_type::holds, codec::encode(wire::holds())},
        {message_type::file_needs,
         codec::encode(wire::file_needs{{{{user_id()}, {file_root()}}}, {}})}};
}

/// Lengths that lie, depths that no one needs, and noise.
std::vector<bytes> made_up(test::test_environment& world) {
    std::vector<bytes> all{{},
                           {0xff},
                           {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                           {0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                           {0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0},
                           {0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                           bytes(100'000, 0x81),
                           bytes(100'000, 0xa1)};
    for (int i = 0; i < 20; ++i) {
        bytes noise(static_cast<std::size_t>(1 + world.entropy.below(600)));
        world.entropy.fill(noise);
        all.push_back(std::move(noise));
    }
    return all;
}

TEST(garbage, of_a_member_ends_nothing_and_leaves_nothing) {
    test_network net;
    auto& hub = net.add_hub();
    auto& alice = net.add_edge("alice", hub);
    alice.sign_in("alice");
    const auto kept = [&](const std::string& title) {
        node::event_draft draft;
        draft.title = title;
        draft.start = "2026-05-04 14:00";
        return must(net.run(alice.api().events.create(alice.me(), draft)));
    };
    const auto before = kept("before");
    net.until([&] { return hub.api().info.status().events == 1; });

    mallory peer(net, hub);
    for (const auto& [type, payload] : well_formed()) {
        std::vector<bytes> sent = made_up(net.world);
        sent.push_back(payload);
        for (std::size_t length = 0; length < payload.size(); length += 1 + payload.size() / 40) {
            sent.emplace_back(payload.begin(),
                              payload.begin() + static_cast<std::ptrdiff_t>(length));
        }
        for (int i = 0; i < 40 && !payload.empty(); ++i) {
            bytes changed = payload;
            changed[static_cast<std::size_t>(net.world.entropy.below(changed.size()))] ^=
                static_cast<std::uint8_t>(1 + net.world.entropy.below(255));
            sent.push_back(std::move(changed));
        }
        for (bytes& one : sent) {
            peer.say(type, std::move(one));
        }
        EXPECT_TRUE(peer.is_answered()) << "after messages of type " << static_cast<int>(type);
    }

    EXPECT_EQ(hub.api().info.status().events, 1U);
    EXPECT_EQ(hub.api().info.status().files, 0U);
    EXPECT_TRUE(alice.api().events.show(alice.me(), before.id).has_value());
    kept("after");
    net.until([&] { return hub.api().info.status().events == 2; });
    auto& bob = net.add_edge("bob", hub);
    bob.sign_in("bob");
}

}  // namespace
}  // namespace calbox
