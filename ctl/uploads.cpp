#include "uploads.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.hpp"

namespace calbox::ctl {

namespace {

std::int64_t changed_at(const struct stat& found) {
    return std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
}

}  // namespace

answer<reading_file> reading_file::open(const std::string& path) {
    // O_NONBLOCK: a pipe that nobody writes to is refused below, not waited for.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return refuse(errno == ENOENT || errno == ENOTDIR ? "not_found" : "io_failed",
                      "cannot open " + clean(path) + ": " + std::strerror(errno));
    }
    struct stat found{};
    if (::fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        ::close(fd);
        return refuse("invalid_argument", clean(path) + " is not a file");
    }
    return reading_file(fd, path, static_cast<std::uint64_t>(found.st_size), changed_at(found));
}

reading_file::reading_file(reading_file&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      size_(other.size_),
      changed_(other.changed_),
      taken_(other.taken_) {}

reading_file::~reading_file() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

std::string reading_file::name() const { return path_.substr(path_.rfind('/') + 1); }

answer<void> reading_file::unchanged() const {
    struct stat now{};
    const bool same = ::fstat(fd_, &now) == 0 && static_cast<std::uint64_t>(now.st_size) == size_ &&
                      changed_at(now) == changed_ && now.st_nlink > 0;
    if (!same) {
        return refuse("io_failed", clean(path_) + " was changed or removed while it was read");
    }
    return {};
}

answer<std::size_t> reading_file::read(std::span<char> into) {
    const auto wanted = std::min<std::uint64_t>(into.size(), size_ - taken_);
    if (wanted == 0) {
        return std::size_t{0};
    }
    ssize_t count = -1;
    do {
        count = ::read(fd_, into.data(), wanted);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return refuse("io_failed", "cannot read " + clean(path_) + ": " + std::strerror(errno));
    }
    taken_ += static_cast<std::uint64_t>(count);
    if (count == 0 || taken_ == size_) {
        if (auto same = unchanged(); !same) {
            return refuse(same.error());
        }
    }
    return static_cast<std::size_t>(count);
}

namespace {

/// Shows how far it is. The document that comes back; an empty one where it is none.
template <class Body>
answer<json> send_counted(context& with, const std::string& label, Body& body,
                          const request& what) {
    progress shown(with.world, with.out, label, body.size());
    const auto sent = with.api.upload(what, body.size(), [&](std::span<char> into) {
        auto count = body.read(into);
        if (count) {
            shown.add(*count);
        }
        return count;
    });
    if (!sent) {
        return refuse(sent.error());
    }
    auto document = json::parse(sent->body, nullptr, false);
    return document.is_object() ? document : json::object();
}

}  // namespace

answer<json> upload_file(context& with, const std::string& method, const std::string& event_path,
                         const std::string& label, reading_file& file, const std::string& times) {
    return send_counted(with, label, file,
                        {.method = method,
                         .target = event_path + "/files/" + encode_segment(label) + times,
                         .body = {},
                         .content_type = "application/octet-stream",
                         .headers = {}});
}

namespace {

/// A form (multipart/form-data, RFC 7578) of files, as bytes: heads, contents and the end, one
/// after the other.
class form {
public:
    form(std::vector<reading_file>& files, std::string boundary)
        : files_(files), boundary_(std::move(boundary)), text_(head_of(0)) {}

    std::uint64_t size() const {
        std::uint64_t all = 0;
        for (std::size_t i = 0; i <= files_.size(); ++i) {
            all += head_of(i).size() + (i < files_.size() ? files_[i].size() : 0);
        }
        return all;
    }
    answer<std::size_t> read(std::span<char> into) {
        while (true) {
            if (const auto count = std::min(into.size(), text_.size() - said_); count > 0) {
                std::copy_n(text_.data() + said_, count, into.data());
                said_ += count;
                return count;
            }
            if (at_ == files_.size()) {
                return std::size_t{0};
            }
            auto count = files_[at_].read(into);
            if (!count || *count > 0) {
                return count;
            }
            text_ = head_of(++at_);
            said_ = 0;
        }
    }

private:
    /// What stands before the contents of a file; behind those of the last one, the end.
    std::string head_of(std::size_t which) const {
        const std::string line = (which > 0 ? "\r\n--" : "--") + boundary_;
        if (which == files_.size()) {
            return line + "--\r\n";
        }
        // What browsers write as `filename` cannot tell "%22" from a quotation mark.
        return line + "\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''" +
               encode_segment(files_[which].name()) +
               "\r\nContent-Type: application/octet-stream\r\n\r\n";
    }

    std::vector<reading_file>& files_;
    const std::string boundary_;
    std::size_t at_ = 0;
    std::string text_;
    std::size_t said_ = 0;  // of the text
};

}  // namespace

answer<json> attach_files(context& with, const std::string& event_path,
                          std::vector<reading_file>& files, const std::string& times) {
    if (files.empty()) {
        return json::array();
    }
    if (files.size() == 1) {
        auto alone = upload_file(with, "POST", event_path, files[0].name(), files[0], times);
        return alone ? answer<json>(json::array({std::move(*alone)})) : alone;
    }
    // Nobody who makes a file can know what would end it.
    const std::string boundary =
        fmt::format("calbox-{:016x}{:016x}", with.world.chance(), with.world.chance());
    form body(files, boundary);
    const auto sent = send_counted(with, fmt::format("{} files", files.size()), body,
                                   {.method = "POST",
                                    .target = event_path + "/files" + times,
                                    .body = {},
                                    .content_type = "multipart/form-data; boundary=" + boundary,
                                    .headers = {}});
    if (!sent) {
        return refuse(sent.error());
    }
    return list_of(*sent, "files");
}

}  // namespace calbox::ctl
