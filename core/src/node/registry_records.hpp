// What the registry keeps (record kind registry; docs/disk.md): the CA, users by name, invitation
// tokens.
#pragma once

#include <calbox/codec.hpp>

#include "wire/messages.hpp"

namespace calbox::node {

struct ca_record {
    bytes seed;  // of the CA's Ed25519 key: whoever reads the store of the registry can sign for
                 // the network
    bytes certificate;
    bytes fake_salt_key;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&ca_record::seed), codec::field<2>(&ca_record::certificate),
                   codec::field<3>(&ca_record::fake_salt_key));
};

struct device_slot {
    device_id device;
    device_number number;
    incarnation life;
    std::optional<author> binding;  // published by the device after it has signed in
    static constexpr auto fields =
        std::tuple(codec::field<1>(&device_slot::device), codec::field<2>(&device_slot::number),
                   codec::field<3>(&device_slot::life), codec::field<4>(&device_slot::binding));
};

struct user_record {
    std::string name;
    wire::kdf_parameters kdf;
    bytes auth_key;
    bytes card;
    bytes card_signature;
    bytes sealed_identity;
    std::vector<device_slot> devices;
    std::optional<device_number> given;  // in another network: numbers up to it are not given here
    static constexpr auto fields =
        std::tuple(codec::field<1>(&user_record::name), codec::field<2>(&user_record::kdf),
                   codec::field<3>(&user_record::auth_key), codec::field<4>(&user_record::card),
                   codec::field<5>(&user_record::card_signature),
                   codec::field<6>(&user_record::sealed_identity),
                   codec::field<7>(&user_record::devices), codec::field<8>(&user_record::given));
};

struct token_record {
    std::uint32_t roles = 0;
    timestamp made;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&token_record::roles), codec::field<2>(&token_record::made));
};

}  // namespace calbox::node
