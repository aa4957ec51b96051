// Files of this machine into events. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "context.hpp"

namespace calbox::ctl {

/// An open file whose change while it is read is noticed. Closes it.
class reading_file {
public:
    /// "not_found" or "invalid_argument" when there is no such regular file.
    static answer<reading_file> open(const std::string& path);
    reading_file(reading_file&& other) noexcept;
    reading_file& operator=(reading_file&&) = delete;
    ~reading_file();

    std::uint64_t size() const { return size_; }
    const std::string& path() const { return path_; }
    /// The last component of the path: its label at the event.
    std::string name() const;
    /// The next bytes, 0 at the end. "io_failed" when the file has changed, at the latest with the
    /// last bytes.
    answer<std::size_t> read(std::span<char> into);

private:
    reading_file(int fd, std::string path, std::uint64_t size, std::int64_t changed)
        : fd_(fd), path_(std::move(path)), size_(size), changed_(changed) {}
    answer<void> unchanged() const;

    int fd_;
    std::string path_;
    std::uint64_t size_;
    std::int64_t changed_;  // nanoseconds
    std::uint64_t taken_ = 0;
};

/// Sends the file with progress; `method` is POST for a new one and PUT for a replacement; `times`
/// as chosen_times gives them. The file's JSON.
answer<json> upload_file(context& with, const std::string& method, const std::string& event_path,
                         const std::string& label, reading_file& file,
                         const std::string& times = {});
/// New files, under the last components of their paths, with progress: all or none, in one change
/// of the event. Their JSON, in that order.
answer<json> attach_files(context& with, const std::string& event_path,
                          std::vector<reading_file>& files, const std::string& times = {});

}  // namespace calbox::ctl
