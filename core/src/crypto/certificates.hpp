// X.509 for devices: an Ed25519 CA key per network (its SHA-256 is the network id) signs one
// certificate per device that names the device and its roles only: subjectAltName URIs
// "calbox://device/<hex>" and "calbox://role/<name>" for each role, 30 days, serial random. Time
// comes from the caller, with 24 h of tolerance on both ends. Any thread.
#pragma once

#include <string>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

#include "crypto/primitives.hpp"

namespace calbox::crypto {

inline constexpr std::int64_t certificate_days = 30;
inline constexpr std::int64_t certificate_renew_days = 20;  // renew when this old

/// Self-signed CA certificate, DER, 20 years.
result<bytes> make_ca_certificate(const signing_key& ca, timestamp now, random& entropy);
/// Device certificate signed by the CA. `roles`: bits of wire::role.
result<bytes> make_device_certificate(const signing_key& ca, byte_view ca_certificate,
                                      byte_view device_key, std::uint32_t roles, timestamp now,
                                      random& entropy);
/// What a device uses until it has a real one: no network, no roles.
result<bytes> make_self_signed_certificate(const signing_key& device, timestamp now,
                                           random& entropy);

/// The Ed25519 key of a certificate, or nothing when it has none.
bytes certificate_key(byte_view certificate);
network_id network_of_ca(byte_view ca_certificate_or_empty);

struct certificate_facts {
    device_id device;  // SHA-256 of the key in it
    bytes device_key;
    std::uint32_t roles = 0;
    timestamp not_before, not_after;
    bool of_network = false;  // signed by the CA that was given, in time, SAN names the same device
};
/// Reads a DER certificate; checks it against `ca_certificate` (may be empty: then of_network is
/// false). Fails with malformed when it is no certificate of ours at all, with mismatch when it
/// names another device than its key.
result<certificate_facts> inspect_certificate(byte_view certificate, byte_view ca_certificate,
                                              timestamp now);

}  // namespace calbox::crypto
