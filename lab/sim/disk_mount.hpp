// A simulated disk as one run of a calboxd has it: the file system that the storage plugin `sqlite`
// asks for, SQLite's way to it included. Owned by the simulated process; the disk outlives it, and
// it outlives the stores and files that were opened on it. One thread.
#pragma once

#include "lab/sim/disk.hpp"
#include "lab/sim/disk_vfs.hpp"
#include "plugins/storage/sqlite/file_system.hpp"
#include "plugins/storage/sqlite/store.hpp"

namespace calbox::lab {

class mounted_disk final : public storage::file_system {
public:
    explicit mounted_disk(disk& from) : view_(from), vfs_(view_), from_(from) {}

    /// The process was killed. Everything that it opened here fails with io_failed from now on, and
    /// changes nothing; the disk has all that it wrote.
    void revoke() noexcept { view_.revoke(); }
    bool revoked() const noexcept { return view_.revoked(); }

    /// The store in the disk's home, by the code of the storage plugin. Less durable than that is
    /// for tests of the tests.
    result<std::unique_ptr<storage::store>> open_store(const storage::store_settings& with = {});

    result<std::unique_ptr<storage::file>> open(const std::string& path, opening how) override;
    result<std::unique_ptr<storage::file>> lock(const std::string& path) override;
    result<std::optional<std::uint64_t>> length(const std::string& path) override;
    result<void> rename(const std::string& from, const std::string& to) override;
    result<void> remove(const std::string& path) override;
    result<void> make_directory(const std::string& path) override;
    result<void> sync_directory(const std::string& path) override;
    result<std::vector<std::string>> list(const std::string& path) override;
    const char* database_vfs() const noexcept override { return vfs_.name(); }

private:
    disk_view view_;
    disk_vfs vfs_;
    disk& from_;
};

}  // namespace calbox::lab
