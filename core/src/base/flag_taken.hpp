// A flag that says that something is under way. On the stack of whoever does it; core thread only.
#pragma once

namespace calbox {

/// Gives a flag back, however the work ends that it was taken for: by its end, an error or because
/// it is cancelled. The flag outlives it.
struct flag_taken {
    bool& flag;
    ~flag_taken() { flag = false; }
};

}  // namespace calbox
