#include "model/merge.hpp"

#include "model/categories.hpp"
#include "model/characters.hpp"
#include "wire/limits.hpp"

namespace calbox::model {

namespace {

const attachment* find_file(const std::vector<attachment>& in, const std::string& name,
                            const std::optional<local_time>& time) {
    const auto found =
        std::ranges::find_if(in, [&](const attachment& one) { return one.is_at(name, time); });
    return found == in.end() ? nullptr : &*found;
}

bool same(const attachment* a, const attachment* b) {
    return a == nullptr || b == nullptr ? a == b : *a == *b;
}

std::vector<attachment> merge_files(const std::vector<attachment>& base,
                                    const std::vector<attachment>& mine,
                                    const std::vector<attachment>& theirs) {
    std::vector<attachment> merged;
    std::vector<attachment> beside;
    for (const attachment& file : theirs) {
        const attachment* const was = find_file(base, file.name, file.of_time);
        const attachment* const my = find_file(mine, file.name, file.of_time);
        if (same(my, was)) {
            merged.push_back(file);
        } else if (same(&file, was)) {  // only I changed it, or took it off
            if (my != nullptr) {
                merged.push_back(*my);
            }
        } else {
            merged.push_back(file);
            if (my != nullptr && my->root != file.root) {
                beside.push_back(*my);
            }
        }
    }
    for (const attachment& file : mine) {
        // What they took off stays off, unless I changed it.
        if (find_file(theirs, file.name, file.of_time) == nullptr &&
            !same(&file, find_file(base, file.name, file.of_time))) {
            merged.push_back(file);
        }
    }
    for (attachment& file : beside) {
        file.name = kept_beside(file.name, file.added_by, file.added, [&](const std::string& name) {
            return find_file(merged, name, file.of_time) != nullptr;
        });
        merged.push_back(std::move(file));
    }
    return merged;
}

std::vector<std::string> merge_categories(const std::vector<std::string>& base,
                                          const std::vector<std::string>& mine,
                                          const std::vector<std::string>& theirs) {
    std::vector<std::string> merged = merge_sets(base, mine, theirs, is_same_category);
    for (std::string& name : merged) {
        const auto my = std::ranges::find_if(
            mine, [&](const std::string& one) { return is_same_category(one, name); });
        if (my != mine.end() && std::ranges::find(base, name) != base.end()) {
            name = *my;  // only I may have written it in other letters
        }
    }
    return category_set(std::move(merged));
}

/// Somebody answers for himself, so that two answers of one person are of his two devices; and of
/// two changes of one time of a series one can be had. Where both changed the same, theirs, which
/// is committed.
template <class Map>
Map merge_maps(const Map& base, const Map& mine, const Map& theirs) {
    using value = typename Map::mapped_type;
    const auto said = [](const Map& in, const typename Map::key_type& key) {
        const auto found = in.find(key);
        return found == in.end() ? std::optional<value>() : std::optional<value>(found->second);
    };
    Map merged = theirs;
    for (const Map* side : {&base, &mine}) {
        for (const auto& [key, ignored] : *side) {
            const auto was = said(base, key);
            const auto my = said(mine, key);
            if (my == was || said(theirs, key) != was) {
                continue;
            }
            if (my) {
                merged.insert_or_assign(key, *my);
            } else {
                merged.erase(key);
            }
        }
    }
    return merged;
}

/// Has one time of the series been changed by both, and not to the same?
bool same_occurrence_by_both(const exceptions& base, const exceptions& mine,
                             const exceptions& theirs) {
    const auto differs = [](const exceptions& a, const exceptions& b, const local_time& id) {
        const auto in_a = a.find(id), in_b = b.find(id);
        return in_a == a.end() || in_b == b.end() ? (in_a == a.end()) != (in_b == b.end())
                                                  : in_a->second != in_b->second;
    };
    const auto both = [&](const auto& one) {
        return differs(base, mine, one.first) && differs(base, theirs, one.first) &&
               differs(mine, theirs, one.first);
    };
    return std::ranges::any_of(base, both) || std::ranges::any_of(mine, both);
}

class merging {
public:
    merging(const version_text& base, const version_text& mine, const version_text& theirs)
        : base_(base), mine_(mine), theirs_(theirs) {
        made_.text = theirs;
    }

