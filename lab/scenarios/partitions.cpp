// Every way to cut a small network in two, and what can be done on each side meanwhile.
#include <algorithm>

#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::role::backup, wire::role::edge, wire::role::rendezvous;

const std::vector<std::string> operations{"create", "modify", "delete",
                                          "attach", "read",   "sign in"};

/// One network of three to five nodes, and the people at its edges.
class cut_network {
public:
    cut_network(script& on, std::size_t nodes) : in_(on.fresh_world()) {
        // With five nodes the backup is one of its own.
        hub_ = &found_network(in_, "hub", nodes < 5 ? rendezvous | backup : rendezvous);
        nodes_.push_back(hub_);
        if (nodes == 5) {
            nodes_.push_back(&join_network(in_, "Z", backup, *hub_));
        }
        for (const auto& [host, name] :
             {std::pair("A", "alice"), std::pair("B", "bob"), std::pair("C", "carol")}) {
            if (nodes_.size() < nodes) {
                device& made = join_network(in_, host, edge, *hub_);
                nodes_.push_back(&made);
                people_.push_back(std::make_unique<person>(made, name));
                people_.back()->sign_up();
            }
        }
        in_.pass(1s);
    }

    std::size_t splits() const { return (std::size_t{1} << (nodes_.size() - 1)) - 1; }

    /// Cuts, lets everybody try everything, and heals. A row of the table.
    std::vector<std::string> play(std::size_t number) {
        prepare();
        // The hub is on the first side; the bits say who is with it.
        std::vector<device*> sides[2];
        sides[0].push_back(hub_);
        for (std::size_t i = 1; i < nodes_.size(); ++i) {
            const bool with_hub = (number >> (i - 1) & 1) != 0;
            sides[with_hub ? 0 : 1].push_back(nodes_[i]);
        }
        std::string name;
        std::vector<std::set<std::string>> cut;
        for (const auto& side : sides) {
            name += name.empty() ? "" : " |";
            cut.emplace_back();
            for (const device* const one : side) {
                name += (name.empty() ? "" : " ") + one->name();
                cut.back().insert(one->name());
            }
        }
        in_.net.split(cut);
        in_.pass(90s);  // leases and sessions over the cut have ended
        std::vector<std::string> row{name};
        for (std::size_t i = 0; i < operations.size(); ++i) {
            std::string cell;
            for (const auto& side : sides) {
                if (person* const one = first_person(side)) {
                    cell += (cell.empty() ? "" : " ") + one->at().name() +
                            (attempt(*one, i) ? ": yes" : ": no");
                }
            }
            row.push_back(cell);
        }
        in_.net.heal();
        return row;
    }

    /// Everybody sees the same, and everything that was acknowledged.
    void converge() {
        in_.wait_for(
            "everybody is connected",
            [&] {
                return std::ranges::all_of(nodes_, [](device* one) { return is_connected(*one); });
            },
            5min);
        in_.wait_for("everybody sees the same", [&] { return agree(); }, 5min);
        for (const event_id& one : kept_) {
            expect(people_[0]->sees(one).has_value(), "an acknowledged event is lost");
        }
        for (const event_id& one : deleted_) {
            expect(!people_[0]->sees(one), "a deleted event has come back");
        }
        const std::string final_title = people_[0]->title_of(shared_);
        lost_edits_ += static_cast<std::size_t>(std::ranges::count_if(
            edits_, [&](const std::string& title) { return title != final_title; }));
    }

