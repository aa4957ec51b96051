#include "node/enrolment.hpp"

namespace calbox::node {

namespace {
constexpr std::string_view device_name = "device";
}

task<result<void>> enrolment::load() {
    const auto stored = co_await db_.get(replica::record_kind::meta, to_bytes(device_name));
    if (!stored) {
        co_return fail(stored.error());
    }
    if (*stored) {
        auto read = codec::decode<device_record>(**stored);
        if (!read) {
            co_return fail(errc::malformed, "the device's record in the store cannot be read");
        }
        record_ = std::move(*read);
    } else {
        record_.seed = to_bytes(crypto::signing_key::generate(env_.entropy).seed.view());
    }
    auto key = crypto::signing_key::from_seed(record_.seed);
    if (!key) {
        co_return fail(std::move(key.error()));
    }
    mine_.device_key = std::move(*key);
    if (record_.certificate.empty()) {
        auto made =
            crypto::make_self_signed_certificate(mine_.device_key, env_.time.wall(), env_.entropy);
        if (!made) {
            co_return fail(std::move(made.error()));
        }
        record_.certificate = std::move(*made);
    }
    present();
    // What was stored is not stored again: a device starts on a full disk, too.
    if (*stored) {
        co_return result<void>();
    }
    co_return co_await adopt(record_.certificate, record_.ca_certificate);
}

void enrolment::present() {
    mine_.certificate = record_.certificate;
    mine_.ca_certificate = record_.ca_certificate;
    mine_.network = crypto::network_of_ca(record_.ca_certificate);
}

task<result<void>> enrolment::adopt(bytes certificate, bytes ca_certificate) {
    record_.certificate = std::move(certificate);
    record_.ca_certificate = std::move(ca_certificate);
    present();
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(device_name), codec::encode(record_));
    co_return co_await db_.apply(std::move(writes));
}

task<result<void>> enrolment::enter_own(bytes certificate, byte_view ca_certificate,
                                        std::uint32_t roles) {
    record_.registry = self();
    record_.roles = roles;
    co_return co_await adopt(std::move(certificate), to_bytes(ca_certificate));
}

task<result<void>> enrolment::ask_for_certificate(device_id registry, std::uint32_t roles,
                                                  bytes token, network_id expected,
                                                  net::pool& connections) {
    const auto answer = co_await connections.request(
        registry, wire::message_type::enroll, codec::encode(wire::enroll{roles, std::move(token)}));
    if (!answer) {
        co_return fail(answer.error());
    }
    auto given = codec::decode<wire::enrolled>(*answer);
    if (!given) {
        co_return fail(std::move(given.error()));
    }
    const auto facts =
        crypto::inspect_certificate(given->certificate, given->ca_certificate, env_.time.wall());
    const bool good = facts && facts->of_network && facts->device == self() &&
                      crypto::network_of_ca(given->ca_certificate) == expected;
    if (!good) {
        co_return fail(errc::mismatch,
                       "the registry gave a certificate that is not for this device and network");
    }
    co_return co_await adopt(std::move(given->certificate), std::move(given->ca_certificate));
}

task<result<void>> enrolment::join(invitation with, std::uint32_t roles, net::pool& connections) {
    if (in_network()) {
        co_return fail(errc::already_exists,
                       "this device belongs to a network already, and cannot leave it: to join "
                       "another, start its daemon with an empty data directory");
    }
    net::expectation expected;
    expected.network = with.network;
    expected.roles = wire::role::registry;
    error last(errc::unavailable, "the invitation names no address");
    for (const std::string& address : with.addresses) {
        const auto registry = co_await connections.connect_address(address, expected);
        if (!registry) {
            last = registry.error();
            continue;
        }
        record_.registries = with.addresses;
        record_.registry = registry->device;
        record_.roles = roles;
        auto done = co_await ask_for_certificate(registry->device, roles, with.token, with.network,
                                                 connections);
        // The next session presents the certificate.
        connections.disconnect(registry->device);
        co_return done;
    }
    co_return fail(last.code, "cannot reach the registry: " + last.message());
}

bool enrolment::is_fresh() const {
    const auto facts =
        crypto::inspect_certificate(mine_.certificate, mine_.ca_certificate, env_.time.wall());
    constexpr std::int64_t day_ms = 24 * 3600 * 1000;
    return facts &&
           env_.time.wall().ms - facts->not_before.ms <= crypto::certificate_renew_days * day_ms;
}

bool enrolment::due_for_renewal() const {
    return in_network() && record_.registry != self() && !is_fresh();
}

bool enrolment::serves_own(std::uint32_t roles) const {
    return in_network() && record_.registry == self() && record_.roles == roles && is_fresh();
}

task<result<void>> enrolment::renew(net::pool& connections) {
    auto done = co_await ask_for_certificate(record_.registry, record_.roles, {}, mine_.network,
                                             connections);
    connections.disconnect(record_.registry);
    co_return done;
}

}  // namespace calbox::node
