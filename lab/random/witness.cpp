#include "lab/random/witness.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "crypto/primitives.hpp"

namespace calbox::lab {

namespace {

constexpr std::string_view secret = "secret-title-";  // begins every title of a random world
constexpr unsigned told_most = 3;                     // of one kind: the rest is the same again

constexpr std::pair<claim, std::string_view> claim_names[] = {
    {claim::decided_only, "decided only"},
    {claim::one_content, "one content"},
    {claim::forward_only, "forward only"},
    {claim::one_copy, "one copy"},
    {claim::one_holder, "one holder"},
    {claim::kept, "kept"},
    {claim::agreement, "agreement"},
    {claim::files, "files"},
    {claim::secrecy, "secrecy"},
    {claim::rest, "rest"},
    {claim::works, "works"},
};

bool is_among(const std::vector<person*>& people, const std::string& name) {
    return std::ranges::any_of(people, [&](const person* one) { return one->name() == name; });
}

}  // namespace

std::string_view to_string(claim which) noexcept {
    const auto* const found =
        std::ranges::find(claim_names, which, [](const auto& one) { return one.first; });
    return found == std::end(claim_names) ? "?" : found->second;
}

bool is_required(claim which, const consensus::traits& of) noexcept {
    switch (which) {
        case claim::one_content:
        case claim::one_copy:
            return of.linearizable;
        case claim::one_holder:
            return of.mutual_exclusion;
        default:
            return true;
    }
}

witness::witness(world& in) : world_(in) {
    world_.watching = this;
    world_.net.tap = [this](const std::string& from, const std::string& to, byte_view data) {
        note(from, to, data);
        if (::memmem(data.data(), data.size(), secret.data(), secret.size()) != nullptr) {
            violated(claim::secrecy, "a title in the clear between " + from + " and " + to);
        }
    };
}

void witness::violated(claim which, std::string sentence) {
    const auto at = std::chrono::duration<double>(world_.now().since_start).count();
    if (++counted_[which] <= told_most) {
        found_.push_back({which, fmt::format("at {:.3f}: {}", at, sentence)});
    }
}

void witness::note(std::string_view what, std::string_view who, byte_view data) {
    const auto mix = [this](const void* from, std::size_t size) {
        const auto* const at = static_cast<const std::uint8_t*>(from);
        for (std::size_t i = 0; i < size; ++i) {
            trace_ = (trace_ ^ at[i]) * 0x100000001b3ull;  // FNV-1a
        }
    };
    const std::int64_t now = world_.now().since_start.count();
    mix(&now, sizeof now);
    mix(what.data(), what.size());
    mix(who.data(), who.size());
    mix(data.data(), data.size());
}

std::string witness::new_title() { return fmt::format("{}{}", secret, ++titles_); }
std::string witness::new_file() { return fmt::format("file-{}.bin", ++files_); }

bytes witness::content_of(const std::string& file) {
    seeded chance(0, file);
    bytes content(static_cast<std::size_t>(chance.below(200'000)));
    chance.fill(content);
    return content;
}

void witness::answered(const std::string& title, operation_result what) { answers_[title] = what; }
void witness::acknowledged(const event_id& created, const std::string& by) {
    created_[created] = by;
}
void witness::removed(const event_id& which) { removed_.insert(which); }
void witness::attached(const event_id& to, const std::string& file, const std::string& by) {
    attached_[{to, file}] = by;
}

std::string witness::name_of(const event_id& which) const {
    const auto known = names_.find(which);
    return known != names_.end() ? known->second
                                 : which.organizer.hex().substr(0, 8) + "/" + which.seq_text();
}

/// Everything of a version that its readers see, in one string.
std::string witness::content(const node::event_view& what) {
    std::string text = what.content.title + "|" + what.content.info + "|" + what.written_by;
    for (const std::string& one : what.content.participants) {
        text += "|" + one;
    }
    for (const auto& one : what.content.files) {
        text += "|" + one.name;
    }
    return text;
}

void witness::shown(const std::string& device, const user_id& user, const node::event_view& what) {
    const version now{what.generation, what.version};
    names_[what.id] = what.id_text;
    const std::string text = content(what);
    note("shown " + what.id_text, device + text);
    seen_titles_.insert(what.content.title);
    const auto [known, fresh] = contents_.emplace(std::pair(what.id, now), text);
    if (!fresh && known->second != text) {
        violated(claim::one_content,
                 fmt::format("version {} of {} is \"{}\" at {}, and was \"{}\" elsewhere",
                             what.version.value, what.id_text, text, device, known->second));
    }
    version& last = last_shown_[{device + user.hex(), what.id}];
    if (now < last) {
        violated(claim::forward_only,
                 fmt::format("{} shows version {} of {}, and has shown {}", device,
                             what.version.value, what.id_text, last.second.value));
    }
    last = std::max(last, now);
}

void witness::vanished(const std::string& device, const user_id&, const event_id& what) {
    note("vanished", device + name_of(what));
}

void witness::granted(const std::string& device, const event_id& event,
                      const consensus::granted& what) {
    note("granted " + name_of(event), device);
    const instant now = world_.now();
    auto& holding = holders_[event];
    std::erase_if(holding, [&](const holder& one) { return one.until <= now; });
    for (const holder& other : holding) {
        if (other.device != device || other.held == what.held) {
            violated(claim::one_holder, fmt::format("{} got the right to change {}, which {} has",
                                                    device, name_of(event), other.device));
        }
    }
    holding.push_back({device, what.held, now + what.lease});
}

void witness::released(const std::string& device, const event_id& event, consensus::token held) {
    std::erase_if(holders_[event],
                  [&](const holder& one) { return one.device == device && one.held == held; });
}

void witness::decided(const std::string& device, const consensus::decide& what) {
    note("decided " + name_of(what.event), device, what.value);
}

void witness::ended(const std::string& device) {
    note("ended", device);
    for (auto& [event, holding] : holders_) {
        std::erase_if(holding, [&](const holder& one) { return one.device == device; });
    }
}

std::string witness::disagreement(const std::vector<person*>& people, bool everybody) const {
    std::map<event_id, std::pair<std::string, std::string>> all;  // content, and who sees it
    std::map<std::string, std::set<event_id>> seen;
    std::map<event_id, std::set<std::string>> takes_part;
    for (const person* const who : people) {
        const auto status = who->at().api().info.status();
        if (status.state != "connected" || !status.caught_up) {
            return who->name() + " is " + status.state;
        }
        if (status.outbox != 0 && everybody) {
            return fmt::format("{} still owes {} updates", who->name(), status.outbox);
        }
        for (const auto& one : who->sees_all()) {
            const std::string text = fmt::format("v{} {}", one.version.value, content(one));
            const auto [known, fresh] = all.emplace(one.id, std::pair(text, who->name()));
            if (!fresh && known->second.first != text) {
                return fmt::format("{} is \"{}\" for {} and \"{}\" for {}", one.id_text, text,
                                   who->name(), known->second.first, known->second.second);
            }
            seen[who->name()].insert(one.id);
            takes_part[one.id].insert(one.organizer);
            takes_part[one.id].insert(one.content.participants.begin(),
                                      one.content.participants.end());
        }
    }
    for (const auto& [event, names] : takes_part) {
        for (const person* const who : people) {
            if (names.contains(who->name()) && !seen[who->name()].contains(event)) {
                return who->name() + " does not see " + name_of(event);
            }
        }
    }
    return {};
}

void witness::judge(const std::vector<person*>& people) {
    for (const auto& [event, by] : created_) {
        const bool there = std::ranges::any_of(
            people, [&](const person* one) { return one->sees(event).has_value(); });
        if (is_among(people, by) && !there && !removed_.contains(event)) {
            violated(claim::kept, by + " was told that " + name_of(event) +
                                      " is saved, and nobody has it any more");
        }
        if (there && removed_.contains(event)) {
            // Where two may change one event at once, the deletion may be the change that lost.
            violated(claim::one_copy, name_of(event) + " was deleted, and is back");
        }
    }
    for (const auto& [title, answer] : answers_) {
        const bool refused =
            answer == operation_result::fail || answer == operation_result::conflict;
        if (refused && seen_titles_.contains(title)) {
            violated(claim::decided_only, "\"" + title + "\" was refused, and was shown");
        }
    }
    judge_files(people);
}

void witness::judge_files(const std::vector<person*>& people) {
    for (person* const who : people) {
        for (const auto& event : who->sees_all()) {
            for (const auto& file : event.content.files) {
                const auto read = who->read(event.id, file.name);
                if (!read || !*read) {
                    // Whoever attached it may be away for ever, before anybody else had a copy.
                    const auto by = attached_.find({event.id, file.name});
                    if (by != attached_.end() && is_among(people, by->second)) {
                        violated(claim::files,
                                 fmt::format("{} cannot read {} of {}: {}", who->name(), file.name,
                                             event.id_text,
                                             read ? read->error().message() : "no answer"));
                    }
                } else if (**read != content_of(file.name)) {
                    violated(claim::files, fmt::format("{} of {} is not what was attached",
                                                       file.name, event.id_text));
                }
            }
        }
    }
}

}  // namespace calbox::lab
