// The sentences of a register_check: which operations cannot all be true, and why.
#include <algorithm>

#include <fmt/format.h>

#include "lab/check/register_check.hpp"

namespace calbox::lab {

namespace {

std::string who(const operation& what) {
    const bool number =
        std::ranges::all_of(what.client, [](char c) { return (c >= '0' && c <= '9') || c == '-'; });
    return (number ? "client " : "") + what.client;
}

}  // namespace

/// "bob's delete"
std::string register_check::deed(place which) const {
    const operation& what = all_[which];
    std::string_view verb = to_string(what.op);
    if (what.op == operation_kind::cas) {
        verb = what.gone ? "delete" : "modify";
    }
    return fmt::format("{}'s {}", who(what), verb);
}

contradiction register_check::contradict(std::string sentence,
                                         std::vector<place> operations) const {
    const std::string& key = all_[own_.front()].key;
    std::ranges::sort(operations);
    return {key, key + ": " + std::move(sentence), std::move(operations)};
}

/// What an operation says from its call on.
std::string register_check::begun(place which, bool ends_deleted) const {
    const operation& what = all_[which];
    const std::string start = fmt::format("{} at {} ", deed(which), what.call);
    if (what.op == operation_kind::read) {
        if (what.version) {
            return start + fmt::format("returned version {}", *what.version);
        }
        return start +
               (ends_deleted ? "found nothing before the event was deleted" : "found nothing");
    }
    if (what.res == operation_result::conflict) {
        if (what.version) {
            return start + fmt::format("was refused because of version {}", *what.version);
        }
        return start +
               fmt::format("of version {} was refused before there was a newer one", *what.expect);
    }
    if (what.res == operation_result::unknown) {
        return start + (what.op == operation_kind::cas && !what.expect
                            ? std::string("is the first that can have made a version before")
                            : fmt::format("is the first that can have made version {}",
                                          what.expect.value_or(0) + 1));
    }
    return start + fmt::format("made version {}", *what.version);
}

/// What an operation says once it was answered.
std::string register_check::ended(place which) const {
    const operation& what = all_[which];
    if (what.res == operation_result::conflict) {
        return what.version
                   ? fmt::format("version {} stood against {} at {}", *what.version, deed(which),
                                 *what.ret)
                   : fmt::format("{} was refused at {} as of what exists", deed(which), *what.ret);
    }
    const bool read = what.op == operation_kind::read;
    return fmt::format("{} {} was {} to {} at {}", what.gone ? "the deletion, version" : "version",
                       *what.version, read ? "returned" : "acknowledged", who(what), *what.ret);
}

contradiction register_check::too_late(const span_of_time& time, bool ends_deleted) const {
    return contradict(begun(time.low_by, ends_deleted) + ", though " + ended(time.high_by),
                      {time.low_by, time.high_by});
}

/// A version that somebody met, or that others follow, and that no operation can have made.
contradiction register_check::no_writer(version which) const {
    const auto found = told_.find(which);
    const place seen = found == told_.end() ? nobody : found->second.seen;
    const place valued = found == told_.end() ? nobody : found->second.valued;
    std::vector<place> named;
    std::string sentence;
    if (seen != nobody) {
        named.push_back(valued != nobody ? valued : seen);
        sentence = ended(named.front()) + ", though nobody can have made it";
    } else {
        const told& newest = told_.at(newest_told_);
        named.push_back(newest.acknowledged != nobody ? newest.acknowledged : newest.seen);
        sentence = ended(named.front()) + fmt::format(", though nobody made version {}", which);
    }
    const auto culprit = std::ranges::find_if(refused_, [&](place one) {
        const operation& what = all_[one];
        const bool would = what.expect ? *what.expect + 1 == which
                                       : (what.op == operation_kind::create) == (which == 1);
        return would && (valued == nobody || same_content(one, valued));
    });
    if (culprit != refused_.end()) {
        named.push_back(*culprit);
        sentence += fmt::format(": {}, which would have, was refused at {}", deed(*culprit),
                                *all_[*culprit].ret);
    }
    return contradict(std::move(sentence), std::move(named));
}

}  // namespace calbox::lab
