#include "lab/random/shrink.hpp"

#include <algorithm>

namespace calbox::lab {

namespace {

class shrinking {
public:
    shrinking(plan what, const std::function<bool(const plan&)>& fails, unsigned tries_most)
        : best_(std::move(what)), fails_(fails), left_(tries_most) {}

    plan run() {
        actions();
        machines();
        actions();
        return std::move(best_);
    }

private:
    bool try_instead(plan other) {
        if (left_ == 0 || other == best_) {
            return false;
        }
        --left_;
        if (!fails_(other)) {
            return false;
        }
        best_ = std::move(other);
        return true;
    }

    void actions() {
        std::size_t size = std::max<std::size_t>(best_.actions.size() / 2, 1);
        while (left_ > 0 && !best_.actions.empty()) {
            bool smaller = false;
            for (std::size_t first = 0; first < best_.actions.size();) {
                plan other = best_;
                const auto begin = other.actions.begin() + static_cast<std::ptrdiff_t>(first);
                const auto count = std::min(size, other.actions.size() - first);
                other.actions.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
                if (try_instead(std::move(other))) {
                    smaller = true;
                } else {
                    first += size;
                }
            }
            if (size == 1 && !smaller) {
                return;
            }
            size = std::max<std::size_t>(size / 2, 1);
        }
    }

    void machines() {
        for (auto part : {&plan::people, &plan::backups, &plan::rendezvous}) {
            while (best_.*part > (part == &plan::people ? 2u : 1u)) {
                plan other = best_;
                --(other.*part);
                other.second_devices = std::min(other.second_devices, other.people);
                if (!try_instead(std::move(other))) {
                    break;
                }
            }
        }
        for (auto part : {&plan::lost_per_mille, &plan::jitter_ms, &plan::absent,
                          &plan::loses_device, &plan::second_devices}) {
            plan other = best_;
            other.*part = 0;
            try_instead(std::move(other));
        }
    }

    plan best_;
    const std::function<bool(const plan&)>& fails_;
    unsigned left_;
};

}  // namespace

plan shrink(plan what, const std::function<bool(const plan&)>& fails, unsigned tries_most) {
    return shrinking(std::move(what), fails, tries_most).run();
}

}  // namespace calbox::lab