    /// A field that is one thing: whoever changed it is right, and both cannot be.
    template <class Get>
    void one(std::string_view name, Get get) {
        if (changed(name, get) && get(mine_) != get(theirs_)) {
            made_.both.push_back(name);
        } else if (get(mine_) != get(base_)) {
            get(made_.text) = get(mine_);
        }
    }
    /// A set: `unite` makes one of three.
    template <class Get, class Unite>
    void set(std::string_view name, Get get, Unite unite) {
        changed(name, get);
        get(made_.text) = unite(get(base_), get(mine_), get(theirs_));
    }
    /// A set whose members can be changed by both.
    void occurrences() {
        const auto get = [](auto& of) -> auto& { return of.content.changed; };
        if (changed("occurrences", get) &&
            same_occurrence_by_both(get(base_), get(mine_), get(theirs_))) {
            made_.both.push_back("occurrences");
        }
        get(made_.text) = merge_maps(get(base_), get(mine_), get(theirs_));
    }
    merged_text take() { return std::move(made_); }

private:
    /// By both?
    template <class Get>
    bool changed(std::string_view name, Get get) {
        const bool by_me = get(mine_) != get(base_);
        const bool by_them = get(theirs_) != get(base_);
        if (by_me) {
            made_.mine.push_back(name);
        }
        if (by_them) {
            made_.theirs.push_back(name);
        }
        return by_me && by_them;
    }

    const version_text& base_;
    const version_text& mine_;
    const version_text& theirs_;
    merged_text made_;
};

}  // namespace

merged_text merge(const version_text& base, const version_text& mine, const version_text& theirs) {
    merging all(base, mine, theirs);
    const auto unite = [](const auto& was, const auto& my, const auto& their) {
        return merge_sets(was, my, their);
    };
    all.one("title", [](auto& of) -> auto& { return of.content.title; });
    all.one("time", [](auto& of) -> auto& { return of.content.time; });
    all.one("place", [](auto& of) -> auto& { return of.content.place; });
    all.one("info", [](auto& of) -> auto& { return of.content.info; });
    all.set(
        "categories", [](auto& of) -> auto& { return of.content.categories; }, merge_categories);
    all.one("color", [](auto& of) -> auto& { return of.content.color; });
    all.one("recurrence", [](auto& of) -> auto& { return of.content.recurrence; });
    all.set("added_times", [](auto& of) -> auto& { return of.content.added_times; }, unite);
    all.occurrences();
    all.one("guests_may", [](auto& of) -> auto& { return of.guests_may; });
    all.set("participants", [](auto& of) -> auto& { return of.content.participants; }, unite);
    all.set("declined", [](auto& of) -> auto& { return of.content.declined; }, unite);
    all.set(
        "answers", [](auto& of) -> auto& { return of.content.answers; },
        [](const auto& was, const auto& my, const auto& their) {
            return merge_maps(was, my, their);
        });
    all.set("files", [](auto& of) -> auto& { return of.content.files; }, merge_files);
    merged_text made = all.take();
    event_content& content = made.text.content;
    std::ranges::sort(content.added_times);
    if (content.categories.size() > wire::limits::categories) {
        content.categories = theirs.content.categories;
        made.both.push_back("categories");
    }
    const auto takes_part = [&](const std::string& person) {
        return std::ranges::find(content.participants, person) != content.participants.end();
    };
    std::erase_if(content.declined, takes_part);
    std::erase_if(content.answers, [&](const auto& one) { return !takes_part(one.first); });
    return made;
}

std::string kept_beside(const std::string& name, const std::string& by, timestamp day,
                        const std::function<bool(const std::string&)>& is_taken) {
    constexpr std::size_t ending_most = 32;
    constexpr std::size_t by_most = 64;
    const std::size_t dot = name.rfind('.');
    const bool has_ending = dot != std::string::npos && dot > 0 && name.size() - dot <= ending_most;
    const std::string ending = has_ending ? name.substr(dot) : std::string();
    const std::string_view stem = std::string_view(name).substr(0, name.size() - ending.size());
    const std::string_view person = cut(by, by_most);
    const std::string who = is_file_label(person) ? std::string(person) + ", " : std::string();
    for (int number = 1;; ++number) {
        const std::string mark = " (" + who + utc_text(day).substr(0, 10) +
                                 (number == 1 ? "" : " " + std::to_string(number)) + ")" + ending;
        std::string label(cut(stem, wire::limits::name_bytes - mark.size()));
        label += mark;
        if (!is_taken(label)) {
            return label;
        }
    }
}

}  // namespace calbox::model
