// What rendezvous say of themselves: only what is signed, of this network and in time counts, and
// no change of a byte goes unseen.
#include "overlay/advertisements.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "crypto/certificates.hpp"
#include "net/secure_channel.hpp"
#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::overlay {
namespace {

constexpr std::int64_t day_ms = 24 * 3600 * 1000;

class advertisements_test : public testing::Test {
protected:
    advertisements_test() { (void)crypto::initialise(); }

    struct member {
        net::credentials mine;
        device_id id() const { return crypto::device_of(mine.device_key.public_key); }
    };
    member enrol(std::uint32_t roles) {
        member made;
        made.mine.device_key = crypto::signing_key::generate(entropy);
        made.mine.certificate = *crypto::make_device_certificate(
            ca, ca_certificate, made.mine.device_key.public_key, roles, now, entropy);
        made.mine.ca_certificate = ca_certificate;
        made.mine.network = network;
        return made;
    }
    wire::advertisement of(const member& who) const {
        return {network, who.mine.certificate, wire::role::rendezvous, {"198.51.100.7:4747"}, 3, 9,
                now,     7 * 24 * 3600};
    }
    tl::expected<advertised, refusal> judge(const wire::signed_advertisement& one) const {
        return examine(one, network, ca_certificate, now);
    }
    refusal why(const wire::signed_advertisement& one) const {
        const auto found = judge(one);
        EXPECT_FALSE(found);
        return found ? refusal::older : found.error();
    }

    test::seeded_random entropy{11};
    timestamp now{1'777'800'000'000};
    crypto::signing_key ca = crypto::signing_key::generate(entropy);
    bytes ca_certificate = *crypto::make_ca_certificate(ca, now, entropy);
    network_id network = crypto::network_of_ca(ca_certificate);
};

TEST_F(advertisements_test, says_who_is_a_rendezvous_by_certificate_and_who_by_choice) {
    const member appointed = enrol(wire::role::rendezvous | wire::role::backup);
    const auto good = judge(sign(appointed.mine.device_key, of(appointed)));
    ASSERT_TRUE(good);
    EXPECT_EQ(good->device, appointed.id());
    EXPECT_TRUE(good->leases);
    EXPECT_FALSE(good->promoted);
    EXPECT_EQ(good->order(), std::pair(std::uint64_t{3}, std::uint64_t{9}));

    const member edge = enrol(wire::role::edge);
    const auto chosen = judge(sign(edge.mine.device_key, of(edge)));
    ASSERT_TRUE(chosen);
    EXPECT_TRUE(chosen->promoted);
    wire::advertisement claim = of(edge);
    claim.roles |= wire::role::backup;
    EXPECT_EQ(why(sign(edge.mine.device_key, claim)), refusal::forged) << "not in its certificate";
    claim.roles = 0;
    const auto no_more = judge(sign(edge.mine.device_key, claim));
    ASSERT_TRUE(no_more);
    EXPECT_FALSE(no_more->leases || no_more->promoted);
}

TEST_F(advertisements_test, drops_what_is_unsigned_foreign_out_of_time_or_anothers) {
    const member one = enrol(wire::role::rendezvous);
    wire::signed_advertisement said = sign(one.mine.device_key, of(one));
    said.signature.clear();
    EXPECT_EQ(why(said), refusal::unsigned_claim);

    const member other = enrol(wire::role::rendezvous);
    EXPECT_EQ(why(sign(other.mine.device_key, of(one))), refusal::forged) << "another's key";

    wire::advertisement foreign = of(one);
    foreign.network.value[0] ^= 1;
    EXPECT_EQ(why(sign(one.mine.device_key, foreign)), refusal::other_network);

    member stranger = enrol(wire::role::rendezvous);
    const auto their_ca = crypto::signing_key::generate(entropy);
    const auto their_root = *crypto::make_ca_certificate(their_ca, now, entropy);
    stranger.mine.certificate =
        *crypto::make_device_certificate(their_ca, their_root, stranger.mine.device_key.public_key,
                                         wire::role::rendezvous, now, entropy);
    EXPECT_EQ(why(sign(stranger.mine.device_key, of(stranger))), refusal::forged)
        << "certified by somebody else";

    wire::advertisement old = of(one);
    old.not_before.ms -= 8 * day_ms;
    EXPECT_TRUE(judge(sign(one.mine.device_key, old))) << "clocks may differ by a day";
    old.not_before.ms -= 1;
    EXPECT_EQ(why(sign(one.mine.device_key, old)), refusal::expired);
    wire::advertisement early = of(one);
    early.not_before.ms += day_ms + 1;
    EXPECT_EQ(why(sign(one.mine.device_key, early)), refusal::expired);

    wire::advertisement eternal = of(one);
    eternal.lives_s += 1;
    EXPECT_EQ(why(sign(one.mine.device_key, eternal)), refusal::forged);
    wire::advertisement large = of(one);
    large.addresses.assign(wire::limits::addresses_per_device + 1, "a:1");
    EXPECT_EQ(why(sign(one.mine.device_key, large)), refusal::forged);
    large.addresses.assign(wire::limits::addresses_per_device, std::string(255, 'a'));
    EXPECT_EQ(why(sign(one.mine.device_key, large)), refusal::forged) << "above 2 KiB";
}

/// G30: 1,000,000 at release.
TEST_F(advertisements_test, of_many_changed_ones_none_is_believed) {
    const bool release = std::getenv("CALBOX_CHECK_RELEASE") != nullptr;
    const int wanted = release ? 1'000'000 : 10'000;
    const member one = enrol(wire::role::rendezvous), other = enrol(wire::role::rendezvous);
    const auto said = sign(one.mine.device_key, of(one));
    const auto others = sign(other.mine.device_key, of(other));
    ASSERT_TRUE(judge(said));
    const bytes good = codec::encode(said);
    const auto any = [this](std::size_t below) {
        return static_cast<std::size_t>(entropy.below(below));
    };
    int judged = 0, believed = 0, unreadable = 0;
    while (judged + unreadable < wanted) {
        bytes changed = good;
        switch (entropy.below(8)) {
            case 0:  // cut
                changed.resize(any(changed.size()));
                break;
            case 1:  // one byte more, or one less
                changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(any(changed.size())),
                               static_cast<std::uint8_t>(entropy.below(256)));
                break;
            case 2: {  // parts of another good one
                wire::signed_advertisement mixed = said;
                (entropy.below(2) == 0 ? mixed.signature : mixed.advertisement) =
                    entropy.below(2) == 0 ? others.signature : others.advertisement;
                changed = codec::encode(mixed);
                break;
            }
            default:
                for (std::uint64_t i = 1 + entropy.below(3); i > 0; --i) {
                    changed[any(changed.size())] ^=
                        static_cast<std::uint8_t>(1 + entropy.below(255));
                }
        }
        const auto read = codec::decode<wire::signed_advertisement>(changed);
        if (!read) {
            ++unreadable;
        } else if (*read != said && *read != others) {  // changes may meet, and undo each other
            ++judged;
            believed += judge(*read) ? 1 : 0;
        }
    }
    EXPECT_EQ(believed, 0) << "of " << judged;
    EXPECT_GT(judged, wanted / 3) << "most are to be readable, or this asks little";
    RecordProperty("judged", judged);
}

