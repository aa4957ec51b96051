// What tests of the replica share: people with keys and one device each, who sign versions; and a
// strategy that does what a test says.
#pragma once

#include <algorithm>
#include <functional>

#include <calbox/consensus.hpp>

#include "crypto/envelopes.hpp"
#include "replica/event_store.hpp"
#include "support/faulty_store.hpp"
#include "support/test_environment.hpp"

namespace calbox::replica {

struct person {
    crypto::identity keys;
    crypto::signing_key device;
    user_id id = keys.id();
    device_id on = crypto::device_of(device.public_key);
    author by = crypto::make_author(keys, device.public_key, device_number(1), incarnation(1));

    explicit person(random& entropy)
        : keys((must_initialise(), crypto::identity::generate(entropy))),
          device(crypto::signing_key::generate(entropy)) {}
    static void must_initialise() {
        if (!crypto::initialise()) {
            throw std::runtime_error("no libsodium");
        }
    }
};

/// The header of a version by `by`, which follows `before`.
inline envelope_header header_of(const event_id& event, const person& by, std::uint64_t version,
                                 std::vector<user_id> participants,
                                 const envelope_order& before = {}) {
    envelope_header header;
    header.event = event;
    header.by = by.by;
    header.version = version_number(version);
    header.participants = std::move(participants);
    std::ranges::sort(header.participants);
    header.previous = before.hash;
    return header;
}

/// Signed, for whoever has its key; deletions have no body.
inline envelope sign(envelope_header header, const person& by, random& entropy) {
    const bool has_body = header.kind == envelope_kind::put;
    auto sealed = crypto::seal_envelope(
        std::move(header),
        has_body ? std::vector{std::pair(by.id, by.keys.box.public_key)}
                 : std::vector<std::pair<user_id, bytes>>(),
        bytes(32, 7), to_bytes(has_body ? "a meeting" : ""), by.device, entropy);
    if (!sealed) {
        throw std::runtime_error(sealed.error().message());
    }
    return std::move(*sealed);
}

inline envelope_order order_of(const envelope& what) {
    const auto header = crypto::read_header(what);
    return {header.value().generation, header.value().version, crypto::envelope_hash(what)};
}

/// A consensus strategy that does what a test says.
class scripted_strategy final : public consensus::strategy {
public:
    using effects = std::vector<consensus::effect>;
    consensus::traits declared() const noexcept override { return traits; }
    void step(const consensus::input& what, consensus::context, effects& out) override {
        seen.push_back(what);
        if (answer) {
            answer(what, out);
        }
    }
    std::string explain(const event_id&, consensus::context) const override { return "{}"; }
    template <class Input>
    std::size_t count() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            seen, [](const auto& one) { return std::holds_alternative<Input>(one); }));
    }
    consensus::traits traits;
    std::vector<consensus::input> seen;
    std::function<void(const consensus::input&, effects&)> answer;
};

inline consensus::effect refusal(const operation_id& of, errc code) {
    consensus::refused why;
    why.why = error(code, "as the test wants it");
    return consensus::done{of, std::move(why)};
}

}  // namespace calbox::replica
