// How much is asked of one source at once: more while that makes no question wait, less once
// answers wait for each other, since whatever else is sent on the line then waits behind them (TCP
// Vegas; Brakmo and Peterson, 1995). A value; does nothing itself.
#pragma once

#include <algorithm>

#include <calbox/environment.hpp>

namespace calbox::replica {

struct ask_window {
    int pulling = 0;
    int most = 32;
    duration least = duration::max();  // that an answer has taken

    enum class change { none, more, less };
    change after(duration taken) {
        using std::chrono::milliseconds;
        least = std::min(least, taken);
        if (taken <= least + least / 2 + milliseconds(20)) {
            return pulling < most ? change::more : change::none;
        }
        return taken > 2 * least + milliseconds(50) && pulling > 1 ? change::less : change::none;
    }
};

}  // namespace calbox::replica
