#include "lab/check/watcher.hpp"

#include <algorithm>

#include "crypto/primitives.hpp"
#include "lab/check/histcheck.hpp"

namespace calbox::lab::claims {

namespace {

/// Parts with their lengths, so that no two lists of parts read the same.
class joined {
public:
    joined& add(std::string_view part) {
        add(part.size());
        text_ += part;
        return *this;
    }
    joined& add(std::uint64_t number) {
        for (int shift = 0; shift < 64; shift += 8) {
            text_ += static_cast<char>(number >> shift & 0xff);
        }
        return *this;
    }
    joined& add(timestamp at) { return add(static_cast<std::uint64_t>(at.ms)); }
    digest hash() const { return crypto::sha256(as_bytes(text_)); }

private:
    std::string text_;
};

}  // namespace

digest content_digest(const model::event_content& content, std::uint32_t guests_may) {
    joined all;
    all.add(content.uid).add(content.title).add(content.info).add(content.place);
    const auto add_sorting = [&](const auto& what) {
        all.add(what.color).add(what.categories.size());
        for (const std::string& one : what.categories) {
            all.add(one);
        }
    };
    add_sorting(content);
    all.add(content.time.start.text()).add(content.time.end.text()).add(content.time.zone);
    all.add(content.time.all_day ? 1 : 0).add(content.recurrence).add(content.organizer);
    for (const model::local_time& one : content.added_times) {
        all.add(one.text());
    }
    for (const auto& [id, change] : content.changed) {
        all.add(id.text()).add(change ? 1 : 0);
        if (change) {
            all.add(change->title).add(change->info).add(change->place);
            all.add(change->time.start.text()).add(change->time.end.text());
            all.add(change->time.zone).add(change->time.all_day ? 1 : 0);
            add_sorting(*change);
        }
    }
    all.add(content.participants.size());
    for (const std::string& one : content.participants) {
        all.add(one);
    }
    for (const auto& [person, answer] : content.answers) {
        all.add(person).add(std::string(model::to_string(answer)));
    }
    for (const model::attachment& file : content.files) {
        all.add(file.name).add(file.size).add(file.media_type).add(file.root.hex());
        all.add(as_text(file.key)).add(file.added_by).add(file.added);
        all.add(file.replaces ? file.replaces->hex() : "");
    }
    all.add(content.created).add(content.modified).add(guests_may);
    return all.hash();
}

version_of shown_version(const node::event_view& view) {
    return {view.id, view.generation, view.version, content_digest(view.content, view.guests_may)};
}

std::string value_of(const field& what, const node::event_view& in) {
    const auto there = [](bool is) { return std::string(is ? field_there : field_gone); };
    switch (what.what) {
        case field::kind::file: {
            const auto found =
                std::ranges::find(in.content.files, what.of, &model::attachment::name);
            return found == in.content.files.end() ? std::string(field_gone)
                                                   : std::to_string(found->size);
        }
        case field::kind::part:
            return there(std::ranges::count(in.content.participants, what.of) != 0);
        case field::kind::answer: {
            const auto said = in.content.answers.find(what.of);
            return said == in.content.answers.end() ? "none"
                                                    : std::string(model::to_string(said->second));
        }
        case field::kind::title:
            return in.content.title;
    }
    return {};
}

version_of sealed_version(const envelope_header& header) {
    return {header.event, header.generation, header.version, {}};
}

std::set<user_id> people_of(const envelope_header& header) {
    std::set<user_id> people(header.participants.begin(), header.participants.end());
    people.insert(header.event.organizer);
    return people;
}

watcher::watcher(decisions told, std::uint64_t world)
    : decisions_seen(people, told), secrets(people, world), told_(told) {}

void watcher::begun(const operation_id& what, const viewer& author, instant at) {
    fates.observe_begun(what, author, at);
}

void watcher::acknowledged(const operation_id& what, const version_of& made, bool deleted,
                           std::set<user_id> taking_part, const viewer& author, instant at) {
    acknowledged(what, at);
    edits.observe_acknowledged(made, author, at);
    decisions_seen.observe_decided(made, at);
    ending.observe_newest(made, deleted, std::move(taking_part), author.where);
}

void watcher::acknowledged(const operation_id& what, instant at) {
    fates.observe_outcome(what, known_fate::outcome::acknowledged, at);
    fields.observe_acknowledged(what, at);
}

void watcher::refused(const operation_id& what, instant at) {
    fates.observe_outcome(what, known_fate::outcome::refused, at);
    fields.observe_refused(what);
}

void watcher::unknown(const operation_id& what, const version_of& made, instant at) {
    fates.observe_outcome(what, known_fate::outcome::unknown, at);
    decisions_seen.observe_unknown(made);
    if (told_ == decisions::late) {  // else whatever it came to is told of
        ending.observe_unknown(made.event);
    }
}

void watcher::unknown_creation(const operation_id& what, const user_id& author, instant at) {
    fates.observe_outcome(what, known_fate::outcome::unknown, at);
    decisions_seen.observe_unknown_creation(author);
}

void watcher::settled(const operation_id& what, const version_of& made, bool happened, instant at) {
    fates.observe_settled(what, at);
    if (told_ == decisions::late) {
        ending.observe_settled(made.event);
    }
    if (!happened) {
        decisions_seen.observe_never(made);
    }
}

void watcher::settled_creation(const operation_id& what, const user_id& author, bool happened,
                               instant at) {
    fates.observe_settled(what, at);
    if (!happened) {
        decisions_seen.observe_never_created(author);
    }
}

void watcher::decided(const version_of& what, instant at) {
    decisions_seen.observe_decided(what, at);
}

void watcher::stored(const version_of& what, bool deleted, std::set<user_id> taking_part,
                     const device_id& where) {
    edits.observe_decided(what);
    ending.observe_newest(what, deleted, std::move(taking_part), where);
}

void watcher::failed(std::string sentence, instant at) {
    failures.add({claim::works, "", "", at, std::move(sentence)});
}

void watcher::shown(const viewer& whose, const version_of& what, instant at) {
    decisions_seen.observe_shown(whose, what, at);
    contents.observe_shown(whose, what, at);
    order.observe_shown(whose, what, at);
}

void watcher::gone(const viewer& whose, const event_id& event) { order.observe_gone(whose, event); }

void watcher::listed(const viewer& whose, const std::vector<node::event_view>& views, instant at) {
    std::set<event_id> now;
    for (const node::event_view& view : views) {
        shown(whose, shown_version(view), at);
        now.insert(view.id);
    }
    std::set<event_id>& before = listed_[whose];
    for (const event_id& event : before) {
        if (!now.contains(event)) {
            gone(whose, event);
        }
    }
    before = std::move(now);
}

void watcher::ended(const viewer& whose, const std::vector<node::event_view>& views, instant at) {
    listed(whose, views, at);
    std::vector<version_of> last;
    for (const node::event_view& view : views) {
        last.push_back(shown_version(view));
    }
    ending.observe_end(whose, last, at);
}

void watcher::wiped(const device_id& where) {
    order.forget(where);
    std::erase_if(listed_, [&](const auto& one) { return one.first.where == where; });
}

void watcher::note(operation what) {
    if (history_.size() < history_kept) {
        history_.push_back(std::move(what));
    }
}

std::vector<violation> watcher::violations() const {
    std::vector<violation> all;
    for (const auto& some :
         {edits.violations(), decisions_seen.violations(), contents.violations(),
          order.violations(), ending.violations(), fates.violations(), held.violations(),
          attached.violations(), fields.violations(), branches.violations(), series.violations(),
          secrets.violations(), counters.violations(), failures.first()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    const auto judged = check_history(history_);
    if (!judged) {
        all.push_back({claim::linearizable,
                       "",
                       "",
                       {},
                       "the history makes no sense: " + judged.error().detail});
    } else {
        for (const contradiction& one : judged->contradictions) {
            const operation& last = history_[one.operations.back()];
            all.push_back({claim::linearizable, one.key, last.client,
                           instant{duration(last.ret.value_or(last.call))},
                           one.sentence.substr(one.key.size() + 2)});
        }
    }
    constexpr claim of_one_line[] = {claim::linearizable, claim::lasting, claim::tokens,
                                     claim::one_holder};
    constexpr claim of_one_life[] = {claim::linearizable, claim::lasting};
    const auto leave_out = [&](const std::set<event_id>& events, std::span<const claim> claims) {
        for (const event_id& event : events) {
            std::erase_if(all, [&, name = people.of(event)](const violation& one) {
                return one.event == name && std::ranges::count(claims, one.what) != 0;
            });
        }
    };
    leave_out(several_lines_, of_one_line);
    leave_out(two_lives_, of_one_life);
    std::map<instant, std::vector<violation>> by_time;
    for (violation& one : all) {
        by_time[one.at].push_back(std::move(one));
    }
    all.clear();
    for (auto& [at, some] : by_time) {
        std::ranges::move(some, std::back_inserter(all));
    }
    return all;
}

std::vector<violation> watcher::violations(const std::set<claim>& required) const {
    std::vector<violation> all = violations();
    std::erase_if(all, [&](const violation& one) { return !required.contains(one.what); });
    return all;
}

}  // namespace calbox::lab::claims
