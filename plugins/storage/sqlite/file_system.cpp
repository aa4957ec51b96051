#include "file_system.hpp"

#include <cerrno>
#include <system_error>

namespace calbox::storage {

file::~file() = default;
file_system::~file_system() = default;

result<void> file_system::rename_new(const std::string& from, const std::string& to) {
    const auto there = length(to);
    if (!there) {
        return fail(there.error());
    }
    if (there->has_value()) {
        return fail(errc::already_exists, to + " exists already");
    }
    return rename(from, to);
}

bool means_full(int number) noexcept {
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

error file_error(const std::string& doing, const std::string& path, int number) {
    const std::string sentence =
        "cannot " + doing + " " + path + ": " + std::generic_category().message(number);
    if (means_full(number)) {
        return {errc::disk_full, sentence};
    }
    return {number == ENOENT ? errc::not_found : errc::io_failed, sentence};
}

}  // namespace calbox::storage
