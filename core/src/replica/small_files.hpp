// Asks holders for files of one part. Those that are wanted of a device while it is being asked for
// others go into one question, so that many of them cost one round trip. Owned by file_transfer;
// core thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "replica/ask_window.hpp"
#include "replica/file_mediator.hpp"

namespace calbox::replica {

class small_files {
public:
    struct part {
        bytes sealed;
        digest hash;  // makes the file's root
    };
    explicit small_files(const environment& env) : env_(env) {}

    /// The part of that file. mismatch: the device has sent something else; not_found: it does not
    /// have the file; else what the mediator fails with. Whoever calls it asks for others as well,
    /// and hands over to them when it is cancelled.
    task<result<part>> ask(device_id source, file_root root, std::uint64_t size,
                           file_mediator& mediator);
    /// The one of them that is likely to answer first. There is at least one.
    device_id best_of(const std::vector<device_id>& sources) const;

private:
    struct wanted;
    struct line {
        std::deque<std::shared_ptr<wanted>> queue;  // nobody asks for them yet
        std::size_t waiting = 0;                    // files that have not come, those included
        int asking = 0;                             // questions that are not answered
        ask_window window{2, 8};
        std::optional<instant> one_by_one;  // until then: older software is there
        std::optional<instant> silent;      // until then: it did not answer
    };
    using some = std::vector<std::shared_ptr<wanted>>;
    class question;

    static void wake(line& of) noexcept;
    static void refresh(line& of);
    static void give_up(line& of, const error& why);
    some take(line& of) const;
    task<void> ask_for_some(line& of, device_id source, file_mediator& mediator);
    task<result<std::vector<bytes>>> parts_of(const some& which, device_id source,
                                              file_mediator& mediator);
    task<void> settle(some which, std::vector<bytes> parts);

    const environment& env_;
    std::map<device_id, line> lines_;
};

}  // namespace calbox::replica
