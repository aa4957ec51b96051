// Envelopes: what is sealed opens for its readers alone, and nothing in it can be changed unseen.
#include "crypto/envelopes.hpp"

#include <gtest/gtest.h>

#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::crypto {
namespace {

class envelopes_test : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(initialise().has_value()); }
    envelope_header header() {
        envelope_header what;
        what.event = {alice.id(), event_id::make_seq(device_number(1), 1)};
        what.by = make_author(alice, device.public_key, device_number(1), incarnation(1));
        what.participants = {bob.id()};
        what.streams = {{bob.id(), stream_number(1)}};
        return what;
    }
    result<envelope> sealed(std::string_view body) {
        return seal_envelope(header(),
                             {{alice.id(), alice.box.public_key}, {bob.id(), bob.box.public_key}},
                             key, to_bytes(body), device, entropy);
    }

    test::seeded_random entropy{3};
    identity alice = identity::generate(entropy);
    identity bob = identity::generate(entropy);
    identity eve = identity::generate(entropy);
    signing_key device = signing_key::generate(entropy);
    bytes key = bytes(32, 7);
};

TEST_F(envelopes_test, readers_open_it_and_others_do_not) {
    const auto what = sealed("a meeting");
    ASSERT_TRUE(what.has_value());
    const auto read = verify_envelope(*what);
    ASSERT_TRUE(read.has_value()) << read.error().message();
    for (const identity* const reader : {&alice, &bob}) {
        const auto opened = open_event_key(*what, reader->id(), reader->box);
        ASSERT_TRUE(opened.has_value());
        const auto body = open_body(*what, *read, opened->view());
        ASSERT_TRUE(body.has_value());
        EXPECT_EQ(as_text(*body), "a meeting");
    }
    const auto refused = open_event_key(*what, eve.id(), eve.box);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, errc::forbidden);
    EXPECT_FALSE(open_event_key(*what, bob.id(), eve.box).has_value());
}

TEST_F(envelopes_test, every_changed_byte_is_seen) {
    const auto what = sealed("a meeting");
    ASSERT_TRUE(what.has_value());
    for (bytes envelope::* const part :
         {&envelope::header, &envelope::signature, &envelope::wraps, &envelope::body}) {
        for (std::size_t i = 0; i < ((*what).*part).size(); ++i) {
            envelope changed = *what;
            (changed.*part)[i] ^= 1;
            EXPECT_FALSE(verify_envelope(changed).has_value()) << i;
        }
    }
}

TEST_F(envelopes_test, author_certifies_the_device_that_signs) {
    const std::vector<std::pair<user_id, bytes>> readers{{alice.id(), alice.box.public_key},
                                                         {bob.id(), bob.box.public_key}};
    auto borrowed = header();
    borrowed.by = make_author(alice, eve.sign.public_key, device_number(1), incarnation(1));
    const auto other_device = seal_envelope(borrowed, readers, key, to_bytes("x"), device, entropy);
    EXPECT_FALSE(other_device && verify_envelope(*other_device));
}

TEST_F(envelopes_test, length_of_the_body_is_hidden_in_steps) {
    const auto one = sealed("a");
    const auto other = sealed("a somewhat longer text");
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one->body.size(), other->body.size());
}

TEST_F(envelopes_test, too_large_a_body_is_refused) {
    const auto what = sealed(std::string(wire::limits::envelope_body_bytes, 'x'));
    ASSERT_FALSE(what.has_value());
    EXPECT_EQ(what.error().code, errc::too_large);
}

}  // namespace
}  // namespace calbox::crypto
