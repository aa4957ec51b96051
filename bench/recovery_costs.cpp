// recovery_costs EVENTS MISSING: what recovery costs in processor time and memory, without network
// and disk: making and reading sketches (by item and by difference), exchanges of each strategy
// with a backup that holds EVENTS events of which none and MISSING are lacking here (by side; the
// backup's first answer apart), and the verifying of an envelope's signatures. Times are of the
// processor, the least of five; memory is what was allocated at most beyond what was there before.
// Prints JSON. Plugins come from $CALBOX_PLUGINS.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <new>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crypto/envelopes.hpp"
#include "recovery_strategies.hpp"
#include "replica/recovery_driver.hpp"
#include "sketch.hpp"
#include "support/faulty_store.hpp"

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
    recovery::sketch_decoder both(mine);
    const std::size_t memory = memory_of([&] { found = both.add(made); });
    // Symbols are sums: those of what is missing are what is left of the two sides' in between,
    // whose own symbols would take longer than all that is measured here.
    const std::vector<std::uint64_t> none, difference(theirs.begin(), theirs.begin() + missing);
    const auto left = recovery::symbols_of(difference, 0, count);
    const double decoding = least_ms([&] {
        recovery::sketch_decoder decoder(none);
        found = decoder.add(left) && found;
    });
    return fmt::format(
        R"({{"part":"sketch","events":{},"missing":{},"symbols":{},"decoded":{},"encode_ns_per_item":{:.1f},)"
        R"("decode_us_per_difference":{:.3f},"decode_bytes_per_symbol":{:.1f}}})",
        all, missing, count, found, encoding * 1e6 / std::max(1U, all),
        decoding * 1e3 / std::max(1U, missing),
        static_cast<double>(memory) / static_cast<double>(std::max<std::size_t>(1, count)));
}

// Exchanges over the stores of two devices, as the daemon does them
// ------------------------------------------------------------------------------------------------

const device_id backup_id = crypto::device_of(bytes(32, 1));
const user_id guest = *user_id::from_bytes(bytes(user_id::size, 200));

/// A version of an event that the guest is invited to; nothing looks at its signature here.
replica::verified_envelope invitation(std::uint32_t n, std::uint64_t version,
                                      calbox::random& chance) {
    replica::verified_envelope one;
    const auto organizer = static_cast<std::uint8_t>(n % organizers);
    envelope_header& header = one.header;
    header.event.organizer = *user_id::from_bytes(bytes(user_id::size, organizer));
    header.event.seq = event_id::make_seq(device_number(1), n + 1);
    header.version = version_number(version);
    header.participants = {guest};
    header.by = {bytes(32, organizer), bytes(32, organizer), device_number(1), incarnation(1),
                 bytes(64, organizer)};
    header.streams = {{guest, stream_number(n / organizers + 1)}};
    one.what = {codec::encode(header), bytes(64), bytes(80), bytes(100)};
    one.order = {header.generation, header.version, {}};
    chance.fill(one.order.hash.value);
    return one;
}

/// The events of one device.
struct holder {
    explicit holder(bool is_backup) : shown(events, is_backup, [] { return std::vector{guest}; }) {
        events.numbers().ours = [](const user_id& user) { return user == guest; };
    }
    test::test_environment in;
    test::faulty_store disk;
    replica::database db{in.env, disk};
    replica::event_store events{in.env, db};
    replica::event_set shown;
};

