#include "lab/check/register_check.hpp"

#include <algorithm>
#include <limits>

namespace calbox::lab {

namespace {
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
}

void register_check::span_of_time::after(std::int64_t time, place by) {
    if (time > low) {
        low = time;
        low_by = by;
    }
}

void register_check::span_of_time::before(std::int64_t time, place by) {
    if (time < high) {
        high = time;
        high_by = by;
    }
}

std::optional<contradiction> register_check::judge() {
    if (auto wrong = gather()) {
        return wrong;
    }
    if (auto wrong = fix_writers()) {
        return wrong;
    }
    find_tail();
    const std::vector<ending> ways = endings();
    if (ways.empty()) {
        return no_writer(newest_told_);
    }
    std::optional<contradiction> first;
    for (const ending& way : ways) {
        auto wrong = place_in_time(way);
        if (!wrong) {
            return std::nullopt;
        }
        if (!first) {
            first = std::move(wrong);
        }
    }
    return first;
}

// What was said
// ---------------------------------------------------------------------------------------------

std::optional<contradiction> register_check::gather() {
    for (const place which : own_) {
        const operation& what = all_[which];
        std::optional<contradiction> wrong;
        if (what.op == operation_kind::read) {
            wrong = gather_read(which);
        } else if (what.res == operation_result::ok) {
            wrong = gather_made(which);
        } else if (what.res == operation_result::conflict) {
            wrong = gather_conflict(which);
        } else if (what.res == operation_result::unknown) {
            gather_unknown(which);
        } else {
            refused_.push_back(which);
        }
        if (wrong) {
            return wrong;
        }
    }
    return std::nullopt;
}

void register_check::meet(version which, place by) {
    told& of = told_[which];
    of.seen = of.seen == nobody ? by : of.seen;
    newest_told_ = std::max(newest_told_, which);
}

std::optional<contradiction> register_check::gather_read(place which) {
    const operation& what = all_[which];
    if (what.res != operation_result::ok || what.version == 0U) {
        return std::nullopt;
    }
    if (!what.version) {
        nothing_.push_back(which);
        return std::nullopt;
    }
    meet(*what.version, which);
    if (!what.value && !what.gone) {
        return std::nullopt;
    }
    told& of = told_[*what.version];
    if (of.valued == nobody) {
        of.valued = which;
    } else if (!same_content(of.valued, which)) {
        return contradict(ended(which) + ", with other content than when " + ended(of.valued),
                          {of.valued, which});
    }
    return std::nullopt;
}

std::optional<contradiction> register_check::gather_made(place which) {
    const operation& what = all_[which];
    const version made = *what.version;
    const bool creates = what.op == operation_kind::create;
    if (creates ? made != 1 : made == 1 || (what.expect && *what.expect + 1 != made)) {
        const std::string should =
            creates ? "1" : (what.expect ? std::to_string(*what.expect + 1) : "2 or more");
        return contradict(
            ended(which) + ", though " + deed(which) + " can only have made version " + should,
            {which});
    }
    told& of = told_[made];
    if (of.acknowledged != nobody) {
        return contradict(
            ended(of.acknowledged) + ", and " + ended(which) + ": both cannot have made it",
            {of.acknowledged, which});
    }
    of.acknowledged = which;
    newest_told_ = std::max(newest_told_, made);
    return std::nullopt;
}

std::optional<contradiction> register_check::gather_conflict(place which) {
    const operation& what = all_[which];
    const version wanted = what.expect.value_or(0);
    refused_.push_back(which);
    if (what.version == wanted) {
        return contradict(begun(which, false) + ", though that is what it expected", {which});
    }
    if (what.version) {
        if (*what.version > 0) {
            meet(*what.version, which);
        }
    } else if (what.op == operation_kind::create) {
        refused_create_ = refused_create_ == nobody ? which : refused_create_;
    } else {
        elsewhere_.push_back(which);
        newest_asked_ = std::max(newest_asked_, wanted);
    }
    return std::nullopt;
}

void register_check::gather_unknown(place which) {
    const operation& what = all_[which];
    const bool anywhere = what.op == operation_kind::cas && !what.expect;
    const version wanted = what.expect.value_or(0);
    chances& of = anywhere ? anywhere_ : chances_[wanted + 1];
    newest_asked_ = std::max(newest_asked_, wanted);
    if (what.gone) {
        of.deletion = earliest(of.deletion, which);
    } else {
        of.change = earliest(of.change, which);
        place& same =
            what.value ? of.writing.try_emplace(*what.value, nobody).first->second : of.untold;
        same = earliest(same, which);
    }
    believed_ += anywhere && !what.gone ? 1 : 0;
}

// Who wrote which version
// ---------------------------------------------------------------------------------------------

register_check::place register_check::earliest(place left, place right) const noexcept {
    if (left == nobody || right == nobody) {
        return left == nobody ? right : left;
    }
    return all_[right].call < all_[left].call ? right : left;
}

bool register_check::same_content(place written, place read) const {
    const operation& left = all_[written];
    const operation& right = all_[read];
    return left.gone == right.gone && (!left.value || !right.value || left.value == right.value);
}

register_check::place register_check::earliest_of(const chances& some, place valued) const {
    if (valued == nobody) {
        return some.change;
    }
    if (all_[valued].gone) {
        return some.deletion;
    }
    const auto same = some.writing.find(*all_[valued].value);
    return earliest(some.untold, same == some.writing.end() ? nobody : same->second);
}

/// The earliest unknown write that may have made the version, whose content may have been read.
register_check::place register_check::chance(version which, place valued) {
    const auto own = chances_.find(which);
    const place certain = own == chances_.end() ? nobody : earliest_of(own->second, valued);
    const place believed = which > 1 ? earliest_of(anywhere_, valued) : nobody;
    if (certain == nobody && believed != nobody && !all_[believed].gone) {
        if (believed_ == 0) {
            return nobody;  // more versions than such changes
        }
        --believed_;
    }
    return earliest(certain, believed);
}

std::optional<contradiction> register_check::agree(version which, const told& of) const {
    if (of.acknowledged != nobody && of.valued != nobody &&
        !same_content(of.acknowledged, of.valued)) {
        return contradict(
            ended(of.valued) + ", with other content than when " + ended(of.acknowledged),
            {of.acknowledged, of.valued});
    }
    return which < newest_told_ ? is_last(of) : std::nullopt;
}

/// A deletion that is not the last version.
std::optional<contradiction> register_check::is_last(const told& of) const {
    place by = nobody;
    for (const place one : {of.acknowledged, of.valued}) {
        by = one != nobody && all_[one].gone ? one : by;
    }
    if (by == nobody) {
        return std::nullopt;
    }
    const told& newest = told_.at(newest_told_);
    const place other = newest.acknowledged != nobody ? newest.acknowledged : newest.seen;
    return contradict(ended(other) + ", though " + ended(by), {other, by});
}

std::optional<contradiction> register_check::fix_writers() {
    for (version which = 1; which <= newest_told_; ++which) {
        const auto found = told_.find(which);
        const told of = found == told_.end() ? told() : found->second;
        if (auto wrong = agree(which, of)) {
            return wrong;
        }
        place writer = of.acknowledged;
        if (writer == nobody) {
            if (which == newest_told_ && of.valued == nobody) {
                return std::nullopt;  // a change or a deletion: an ending
            }
            writer = chance(which, of.valued);
        }
        if (writer == nobody) {
            return no_writer(which);
        }
        writers_.push_back(writer);
    }
    return std::nullopt;
}

/// Changes after the certain versions, as far as they can matter to anybody.
void register_check::find_tail() {
    if (!writers_.empty() && writers_.size() == newest_told_ && all_[writers_.back()].gone) {
        return;
    }
    const version last =
        std::min<version>(std::max(newest_told_, newest_asked_) + 1, own_.size() + 1);
    for (version which = writers_.size() + 1; which <= last; ++which) {
        const place change = chance(which, nobody);
        if (change == nobody) {
            return;
        }
        tail_.push_back(change);
    }
}

std::vector<register_check::ending> register_check::endings() const {
    std::vector<ending> ways;
    const version certain = writers_.size();
    if (certain + tail_.size() >= newest_told_) {
        ways.push_back({tail_.size(), nobody});
    }
    if (certain == newest_told_ && certain > 0 && all_[writers_.back()].gone) {
        return ways;
    }
    for (std::size_t changes = 0; changes <= tail_.size(); ++changes) {
        const version which = certain + changes + 1;
        const auto own = chances_.find(which);
        const place deletion =
            earliest(own == chances_.end() ? nobody : own->second.deletion, anywhere_.deletion);
        if (which > 1 && which >= newest_told_ && deletion != nobody) {
            ways.push_back({changes, deletion});
        }
    }
    return ways;
}

// When
// ---------------------------------------------------------------------------------------------

std::optional<contradiction> register_check::place_in_time(const ending& how) const {
    std::vector<place> writers = writers_;
    writers.insert(writers.end(), tail_.begin(),
                   tail_.begin() + static_cast<std::ptrdiff_t>(how.changes));
    if (how.deletion != nobody) {
        writers.push_back(how.deletion);
    }
    if (writers.empty()) {
        if (refused_create_ != nobody) {
            return contradict(ended(refused_create_) + ", though nobody ever created it",
                              {refused_create_});
        }
        return std::nullopt;  // nothing ever was, and nobody says otherwise
    }
    spans times;
    times.reserve(writers.size());
    for (const place writer : writers) {
        const operation& what = all_[writer];
        const std::int64_t high = what.res == operation_result::ok ? *what.ret : never;
        times.push_back({what.call, high, writer, writer});
    }
    const bool ends_deleted = all_[writers.back()].gone;
    for (const place which : own_) {
        bound(times, which, ends_deleted);
    }
    force(times, ends_deleted);
    for (const span_of_time& time : times) {
        if (time.low > time.high) {
            return too_late(time, ends_deleted);
        }
    }
    return std::nullopt;
}

/// What one answer says of the moments at which versions came to be, where that is certain.
void register_check::bound(spans& times, place which, bool ends_deleted) const {
    const operation& what = all_[which];
    const bool read = what.op == operation_kind::read && what.res == operation_result::ok;
    const bool refused = what.res == operation_result::conflict;
    if (!read && !refused) {
        return;
    }
    if (what.version) {
        const version met = *what.version;
        if (met > 0) {
            times[met - 1].before(*what.ret, which);
        }
        if (met < times.size()) {
            times[met].after(what.call, which);
        }
    } else if (read) {
        if (!ends_deleted) {
            times.front().after(what.call, which);
        }
    } else if (what.op == operation_kind::create) {
        times.front().before(*what.ret, which);
    } else if (*what.expect == times.size()) {
        times.back().after(what.call, which);
    }
}

/// Versions come in order. Then the answers that leave a choice: found nothing (before the first
/// version, or after the deletion), met another version than `expect` (before it came, or after its
/// successor). Every version is taken as early as it can be, so where the later of both is too late
/// even then, only the earlier one is left. What that moves lies before the later one, which
/// therefore stays where it is: one pass from the end decides all.
void register_check::force(spans& times, bool ends_deleted) const {
    const auto in_order = [&] {
        for (std::size_t i = 1; i < times.size(); ++i) {
            times[i].after(times[i - 1].low, times[i - 1].low_by);
        }
    };
    in_order();
    if (ends_deleted) {
        for (const place which : nothing_) {
            if (times.back().low > *all_[which].ret) {
                times.front().after(all_[which].call, which);
            }
        }
        in_order();
    }
    std::vector<place> choices;
    std::ranges::copy_if(elsewhere_, std::back_inserter(choices),
                         [&](place which) { return *all_[which].expect < times.size(); });
    std::ranges::sort(choices, std::greater<>(),
                      [&](place which) { return std::pair(*all_[which].expect, which); });
    for (const place which : choices) {
        const version wanted = *all_[which].expect;
        if (times[wanted].low > *all_[which].ret) {
            times[wanted - 1].after(all_[which].call, which);
        }
    }
}

}  // namespace calbox::lab
