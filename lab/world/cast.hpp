// Who plays in a world: devices in their roles, and the people at them. The calls are what a person
// would type; each lets time pass until its answer is there. A device that ends meanwhile leaves an
// operation unanswered: `unknown` to whoever asked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/world/world.hpp"

namespace calbox::lab {

/// Starts a device that founds a network, and plays these roles besides registry.
device& found_network(world& in, const std::string& name, std::uint32_t roles,
                      node::node_settings with = {});
/// Starts a device, invited by `registry` in these roles, and waits until it has a lease (edges) or
/// is known (others).
device& join_network(world& in, const std::string& name, std::uint32_t roles, device& registry,
                     node::node_settings with = {});

/// The same for one that is off and has an empty disk: it is a new device to the others.
void join_again(device& empty, device& registry);

/// An answer that may be lost with the daemon that owed it.
template <class T>
using answer = std::optional<result<T>>;

class person {
public:
    person(device& at, std::string name, user_id id = {})
        : at_(&at), name_(std::move(name)), id_(id) {}

    /// Registers the name at his device. Throws failure when that is refused.
    void sign_up();
    /// Signs in there, or on another device of his.
    void sign_in(device& at);
    void sign_in() { sign_in(*at_); }
    /// At the device, which runs.
    bool signed_in() const;

    const std::string& name() const noexcept { return name_; }
    const user_id& id() const noexcept { return id_; }
    device& at() const noexcept { return *at_; }
    bool up() const noexcept { return at_->up(); }

    // Beginning an operation; many may run at once.
    std::shared_ptr<outcome<result<node::account_view>>> begin_sign_in() const;
    std::shared_ptr<outcome<result<void>>> begin_sign_out() const;
    std::shared_ptr<outcome<result<node::event_view>>> begin_create(
        const std::string& title, const std::vector<std::string>& guests,
        std::optional<std::uint32_t> guests_may = {}, bool every_day = false);
    std::shared_ptr<outcome<result<node::event_view>>> begin_change(
        const event_id& which, const std::string& title, std::optional<version_number> expect = {});
    /// Title and guests at once.
    std::shared_ptr<outcome<result<node::event_view>>> begin_invite(
        const event_id& which, const std::string& title, const std::vector<std::string>& guests,
        std::optional<version_number> expect = {});
    /// Under a lock, which is held for so long first.
    std::shared_ptr<outcome<result<node::event_view>>> begin_edit(const event_id& which,
                                                                  const std::string& title,
                                                                  duration thinking);
    /// What it said in that version.
    std::shared_ptr<outcome<result<node::event_view>>> begin_restore(const event_id& which,
                                                                     version_number version,
                                                                     version_number expect);
    /// What it said before it was deleted.
    std::shared_ptr<outcome<result<node::event_view>>> begin_bring_back(const event_id& which);
    std::shared_ptr<outcome<result<node::event_view>>> begin_take_over(const event_id& which);
    /// What takes place from so many days after its start on becomes an event with this title.
    std::shared_ptr<outcome<result<node::event_view>>> begin_split(const node::event_view& series,
                                                                   const std::string& title,
                                                                   int days);
    /// The answer is the link.
    std::shared_ptr<outcome<result<std::string>>> begin_open(const event_id& which);
    std::shared_ptr<outcome<result<void>>> begin_close(const event_id& which);
    std::shared_ptr<outcome<result<node::join_view>>> begin_join(const std::string& link);
    std::shared_ptr<outcome<result<void>>> begin_remove(const event_id& which,
                                                        std::optional<version_number> expect = {});
    std::shared_ptr<outcome<result<node::event_view>>> begin_answer(const event_id& which,
                                                                    model::participation what);
    std::shared_ptr<outcome<result<void>>> begin_leave(const event_id& which);
    std::shared_ptr<outcome<result<node::file_view>>> begin_attach(const event_id& which,
                                                                   const std::string& file,
                                                                   bytes content,
                                                                   bool replace = false);
    std::shared_ptr<outcome<result<void>>> begin_detach(const event_id& which,
                                                        const std::string& file);

    // The same, waited for.
    answer<node::event_view> create(const std::string& title,
                                    const std::vector<std::string>& guests = {});
    answer<node::event_view> change(const event_id& which, const std::string& title,
                                    std::optional<version_number> expect = {});
    answer<void> remove(const event_id& which, std::optional<version_number> expect = {});
    answer<node::file_view> attach(const event_id& which, const std::string& file, bytes content,
                                   bool replace = false);
    /// What he reads from a file, fetched first when it is elsewhere.
    answer<bytes> read(const event_id& which, const std::string& file);

    /// What he sees now; nothing where there is no such event for him.
    std::optional<node::event_view> sees(const event_id& which) const;
    std::vector<node::event_view> sees_all() const;
    std::string title_of(const event_id& which) const;

    /// A start for new events, different for each, so that they do not all overlap.
    static node::event_draft draft(const std::string& title, const std::vector<std::string>& guests,
                                   std::uint64_t number);

private:
    device* at_;
    std::string name_;
    user_id id_;
    std::uint64_t made_ = 0;
};

}  // namespace calbox::lab
