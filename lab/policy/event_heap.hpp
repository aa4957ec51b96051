// The time line of a large world: a heap of small events that are data, not functions. time_line
// allocates for every event and keeps it in a tree, which serves worlds of a few nodes well; here
// tens of millions of events pass, and each costs about a fifth (docs/architecture.md). Events of
// one instant come out in the order in which they went in. One thread.
#pragma once

#include <vector>

#include <calbox/environment.hpp>

namespace calbox::lab::policy {

template <class What>
class event_heap {
public:
    void push(instant at, const What& what) {
        const entry fresh{at, ++last_, what};
        std::size_t hole = heap_.size();
        heap_.push_back(fresh);
        while (hole > 0) {
            const std::size_t parent = (hole - 1) / fan;
            if (!before(fresh, heap_[parent])) {
                break;
            }
            heap_[hole] = heap_[parent];
            hole = parent;
        }
        heap_[hole] = fresh;
    }
    bool empty() const noexcept { return heap_.empty(); }
    std::size_t size() const noexcept { return heap_.size(); }
    /// There must be one, as for pop().
    instant next() const noexcept { return heap_.front().at; }
    What pop() {
        const What first = heap_.front().what;
        const entry moved = heap_.back();
        heap_.pop_back();
        if (!heap_.empty()) {
            sink(moved);
        }
        return first;
    }

private:
    struct entry {
        instant at;
        std::uint64_t turn;  // of two at one time the first that came is first
        What what;
    };
    static constexpr std::size_t fan = 4;  // half as deep as a binary heap: fewer cache misses

    static bool before(const entry& a, const entry& b) noexcept {
        return a.at != b.at ? a.at < b.at : a.turn < b.turn;
    }
    /// Puts `moved` where it belongs, from the empty top downwards.
    void sink(const entry& moved) {
        std::size_t hole = 0;
        while (true) {
            const std::size_t first = hole * fan + 1;
            if (first >= heap_.size()) {
                break;
            }
            std::size_t least = first;
            for (std::size_t child = first + 1; child < first + fan && child < heap_.size();
                 ++child) {
                if (before(heap_[child], heap_[least])) {
                    least = child;
                }
            }
            if (!before(heap_[least], moved)) {
                break;
            }
            heap_[hole] = heap_[least];
            hole = least;
        }
        heap_[hole] = moved;
    }

    std::vector<entry> heap_;
    std::uint64_t last_ = 0;
};

}  // namespace calbox::lab::policy
