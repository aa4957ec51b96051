#include "folder_plan.hpp"

#include <algorithm>
#include <array>

#include "model/event.hpp"

namespace calbox::daemon {

std::string_view to_string(folder_action::kind what) noexcept {
    constexpr std::array<std::string_view, 7> words = {
        "making", "moving", "fetching", "attaching", "replacing", "moving", "removing"};
    return words[static_cast<std::size_t>(what)];
}

/// One look at the directory of one event.
class folder_plan::look_at_one {
public:
    look_at_one(folder_plan& owner, const folder_event& event, step& into, instant now)
        : plan_(owner), event_(event), into_(into), now_(now) {}

    void run(const seen_directory* there);

private:
    using kind = folder_action::kind;

    void without_directory();
    void follow_renames();
    bool moved();
    void look_at_kept(const std::string& name, const kept_file& kept,
                      const folder_event::file& wanted);
    void taken_off(const std::string& name, const kept_file& kept);
    void look_at_unknown(const std::string& name, const file_stamp& as);
    void bring(const folder_event::file& wanted);
    void say(const std::string& name, const std::string& label, std::string state);

    std::map<std::string, kept_file>& kept() { return plan_.book_[event_.key].files; }
    void change() { ++plan_.changes_; }
    bool runs(const std::string& name) const { return plan_.running_.contains({event_.key, name}); }
    bool is_told_late(const std::string& name) const {
        const auto found = plan_.untold_.find({event_.key, name});
        return found != plan_.untold_.end() && now_ < found->second;
    }
    const folder_event::file* named(const std::string& label) const {
        const auto found = std::ranges::find(event_.files, label, &folder_event::file::label);
        return found == event_.files.end() ? nullptr : &*found;
    }
    bool is_settled(const std::string& name, const file_stamp& as);
    bool is_free(const std::string& name);
    void again_in(duration time) {
        into_.look_again = std::min(into_.look_again.value_or(time), time);
    }
    /// False where something runs there, it has failed just now, or enough is under way.
    bool begin(folder_action what);

