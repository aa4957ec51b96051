// When this device reads again what it has stored, and how fast: all events, their earlier versions
// and all files, once in a while, slowly enough to be noticed by nobody. Decides only; whoever
// reads (node/store_service) tells it what it has read. A pass goes on after a restart where it
// was.
#pragma once

#include <optional>

#include <calbox/codec.hpp>
#include <calbox/environment.hpp>

namespace calbox::replica {

struct scrub_terms {
    duration every{};  // from the end of one pass to the begin of the next; zero: never by itself
    std::uint64_t bytes_per_second = 4 << 20;
};

enum class scrub_stage : std::uint8_t { events = 0, versions = 1, files = 2, over = 3 };

/// One pass, as it is remembered.
struct scrub_pass {
    timestamp began;
    std::optional<timestamp> ended;
    scrub_stage stage = scrub_stage::events;
    bytes from;  // where the stage goes on: key of a record, or root of a file
    std::uint64_t events = 0, versions = 0, files = 0, bytes_read = 0;
    std::uint64_t damaged = 0, healed = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&scrub_pass::began), codec::field<2>(&scrub_pass::ended),
                   codec::field<3>(&scrub_pass::stage), codec::field<4>(&scrub_pass::from),
                   codec::field<5>(&scrub_pass::events), codec::field<6>(&scrub_pass::versions),
                   codec::field<7>(&scrub_pass::files), codec::field<8>(&scrub_pass::bytes_read),
                   codec::field<9>(&scrub_pass::damaged), codec::field<10>(&scrub_pass::healed));
};

/// Record of kind meta, under "scrub".
struct scrub_record {
    std::optional<scrub_pass> now;   // under way
    std::optional<scrub_pass> last;  // that ended last
    static constexpr auto fields =
        std::tuple(codec::field<1>(&scrub_record::now), codec::field<2>(&scrub_record::last));
};

class scrub {
public:
    explicit scrub(scrub_terms with, scrub_record before = {})
        : with_(with), state_(std::move(before)) {}

    const scrub_record& state() const noexcept { return state_; }
    bool running() const noexcept { return state_.now.has_value(); }
    bool hurries() const noexcept { return hurries_; }
    /// Whether a pass is to go on, or to begin by itself.
    bool is_due(timestamp now) const noexcept;
    /// Begins a pass, unless one is under way. `at_once`: from now on it does not rest.
    void begin(timestamp now, bool at_once);
    /// How long to rest before the next read.
    duration rest(instant now) const noexcept;

    /// What was read: `next` is where the stage goes on, empty at its end.
    void read_events(std::uint64_t count, std::uint64_t size, bytes next, instant now);
    void read_versions(std::uint64_t count, std::uint64_t size, bytes next, instant now);
    /// A part of the file, or its end.
    void read_leaves(std::uint64_t size, instant now);
    void read_file(bytes next);
    /// There are no more files: the pass is over.
    void end(timestamp now);
    void found(bool healed);
    /// So many of what a pass has found are still lost: the rest has been healed since. True when
    /// that is news.
    bool still_lost(std::uint64_t count);

private:
    void moved(bytes next, std::uint64_t size, instant now);
    void spent(std::uint64_t size, instant now);

    scrub_terms with_;
    scrub_record state_;
    bool hurries_ = false;
    std::optional<instant> not_before_;
};

}  // namespace calbox::replica
