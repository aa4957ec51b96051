// recovery_bytes EVENTS MISSING...: what each recovery strategy says to two friends and a backup
// that hold EVENTS events of which MISSING are lacking here, beside the lower bound, the bytes of
// the missed envelopes. Bytes, rounds and duplicates are exact: no clock, no network. Prints JSON.
// Plugins come from $CALBOX_PLUGINS.
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "contract/recovery_world.hpp"
#include "plugins/loader.hpp"

namespace {

using namespace calbox;
using contract::device_of;

constexpr std::size_t envelope_bytes = 300;

std::string line(recovery::strategy& strategy, std::string_view name, std::uint32_t all,
                 std::uint32_t missing) {
    contract::recovery_world world(strategy, missing + 1);
    contract::holdings everything;
    for (std::uint32_t n = 0; n < all; ++n) {
        everything.insert(contract::envelope_of(n, 1 + n % 3, envelope_bytes));
    }
    // Spread evenly over the calendar: of every all / missing events one.
    std::uint64_t due = 0;
    for (const auto& one : everything) {
        due += missing;
        if (due >= all) {
            due -= all;
        } else {
            world.mine.insert(one);
        }
    }
    for (std::uint64_t n = 1; n <= 3; ++n) {
        world.others[device_of(n)] = everything;
    }
    const auto end = world.run({device_of(1), device_of(2)}, {device_of(3)});
    const std::uint64_t bytes = world.bytes_asked + world.bytes_answered;
    return fmt::format(
        R"({{"strategy":"{}","events":{},"missing":{},"applied":{},"bytes_sent":{},"bytes_received":{},)"
        R"("lower_bound":{},"beside":{},"rounds":{},"duplicates":{},"from_backup":{}}})",
        name, all, missing, world.applied, world.bytes_asked, world.bytes_answered,
        world.applied_bytes, bytes - world.applied_bytes, end.rounds, end.duplicates,
        world.envelopes_from[device_of(3)]);
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);  // the world's checks
    const char* const directory = std::getenv("CALBOX_PLUGINS");
    if (argc < 3 || directory == nullptr) {
        fmt::print(stderr, "CALBOX_PLUGINS=DIRECTORY recovery_bytes EVENTS MISSING...\n");
        return 2;
    }
    test::recording_logger log;
    plugins::plugin_host host({directory}, log);
    const auto all = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    std::string separator = "[\n";
    for (const auto& plugin : host.list()) {
        if (plugin.kind != "recovery") {
            continue;
        }
        const auto strategy = host.recovery(plugin.name, "");
        if (!strategy) {
            fmt::print(stderr, "{}: {}\n", plugin.name, strategy.error().message());
            return 1;
        }
        for (int i = 2; i < argc; ++i) {
            const auto missing = static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10));
            fmt::print("{} {}", separator,
                       line(**strategy, plugin.name, all, std::min(missing, all)));
            separator = ",\n";
        }
    }
    fmt::print("\n]\n");
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}