    folder_plan& plan_;
    const folder_event& event_;
    step& into_;
    const instant now_;
    std::map<std::string, file_stamp> files_;
    std::string directory_;
};

void folder_plan::look_at_one::say(const std::string& name, const std::string& label,
                                   std::string state) {
    file_state said{name, label, std::move(state), {}};
    const place at{event_.key, name};
    if (const auto running = plan_.running_.find(at); running != plan_.running_.end()) {
        said.state = to_string(running->second.what);
    } else if (const auto failed = plan_.failures_.find(at); failed != plan_.failures_.end()) {
        said.state = "failed";
        said.problem = failed->second.why;
    }
    plan_.states_[event_.key].push_back(std::move(said));
}

bool folder_plan::look_at_one::is_settled(const std::string& name, const file_stamp& as) {
    auto& [seen, since] = plan_.settling_[{event_.key, name}];
    if (seen != as) {
        seen = as;
        since = now_;
    }
    const duration still = plan_.with_.settle - (now_ - since);
    if (still > duration::zero()) {
        again_in(still);
    }
    return still <= duration::zero();
}

bool folder_plan::look_at_one::is_free(const std::string& name) {
    const std::string wanted = folded(name);
    const auto same = [&](const auto& one) { return folded(one.first) == wanted; };
    return std::ranges::none_of(files_, same) && std::ranges::none_of(kept(), same) &&
           std::ranges::none_of(plan_.running_, [&](const auto& one) {
               return one.first.first == event_.key &&
                      (folded(one.second.name) == wanted || folded(one.second.to) == wanted);
           });
}

bool folder_plan::look_at_one::begin(folder_action what) {
    const bool placing = what.what == kind::place;
    const std::size_t others = plan_.running_.size() - plan_.placing_;
    const place at{event_.key, what.name};
    if (plan_.running_.contains(at) || (placing ? plan_.placing_ : others) >= plan_.with_.at_once) {
        return false;  // whatever ends has it looked at again
    }
    if (const auto failed = plan_.failures_.find(at); failed != plan_.failures_.end()) {
        const failure& last = failed->second;
        const bool same = placing ? last.root == what.root : last.as == what.as;
        if (same && now_ < last.again) {
            again_in(last.again - now_);
            return false;
        }
        if (!same) {
            plan_.failures_.erase(failed);
        }
    }
    what.event = event_.key;
    what.directory = directory_;
    plan_.placing_ += placing ? 1 : 0;
    plan_.running_.emplace(at, what);
    into_.actions.push_back(std::move(what));
    return true;
}

void folder_plan::look_at_one::without_directory() {
    const auto known = plan_.book_.find(event_.key);
    bool anything = known == plan_.book_.end();
    for (const folder_event::file& file : event_.files) {
        anything = anything || std::ranges::none_of(known->second.files, [&](const auto& one) {
                       return one.second.label == file.label && one.second.root == file.root;
                   });
    }
    if (known != plan_.book_.end()) {
        for (auto& [name, one] : known->second.files) {
            if (!one.away) {
                one.away = true;
                change();
            }
            say(name, one.label, "removed");
        }
    }
    if (anything) {
        folder_action make;
        make.what = kind::make_directory;
        make.to = event_.name;
        begin(std::move(make));
    }
}

/// A file that has another name, and is the same otherwise, has been renamed by the person.
void folder_plan::look_at_one::follow_renames() {
    std::vector<std::string> gone;
    for (auto& [name, one] : kept()) {
        if (!files_.contains(name) && !one.away && !runs(name)) {
            gone.push_back(name);
        }
    }
    for (const std::string& name : gone) {
        change();
        const kept_file old = kept()[name];
        const auto found = std::ranges::find_if(files_, [&](const auto& one) {
            return one.second == old.as && !kept().contains(one.first) &&
                   !is_passing_file(one.first) && model::is_file_label(one.first);
        });
        if (found == files_.end()) {
            kept()[name].away = true;
            continue;
        }
        kept().erase(name);
        kept_file& renamed = kept()[found->first] = old;
        renamed.own_name = found->first != name_in_folder(old.label);
    }
}

/// The directory is given the name that the event has now.
bool folder_plan::look_at_one::moved() {
    kept_directory& mine = plan_.book_[event_.key];
    const bool quiet = std::ranges::none_of(
        plan_.running_, [&](const auto& one) { return one.first.first == event_.key; });
    if (mine.own_name || is_name_of(directory_, event_.name) || !quiet) {
        return false;
    }
    folder_action move;
    move.what = kind::move_directory;
    move.to = event_.name;
    return begin(std::move(move));
}

void folder_plan::look_at_one::look_at_kept(const std::string& name, const kept_file& kept_now,
                                            const folder_event::file& wanted) {
    const auto there = files_.find(name);
    if (kept_now.root == wanted.root || wanted.replaces == kept_now.root) {
        plan_.untold_.erase({event_.key, name});
    }
    const bool other_root = kept_now.root != wanted.root && !is_told_late(name);
    folder_action act;
    act.name = name;
    act.label = wanted.label;
    act.root = wanted.root;
    if (there == files_.end()) {
        if (kept_now.away && other_root) {
            act.what = kind::place;
            begin(std::move(act));
        }
        say(name, wanted.label, "removed");
        return;
    }
    act.as = there->second;
    if (there->second != kept_now.as) {
        if (is_settled(name, there->second)) {
            act.what = kind::replace;
            act.root = kept_now.root;
            if (kept_now.root != wanted.root && wanted.size == there->second.size) {
                act.unless = wanted.root;
            }
            begin(std::move(act));
        }
        say(name, wanted.label, "waiting");
        return;
    }
    if (other_root) {
        act.what = kind::place;
        begin(std::move(act));
        say(name, wanted.label, "waiting");
        return;
    }
    const std::string better = name_in_folder(wanted.label);
    if (!kept_now.own_name && better != name && is_free(better)) {
        act.what = kind::move;
        act.to = better;
        begin(std::move(act));
    }
    say(name, wanted.label, "here");
}

/// The event does not name it any more.
void folder_plan::look_at_one::taken_off(const std::string& name, const kept_file& kept_now) {
    const auto there = files_.find(name);
    if (runs(name) || is_told_late(name)) {
        say(name, kept_now.label, "here");
        return;
    }
    if (there == files_.end()) {
        change();
        kept().erase(name);
        return;
    }
    folder_action act;
    act.name = name;
    act.label = kept_now.label;
    act.as = there->second;
    if (there->second == kept_now.as) {
        act.what = kind::remove;
        begin(std::move(act));
    } else if (is_settled(name, there->second)) {
        act.what = kind::attach;
        begin(std::move(act));
    }
    say(name, kept_now.label, "waiting");
}

void folder_plan::look_at_one::look_at_unknown(const std::string& name, const file_stamp& as) {
    if (is_passing_file(name)) {
        return;
    }
    if (!model::is_file_label(name)) {
        plan_.states_[event_.key].push_back(
            {name, {}, "failed", "its name has control characters, or is no UTF-8"});
        return;
    }
    if (is_settled(name, as)) {
        folder_action act;
        act.what = kind::attach;
        act.name = name;
        act.label = name;
        act.as = as;
        const auto* const same = named(name);
        if (same != nullptr && same->size == as.size) {
            act.unless = same->root;
        }
        begin(std::move(act));
    }
    say(name, {}, "waiting");
}

/// A file that was never here.
void folder_plan::look_at_one::bring(const folder_event::file& wanted) {
    std::string name = name_in_folder(wanted.label);
    const auto mine = files_.find(name);
    const place at{event_.key, name};
    if (mine != files_.end() && !kept().contains(name) && !plan_.failures_.contains(at)) {
        return;  // it may be the same: that is seen first
    }
    const auto coming = std::ranges::find_if(plan_.running_, [&](const auto& one) {
        return one.first.first == event_.key && one.second.what == kind::place &&
               one.second.label == wanted.label;
    });
    if (coming != plan_.running_.end()) {
        say(coming->second.name, wanted.label, {});
        return;
    }
    for (int number = 2; !is_free(name); ++number) {
        name = numbered(name_in_folder(wanted.label), number);
    }
    folder_action act;
    act.what = kind::place;
    act.name = name;
    act.label = wanted.label;
    act.root = wanted.root;
    begin(std::move(act));
    say(name, wanted.label, "waiting");
}

void folder_plan::look_at_one::run(const seen_directory* there) {
    plan_.states_[event_.key];
    if (runs({})) {
        return;  // the directory is being made, or moved
    }
    if (there == nullptr) {
        without_directory();
        return;
    }
    const bool is_new = !plan_.book_.contains(event_.key);
    kept_directory& mine = plan_.book_[event_.key];
    if (is_new || mine.name != there->name) {
        mine.own_name = !is_name_of(there->name, event_.name);
        mine.name = there->name;
        change();
    }
    directory_ = there->name;
    files_ = there->files;
    if (moved()) {
        return;
    }
    follow_renames();
    for (const auto& [name, as] : files_) {
        const auto known = kept().find(name);
        if (known == kept().end()) {
            look_at_unknown(name, as);
        } else if (known->second.away && !runs(name)) {
            known->second.away = false;  // it is back
            change();
        }
    }
    const auto before = kept();
    for (const auto& [name, one] : before) {
        if (const auto* const wanted = named(one.label)) {
            look_at_kept(name, one, *wanted);
        } else {
            taken_off(name, one);
        }
    }
    for (const folder_event::file& file : event_.files) {
        if (std::ranges::none_of(before,
                                 [&](const auto& one) { return one.second.label == file.label; })) {
            bring(file);
        }
    }
}

folder_plan::step folder_plan::look(std::vector<seen_directory> there,
                                    const std::vector<folder_event>& coming, instant now) {
    step made;
    std::ranges::sort(there, {}, &seen_directory::name);
    std::map<std::string, const seen_directory*> marked;
    for (const seen_directory& one : there) {
        const auto known = book_.find(one.event);
        const auto [at, first] = marked.emplace(one.event, &one);
        if (!first && known != book_.end() && known->second.name == one.name) {
            at->second = &one;
        }
    }
    states_.clear();
    for (const folder_event& event : coming) {
        const auto found = marked.find(event.key);
        look_at_one(*this, event, made, now).run(found == marked.end() ? nullptr : found->second);
    }
    // What is neither there nor coming is forgotten.
    changes_ += std::erase_if(book_, [&](const auto& one) {
        return !marked.contains(one.first) && !states_.contains(one.first);
    });
    const auto is_over = [&](const auto& one) { return !states_.contains(one.first.first); };
    std::erase_if(settling_, is_over);
    std::erase_if(failures_, is_over);
    std::erase_if(untold_, [&](const auto& one) { return is_over(one) || one.second <= now; });
    return made;
}

void folder_plan::put(const folder_action& what, kept_file file, bool is_told) {
    kept_directory& mine = book_[what.event];
    mine.name = mine.name.empty() ? what.directory : mine.name;
    const auto old = mine.files.find(what.name);
    file.own_name = old != mine.files.end() && old->second.own_name;
    if (!is_told) {
        // A label belongs to one file; where it has gone to another one the name is the label's.
        file.own_name = file.own_name && old->second.label == file.label;
    }
    mine.files[what.name] = std::move(file);
}

void folder_plan::done(const folder_action& what, const result_of& with, instant now) {
    using kind = folder_action::kind;
    const place at{what.event, what.name};
    placing_ -= running_.erase(at) != 0 && what.what == kind::place ? 1 : 0;
    failures_.erase(at);
    settling_.erase(at);
    ++changes_;
    auto& files = book_[what.event].files;
    switch (what.what) {
        case kind::make_directory:
        case kind::move_directory:
            book_[what.event].name = with.name;
            return;
        case kind::place:
            put(what, {what.label, what.root, with.as.value_or(file_stamp()), false, false}, true);
            return;
        case kind::attach:
        case kind::replace:
            put(what, {with.name, with.root, what.as.value_or(file_stamp()), false, false}, false);
            untold_[at] = now + with_.told;
            return;
        case kind::move:
            if (const auto old = files.find(what.name); old != files.end()) {
                const kept_file kept = old->second;
                files.erase(old);
                files[what.to] = kept;
            }
            return;
        case kind::remove:
            files.erase(what.name);
            return;
    }
}

void folder_plan::failed(const folder_action& what, std::string why, instant now) {
    const place at{what.event, what.name};
    placing_ -= running_.erase(at) != 0 && what.what == folder_action::kind::place ? 1 : 0;
    failure& last = failures_[at];
    last.pause = last.pause == duration::zero()
                     ? with_.again_first
                     : std::min<duration>(2 * last.pause, with_.again_most);
    last.again = now + last.pause;
    last.why = std::move(why);
    last.as = what.as;
    last.root = what.root;
}

std::vector<folder_plan::file_state> folder_plan::files_of(const std::string& event) const {
    const auto found = states_.find(event);
    return found == states_.end() ? std::vector<file_state>() : found->second;
}

}  // namespace calbox::daemon
