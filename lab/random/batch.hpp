// Plans that begin alike, played in processes of their own: one founds the world, and each plan is
// played in a copy of it that the system makes (fork). So a world that crashes is a finding like
// any other and names its seed, and what many have in common is done once.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <functional>
#include <optional>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lab/random/run.hpp"

namespace calbox::lab {

/// A process of its own, and where what it writes is read. Whoever starts it closes and reaps it.
struct child {
    pid_t process = 0;
    int from = -1;
};
/// It does `work`, which is given where to write, and ends. Throws failure.
child start_child(const std::function<void(int to)>& work);

/// What came of a plan, as processes tell each other: its seed, violations as pairs of a claim and
/// a line, and the figures of its report.
nlohmann::json line_of(std::uint64_t seed, const run_report& report);

/// Runs until it is destroyed; a copy that then still plays ends when it has nobody to tell.
class batch {
public:
    /// Begins at once. At least one plan, and all begin_alike() with the first. `with` outlives it.
    batch(std::vector<plan> plans, const run_settings& with);
    ~batch();
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    /// Waits for the next plan's outcome, in their order; nothing when all are told. A process that
    /// died violates `works`.
    std::optional<nlohmann::json> next();

private:
    std::vector<plan> plans_;
    std::size_t told_ = 0;
    pid_t process_ = 0;
    std::FILE* from_ = nullptr;
};

/// The plans of a range of seeds, both included, those that begin alike together: in each list by
/// seed, and the lists by their first.
std::vector<std::vector<plan>> batches_of(std::uint64_t first, std::uint64_t last,
                                          const plan_limits& within);

}  // namespace calbox::lab
