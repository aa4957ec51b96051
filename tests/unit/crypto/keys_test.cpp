// Signatures, sealing, derivation, certificates and files: against published vectors where there
// are any.
#include <gtest/gtest.h>

#include <string>

#include "crypto/certificates.hpp"
#include "crypto/files.hpp"
#include "crypto/identity.hpp"
#include "support/test_environment.hpp"
#include "wire/messages.hpp"

namespace calbox::crypto {
namespace {

constexpr std::int64_t day_ms = 24 * 3600 * 1000;

class keys_test : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(initialise().has_value()); }
    test::seeded_random entropy{5};
};

TEST_F(keys_test, sha256_of_abc) {  // FIPS 180-4
    EXPECT_EQ(sha256(to_bytes("abc")).hex(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256({to_bytes("a"), to_bytes("bc")}), sha256(to_bytes("abc")));
}

TEST_F(keys_test, public_key_of_a_known_seed) {  // RFC 8032, 7.1, test 1
    const auto seed = from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    const auto key = signing_key::from_seed(*seed);
    ASSERT_TRUE(key.has_value());
    EXPECT_EQ(to_hex(key->public_key),
              "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST_F(keys_test, signatures_hold_for_their_domain_only) {
    const auto key = signing_key::generate(entropy);
    const bytes signature = key.sign("one", to_bytes("text"));
    EXPECT_TRUE(verify(key.public_key, "one", to_bytes("text"), signature));
    EXPECT_FALSE(verify(key.public_key, "two", to_bytes("text"), signature));
    EXPECT_FALSE(verify(key.public_key, "one", to_bytes("test"), signature));
    EXPECT_FALSE(verify({}, "one", to_bytes("text"), signature));
    EXPECT_FALSE(verify(key.public_key, "one", to_bytes("text"), {}));
}

TEST_F(keys_test, identity_opens_with_its_key_and_name_only) {
    const auto keys = identity::generate(entropy);
    const bytes sealed = seal_identity(keys, bytes(32, 1), "alice", entropy);
    const auto opened = open_identity(sealed, bytes(32, 1), "alice");
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->id(), keys.id());
    EXPECT_FALSE(open_identity(sealed, bytes(32, 2), "alice").has_value());
    EXPECT_FALSE(open_identity(sealed, bytes(32, 1), "bob").has_value());
}

TEST_F(keys_test, password_derivation_depends_on_everything) {
    const bytes salt(16, 9);
    const auto root = derive_from_password("correct horse", salt, 8u << 20, 1);
    ASSERT_TRUE(root.has_value());
    EXPECT_EQ(to_hex(root->view()),
              to_hex(derive_from_password("correct horse", salt, 8u << 20, 1)->view()));
    EXPECT_NE(to_hex(root->view()),
              to_hex(derive_from_password("correct horsf", salt, 8u << 20, 1)->view()));
    EXPECT_NE(to_hex(root->view()),
              to_hex(derive_from_password("correct horse", bytes(16, 8), 8u << 20, 1)->view()));
    EXPECT_NE(to_hex(derive(root->view(), "auth").view()),
              to_hex(derive(root->view(), "enc").view()));
}

TEST_F(keys_test, certificate_names_device_and_roles_for_its_days_in_its_network) {
    const timestamp now{1'777'800'000'000};
    const auto ca = signing_key::generate(entropy);
    const auto device = signing_key::generate(entropy);
    const auto ca_certificate = make_ca_certificate(ca, now, entropy);
    ASSERT_TRUE(ca_certificate.has_value());
    const auto made = make_device_certificate(ca, *ca_certificate, device.public_key,
                                              wire::role::edge | wire::role::backup, now, entropy);
    ASSERT_TRUE(made.has_value());
    const auto facts = inspect_certificate(*made, *ca_certificate, now);
    ASSERT_TRUE(facts.has_value());
    EXPECT_TRUE(facts->of_network);
    EXPECT_EQ(facts->device, device_of(device.public_key));
    EXPECT_EQ(facts->roles, wire::role::edge | wire::role::backup);
    EXPECT_FALSE(inspect_certificate(*made, *ca_certificate, {now.ms + 32 * day_ms})->of_network);
    EXPECT_FALSE(inspect_certificate(*made, *ca_certificate, {now.ms - 3 * day_ms})->of_network);

    const auto other = signing_key::generate(entropy);
    const auto other_ca = make_ca_certificate(other, now, entropy);
    EXPECT_FALSE(inspect_certificate(*made, *other_ca, now)->of_network);
    bytes changed = *made;
    changed[changed.size() / 2] ^= 1;
    const auto read = inspect_certificate(changed, *ca_certificate, now);
    EXPECT_FALSE(read && read->of_network);
    EXPECT_FALSE(inspect_certificate(to_bytes("no certificate"), *ca_certificate, now).has_value());

    for (int again = 0; again < 2; ++again) {
        EXPECT_EQ(certificate_key(*ca_certificate), ca.public_key);
        EXPECT_EQ(certificate_key(*other_ca), other.public_key);
        EXPECT_EQ(certificate_key(*made), device.public_key);
        EXPECT_TRUE(certificate_key(to_bytes("no certificate")).empty());
        EXPECT_EQ(network_of_ca({}), network_id{});
    }
}

TEST_F(keys_test, file_leaves_open_in_their_place_only) {
    leaf_cipher cipher(bytes(32, 4));
    const bytes plain = to_bytes("leaf");
    const bytes sealed = cipher.seal(3, plain);
    EXPECT_EQ(sealed.size(), plain.size() + leaf_tag_bytes);
    const auto opened = cipher.open(3, sealed);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(*opened, plain);
    EXPECT_FALSE(cipher.open(4, sealed).has_value());
    leaf_cipher other(bytes(32, 5));
    EXPECT_FALSE(other.open(3, sealed).has_value());
}

TEST_F(keys_test, lengths_of_files_and_leaves) {
    EXPECT_EQ(leaf_count(0), 1u);
    EXPECT_EQ(leaf_count(leaf_plain_bytes), 1u);
    EXPECT_EQ(leaf_count(leaf_plain_bytes + 1), 2u);
    EXPECT_EQ(sealed_leaf_bytes(leaf_plain_bytes + 1, 1), 1 + leaf_tag_bytes);
    EXPECT_EQ(sealed_leaf_bytes(10, 1), 0u);
    EXPECT_EQ(sealed_file_bytes(leaf_plain_bytes + 1), leaf_plain_bytes + 1 + 2 * leaf_tag_bytes);
}

TEST_F(keys_test, root_depends_on_leaves_order_and_size) {
    const digest a = leaf_hash(to_bytes("a")), b = leaf_hash(to_bytes("b")),
                 c = leaf_hash(to_bytes("c"));
    EXPECT_EQ(root_of({a, b, c}, 3), root_of({a, b, c}, 3));
    EXPECT_NE(root_of({a, b, c}, 3), root_of({a, c, b}, 3));
    EXPECT_NE(root_of({a, b, c}, 3), root_of({a, b, c}, 4));
    EXPECT_NE(root_of({a, b}, 3), root_of({a, b, c}, 3));
    EXPECT_NE(root_of({a}, 1).hex(), a.hex());
}

}  // namespace
}  // namespace calbox::crypto
