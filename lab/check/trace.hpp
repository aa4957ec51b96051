// What happened in a run, as one number: two runs of one seed must give the same, on every machine
// and in every build. Records are hashed as they come and not kept; a log for people is written
// beside, where one is wanted. The hash is for comparing runs, not against attackers. Owned by the
// world; one thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/environment.hpp>

namespace calbox::lab {

enum class happening : std::uint8_t {
    message = 1,  // sent, arrived, or lost
    disk = 2,     // read, written, synced, or failed
    timer = 3,
    call = 4,     // a user's operation or its answer
    shown = 5,    // what a user was shown
    decided = 6,  // a consensus strategy's effect
    fault = 7,    // what the world did to its machines
    state = 8,    // of a service or of the world
};
std::string_view to_string(happening what) noexcept;

/// A machine of the world, counted from 1 in the order in which they were made; 0 is the world.
struct machine {
    std::uint32_t number = 0;
    friend auto operator<=>(const machine&, const machine&) = default;
};

/// Eight bytes at a time; the same on every machine.
std::uint64_t hash_of(std::string_view text) noexcept;

class trace {
public:
    trace() = default;
    /// Besides writes a line of text for each record; `log` outlives this.
    explicit trace(std::ostream& log) : log_(&log) {}

    void record(instant at, happening what, machine where, std::string_view text,
                std::uint64_t number = 0);

    std::uint64_t hash() const noexcept { return hash_; }
    std::uint64_t records() const noexcept { return records_; }
    /// "9f86d081884c7d65 after 1024 records"
    std::string text() const;

    /// The hash after so many records.
    struct milestone {
        std::uint64_t records = 0;
        instant at;
        std::uint64_t hash = 0;
        friend bool operator==(const milestone&, const milestone&) = default;
    };
    /// Evenly spaced, from the first record on; at most `milestones_kept`.
    const std::vector<milestone>& milestones() const noexcept { return milestones_; }
    static constexpr std::size_t milestones_kept = 4096;

private:
    void remember(instant at);
    void write(instant at, happening what, machine where, std::string_view text,
               std::uint64_t number);

    std::uint64_t hash_ = 0x9e3779b97f4a7c15;
    std::uint64_t records_ = 0;
    std::uint64_t spacing_ = 1;  // of the milestones; a power of two
    std::vector<milestone> milestones_;
    std::ostream* log_ = nullptr;
};

/// The last milestone up to which two runs did the same; the beginning when there is none. Look for
/// the difference in the logs from there on.
trace::milestone common_part(const trace& left, const trace& right);

}  // namespace calbox::lab
