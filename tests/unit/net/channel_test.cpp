// Secure channels and sessions over in-memory streams: who is let in, what is carried, and what
// garbage does.
#include <gtest/gtest.h>

#include "crypto/certificates.hpp"
#include "net/framing.hpp"
#include "net/memory_transport.hpp"
#include "net/session.hpp"
#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::net {
namespace {

using namespace asio::experimental::awaitable_operators;

class channel_test : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(crypto::initialise().has_value()); }

    struct network {
        crypto::signing_key ca;
        bytes certificate;
    };
    network make_network() {
        network made{crypto::signing_key::generate(world.entropy), {}};
        made.certificate = *crypto::make_ca_certificate(made.ca, world.time.wall(), world.entropy);
        return made;
    }
    credentials member_of(const network& of, std::uint32_t roles) {
        credentials mine;
        mine.device_key = crypto::signing_key::generate(world.entropy);
        mine.certificate =
            *crypto::make_device_certificate(of.ca, of.certificate, mine.device_key.public_key,
                                             roles, world.time.wall(), world.entropy);
        mine.ca_certificate = of.certificate;
        mine.network = crypto::network_of_ca(of.certificate);
        return mine;
    }
    device_id id_of(const credentials& of) { return crypto::device_of(of.device_key.public_key); }

    using channel = std::unique_ptr<secure_channel>;
    std::pair<result<channel>, result<channel>> handshake(const credentials& client,
                                                          expectation expected,
                                                          const credentials& server) {
        auto [a, b] = make_memory_streams(world.env, "test");
        auto both = [](const environment& env, std::unique_ptr<byte_stream> near,
                       std::unique_ptr<byte_stream> far, const credentials& from,
                       const credentials& to,
                       expectation expect) -> task<std::pair<result<channel>, result<channel>>> {
            auto [first, second] =
                co_await (secure_client(env, std::move(near), from, std::move(expect)) &&
                          secure_server(env, std::move(far), to));
            co_return std::pair(std::move(first), std::move(second));
        };
        return world.run(
            both(world.env, std::move(a), std::move(b), client, server, std::move(expected)));
    }

    test::test_environment world;
};

TEST_F(channel_test, both_know_each_other_and_share_a_binding) {
    const auto net = make_network();
    const auto alice = member_of(net, wire::role::edge), bob = member_of(net, wire::role::backup);
    auto [client, server] = handshake(alice, {id_of(bob), std::nullopt, wire::role::backup}, bob);
    ASSERT_TRUE(client.has_value()) << client.error().message();
    ASSERT_TRUE(server.has_value()) << server.error().message();
    EXPECT_EQ((*client)->peer().device, id_of(bob));
    EXPECT_EQ((*server)->peer().device, id_of(alice));
    EXPECT_TRUE((*server)->peer().of_network);
    EXPECT_EQ(to_hex((*client)->channel_binding()), to_hex((*server)->channel_binding()));
    EXPECT_EQ((*client)->channel_binding().size(), 32u);
}

TEST_F(channel_test, another_device_or_role_than_expected_is_refused) {
    const auto net = make_network();
    const auto alice = member_of(net, wire::role::edge), bob = member_of(net, wire::role::edge);
    EXPECT_FALSE(handshake(alice, {id_of(alice), std::nullopt, 0}, bob).first.has_value());
    EXPECT_FALSE(
        handshake(alice, {id_of(bob), std::nullopt, wire::role::registry}, bob).first.has_value());
}

TEST_F(channel_test, stranger_of_another_network_is_no_member) {
    const auto net = make_network(), other = make_network();
    const auto alice = member_of(net, wire::role::edge), eve = member_of(other, wire::role::edge);
    auto [client, server] = handshake(eve, {id_of(alice), std::nullopt, 0}, alice);
    if (server) {
        EXPECT_FALSE((*server)->peer().of_network);
    }
    auto bootstrap = handshake(eve, {std::nullopt, eve.network, 0}, alice);
    EXPECT_FALSE(bootstrap.first.has_value());
}

