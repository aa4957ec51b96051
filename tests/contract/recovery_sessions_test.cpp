// Random exchanges, both ways: whatever two devices and those around them hold, by additions,
// changes, cancellations and what the others have given up, and however messages come, who says
// that he is caught up has the newest of everything. 2,000 of each strategy, in a release 100,000.
#include <cstdlib>

#include "contract/plugins.hpp"
#include "contract/recovery_world.hpp"

namespace calbox::contract {
namespace {

constexpr std::uint32_t events_most = 40;
const device_id self = device_of(9);

/// What a device holds of an event: which version, and by which writer.
struct piece {
    std::uint64_t version = 1;
    std::uint8_t writer = 0;
};
using pieces = std::map<std::uint32_t, piece>;

/// Who holds what, and what happens to messages.
struct session_plan {
    std::map<device_id, pieces> held;
    std::vector<device_id> friends, backups;
    unsigned lost = 0, repeated = 0;
    bool shuffled = false, saw_all = true, keeps_numbers = true;
};

session_plan make_plan(test::seeded_random& chance) {
    session_plan plan;
    std::uint64_t next = 1;
    for (auto left = chance.below(3); left > 0; --left) {
        plan.friends.push_back(device_of(next++));
    }
    for (auto left = 1 + chance.below(2); left > 0; --left) {
        plan.backups.push_back(device_of(next++));
    }
    std::vector<device_id> all = plan.friends;
    all.insert(all.end(), plan.backups.begin(), plan.backups.end());
    all.push_back(self);
    const auto count = chance.below(events_most + 1);
    const auto spread = 1 + chance.below(4);  // how far apart the devices are
    for (std::uint32_t n = 0; n < count; ++n) {
        const std::uint64_t newest = 1 + chance.below(5);
        const bool contested = chance.below(8) == 0;
        for (const device_id& one : all) {
            if (chance.below(8) < spread && chance.below(2) == 0) {
                continue;  // never seen, or given up
            }
            const std::uint64_t behind = chance.below(8) < spread ? chance.below(newest) : 0;
            plan.held[one][n] = {newest - behind,
                                 static_cast<std::uint8_t>(contested ? chance.below(3) : 0)};
        }
    }
    if (chance.below(4) == 0) {
        plan.shuffled = true;
        plan.repeated = 30;
    }
    plan.lost = chance.below(8) == 0 ? 15 : 0;
    plan.saw_all = chance.below(4) != 0;
    plan.keeps_numbers = chance.below(4) != 0;
    return plan;
}

holdings holdings_of(const pieces& some) {
    holdings made;
    for (const auto& [n, one] : some) {
        made.insert(envelope_of(n, one.version, 20 + n % 7 * 40, one.writer));
    }
    return made;
}

pieces pieces_of(const holdings& some) {
    pieces made;
    for (const auto& [event, held] : some) {
        made[static_cast<std::uint32_t>(event.n() - 1)] = {held.order.version.value,
                                                           held.order.hash.value[2]};
    }
    return made;
}

bool same(const holdings& held, const holdings& wanted) {
    return std::ranges::equal(held, wanted, [](const auto& one, const auto& other) {
        return one.first == other.first && one.second.order == other.second.order &&
               one.second.encoded == other.second.encoded;
    });
}

class recovery_sessions : public testing::TestWithParam<std::string> {};

TEST_P(recovery_sessions, none_of_many_random_ones_ends_wrong) {
    const auto strategy = host().recovery(GetParam(), "");
    ASSERT_TRUE(strategy) << strategy.error().message();
    const std::uint64_t sessions =
        std::getenv("CALBOX_CHECK_RELEASE") != nullptr ? 100'000 : seeds(2'000);
    std::uint64_t whole = 0;
    for (std::uint64_t seed = 1; seed <= sessions; ++seed) {
        test::seeded_random chance(seed);
        session_plan plan = make_plan(chance);
        const auto hold = [&](recovery_world& w, const device_id& mine) {
            for (const auto& [device, some] : plan.held) {
                (device == mine ? w.mine : w.others[device]) = holdings_of(some);
            }
            for (const auto& device : {plan.friends, plan.backups}) {
                for (const device_id& one : device) {
                    w.others[one];
                }
            }
            w.lost_percent = plan.lost;
            w.repeated_percent = plan.repeated;
            w.shuffled = plan.shuffled;
            w.saw_all = plan.saw_all;
            w.keeps_numbers = plan.keeps_numbers;
        };
        recovery_world there(**strategy, seed);
        hold(there, self);
        std::vector<device_id> all = plan.friends;
        all.insert(all.end(), plan.backups.begin(), plan.backups.end());
        const auto wanted = there.newest_of(all);
        const auto end = there.run(plan.friends, plan.backups);
        ASSERT_TRUE(plan.lost > 0 || end.caught_up) << "seed " << seed;
        ASSERT_TRUE(!end.caught_up || same(there.mine, wanted)) << "seed " << seed;
        if (!end.caught_up) {
            continue;
        }
        // The other way: a backup asks this device, which has everything now.
        plan.held[self] = pieces_of(there.mine);
        recovery_world back(**strategy, seed + sessions);
        hold(back, plan.backups.front());
        const auto newest = back.newest_of({self});
        const auto over = back.run({self}, {});
        ASSERT_TRUE(plan.lost > 0 || over.caught_up) << "seed " << seed << ", back";
        ASSERT_TRUE(!over.caught_up || same(back.mine, newest)) << "seed " << seed << ", back";
        if (over.caught_up) {
            ASSERT_TRUE(same(back.mine, holdings_of(plan.held[self]))) << "seed " << seed;
            ++whole;
        }
    }
    EXPECT_GT(whole, sessions / 2) << "most of them go through without a loss";
}

INSTANTIATE_TEST_SUITE_P(plugin, recovery_sessions, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
