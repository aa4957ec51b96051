// discovery_choices CANDIDATES: what each discovery strategy takes to order that many rendezvous
// and to choose among as many offers (goal G29), beside sorting as many random numbers. Prints
// JSON; microseconds of the processor, the median of many runs.
#include <algorithm>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>

#include "plugins/loader.hpp"
#include "support/test_environment.hpp"

namespace {

using namespace calbox;

constexpr std::size_t runs = 201;
constexpr instant now{std::chrono::hours(5)};

double processor_us() {
    timespec at{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e6 + static_cast<double>(at.tv_nsec) / 1e3;
}

template <class Work>
double median_us(const Work& work) {
    std::vector<double> taken;
    for (std::size_t i = 0; i < runs; ++i) {
        const double begun = processor_us();
        work();
        taken.push_back(processor_us() - begun);
    }
    std::ranges::nth_element(taken, taken.begin() + runs / 2);
    return taken[runs / 2];
}

device_id device_of(test::seeded_random& chance) {
    device_id id;
    chance.fill(id.value);
    return id;
}

/// As an edge knows them that has met a third, and heard of the loads of the others.
std::vector<discovery::candidate> candidates(test::seeded_random& chance, std::size_t count) {
    std::vector<discovery::candidate> all(count);
    for (auto& one : all) {
        one.device = device_of(chance);
        one.edges_max = 200;
        one.edges = static_cast<std::uint32_t>(chance.below(200));
        one.heard = instant{now.since_start - std::chrono::seconds(chance.below(60))};
        if (chance.below(3) == 0) {
            one.failures = static_cast<std::uint32_t>(chance.below(3));
            one.last_success = instant{now.since_start - std::chrono::seconds(chance.below(3'000))};
            one.round_trip = std::chrono::milliseconds(chance.below(300));
        }
    }
    return all;
}

std::vector<discovery::offer> offers(test::seeded_random& chance,
                                     const std::vector<discovery::candidate>& from) {
    std::vector<discovery::offer> all;
    for (const auto& one : from) {
        all.push_back(
            {one.device, one.edges, one.edges_max, std::chrono::milliseconds(chance.below(300))});
    }
    return all;
}

double sorting_us(test::seeded_random& chance, std::size_t count) {
    std::vector<std::uint64_t> numbers(count);
    return median_us([&] {
        std::ranges::generate(numbers, [&] { return chance.below(1u << 30); });
        std::ranges::sort(numbers);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
    const char* const directory = std::getenv("CALBOX_PLUGINS");
    if (count == 0 || directory == nullptr) {
        fmt::print(stderr, "usage: CALBOX_PLUGINS=DIRECTORY discovery_choices CANDIDATES\n");
        return 2;
    }
    test::seeded_random chance(1);
    const auto known = candidates(chance, count);
    const auto live = offers(chance, known);
    test::recording_logger log;
    plugins::plugin_host host({directory}, log);
    std::string rows;
    for (const auto& plugin : host.list()) {
        if (plugin.kind != "discovery") {
            continue;
        }
        const auto strategy = host.discovery(plugin.name, "");
        if (!strategy) {
            fmt::print(stderr, "{}: {}\n", plugin.name, strategy.error().message());
            return 1;
        }
        const discovery::context where{now, chance};
        const double order = median_us([&] { (void)(*strategy)->order(known, where); });
        const double choose = median_us([&] { (void)(*strategy)->choose(live, where); });
        rows += fmt::format(R"({}{{"strategy":"{}","order_us":{:.1f},"choose_us":{:.1f}}})",
                            rows.empty() ? "" : ",", plugin.name, order, choose);
    }
    fmt::print(R"({{"candidates":{},"strategies":[{}],"sorting_numbers_us":{:.1f}}})"
               "\n",
               count, rows, sorting_us(chance, count));
    return 0;
}
