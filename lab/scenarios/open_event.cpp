// open-event: a crowd joins an event by its link (R11), and everybody has its file; what the link
// does for somebody who was removed, while the organizer is away, and after it was closed.
#include <algorithm>

#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::role::edge, wire::role::backup, wire::role::rendezvous;
using joining = std::shared_ptr<outcome<result<node::join_view>>>;

constexpr std::uint64_t versions_most = 12;

class course {
public:
    course(script& on, std::uint64_t size) : in_(on.fresh_world()) {
        node::node_settings with;
        with.heartbeat = 1min;
        hub_ = &found_network(in_, "hub", rendezvous | backup, with);
        for (std::uint64_t i = 0; i <= size + 1; ++i) {
            const std::string name = i == 0     ? "teacher"
                                     : i > size ? "late"
                                                : fmt::format("student-{}", i);
            device& its = join_network(in_, name, edge, *hub_, with);
            people_.push_back(std::make_unique<person>(its, name));
            people_.back()->sign_up();
        }
        in_.pass(1s);
        which_ = must(teacher().create("course"), "create").id;
        must(teacher().attach(which_, "slides.pdf", slides_), "attach");
        link_ =
            must(on_device(teacher(), teacher().at().api().opening.open(teacher().id(), which_)),
                 "open");
    }

    void all_join() {
        std::vector<joining> asked;
        const std::uint64_t before = teacher().sees(which_)->version.value;
        for (std::size_t i = 1; i + 1 < people_.size(); ++i) {
            asked.push_back(begin_join(*people_[i]));
        }
        in_.wait_for(
            "everybody has an answer",
            [&] {
                return std::ranges::all_of(asked, [](const joining& one) { return one->ended; });
            },
            2min);
        for (std::size_t i = 1; i + 1 < people_.size(); ++i) {
            person& one = *people_[i];
            in_.wait_for(one.name() + " has the event",
                         [&] { return one.sees(which_).has_value(); });
            expect(must(one.read(which_, "slides.pdf"), "read") == slides_,
                   one.name() + " reads another file");
        }
        versions_ = teacher().sees(which_)->version.value - before;
        expect(teacher().sees(which_)->content.participants.size() == people_.size() - 2,
               "somebody is missing");
        expect(versions_ <= versions_most,
               fmt::format("{} joined by {} versions", people_.size() - 2, versions_));
    }

    void some_go() {
        person& leaves = *people_[1];
        person& removed = *people_[2];
        must(on_device(leaves, leaves.at().api().events.leave(leaves.id(), which_)), "leave");
        in_.wait_for("he is gone", [&] { return !takes_part(teacher(), leaves); });
        auto rest = teacher().sees(which_)->content.participants;
        std::erase(rest, removed.name());
        node::event_draft without;
        without.participants = rest;
        must(on_device(teacher(), teacher().at().api().events.modify(teacher().id(), which_,
                                                                     without, std::nullopt)),
             "remove");
        in_.wait_for("it is gone", [&] { return !removed.sees(which_); });
        in_.pass(10s);
        expect(join(leaves).has_value(), "who has left may not come back");
        const auto refused = join(removed);
        expect(!refused && refused.error().code == errc::forbidden, "who was removed came back");
    }

    void away_and_closed() {
        person& late = *people_.back();
        teacher().at().stop();
        const auto waits = join(late);
        expect(waits && !waits->joined, "joined without the organizer");
        late.at().stop();
        late.at().start();
        teacher().at().start();
        in_.wait_for("the request has come", [&] { return late.sees(which_).has_value(); }, 3min);
        must(on_device(teacher(), teacher().at().api().opening.close(teacher().id(), which_)),
             "close");
        must(on_device(late, late.at().api().events.leave(late.id(), which_)), "leave");
        in_.wait_for("he is gone", [&] { return !late.sees(which_); });
        const auto refused = join(late);
        expect(!refused && refused.error().code == errc::forbidden, "joined by an old link");
        expect(must(people_[3]->read(which_, "slides.pdf"), "read") == slides_,
               "who stays reads on");
    }

    std::uint64_t versions() const noexcept { return versions_; }

private:
    person& teacher() { return *people_.front(); }
    bool takes_part(const person& seen_by, const person& who) {
        const auto all = seen_by.sees(which_)->content.participants;
        return std::ranges::count(all, who.name()) != 0;
    }
    joining begin_join(person& who) {
        return who.at().begin(who.at().api().joining.join(who.id(), link_));
    }
    template <class T>
    answer<T> on_device(person& who, task<result<T>> work) {
        return who.at().run(std::move(work));
    }
    result<node::join_view> join(person& who) {
        return *on_device(who, who.at().api().joining.join(who.id(), link_));
    }

    world& in_;
    device* hub_ = nullptr;
    std::vector<std::unique_ptr<person>> people_;
    event_id which_;
    std::string link_;
    const bytes slides_ = bytes(100'000, 7);
    std::uint64_t versions_ = 0;
};

}  // namespace

void play_open_event(script& on) {
    const std::uint64_t size = std::max<std::uint64_t>(4, on.size_or(200));
    course all(on, size);
    on.step(fmt::format("{} join at once by the link: each has the event and reads its file", size),
            {3, 10, 11, 63}, [&] { all.all_join(); });
    on.step("one leaves and comes back; one is removed, and his link opens nothing any more",
            {11, 24}, [&] { all.some_go(); });
    on.step(
        "a request made while the organizer is away waits, over a restart; an old link is "
        "refused",
        {11, 78}, [&] { all.away_and_closed(); });
    on.figure("versions by which they joined", static_cast<double>(all.versions()), "versions");
}

}  // namespace calbox::lab
