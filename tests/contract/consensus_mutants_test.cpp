// Proves that the consensus suite can see: each fault that the strategies can be built with
// (calbox/mutant.hpp) is switched on in turn, and must be found by the same random storms, or by
// the same scenario, that pass without it. Runs against plugins that are compiled with their
// faults, from a directory of their own.
#include <calbox/mutant.hpp>

#include "contract/consensus_storm.hpp"
#include "contract/consensus_suite.hpp"

namespace calbox::contract {
namespace {

using namespace std::chrono_literals;

struct one_fault {
    std::string name;
    std::uint64_t seeds;  // within so many storms
};

class consensus_mutants : public testing::TestWithParam<one_fault> {
protected:
    void TearDown() override { clear_mutants(); }
};

std::string name_of_fault(const testing::TestParamInfo<one_fault>& of) {
    return of.param.name.substr(of.param.name.find('.') + 1);
}

TEST_P(consensus_mutants, are_found) {
    set_mutant(GetParam().name);
    const std::string strategy = GetParam().name.substr(0, GetParam().name.find('.'));
    for (std::uint64_t seed = 1; seed <= GetParam().seeds; ++seed) {
        const auto report = run_storm(strategy, seed);
        if (!report.wrong.empty()) {
            RecordProperty("seed", static_cast<int>(seed));
            std::printf("%s: storm %d: %s\n", GetParam().name.c_str(), static_cast<int>(seed),
                        report.wrong.front().c_str());
            return;
        }
    }
    FAIL() << "not found in " << GetParam().seeds << " storms";
}

INSTANTIATE_TEST_SUITE_P(views, consensus_mutants,
                         testing::Values(one_fault{"views.no_joint_step", 3000},
                                         one_fault{"views.whoever_is_online", 100},
                                         one_fault{"views.forgets_promises", 3000},
                                         one_fault{"views.leaves_unconfirmed_view", 20000},
                                         one_fault{"views.local_read_is_fresh", 100},
                                         one_fault{"views.accepts_lower_ballot", 3000},
                                         one_fault{"views.no_fencing", 1000},
                                         one_fault{"views.decides_before_quorum", 1000},
                                         one_fault{"views.frees_locks_early", 100},
                                         one_fault{"views.repeats_retries", 1000}),
                         name_of_fault);

INSTANTIATE_TEST_SUITE_P(etcd, consensus_mutants,
                         testing::Values(one_fault{"etcd.no_fencing", 1000},
                                         one_fault{"etcd.counts_leases_twice", 100},
                                         one_fault{"etcd.forgets_own_edit", 100}),
                         name_of_fault);

}  // namespace
}  // namespace calbox::contract
