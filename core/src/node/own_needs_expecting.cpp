// Files that an event is about to name: who needs them is noted before they are here, and what was
// never named goes again.
#include <algorithm>

#include "node/own_needs.hpp"

namespace calbox::node {

namespace {

constexpr std::size_t kept_at_once = 64;

/// Files that this device keeps as a backup, too. Some at once, whose records then become durable
/// together.
struct keeping {
    std::vector<std::pair<file_root, std::vector<user_id>>> left;
    decltype(own_needs::parts::keep_here) keep;
    user_id by;
    int running = 0;
    result<void> outcome;
    event over;
    keeping(const environment& env, decltype(own_needs::parts::keep_here) how, const user_id& user)
        : keep(std::move(how)), by(user), over(env) {}
};

task<void> keep_next(std::shared_ptr<keeping> of) {
    const struct ending {
        keeping& of;
        ~ending() {
            if (--of.running == 0) {
                of.over.set();
            }
        }
    } however_it_ends{*of};
    while (!of->left.empty() && of->outcome) {
        auto [root, users] = std::move(of->left.back());
        of->left.pop_back();
        const auto kept = co_await of->keep(root, std::move(users), of->by);
        if (!kept) {
            of->outcome = fail(kept.error());
        }
    }
}

}  // namespace

task<result<void>> own_needs::expect(std::vector<file_root> roots, user_id as, envelope_header in) {
    for (const file_root& root : roots) {
        // Nobody else knows of it yet, and would release it.
        const auto [at, is_new] = all_.try_emplace(
            {root, as}, own_need{{in.event}, replica::ordered({as}), {}, {}, {}, true});
        if (is_new) {
            unwritten_.insert(at->first);
        }
    }
    auto written = co_await write_now();
    if (!written || !with_.keep_here) {
        co_return written;
    }
    if (tasks_.stopping()) {
        co_return fail(errc::closed, "the daemon is stopping");
    }
    const auto all = std::make_shared<keeping>(env_, with_.keep_here, as);
    for (const file_root& root : roots) {
        if (auto users = needed_by(root)) {
            all->left.emplace_back(root, std::move(*users));
        }
    }
    const std::size_t at_once = std::min(all->left.size(), kept_at_once);
    all->running = static_cast<int>(at_once);
    for (std::size_t i = 0; i < at_once; ++i) {
        tasks_.spawn("keep", keep_next(all));
    }
    if (at_once > 0) {
        co_await all->over.wait();
    }
    co_return all->outcome;
}

void own_needs::forgo(const std::vector<file_root>& roots, const user_id& as) {
    for (const file_root& root : roots) {
        const auto now = all_.find({root, as});
        if (now != all_.end() && now->second.unnamed) {
            now->second.over = env_.time.wall();
            note(now->first);
        }
    }
    tell_all();
}

/// Whoever was to name it ended before, or could not, and nobody has ever been told of it.
task<void> own_needs::erase_unnamed() {
    const timestamp now = env_.time.wall();
    const auto grace = std::chrono::duration_cast<std::chrono::milliseconds>(with_.grace).count();
    std::vector<file_root> unnamed;
    for (const auto& [where, what] : all_) {
        if (what.unnamed && what.over && now.ms - what.over->ms >= grace &&
            with_.held.has(where.first)) {
            unnamed.push_back(where.first);
        }
    }
    for (const file_root& root : unnamed) {
        if (!is_over(root)) {
            continue;
        }
        const auto erased = co_await with_.held.drop(root);
        if (!erased) {
            env_.log.write(log_level::warn, "files",
                           "a file that was not attached stays: " + erased.error().message());
        }
    }
}

}  // namespace calbox::node
