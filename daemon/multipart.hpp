// multipart/form-data (RFC 7578), read while it comes: files one after the other, of which no more
// than a piece lies in memory. Lives as long as one request; core thread only.
#pragma once

#include <optional>
#include <string>

#include "base/async.hpp"
#include "node/services.hpp"

namespace calbox::daemon {

/// The boundary that a Content-Type names. invalid_argument where it is not that of a form.
result<std::string> boundary_of(const std::string& content_type);

class multipart_files final : private node::byte_source {
public:
    struct file {
        std::string name;        // the last component of what the client says
        std::string media_type;  // empty: not said
    };

    multipart_files(node::byte_source& from, const std::string& boundary)
        : from_(from), delimiter_("\r\n--" + boundary), held_("\r\n") {}

    /// The head of the next file; nothing at the end. What was not read of the one before is left
    /// out. invalid_argument: it is no form, has a field that is no file, or ends in the middle.
    task<result<std::optional<file>>> next_file();
    /// Of that file.
    node::byte_source& content() noexcept { return *this; }

    static constexpr std::size_t head_most = 8 * 1024;  // of one file

private:
    task<result<bytes>> next() override;
    task<result<void>> read_more();
    task<result<std::string>> head();

    node::byte_source& from_;
    const std::string delimiter_;
    std::string held_;  // has come; as if an end of line stood before the first delimiter
    std::size_t at_ = 0;
    bool inside_ = true;  // of a file, or of what stands before the first one
};

}  // namespace calbox::daemon
