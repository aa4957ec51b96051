// recovery_bytes EVENTS MISSING...: what each recovery strategy says to peers that hold EVENTS
// events of 50 organizers, of which MISSING are lacking here, beside the lower bound, the bytes of
// the missed envelopes. Three worlds: two friends and a backup with a spread of events missing; the
// backup alone with such a spread; the backup alone with the newest missing. Bytes, rounds and
// duplicates are exact: no clock, no network. Prints JSON. Plugins come from $CALBOX_PLUGINS.
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "contract/recovery_world.hpp"
#include "recovery_strategies.hpp"

namespace {

using namespace calbox;
using contract::device_of;

constexpr std::size_t envelope_bytes = 300;
constexpr std::uint8_t organizers = 50;

enum class kind { friends, backup, newest };
constexpr std::string_view kinds[] = {"friends", "backup", "newest"};

std::string line(recovery::strategy& strategy, std::string_view name, kind world_kind,
                 std::uint32_t all, std::uint32_t missing) {
    contract::recovery_world world(strategy, missing + 1, organizers);
    contract::holdings everything;
    test::seeded_random chance(missing + 1);
    std::uint64_t left = missing;
    for (std::uint32_t n = 0; n < all; ++n) {
        const auto one = contract::envelope_of(n, 1 + n % 3, envelope_bytes);
        everything.insert(one);
        // Spread: any choice of so many is as likely as any other.
        const bool spread_out = chance.below(all - n) < left;
        left -= spread_out ? 1 : 0;
        const bool lacks = world_kind == kind::newest ? n >= all - missing : spread_out;
        if (!lacks) {
            world.mine.insert(one);
        }
    }
    world.others[device_of(3)] = everything;
    std::vector<device_id> friends;
    for (std::uint64_t n = 1; world_kind == kind::friends && n <= 2; ++n) {
        world.others[device_of(n)] = everything;
        friends.push_back(device_of(n));
    }
    const auto end = world.run(friends, {device_of(3)});
    const std::uint64_t bytes = world.bytes_asked + world.bytes_answered;
    return fmt::format(
        R"({{"strategy":"{}","world":"{}","events":{},"missing":{},"applied":{},"bytes_sent":{},)"
        R"("bytes_received":{},"lower_bound":{},"beside":{},"rounds":{},"duplicates":{},"from_backup":{}}})",
        name, kinds[static_cast<std::size_t>(world_kind)], all, missing, world.applied,
        world.bytes_asked, world.bytes_answered, world.applied_bytes, bytes - world.applied_bytes,
        end.rounds, end.duplicates, world.envelopes_from[device_of(3)]);
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);  // the world's checks
    const char* const directory = std::getenv("CALBOX_PLUGINS");
    if (argc < 3 || directory == nullptr) {
        fmt::print(stderr, "CALBOX_PLUGINS=DIRECTORY recovery_bytes EVENTS MISSING...\n");
        return 2;
    }
    const auto all = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    std::string separator = "[\n";
    const auto measure = [&](recovery::strategy& strategy, const std::string& name) {
        for (const kind one : {kind::friends, kind::backup, kind::newest}) {
            for (int i = 2; i < argc; ++i) {
                const auto missing = static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10));
                fmt::print("{} {}", separator,
                           line(strategy, name, one, all, std::min(missing, all)));
                std::fflush(stdout);
                separator = ",\n";
            }
        }
    };
    if (!bench::each_recovery_strategy(directory, measure)) {
        return 1;
    }
    fmt::print("\n]\n");
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}
