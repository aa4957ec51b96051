// Devices that will not come back, as far as can be told here: nothing is owed to them, and no copy
// is counted on. Who comes back all the same asks the others for what it has missed, and counts
// again. Kept over restarts. Owned by the node; core thread only.
#pragma once

#include <map>
#include <vector>

#include <calbox/codec.hpp>

#include "replica/database.hpp"

namespace calbox::node {

class lost_devices {
public:
    /// After that time without a sign of it a device is given up: a backup, and another one.
    static constexpr duration backup_patience = std::chrono::hours(24);
    static constexpr duration patience = std::chrono::days(30);

    lost_devices(const environment& env, replica::database& db) : env_(env), db_(db) {}

    task<result<void>> load();
    bool contains(const device_id& device) const;
    /// There is a sign of it.
    void came(const device_id& device);
    /// Something is owed to it, and there is no sign of it. True: it is given up from now on.
    bool missed(const device_id& device, bool is_backup);
    /// Another device stands where it was. False: it was given up already.
    bool replaced(const device_id& device);
    bool is_changed() const noexcept { return changed_; }
    /// Writes what has changed.
    task<result<void>> store();

private:
    struct entry {
        device_id device;
        timestamp since;  // without a sign
        bool lost = false;
        static constexpr auto fields =
            std::tuple(codec::field<1>(&entry::device), codec::field<2>(&entry::since),
                       codec::field<3>(&entry::lost));
    };
    struct record {
        std::vector<entry> all;
        static constexpr auto fields = std::tuple(codec::field<1>(&record::all));
    };

    const environment& env_;
    replica::database& db_;
    std::map<device_id, entry> known_;
    bool changed_ = false;
};

}  // namespace calbox::node
