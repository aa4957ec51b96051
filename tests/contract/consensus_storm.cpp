#include "contract/consensus_storm.hpp"

namespace calbox::contract {
namespace {

using namespace std::chrono_literals;
using consensus::committed;
using consensus::granted;
using consensus::refused;

constexpr duration bad_weather = 20s;
constexpr duration calm = 10s;

event_id the_event() {
    event_id event;
    event.organizer.value[0] = 7;
    event.seq = event_id::make_seq(device_number(1), 1);
    return event;
}

class storm {
public:
    storm(const std::string& plugin, std::uint64_t seed)
        : world_(plugin, 3 + seed % 3, seed, quick_settings(plugin)),
          chance_(seed * 7919 + 1),
          editors_(world_.size() - 1) {
        world_.backups = 1;
        world_.on_done = [this](std::size_t device, const consensus::done& answer) {
            world_.later({}, [this, device, answer] { answered(device, answer); });
        };
    }

    storm_report run(const std::optional<consensus::traits>& promised) {
        const consensus::traits held_to = promised.value_or(world_.at(0).declared());
        world_.make(event_);
        world_.lost_percent = static_cast<unsigned>(chance_.below(4) * 8);
        world_.repeated_percent = static_cast<unsigned>(chance_.below(3) * 10);
        world_.shuffled = true;
        for (std::size_t i = 0; i < editors_.size(); ++i) {
            soon(i);
        }
        trouble();
        world_.run_for(bad_weather);
        heal();
        world_.run_for(calm);
        ending_ = true;
        world_.run_for(15s);
        storm_report report;
        report.wrong = world_.history.judge(held_to);
        if (held_to.linearizable) {
            comes_to_rest(report);
            for (auto& sentence : world_.history.judge(held_to)) {
                report.wrong.push_back(std::move(sentence));
            }
        }
        if (!report.wrong.empty()) {
            report.history = world_.history.text();
        }
        report.committed = world_.history.committed();
        report.messages = world_.messages;
        return report;
    }

private:
    /// What one device does at the moment.
    struct editor {
        operation_id operation;
        consensus::token held = 0;
        version_number base;
        bool asking = false, committing = false;
        std::uint64_t turn = 0;  // what was planned before counts no more
    };
    duration up_to(duration most) {
        return duration(chance_.below(static_cast<std::uint64_t>(most.count())));
    }
    bool one_in(std::uint64_t n) { return chance_.below(n) == 0; }

    void plan(std::size_t device, duration after, std::function<void()> what) {
        const std::uint64_t turn = ++editors_[device].turn;
        world_.later(after, [this, device, turn, what = std::move(what)] {
            if (editors_[device].turn == turn && world_.is_up(device)) {
                what();
            }
        });
    }
    void soon(std::size_t device) {
        editors_[device].asking = editors_[device].committing = false;
        if (!ending_) {
            plan(device, up_to(1500ms), [this, device] { act(device); });
        }
    }
    void act(std::size_t device) {
        editor& me = editors_[device];
        if (one_in(4)) {
            world_.read(device, event_);
            soon(device);
            return;
        }
        me.asking = true;
        plan(device, 20s, [this, device] { soon(device); });  // no answer: something else
        me.operation = world_.acquire(device, event_, world_.shown(device, event_));
    }
    void answered(std::size_t device, const consensus::done& answer) {
        if (device >= editors_.size() || answer.operation != editors_[device].operation) {
            return;
        }
        editor& me = editors_[device];
        if (const auto* grant = std::get_if<granted>(&answer.outcome); grant && me.asking) {
            me.asking = false;
            me.held = grant->held;
            me.base = grant->version;
            // Some think for longer than their lock lasts.
            const duration thinking = one_in(12) ? grant->lease * 2 : up_to(800ms);
            plan(device, thinking, [this, device] { save(device); });
        } else if (me.committing) {
            const auto* no = std::get_if<refused>(&answer.outcome);
            if (no != nullptr && no->why.code == errc::timed_out) {
                const operation_id lost = me.operation;
                plan(device, up_to(3s), [this, device, lost] {
                    world_.fate(device, event_, lost, editors_[device].base);
                    soon(device);
                });
            } else {
                soon(device);
            }
        } else {
            soon(device);
        }
    }
    void save(std::size_t device) {
        editor& me = editors_[device];
        if (one_in(10)) {
            world_.release(device, me.operation, event_, me.held);
            soon(device);
            return;
        }
        if (one_in(5)) {
            world_.renew(device, event_, me.held);
        }
        me.committing = true;
        const operation_id id = me.operation;
        const bytes value = value_of(me.base.next(), id);
        plan(device, 20s, [this, device] { soon(device); });
        world_.commit(device, id, event_, me.held, me.base, value);
        if (one_in(4)) {  // whoever has had no answer for a while asks again
            const auto held = me.held;
            const auto base = me.base;
            world_.later(up_to(2s), [this, device, id, held, base, value] {
                if (world_.is_up(device) && world_.outcomes.contains(id)) {
                    world_.commit(device, id, event_, held, base, value);
                }
            });
        }
    }

