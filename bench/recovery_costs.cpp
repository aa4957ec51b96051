// recovery_costs EVENTS MISSING: what recovery costs in processor time and memory, without network
// and disk: making and reading sketches (by item and by difference), one exchange of each strategy
// with a backup that holds EVENTS events of which MISSING are lacking here (by side), and the
// verifying of an envelope's signatures. Times are of the processor, the least of five; memory is
// what was allocated at most beyond what was there before. Prints JSON. Plugins come from
// $CALBOX_PLUGINS.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "contract/recovery_world.hpp"
#include "crypto/envelopes.hpp"
#include "recovery_strategies.hpp"
#include "sketch.hpp"

namespace {

std::atomic<std::size_t> allocated{0}, most_allocated{0};

void* counted(void* given) {
    if (given == nullptr) {
        std::abort();
    }
    const std::size_t now = allocated += ::malloc_usable_size(given);
    std::size_t most = most_allocated;
    while (now > most && !most_allocated.compare_exchange_weak(most, now)) {
    }
    return given;
}

void uncounted(void* given) noexcept {
    allocated -= ::malloc_usable_size(given);
    std::free(given);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void operator delete(void* given) noexcept { uncounted(given); }
void operator delete(void* given, std::size_t) noexcept { uncounted(given); }

namespace {

using namespace calbox;
using contract::device_of;

constexpr std::size_t envelope_bytes = 300;
constexpr std::uint8_t organizers = 50;
constexpr int repetitions = 5;

double processor_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

template <class Work>
double least_ms(Work work) {
    double least = 1e18;
    for (int i = 0; i < repetitions; ++i) {
        const double begun = processor_ms();
        work();
        least = std::min(least, processor_ms() - begun);
    }
    return least;
}

/// Bytes allocated at most while it works.
template <class Work>
std::size_t memory_of(Work work) {
    const std::size_t before = allocated;
    most_allocated = before;
    work();
    return most_allocated - before;
}

std::string sketches(std::uint32_t all, std::uint32_t missing) {
    test::seeded_random chance(7);
    std::vector<std::uint64_t> theirs;
    for (std::uint32_t n = 0; n < all; ++n) {
        theirs.push_back(chance.below(UINT64_MAX));
    }
    const std::vector<std::uint64_t> mine(theirs.begin() + missing, theirs.end());
    const std::size_t count = recovery::symbols_for(missing);
    std::vector<recovery::symbol> made;
    const double encoding = least_ms([&] { made = recovery::symbols_of(theirs, 0, count); });
    bool found = false;
    double decoding = 1e18;
    std::size_t memory = 0;
    for (int i = 0; i < repetitions; ++i) {
        recovery::sketch_decoder decoder(mine);
        // Its own symbols first: what is left is the decoding.
        const double own = least_ms([&] { (void)recovery::symbols_of(mine, 0, count); });
        const double begun = processor_ms();
        memory = memory_of([&] { found = decoder.add(made); });
        decoding = std::min(decoding, processor_ms() - begun - own);
    }
    return fmt::format(
        R"({{"part":"sketch","events":{},"missing":{},"symbols":{},"decoded":{},"encode_ns_per_item":{:.1f},)"
        R"("decode_us_per_difference":{:.3f},"decode_bytes_per_symbol":{:.1f}}})",
        all, missing, count, found, encoding * 1e6 / std::max(1U, all),
        std::max(0.0, decoding) * 1e3 / std::max(1U, missing),
        static_cast<double>(memory) / static_cast<double>(std::max<std::size_t>(1, count)));
}

/// What both sides of a strategy take.
class timed final : public recovery::strategy {
    class asks final : public recovery::initiator {
    public:
        asks(std::unique_ptr<recovery::initiator> inner, double& spent)
            : inner_(std::move(inner)), spent_(spent) {}
        void step(const recovery::input& what, const recovery::view& mine, recovery::context where,
                  std::vector<recovery::effect>& effects) override {
            const double begun = processor_ms();
            inner_->step(what, mine, where, effects);
            spent_ += processor_ms() - begun;
        }

    private:
        std::unique_ptr<recovery::initiator> inner_;
        double& spent_;
    };

public:
    explicit timed(recovery::strategy& inner) : inner_(inner) {}
    std::unique_ptr<recovery::initiator> initiate() override {
        return std::make_unique<asks>(inner_.initiate(), asking);
    }
    result<std::vector<bytes>> respond(byte_view asked, const recovery::view& theirs,
                                       recovery::context where) override {
        const double begun = processor_ms();
        auto answers = inner_.respond(asked, theirs, where);
        answering += processor_ms() - begun;
        return answers;
    }
    double asking = 0, answering = 0;

private:
    recovery::strategy& inner_;
};

std::string exchange(recovery::strategy& strategy, std::string_view name, std::uint32_t all,
                     std::uint32_t missing) {
    double asking = 1e18, answering = 1e18;
    std::uint64_t applied = 0, applied_bytes = 0;
    for (int i = 0; i < repetitions; ++i) {
        timed both(strategy);
        contract::recovery_world world(both, missing + 1, organizers);
        test::seeded_random chance(missing + 1);
        contract::holdings& everything = world.others[device_of(3)];
        std::uint64_t left = missing;
        for (std::uint32_t n = 0; n < all; ++n) {
            const auto one = contract::envelope_of(n, 1 + n % 3, envelope_bytes);
            everything.insert(one);
            if (chance.below(all - n) < left) {
                --left;
            } else {
                world.mine.insert(one);
            }
        }
        world.run({}, {device_of(3)});
        asking = std::min(asking, both.asking);
        answering = std::min(answering, both.answering);
        applied = world.applied;
        applied_bytes = world.applied_bytes;
    }
    return fmt::format(
        R"({{"part":"exchange","strategy":"{}","events":{},"missing":{},"applied":{},"applied_bytes":{},)"
        R"("asking_ms":{:.2f},"answering_ms":{:.2f}}})",
        name, all, missing, applied, applied_bytes, asking, answering);
}

std::string verifying() {
    test::seeded_random entropy(3);
    const auto alice = crypto::identity::generate(entropy);
    const auto device = crypto::signing_key::generate(entropy);
    envelope_header header;
    header.by = crypto::make_author(alice, device.public_key, device_number(1), incarnation(1));
    header.streams = {{alice.id(), stream_number(1)}};
    constexpr std::uint32_t times = 500;
    std::uint32_t number = 0;
    std::vector<envelope> made;  // each is verified once: signatures are remembered
    while (number < times * repetitions) {
        header.event = {alice.id(), event_id::make_seq(device_number(1), ++number)};
        made.push_back(*crypto::seal_envelope(header, {{alice.id(), alice.box.public_key}},
                                              bytes(32, 7), bytes(200, 1), device, entropy));
    }
    auto next = made.begin();
    const double took = least_ms([&] {
        for (std::uint32_t i = 0; i < times; ++i) {
            EXPECT_TRUE(crypto::verify_envelope(*next++));
        }
    });
    return fmt::format(R"({{"part":"verify","us_per_envelope":{:.1f}}})", took * 1e3 / times);
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);  // the world's checks
    const char* const directory = std::getenv("CALBOX_PLUGINS");
    if (argc != 3 || directory == nullptr || !crypto::initialise()) {
        fmt::print(stderr, "CALBOX_PLUGINS=DIRECTORY recovery_costs EVENTS MISSING\n");
        return 2;
    }
    const auto all = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    const auto missing =
        std::min(all, static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    fmt::print("[\n {},\n {}", sketches(all, missing), verifying());
    const auto measure = [&](recovery::strategy& strategy, const std::string& name) {
        fmt::print(",\n {}", exchange(strategy, name, all, missing));
        std::fflush(stdout);
    };
    if (!bench::each_recovery_strategy(directory, measure)) {
        return 1;
    }
    fmt::print("\n]\n");
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}
