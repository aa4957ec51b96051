#include "lab/check/data_claims.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace calbox::lab::claims {

namespace {

/// Sixteen letters and digits that look like nothing else (splitmix64 by Steele, Lea and Flood).
std::uint64_t scrambled(std::uint64_t number) noexcept {
    number += 0x9e3779b97f4a7c15;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
    return number ^ (number >> 31);
}

/// Or beside another one of that name: "map (bob, DAY).pdf".
bool may_be_called(const std::string& wanted, const std::string& name) {
    return name == wanted || name.starts_with(wanted.substr(0, wanted.rfind('.')) + " (");
}

}  // namespace

void files::observe_attaching(const event_id& event, const std::string& name,
                              const digest& plaintext) {
    attached_[std::pair(event, name)].insert(plaintext);
}

void files::observe_read(const viewer& whose, const event_id& event, const std::string& name,
                         const file_root& root, const digest& plaintext, instant at) {
    const auto add = [&](const std::string& text) {
        found_.add({claim::files, people_.of(event), people_.of(whose), at, text});
    };
    bool is_of_that_name = false, are_attached = false;
    for (const auto& [where, contents] : attached_) {
        if ((where.first == event || copies_.contains(event)) &&
            may_be_called(where.second, name)) {
            is_of_that_name = true;
            are_attached = are_attached || contents.contains(plaintext);
        }
    }
    if (!is_of_that_name) {
        add("the file " + name + " was read, and nobody ever attached one of that name");
        return;
    }
    if (!are_attached) {
        add("the bytes read of " + name + " are none that were attached");
        return;
    }
    const auto [first, fresh] = first_read_.try_emplace(root, plaintext, whose);
    if (!fresh && first->second.first != plaintext) {
        add("the bytes read of " + name + " are others than " + people_.of(first->second.second) +
            " read from the same root");
    }
}

void files::observe_unreadable(const viewer& whose, const event_id& event, const std::string& name,
                               const std::string& why, instant at) {
    found_.add({claim::files, people_.of(event), people_.of(whose), at,
                "the file " + name + " cannot be read: " + why});
}

std::string secrecy::marker(const user_id& author) {
    std::string text = fmt::format("{}{:016x}", prefix, scrambled(scrambled(world_) + ++made_));
    secret& made = secrets_[text];
    made.author = author;
    made.readers.insert(author);
    return text;
}

void secrecy::belongs(const std::string& marker, const event_id& event) {
    const auto found = secrets_.find(marker);
    if (found != secrets_.end()) {
        found->second.event = event;
    }
}

void secrecy::allow(const std::string& marker, const user_id& who) {
    const auto found = secrets_.find(marker);
    if (found != secrets_.end()) {
        found->second.readers.insert(who);
    }
}

template <class Found>
void secrecy::search(byte_view data, Found&& found) {
    const std::string_view text = as_text(data);
    for (std::size_t at = text.find(prefix); at != std::string_view::npos;
         at = text.find(prefix, at + 1)) {
        const auto known = secrets_.find(text.substr(at, marker_size));
        if (known != secrets_.end()) {
            found(known->second);
        }
    }
}

void secrecy::report(const secret& what, std::string where, instant at) {
    const std::string text =
        what.event ? "readable text of the event was found there"
                   : "readable text that " + people_.of(what.author) + " wrote was found there";
    found_.add(
        {claim::secrecy, what.event ? people_.of(*what.event) : "", std::move(where), at, text});
}

void secrecy::observe_device(const device_id& where, std::span<const user_id> users, byte_view data,
                             instant at) {
    search(data, [&](secret& what) { found_at(what, where, users, at); });
}

void secrecy::observe_disk(const device_id& where, std::span<const user_id> users,
                           const std::function<bool(std::string_view)>& holds, instant at) {
    if (!holds(prefix)) {
        return;
    }
    for (auto& [marker, what] : secrets_) {
        if (holds(marker)) {
            found_at(what, where, users, at);
        }
    }
}

void secrecy::found_at(secret& what, const device_id& where, std::span<const user_id> users,
                       instant at) {
    const bool may_read =
        std::ranges::any_of(users, [&](const user_id& one) { return what.readers.contains(one); });
    if (!may_read && what.reported.insert(where).second) {
        report(what, people_.of(where), at);
    }
}

void secrecy::observe_wire(std::uint64_t direction, byte_view data, instant at) {
    const auto found = [&](secret& what) {
        if (!what.on_wire) {
            what.on_wire = true;
            report(what, fmt::format("the wire, direction {}", direction), at);
        }
    };
    constexpr std::size_t overlap = marker_size - 1;
    bytes& before = ends_[direction];
    bytes seam = before;
    seam.insert(seam.end(), data.begin(),
                data.begin() + static_cast<std::ptrdiff_t>(std::min(overlap, data.size())));
    search(seam, found);
    search(data, found);
    if (data.size() >= overlap) {
        before.assign(data.end() - static_cast<std::ptrdiff_t>(overlap), data.end());
    } else {
        before = std::move(seam);
        before.erase(before.begin(),
                     before.end() - static_cast<std::ptrdiff_t>(std::min(overlap, before.size())));
    }
}

}  // namespace calbox::lab::claims