    void trouble() {
        if (ended_) {
            return;
        }
        const std::size_t device = static_cast<std::size_t>(chance_.below(world_.size()));
        switch (chance_.below(6)) {
            case 0:
            case 1: {
                std::set<std::size_t> side;
                for (std::size_t i = 0; i < world_.size(); ++i) {
                    if (one_in(2)) {
                        side.insert(i);
                    }
                }
                world_.split(std::move(side));
                break;
            }
            case 2:
                world_.split({});
                world_.dead_members.clear();
                for (const char* member : {"http://one:2379", "http://two:2379"}) {
                    if (needs_external_ && one_in(2)) {
                        world_.dead_members.insert(member);
                    }
                }
                break;
            case 3:
                if (world_.is_up(device)) {
                    world_.crash_before_effect(device, 1 + chance_.below(6));
                }
                break;
            case 4:
                if (world_.is_up(device) && leaving_.insert(device).second) {
                    world_.leave(device);
                    world_.later(2s, [this, device] {
                        leaving_.erase(device);
                        world_.crash(device);
                    });
                }
                break;
            default:
                back(device);
        }
        world_.later(300ms + up_to(4s), [this] { trouble(); });
    }
    void back(std::size_t device) {
        if (!world_.is_up(device) && !leaving_.contains(device)) {
            world_.restart(device);
            if (device < editors_.size()) {
                soon(device);
            }
        }
    }
    void heal() {
        ended_ = true;
        world_.run_for(2s);  // whoever was leaving has left
        world_.split({});
        world_.dead_members.clear();
        world_.lost_percent = world_.repeated_percent = 0;
        for (std::size_t i = 0; i < world_.size(); ++i) {
            world_.crash_before_effect(i, 0);
            back(i);
        }
    }

    /// Somebody can edit again, and everybody sees it.
    void comes_to_rest(storm_report& report) {
        std::optional<version_number> last;
        for (std::size_t i = 0; i < 4 && !last; ++i) {
            const std::size_t device = i % editors_.size();
            last = world_.edit(device, event_, world_.shown(device, event_));
            world_.run_for(10s);
        }
        if (!last) {
            report.wrong.push_back("nobody can edit any more");
            return;
        }
        for (std::size_t i = 0; i < world_.size(); ++i) {
            if (world_.shown(i, event_) != *last) {
                report.wrong.push_back("device " + std::to_string(i) + " lags behind");
            }
            const auto answer = world_.outcome_of(world_.read(i, event_));
            const auto* now = answer ? std::get_if<consensus::current>(&answer->outcome) : nullptr;
            if (now == nullptr || now->version != *last) {
                report.wrong.push_back("device " + std::to_string(i) +
                                       " does not read what is there");
            }
        }
    }

    consensus_world world_;
    test::seeded_random chance_;
    std::vector<editor> editors_;
    const event_id event_ = the_event();
    std::set<std::size_t> leaving_;
    const bool needs_external_ = world_.at(0).declared().needs_external;
    bool ended_ = false, ending_ = false;
};

}  // namespace

std::string quick_settings(const std::string& plugin) {
    if (plugin == "views") {
        return R"({"ttl_ms":3000,"absent_after_ms":2000,"give_up_ms":4000,"settle_after_ms":1000})";
    }
    if (plugin == "organizer") {
        return R"({"ttl_ms":3000,"give_up_ms":4000})";
    }
    if (plugin == "etcd") {
        return R"({"endpoints":["http://one:2379","http://two:2379","http://three:2379"],
            "lock_ttl_s":3,"answer_ms":500,"give_up_ms":4000})";
    }
    return plugin == "naive" ? R"({"ask_ms":300,"lease_ms":3000})" : "";
}

storm_report run_storm(const std::string& plugin, std::uint64_t seed,
                       std::optional<consensus::traits> promised) {
    return storm(plugin, seed).run(promised);
}

}  // namespace calbox::contract
