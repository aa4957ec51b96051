// The judgement of one event's operations; histcheck.hpp says what it promises. Made for one
// judgement, and thrown away. Any thread.
#pragma once

#include <optional>
#include <span>
#include <unordered_map>

#include "lab/check/histcheck.hpp"

namespace calbox::lab {

class register_check {
public:
    /// `own`: places in `all` of this event's operations, at least one. `all` is well formed, and
    /// outlives this.
    register_check(const history& all, std::span<const std::size_t> own) : all_(all), own_(own) {}

    /// Nothing when the operations agree.
    std::optional<contradiction> judge();

private:
    using version = std::uint64_t;
    using place = std::size_t;
    static constexpr place nobody = static_cast<place>(-1);

    /// What the answers say of one version.
    struct told {
        place acknowledged = nobody;  // the write that made it
        place seen = nobody;          // a read or a conflict that met it
        place valued = nobody;        // a read that told its content
    };
    /// Unknown writes that may have made one version.
    struct chances {
        place change = nobody;    // the earliest, whatever it wrote
        place untold = nobody;    // the earliest change that does not tell what it wrote
        place deletion = nobody;  // the earliest
        std::unordered_map<std::string_view, place> writing;  // the earliest change to a content
    };
    /// How unknown writes may have gone on after the last certain version: so many changes, and
    /// then perhaps a deletion.
    struct ending {
        std::size_t changes = 0;
        place deletion = nobody;
    };
    /// A version came to be at a moment in [low, high].
    struct span_of_time {
        std::int64_t low = 0, high = 0;
        place low_by = nobody, high_by = nobody;
        void after(std::int64_t time, place by);
        void before(std::int64_t time, place by);
    };
    using spans = std::vector<span_of_time>;

    std::optional<contradiction> gather();
    std::optional<contradiction> gather_read(place which);
    std::optional<contradiction> gather_made(place which);
    std::optional<contradiction> gather_conflict(place which);
    void gather_unknown(place which);
    void meet(version which, place by);

    std::optional<contradiction> fix_writers();
    std::optional<contradiction> agree(version which, const told& of) const;
    std::optional<contradiction> is_last(const told& of) const;
    place chance(version which, place valued);
    void find_tail();
    std::vector<ending> endings() const;

    std::optional<contradiction> place_in_time(const ending& how) const;
    void bound(spans& times, place which, bool ends_deleted) const;
    void force(spans& times, bool ends_deleted) const;

    place earliest_of(const chances& some, place valued) const;
    place earliest(place left, place right) const noexcept;
    bool same_content(place written, place read) const;
    contradiction contradict(std::string sentence, std::vector<place> operations) const;
    contradiction no_writer(version which) const;
    contradiction too_late(const span_of_time& time, bool ends_deleted) const;
    std::string deed(place which) const;
    std::string begun(place which, bool ends_deleted) const;
    std::string ended(place which) const;

    const history& all_;
    std::span<const place> own_;
    std::unordered_map<version, told> told_;
    std::unordered_map<version, chances> chances_;
    chances anywhere_;               // unknown writes that expected no version
    std::size_t believed_ = 0;       // how many versions the changes among those may still make
    std::vector<place> elsewhere_;   // conflicts of a cas that do not tell the version met
    std::vector<place> nothing_;     // reads that found nothing, and do not tell why
    std::vector<place> refused_;     // writes that were not done
    place refused_create_ = nobody;  // because of what was there
    version newest_told_ = 0;        // somebody met or made this one
    version newest_asked_ = 0;       // somebody expected this one
    std::vector<place> writers_;     // of versions 1, 2, ...: the certain ones
    std::vector<place> tail_;        // changes that may have followed
};

}  // namespace calbox::lab
