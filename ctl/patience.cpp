#include "patience.hpp"

#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::chrono::milliseconds again_after{1000};

}  // namespace

bool patience::waits(problem& why) {
    const bool heals = why.code == "unavailable" || why.code == "offline";
    if (!heals || !with_.values.has("wait")) {
        return false;
    }
    const auto reason = why.detail.substr(0, why.detail.find("; "));
    if (reason != said_) {
        said_ = reason;
        with_.out.note("waiting: " + clean(reason) + "; Ctrl-C gives up");
    }
    if (rest(with_.world, again_after)) {
        return true;
    }
    why = {"cancelled", "given up: nothing was changed"};
    return false;
}

}  // namespace calbox::ctl
