// Histories for the tests of the judge: a second judge that tries every order, and random histories
// of a register that is right, or that is wrong in a known way.
#pragma once

#include <algorithm>
#include <map>
#include <random>

#include "lab/check/histcheck.hpp"

namespace calbox::lab {

/// Tries every order of the operations of each event; for a few operations only. A second opinion
/// that shares nothing with check_history but what the fields mean.
class every_order {
public:
    static bool legal(const history& all) {
        std::vector<std::string> keys;
        for (const operation& what : all) {
            if (std::ranges::find(keys, what.key) == keys.end()) {
                keys.push_back(what.key);
            }
        }
        return std::ranges::all_of(keys, [&](const std::string& key) {
            every_order orders;
            std::ranges::copy_if(all, std::back_inserter(orders.operations_),
                                 [&](const operation& what) { return what.key == key; });
            return orders.search(0, {});
        });
    }

private:
    struct state {
        std::uint64_t version = 0;
        bool gone = false;
        std::optional<std::string> value;
    };

    /// Whether the operations that are not in `done` can go on from `now` in some order.
    bool search(unsigned done, const state& now) const {
        if (done + 1 == 1U << operations_.size()) {
            return true;
        }
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            if ((done >> i & 1) != 0 || !may_be_next(done, i)) {
                continue;
            }
            const operation& what = operations_[i];
            const unsigned then = done | 1U << i;
            if (what.res == operation_result::unknown || what.res == operation_result::fail) {
                if (search(then, now)) {
                    return true;  // it never happened
                }
            }
            state next = now;
            if (what.res != operation_result::fail && happens(what, next) && search(then, next)) {
                return true;
            }
        }
        return false;
    }

    /// Nothing that is still to come had ended before this began.
    bool may_be_next(unsigned done, std::size_t which) const {
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            const operation& other = operations_[i];
            if ((done >> i & 1) == 0 && other.res != operation_result::unknown &&
                *other.ret < operations_[which].call) {
                return false;
            }
        }
        return true;
    }

    static bool happens(const operation& what, state& now) {
        if (what.op == operation_kind::read) {
            return what.res == operation_result::unknown || reads(what, now);
        }
        const bool there = now.version > 0 && !now.gone;
        const bool applies = what.op == operation_kind::create
                                 ? now.version == 0
                                 : there && now.version == what.expect.value_or(now.version);
        if (what.res == operation_result::conflict) {
            const bool met = now.version != what.expect.value_or(0);
            return met && (!what.version || what.version == now.version);
        }
        if (!applies || (what.res == operation_result::ok && what.version != now.version + 1)) {
            return false;
        }
        ++now.version;
        now.gone = what.gone;
        now.value = what.value;
        return true;
    }

    static bool reads(const operation& what, const state& now) {
        const bool nothing = now.version == 0 || now.gone;
        if (what.version && *what.version != now.version) {
            return false;
        }
        if (what.gone) {
            return nothing;
        }
        return now.version == 0 || !what.value ||
               (!now.gone && (!now.value || now.value == what.value));
    }

    std::vector<operation> operations_;
};

/// A register that is right, asked by clients whose operations overlap.
struct random_history {
    std::size_t operations = 7;
    std::size_t clients = 3;
    std::size_t keys = 1;
    unsigned unknown_percent = 15;
    unsigned delete_percent = 8;
    unsigned untold_percent = 20;  // answers that leave out what they may
    bool blind = false;            // some writes expect no version
    std::int64_t spread = 8;       // how long operations take

    history make(std::mt19937_64& chance) const {
        std::vector<moment> all = schedule(chance);
        std::ranges::sort(all, {}, [](const moment& one) { return one.effect; });
        std::map<std::string, state> events;
        history made;
        for (moment& one : all) {
            state& now = events[one.what.key];
            choose(one.what, now, chance);
            if (one.what.op == operation_kind::read) {
                read(one.what, now, chance);
            } else {
                write(one, now, chance);
            }
            made.push_back(std::move(one.what));
        }
        return made;
    }

private:
    static constexpr std::int64_t never = INT64_MAX;
    struct state {
        std::uint64_t version = 0;
        bool gone = false;
        std::string value;
        bool there() const { return version > 0 && !gone; }
    };
    struct moment {
        std::int64_t effect = 0;
        operation what;
    };
    using rng = std::mt19937_64;
    static bool percent(rng& chance, unsigned of) { return chance() % 100 < of; }
    static std::int64_t upto(rng& chance, std::int64_t most) {
        return static_cast<std::int64_t>(chance() % static_cast<std::uint64_t>(most + 1));
    }

    /// When each operation is asked, takes effect, and is answered.
    std::vector<moment> schedule(rng& chance) const {
        std::vector<moment> all;
        std::vector<std::int64_t> free_at(clients, 0);
        std::vector<std::size_t> names(clients);
        for (std::size_t i = 0; i < clients; ++i) {
            names[i] = i;
        }
        for (std::size_t i = 0; i < operations; ++i) {
            const std::size_t client = chance() % clients;
            operation what;
            what.client = std::to_string(names[client]);
            what.key = "alice/1." + std::to_string(chance() % keys);
            what.call = free_at[client] + upto(chance, spread);
            what.ret = what.call + upto(chance, spread);
            free_at[client] = *what.ret;
            std::int64_t effect = what.call + upto(chance, *what.ret - what.call);
            if (percent(chance, unknown_percent)) {
                what.res = operation_result::unknown;
                effect = percent(chance, 30) ? never : what.call + upto(chance, 3 * spread);
                names[client] = clients + i;
            }
            all.push_back({effect, what});
        }
        return all;
    }

    void choose(operation& what, const state& now, rng& chance) const {
        const auto kind = static_cast<unsigned>(chance() % 100);
        if (kind < 35) {
            return;
        }
        if (kind < (now.version == 0 ? 85U : 40U)) {
            what.op = operation_kind::create;
        } else {
            what.op = operation_kind::cas;
            what.gone = percent(chance, delete_percent);
            if (!blind || !percent(chance, 30)) {
                const std::uint64_t wrong = 1 + chance() % (now.version + 1);
                what.expect = now.version > 0 && !percent(chance, 20) ? now.version : wrong;
            }
        }
        if (!what.gone) {
            what.value = std::string(1, static_cast<char>('a' + chance() % (keys > 1 ? 26 : 3)));
        }
    }

    void read(operation& what, const state& now, rng& chance) const {
        if (what.res == operation_result::unknown) {
            return;
        }
        what.gone = !now.there();
        if (now.there() && !percent(chance, untold_percent)) {
            what.value = now.value;
        }
        if (now.there() || !percent(chance, untold_percent)) {
            what.version = now.version;
        }
    }

    void write(moment& one, state& now, rng& chance) const {
        operation& what = one.what;
        const bool creates = what.op == operation_kind::create;
        const bool applies = creates
                                 ? now.version == 0
                                 : now.there() && what.expect.value_or(now.version) == now.version;
        const bool known = what.res != operation_result::unknown;
        if (applies && one.effect != never && (!known || percent(chance, 90))) {
            now = {now.version + 1, what.gone, what.value.value_or("")};
            if (known) {
                what.version = now.version;
            }
        } else if (known && !applies && (creates || what.expect) &&
                   what.expect.value_or(0) != now.version) {
            what.res = operation_result::conflict;
            if (!percent(chance, untold_percent)) {
                what.version = now.version;
            }
        } else if (known) {
            what.res = operation_result::fail;
        }
    }
};

}  // namespace calbox::lab
