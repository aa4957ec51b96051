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

/// Says that something has arrived only while the gate is open, and counts who reads.
class gated_stream final : public byte_stream {
public:
    gated_stream(const environment& env, std::unique_ptr<byte_stream> beneath)
        : gate(env), beneath_(std::move(beneath)) {
        gate.set();
    }
    task<result<void>> readable() override {
        co_await gate.wait();
        co_return result<void>();
    }
    task<result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
        ++reads;
        co_return co_await beneath_->read_some(into);
    }
    task<result<void>> write(byte_view data) override { return beneath_->write(data); }
    void close() noexcept override { beneath_->close(); }
    std::string description() const override { return beneath_->description(); }

    event gate;
    int reads = 0;

private:
    std::unique_ptr<byte_stream> beneath_;
};

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

TEST_F(channel_test, reads_only_what_has_arrived_and_a_record_at_most) {
    const auto net = make_network();
    const auto alice = member_of(net, wire::role::edge), bob = member_of(net, wire::role::edge);
    auto [near, far] = make_memory_streams(world.env, "test");
    auto owned = std::make_unique<gated_stream>(world.env, std::move(near));
    gated_stream& stream = *owned;
    auto all = [](const environment& env, std::unique_ptr<byte_stream> mine,
                  std::unique_ptr<byte_stream> its, const credentials& from, const credentials& to,
                  gated_stream& gated) -> task<std::vector<std::size_t>> {
        auto [client, server] = co_await (secure_client(env, std::move(mine), from, {}) &&
                                          secure_server(env, std::move(its), to));
        gated.gate.reset();
        const int before = gated.reads;
        auto waiting = [](secure_channel& on, std::vector<std::size_t>& into) -> task<void> {
            for (std::size_t read = 0; read < 40'000; read += into.back()) {
                const auto data = co_await on.read();
                into.push_back(data ? data->size() : 40'000);
            }
        };
        auto writing = [](secure_channel& on, gated_stream& to_open, int reads) -> task<void> {
            (void)co_await on.write(bytes(40'000, 1));
            EXPECT_EQ(to_open.reads, reads) << "it reads before something has arrived";
            to_open.gate.set();
        };
        std::vector<std::size_t> sizes;
        co_await (waiting(**client, sizes) && writing(**server, gated, before));
        co_return sizes;
    };
    const auto sizes =
        world.run(all(world.env, std::move(owned), std::move(far), alice, bob, stream));
    EXPECT_EQ(sizes, (std::vector<std::size_t>{16'384, 16'384, 7'232}));
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
