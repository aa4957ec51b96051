// A file that is written by a command. One thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "problem.hpp"

namespace calbox::ctl {

/// A file beside the wanted one that takes its place when it is complete, and is gone otherwise.
class arriving_file {
public:
    /// "disk_full" or "io_failed".
    static answer<arriving_file> make(const std::filesystem::path& wanted);
    arriving_file(arriving_file&& other) noexcept;
    arriving_file& operator=(arriving_file&&) = delete;
    ~arriving_file();

    answer<void> write(std::string_view bytes);
    /// Durable under its name. "already_exists" where something is there that is not to be
    /// replaced.
    answer<void> finish(bool replace);
    /// As finish() of each; of many in one directory the disk is waited for once. Those before one
    /// that fails are finished.
    static answer<void> finish_all(std::vector<arriving_file>& all, bool replace);
    bool is_finished() const { return fd_ < 0; }
    /// That, with advice.
    static tl::unexpected<problem> exists(const std::filesystem::path& path);

private:
    arriving_file(int fd, std::string path, std::filesystem::path wanted);
    answer<void> failed() const;
    answer<void> take_name(bool replace);
    answer<void> keep_names() const;

    int fd_;
    std::string path_;
    std::filesystem::path wanted_;
};

}  // namespace calbox::ctl
