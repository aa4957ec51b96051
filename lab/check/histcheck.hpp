// Judges histories: could all that was answered have come from one copy of each event, on which
// every operation took effect at one moment between its call and its answer (linearizability)?
// Versions tell in which order the writes happened, so nothing needs to be searched: O(n log n)
// (Gibbons and Korach, Testing Shared Memories, SICOMP 1997), where the general question is
// NP-hard. Linearizability is local (Herlihy and Wing), so each event is judged by itself.
//
// An unknown write may have taken effect at any time after its call, or never: it counts as done
// where a version needs a writer, and only then. An unknown write that expected no version could
// have made any version; it is believed behind every version that nobody else accounts for, so it
// may go unnoticed that it took effect twice. All other answers are exact.
//
// A deletion is a version, and the last one: whatever comes after it is a contradiction. Any
// thread; nothing is kept.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lab/check/history.hpp"

namespace calbox::lab {

/// Operations that cannot all be true, of one event.
struct contradiction {
    std::string key;
    std::string sentence;                 // for people, begins with the key
    std::vector<std::size_t> operations;  // their places in the history, from 0
};

struct verdict {
    std::vector<contradiction> contradictions;  // at most one of each event, by key
    std::size_t operations = 0, events = 0;
    bool legal() const noexcept { return contradictions.empty(); }
};

/// invalid_argument when the history is not well formed: whoever wrote it made a mistake, and
/// nothing can be said of the system.
result<verdict> check_history(const history& what);

}  // namespace calbox::lab
