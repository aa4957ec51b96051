// The claims about bytes: what is read from a file is what was attached, and nothing that people
// wrote is readable where none of them is. Owned by the caller; one thread.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

/// Bytes read back equal bytes attached, by their SHA-256.
class files {
public:
    explicit files(const names& people) : people_(people) {}
    /// Before it is attached, whatever comes of that.
    void observe_attaching(const event_id& event, const std::string& name, const digest& plaintext);
    /// The event was made out of another one, with its files.
    void observe_copy(const event_id& event) { copies_.insert(event); }
    /// Somebody read all of the file with this root, as `name` of the event. "map (bob, DAY).pdf"
    /// may be what bob wanted to be map.pdf.
    void observe_read(const viewer& whose, const event_id& event, const std::string& name,
                      const file_root& root, const digest& plaintext, instant at);
    /// Somebody could not read it, though whoever attached it was told that it is there and is up.
    void observe_unreadable(const viewer& whose, const event_id& event, const std::string& name,
                            const std::string& why, instant at);
    std::vector<violation> violations() const { return found_.first(); }

private:
    const names& people_;
    findings found_;
    std::map<std::pair<event_id, std::string>, std::set<digest>> attached_;
    std::map<file_root, std::pair<digest, viewer>> first_read_;
    std::set<event_id> copies_;
};

/// Marker texts, put into titles, notes and files, are found nowhere else than at devices of people
/// who take or took part. A marker has 24 characters of [a-z0-9-]; longer texts around it may be
/// broken by the format that they are in, a marker must not be (lines of iCalendar have 75 bytes).
class secrecy {
public:
    /// Texts of different worlds differ when `world` does.
    secrecy(const names& people, std::uint64_t world) : people_(people), world_(world) {}

    /// A new marker of something that `author` is about to write.
    std::string marker(const user_id& author);
    /// It is in this event; for the sentence.
    void belongs(const std::string& marker, const event_id& event);
    /// This user may read it from now on.
    void allow(const std::string& marker, const user_id& who);

    /// What lies on a device, or what one of its parts wrote; `users`: who signed in there, ever.
    void observe_device(const device_id& where, std::span<const user_id> users, byte_view data,
                        instant at);
    /// What lies on a whole disk: whether it `holds` a text.
    void observe_disk(const device_id& where, std::span<const user_id> users,
                      const std::function<bool(std::string_view)>& holds, instant at);
    /// What passed on a wire, where nothing may be readable. Markers that two pieces of one
    /// direction of one link share are seen, too.
    void observe_wire(std::uint64_t direction, byte_view data, instant at);
    /// The link has ended.
    void forget_wire(std::uint64_t direction) { ends_.erase(direction); }
    std::vector<violation> violations() const { return found_.first(); }

    static constexpr std::string_view prefix = "calmark-";
    static constexpr std::size_t marker_size = prefix.size() + 16;

private:
    struct secret {
        std::optional<event_id> event;
        user_id author;
        std::set<user_id> readers;
        std::set<device_id> reported;
        bool on_wire = false;
    };
    /// Calls `found` with each marker of this world in `data`.
    template <class Found>
    void search(byte_view data, Found&& found);
    /// Unless one of the users may read it, or it was told already.
    void found_at(secret& what, const device_id& where, std::span<const user_id> users, instant at);
    void report(const secret& what, std::string where, instant at);

    const names& people_;
    std::uint64_t world_;
    std::uint64_t made_ = 0;
    findings found_;
    std::map<std::string, secret, std::less<>> secrets_;
    std::map<std::uint64_t, bytes> ends_;  // of each direction: what a marker may have begun in
};

}  // namespace calbox::lab::claims