    std::size_t lost_edits() const noexcept { return lost_edits_; }
    duration longest() const noexcept { return longest_; }

private:
    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& one : people_) {
            all.push_back(one->name());
        }
        return all;
    }

    /// Whatever the operations are to be done to, seen by all, with files that nobody else has
    /// read.
    void prepare() {
        shared_ = create(*people_[0], "shared");
        edits_.clear();
        own_.clear();
        to_delete_.clear();
        for (const auto& one : people_) {
            own_[one->name()] = create(*one, "own of " + one->name());
            must(one->attach(own_[one->name()], "before.txt", to_bytes("before")), "attach");
            to_delete_[one->name()] = create(*one, "to be deleted");
        }
        in_.wait_for("everybody sees the same", [&] { return agree(); });
    }

    event_id create(person& by, const std::string& title) {
        const auto made = must(by.create(title, names()), "create").id;
        kept_.insert(made);
        return made;
    }

    person* first_person(const std::vector<device*>& side) {
        for (const auto& one : people_) {
            if (std::ranges::count(side, &one->at()) > 0) {
                return one.get();
            }
        }
        return nullptr;
    }

    bool attempt(person& by, std::size_t operation) {
        const instant begun = in_.now();
        const bool done = attempt_now(by, operation);
        longest_ = std::max(longest_, in_.now() - begun);
        return done;
    }

    bool attempt_now(person& by, std::size_t operation) {
        const auto fine = [](const auto& came) { return came && *came; };
        switch (operation) {
            case 0: {
                const auto came = by.create("made apart by " + by.name(), names());
                if (fine(came)) {
                    kept_.insert((*came)->id);
                }
                return fine(came);
            }
            case 1: {
                const std::string title = "changed apart by " + by.name();
                const bool done = fine(by.change(shared_, title));
                if (done) {
                    edits_.push_back(title);
                }
                return done;
            }
            case 2: {
                const event_id which = to_delete_.at(by.name());
                const bool done = fine(by.remove(which));
                if (done) {
                    kept_.erase(which);
                    deleted_.insert(which);
                }
                return done;
            }
            case 3:
                return fine(by.attach(own_.at(by.name()), "apart.txt", to_bytes("apart")));
            case 4: {
                // Of somebody on the other side, where there is somebody.
                const auto other = std::ranges::find_if(people_, [&](const auto& one) {
                    return !in_.net.passes(by.at().name(), one->at().name());
                });
                const person& of = other == people_.end() ? *people_.back() : **other;
                return fine(by.read(own_.at(of.name()), "before.txt"));
            }
            default:
                return fine(by.at().run(by.at().api().account.sign_in(
                    by.name(), "a lab is no place for secrets of " + by.name(), false)));
        }
    }

    /// What a person sees, as text.
    static std::string picture(const person& of) {
        std::string all;
        auto seen = of.sees_all();
        std::ranges::sort(seen, {}, &node::event_view::id);
        for (const node::event_view& one : seen) {
            all += fmt::format("{} {} {} {}\n", one.id_text, one.version.value, one.content.title,
                               one.content.files.size());
        }
        return all;
    }
    bool agree() const {
        const std::string first = picture(*people_[0]);
        return std::ranges::all_of(people_,
                                   [&](const auto& one) { return picture(*one) == first; });
    }

    world& in_;
    device* hub_ = nullptr;
    std::vector<device*> nodes_;
    std::vector<std::unique_ptr<person>> people_;
    event_id shared_{};
    std::map<std::string, event_id> own_, to_delete_;
    std::vector<std::string> edits_;
    std::set<event_id> kept_, deleted_;
    std::size_t lost_edits_ = 0;
    duration longest_{};
};

}  // namespace

void play_partition_matrix(script& on) {
    std::size_t lost_edits = 0;
    duration longest{};
    const std::uint64_t most = std::min<std::uint64_t>(on.size_or(5), 5);
    for (std::size_t nodes = 3; nodes <= most; ++nodes) {
        cut_network all(on, nodes);
        figure_table table{
            fmt::format("{} nodes: what can be done 90 s after a cut, and where", nodes),
            {"sides"},
            {}};
        table.columns.insert(table.columns.end(), operations.begin(), operations.end());
        on.step(fmt::format("{} nodes, all {} ways to cut them in two: every request is answered, "
                            "and after the healing all see the same and nothing acknowledged is "
                            "lost",
                            nodes, all.splits()),
                {100, 101, 105, 106, 147}, [&] {
                    for (std::size_t i = 0; i < all.splits(); ++i) {
                        table.rows.push_back(all.play(i));
                        all.converge();
                    }
                });
        on.table(std::move(table));
        lost_edits += all.lost_edits();
        longest = std::max(longest, all.longest());
    }
    on.figure("longest wait for an answer", std::chrono::duration<double>(longest).count(), "s");
    on.figure("acknowledged changes of the same event that another one replaced",
              static_cast<double>(lost_edits), "changes");
    on.step_if(
        on.claims().partition_safe, "no acknowledged change was replaced unseen", {98, 147}, [&] {
            expect(lost_edits == 0,
                   fmt::format("{} were: both sides could change the same event", lost_edits));
        });
}

}  // namespace calbox::lab
