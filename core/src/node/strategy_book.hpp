// Which consensus strategy the network has had in each of its epochs, as its registry has signed
// it; kept in the store, and passed on to whoever knows less. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <vector>

#include "base/async.hpp"
#include "replica/database.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

inline constexpr std::string_view strategy_domain = "calbox strategy 1";

class strategy_book {
public:
    strategy_book(const environment& env, replica::database& db)
        : env_(env), db_(db), nobody_takes_(env) {
        nobody_takes_.set();
    }

    task<result<void>> load();
    void set_ca(byte_view ca_certificate);
    /// From epoch 1 on. Empty while the network has its first strategy, which is what every device
    /// is configured with.
    const std::vector<wire::strategy_record>& known() const noexcept { return known_; }
    /// The same with its signatures, for others.
    const wire::strategies& told() const noexcept { return told_; }
    network_epoch last() const noexcept;
    /// The last one that has taken effect. In a run it never goes back, whatever becomes of the
    /// clock: what was begun in an epoch is ended in it.
    network_epoch now() const;
    /// How long until the last one takes effect; nothing when it has.
    std::optional<duration> pending() const;
    /// Takes in what is new in it, once it is durable; true when something was. mismatch: signed by
    /// nobody who may; conflict: another one than what is known here; malformed.
    task<result<bool>> take(wire::strategies what);

private:
    result<void> add(const wire::signed_strategy& one, wire::strategies& signed_ones,
                     std::vector<wire::strategy_record>& records) const;

    const environment& env_;
    replica::database& db_;
    bytes ca_key_;
    event nobody_takes_;  // one at a time: the last one on the disk is the one that is known
    std::vector<wire::strategy_record> known_;
    mutable network_epoch reached_{1};
    wire::strategies told_;
};

}  // namespace calbox::node