TEST_F(advertisements_test, own_one_is_signed_anew_only_when_something_changes) {
    const member one = enrol(wire::role::rendezvous);
    announcer mine(one.mine);
    EXPECT_FALSE(mine.said());
    mine.begin(5);
    const auto first = mine.say(wire::role::rendezvous, {"a:1"}, now);
    now.ms += day_ms - 1;
    EXPECT_EQ(mine.say(wire::role::rendezvous, {"a:1"}, now), first);
    const auto moved = mine.say(wire::role::rendezvous, {"b:1"}, now);
    EXPECT_NE(moved, first);
    EXPECT_GT(judge(moved)->order(), judge(first)->order());
    EXPECT_EQ(judge(moved)->what.addresses, std::vector<std::string>{"b:1"});
    now.ms += day_ms + 1;
    EXPECT_GT(judge(mine.say(wire::role::rendezvous, {"b:1"}, now))->order(),
              judge(moved)->order());
}

TEST(prefixes, are_of_public_addresses_only) {
    EXPECT_EQ(prefix_of("198.51.100.7:4747"), prefix_of("198.51.100.200:1"));
    EXPECT_NE(prefix_of("198.51.100.7:4747"), prefix_of("198.51.101.7:4747"));
    EXPECT_EQ(prefix_of("[2001:db8:1::7]:4747"), prefix_of("[2001:db8:1:2::9]:1"));
    EXPECT_NE(prefix_of("[2001:db8:1::7]:4747"), prefix_of("[2001:db8:2::7]:4747"));
    for (const char* const address :
         {"127.0.0.1:1", "10.77.0.3:1", "172.16.0.1:1", "172.31.9.9:1", "192.168.1.1:1",
          "169.254.1.1:1", "[::1]:1", "[fe80::1]:1", "[fd00::1]:1", "host:1", "nonsense", ""}) {
        EXPECT_FALSE(prefix_of(address)) << address;
    }
}

}  // namespace
}  // namespace calbox::overlay