TEST_F(channel_test, bootstrap_checks_the_ca_of_the_invitation) {
    const auto net = make_network();
    const auto registry = member_of(net, wire::role::registry);
    credentials fresh;
    fresh.device_key = crypto::signing_key::generate(world.entropy);
    fresh.certificate =
        *crypto::make_self_signed_certificate(fresh.device_key, world.time.wall(), world.entropy);
    auto [client, server] =
        handshake(fresh, {std::nullopt, registry.network, wire::role::registry}, registry);
    ASSERT_TRUE(client.has_value()) << client.error().message();
    ASSERT_TRUE(server.has_value());
    EXPECT_FALSE((*server)->peer().of_network);
}

TEST_F(channel_test, garbage_instead_of_tls_ends_it) {
    const auto net = make_network();
    const auto alice = member_of(net, wire::role::edge);
    auto [a, b] = make_memory_streams(world.env, "test");
    auto talk = [](const environment& env, std::unique_ptr<byte_stream> far,
                   std::unique_ptr<byte_stream> near, const credentials& mine) -> task<bool> {
        const bytes garbage(5000, 0x41);
        (void)co_await far->write(garbage);
        const auto channel = co_await secure_server(env, std::move(near), mine);
        co_return channel.has_value();
    };
    EXPECT_FALSE(world.run(talk(world.env, std::move(a), std::move(b), alice)));
}

TEST_F(channel_test, silence_is_given_up) {
    const auto net = make_network();
    const auto alice = member_of(net, wire::role::edge);
    auto [a, b] = make_memory_streams(world.env, "test");
    const instant before = world.time.now();
    const auto channel = world.run(secure_server(world.env, std::move(b), alice));
    EXPECT_FALSE(channel.has_value());
    EXPECT_LE(world.time.now() - before, wire::limits::handshake_time + std::chrono::seconds(1));
}

TEST(framing, messages_of_all_sizes_in_pieces_of_all_sizes) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
        bytes stream;
        std::vector<bytes> sent;
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{1}, wire::limits::frame_bytes,
              wire::limits::frame_bytes + 1, wire::limits::message_bytes}) {
            sent.emplace_back(size, static_cast<std::uint8_t>(size));
            write_frames(stream, 40, 0, 5, sent.back());
        }
        frame_reader reader;
        std::vector<bytes> got;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            const byte_view all(stream);
            ASSERT_TRUE(
                reader.feed(all.subspan(at, std::min(piece, stream.size() - at))).has_value());
            while (auto message = reader.next()) {
                EXPECT_EQ(message->type, 40);
                EXPECT_EQ(message->stream, 5u);
                got.push_back(std::move(message->payload));
            }
        }
        EXPECT_TRUE(got == sent) << piece;
    }
}

TEST(framing, what_is_too_large_ends_it_before_memory_is_taken) {
    bytes head(frame_head_bytes, 0);
    head[0] = 0x7f;
    head[4] = frame_version;
    frame_reader reader;
    const auto fed = reader.feed(head);
    ASSERT_FALSE(fed.has_value());
    EXPECT_EQ(fed.error().code, errc::too_large);

    bytes endless;
    const bytes frame(wire::limits::frame_bytes, 1);
    frame_reader other;
    result<void> outcome;
    for (int i = 0; i < 20 && outcome; ++i) {
        bytes one;
        write_frames(one, 40, frame_flag::more, 1, frame);
        outcome = other.feed(one);
    }
    EXPECT_FALSE(outcome.has_value());
}

TEST(framing, random_bytes_never_crash_it) {
    test::seeded_random entropy(11);
    for (int round = 0; round < 2000; ++round) {
        bytes data(entropy.below(200));
        entropy.fill(data);
        frame_reader reader;
        if (reader.feed(data)) {
            while (reader.next()) {
            }
        }
    }
}

}  // namespace
}  // namespace calbox::net
