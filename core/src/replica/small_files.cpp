#include "replica/small_files.hpp"

#include <algorithm>

#include "crypto/files.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

file_mediator::~file_mediator() = default;

namespace {

/// A device that knows no such question may have been updated since.
constexpr duration asked_again = std::chrono::minutes(10);
constexpr int one_by_one_most = 32;  // questions for one file each
constexpr int together_least = 2, together_most = 8;

}  // namespace

struct small_files::wanted {
    file_root root;
    std::uint64_t size = 0;
    event woken;
    std::optional<result<part>> outcome;
    wanted(const environment& env, const file_root& which, std::uint64_t bytes)
        : root(which), size(bytes), woken(env) {}
};

/// So many as may ask now.
void small_files::wake(line& of) noexcept {
    for (auto next = of.queue.begin();
         next != of.queue.end() && next - of.queue.begin() < of.window.pulling - of.asking;
         ++next) {
        (*next)->woken.set();
    }
}

/// However it ends, those that have no answer are asked for again, by somebody else of them.
class small_files::question {
public:
    question(line& of, const some& which) : of_(of), which_(which) { ++of_.asking; }
    question(const question&) = delete;
    question& operator=(const question&) = delete;
    ~question() {
        --of_.asking;
        for (auto one = which_.rbegin(); one != which_.rend(); ++one) {
            if (!(*one)->outcome) {
                of_.queue.push_front(*one);
            }
            (*one)->woken.set();
        }
        wake(of_);
    }

private:
    line& of_;
    const some& which_;
};

task<result<small_files::part>> small_files::ask(device_id source, file_root root,
                                                 std::uint64_t size, file_mediator& mediator) {
    line& mine = lines_[source];
    const auto what = std::make_shared<wanted>(env_, root, size);
    mine.queue.push_back(what);
    const struct leaving {
        line& of;
        const std::shared_ptr<wanted>& what;
        ~leaving() {
            std::erase(of.queue, what);
            wake(of);
        }
    } however_it_ends{mine, what};
    while (!what->outcome) {
        if (!mine.queue.empty() && mine.asking < mine.window.pulling) {
            co_await ask_for_some(mine, source, mediator);
        } else {
            what->woken.reset();
            co_await what->woken.wait();
        }
    }
    co_return std::move(*what->outcome);
}

small_files::some small_files::take(line& of) const {
    if (of.one_by_one && env_.time.now() >= *of.one_by_one) {
        of.one_by_one.reset();
        of.window = {};
        of.window.pulling = together_least;
        of.window.most = together_most;
    }
    const bool together = !of.one_by_one;
    some taken;
    std::size_t size = 0;
    while (!of.queue.empty() && taken.size() < wire::limits::small_files_per_message) {
        size += crypto::sealed_leaf_bytes(of.queue.front()->size, 0);
        if (!taken.empty() && (!together || size > wire::limits::small_files_bytes)) {
            break;
        }
        taken.push_back(std::move(of.queue.front()));
        of.queue.pop_front();
    }
    return taken;
}

task<void> small_files::ask_for_some(line& of, device_id source, file_mediator& mediator) {
    const some which = take(of);
    const question asked(of, which);
    const instant begun = env_.time.now();
    auto parts = co_await parts_of(which, source, mediator.for_all());
    const auto change = of.window.after(env_.time.now() - begun);
    of.window.pulling += change == ask_window::change::more   ? 1
                         : change == ask_window::change::less ? -1
                                                              : 0;
    if (!parts && parts.error().code == errc::unsupported && which.size() > 1) {
        of.one_by_one = env_.time.now() + asked_again;
        of.window = {8, one_by_one_most};
        co_return;
    }
    if (!parts) {
        for (const auto& one : which) {
            one->outcome = fail(parts.error());
        }
        co_return;
    }
    co_await settle(which, std::move(*parts));
}

/// One is asked for as any part of a file, which older software knows, too.
task<result<std::vector<bytes>>> small_files::parts_of(const some& which, device_id source,
                                                       file_mediator& mediator) {
    if (which.size() == 1) {
        const auto payload =
            co_await mediator.ask(source, wire::message_type::file_leaf,
                                  codec::encode(wire::file_leaf{which.front()->root, 0}));
        auto reply =
            payload ? codec::decode<wire::file_leaf_reply>(*payload) : fail(payload.error());
        if (!reply) {
            co_return fail(std::move(reply.error()));
        }
        std::vector<bytes> alone;
        alone.push_back(std::move(reply->data));
        co_return alone;
    }
    wire::small_files question;
    for (const auto& one : which) {
        question.roots.push_back(one->root);
    }
    const auto payload =
        co_await mediator.ask(source, wire::message_type::small_files, codec::encode(question));
    auto reply = payload ? codec::decode<wire::small_files_reply>(*payload) : fail(payload.error());
    if (!reply) {
        co_return fail(std::move(reply.error()));
    }
    if (reply->parts.empty() || reply->parts.size() > which.size()) {
        co_return fail(errc::malformed,
                       "the device answers with other files than it was asked for");
    }
    co_return std::move(reply->parts);
}

/// Hashed on the other thread, all at once.
task<void> small_files::settle(some which, std::vector<bytes> parts) {
    which.resize(parts.size());
    std::vector<std::pair<file_root, std::uint64_t>> files;
    for (const auto& one : which) {
        files.emplace_back(one->root, one->size);
    }
    auto hashing = [files = std::move(files), parts = std::move(parts)]() mutable {
        std::vector<result<part>> made;
        for (std::size_t i = 0; i < files.size(); ++i) {
            const auto& [root, size] = files[i];
            if (parts[i].empty()) {
                made.push_back(fail(errc::not_found, "the device does not have the file"));
                continue;
            }
            const digest hash = crypto::leaf_hash(parts[i]);
            if (parts[i].size() != crypto::sealed_leaf_bytes(size, 0) ||
                crypto::root_of({hash}, size) != root) {
                made.push_back(fail(errc::mismatch, "a damaged file"));
            } else {
                made.push_back(part{std::move(parts[i]), hash});
            }
        }
        return made;
    };
    auto made = co_await offload(env_, env_.compute, std::move(hashing));
    for (std::size_t i = 0; i < which.size(); ++i) {
        which[i]->outcome = std::move(made[i]);
    }
}

}  // namespace calbox::replica
