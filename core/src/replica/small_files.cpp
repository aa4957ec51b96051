#include "replica/small_files.hpp"

#include <algorithm>

#include "crypto/files.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

file_mediator::~file_mediator() = default;

namespace {

/// A device that knows no such question may have been updated since.
constexpr duration asked_again = std::chrono::minutes(10);
/// One that did not answer is asked after the others for so long.
constexpr duration trusted_again = std::chrono::minutes(1);
constexpr int one_by_one_most = 32;  // questions for one file each
constexpr int together_least = 2, together_most = 8;

/// Of a question: the device will answer no other one either.
bool is_silence(errc why) {
    return why == errc::timed_out || why == errc::closed || why == errc::unavailable;
}

}  // namespace

struct small_files::wanted {
    file_root root;
    std::uint64_t size = 0;
    file_mediator& mediator;  // while somebody waits
    event woken;
    bool given_up = false;  // nobody waits for it any more
    std::optional<result<part>> outcome;
    wanted(const environment& env, const file_root& which, std::uint64_t bytes, file_mediator& by)
        : root(which), size(bytes), mediator(by), woken(env) {}
};

/// What an earlier crowd of questions has taught may not be so any more.
void small_files::refresh(line& of) {
    of.window = {};
    of.window.pulling = of.one_by_one ? 8 : together_least;
    of.window.most = of.one_by_one ? one_by_one_most : together_most;
}

/// Those that nobody asks for yet.
void small_files::give_up(line& of, const error& why) {
    for (const auto& one : std::exchange(of.queue, {})) {
        one->outcome = fail(why);
        one->woken.set();
    }
}

device_id small_files::best_of(const std::vector<device_id>& sources) const {
    const auto rank = [this](const device_id& source) {
        const auto found = lines_.find(source);
        const bool known = found != lines_.end();
        const bool silent =
            known && found->second.silent && env_.time.now() < *found->second.silent;
        return std::pair(silent, known ? found->second.waiting : 0);
    };
    return *std::ranges::min_element(sources, {}, rank);
}

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
            if (!(*one)->outcome && !(*one)->given_up) {
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
    if (mine.waiting == 0 && mine.asking == 0) {
        refresh(mine);
    }
    const auto what = std::make_shared<wanted>(env_, root, size, mediator);
    mine.queue.push_back(what);
    ++mine.waiting;
    const struct leaving {
        line& of;
        const std::shared_ptr<wanted>& what;
        ~leaving() {
            what->given_up = true;
            --of.waiting;
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
        refresh(of);
    }
    const bool together = !of.one_by_one;
    some taken;
    std::size_t size = 0;
    while (!of.queue.empty() && taken.size() < wire::limits::small_files_per_message) {
        if (auto why = of.queue.front()->mediator.unwanted()) {
            of.queue.front()->outcome = fail(std::move(*why));
            of.queue.front()->woken.set();
            of.queue.pop_front();
            continue;
        }
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
    if (which.empty()) {
        co_return;
    }
    const question asked(of, which);
    // A short one says nothing about how long the others take.
    const bool is_measure = of.one_by_one || !of.queue.empty();
    const instant begun = env_.time.now();
    auto parts = co_await parts_of(which, source, mediator.for_all());
    if (parts && is_measure) {
        const auto change = of.window.after(env_.time.now() - begun);
        of.window.pulling += change == ask_window::change::more   ? 1
                             : change == ask_window::change::less ? -1
                                                                  : 0;
    }
    if (!parts && parts.error().code == errc::unsupported && which.size() > 1) {
        of.one_by_one = env_.time.now() + asked_again;
        refresh(of);
        co_return;
    }
    if (!parts) {
        for (const auto& one : which) {
            one->outcome = fail(parts.error());
        }
        if (is_silence(parts.error().code)) {
            of.silent = env_.time.now() + trusted_again;
            give_up(of, parts.error());
        }
        co_return;
    }
    of.silent.reset();
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