/// The guest's device asks a backup by one strategy; what each side took.
class asking_the_backup {
public:
    asking_the_backup(recovery::strategy& strategy, holder& mine, holder& backup)
        : strategy_(strategy), mine_(mine), backup_(backup) {
        with_.backups = {backup_id};
        with_.ours = {guest};
    }
    void run() {
        const auto machine = strategy_.initiate();
        step(*machine, recovery::begin{{}, {backup_id}});
        while (!ended_) {
            if (!inbox_.empty()) {
                bytes body = std::move(inbox_.front());
                inbox_.pop_front();
                step(*machine, recovery::message{backup_id, std::move(body)});
            } else {
                const auto next = std::ranges::min_element(
                    timers_, {}, [](const auto& one) { return std::pair(one.second, one.first); });
                const std::uint64_t tag = next->first;
                timers_.erase(next);
                step(*machine, recovery::timer{tag});
            }
        }
    }
    double asking = 0, answering = 0;
    std::uint64_t applied = 0, applied_bytes = 0;

private:
    void step(recovery::initiator& machine, const recovery::input& what) {
        std::vector<recovery::effect> effects;
        const double begun = processor_ms();
        machine.step(what, *mine_.shown.to_ask(with_), where(), effects);
        asking += processor_ms() - begun;
        for (auto& effect : effects) {
            if (const auto* const out = std::get_if<recovery::send>(&effect)) {
                answer(out->body);
            } else if (const auto* const got = std::get_if<recovery::apply>(&effect)) {
                take(got->envelope);
            } else if (const auto* const timer = std::get_if<recovery::set_timer>(&effect)) {
                timers_[timer->tag] = timer->after;
            } else {
                ended_ = true;
            }
        }
    }
    void answer(const bytes& asked) {
        const double begun = processor_ms();
        auto answers = strategy_.respond(asked, *backup_.shown.to_answer({guest}, false), where());
        answering += processor_ms() - begun;
        ASSERT_TRUE(answers) << answers.error().message();
        for (bytes& body : *answers) {
            inbox_.push_back(std::move(body));
        }
    }
    void take(const bytes& encoded) {
        replica::verified_envelope one;
        one.what = codec::decode<envelope>(encoded).value();
        one.header = codec::decode<envelope_header>(one.what.header).value();
        one.order = backup_.events.find(one.header.event)->order;
        mine_.events.publish(std::move(one));
        ++applied;
        applied_bytes += encoded.size();
    }
    /// The chance that goes on, so that every exchange has a key of its own.
    recovery::context where() { return {backup_.in.env.time.now(), backup_.in.entropy}; }

    recovery::strategy& strategy_;
    holder& mine_;
    holder& backup_;
    replica::recovery_peers with_;
    std::deque<bytes> inbox_;
    std::map<std::uint64_t, duration> timers_;
    bool ended_ = false;
};

/// The backup goes on from one exchange to the next; whoever asks has just started.
std::string exchange(recovery::strategy& strategy, std::string_view name, holder& backup,
                     std::uint32_t missing) {
    double asking = 1e18, answering = 1e18, first_answering = 0;
    std::uint64_t applied = 0, applied_bytes = 0;
    const std::size_t all = backup.events.all().size();
    for (int i = 0; i < repetitions; ++i) {
        holder mine(false);
        test::seeded_random chance(missing + 1);
        std::uint64_t left = missing, looked_at = 0;
        for (const auto& [id, held] : backup.events.all()) {
            if (chance.below(all - looked_at++) < left) {
                --left;
            } else {
                mine.events.publish(
                    {codec::decode<envelope>(held.encoded).value(), held.header, held.order});
            }
        }
        asking_the_backup one(strategy, mine, backup);
        one.run();
        asking = std::min(asking, one.asking);
        answering = std::min(answering, one.answering);
        first_answering = i == 0 ? one.answering : first_answering;
        applied = one.applied;
        applied_bytes = one.applied_bytes;
        EXPECT_EQ(mine.events.all().size(), all);
    }
    return fmt::format(
        R"({{"part":"exchange","strategy":"{}","events":{},"missing":{},"applied":{},"applied_bytes":{},)"
        R"("asking_ms":{:.2f},"answering_ms":{:.2f},"first_answering_ms":{:.2f}}})",
        name, all, missing, applied, applied_bytes, asking, answering, first_answering);
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
    testing::InitGoogleTest(&argc, argv);  // whether each exchange brings everything
    const char* const directory = std::getenv("CALBOX_PLUGINS");
    if (argc != 3 || directory == nullptr || !crypto::initialise()) {
        fmt::print(stderr, "CALBOX_PLUGINS=DIRECTORY recovery_costs EVENTS MISSING\n");
        return 2;
    }
    const auto all = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    const auto missing =
        std::min(all, static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    fmt::print("[\n {},\n {}", sketches(all, missing), verifying());
    holder backup(true);
    test::seeded_random chance(7);
    for (std::uint32_t n = 0; n < all; ++n) {
        backup.events.publish(invitation(n, 1 + n % 3, chance));
    }
    const auto measure = [&](recovery::strategy& strategy, const std::string& name) {
        for (const std::uint32_t lacking : {0U, missing}) {
            fmt::print(",\n {}", exchange(strategy, name, backup, lacking));
            std::fflush(stdout);
        }
    };
    if (!bench::each_recovery_strategy(directory, measure)) {
        return 1;
    }
    fmt::print("\n]\n");
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}
