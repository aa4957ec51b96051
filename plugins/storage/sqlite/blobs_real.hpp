// Blobs as files: <directory>/parts/<hex> while they are written, <directory>/files/<first
// byte>/<hex> once finished. Owned by the store; storage thread.
#pragma once

#include <calbox/storage.hpp>

namespace calbox::storage {

class file_blobs final : public blob_store {
public:
    explicit file_blobs(std::string directory);

    /// Makes the directories.
    result<void> prepare();
    /// How many finished blobs there are.
    std::uint64_t count() const;

    result<std::uint64_t> open_part(const file_root& root) override;
    result<void> write_part(const file_root& root, std::uint64_t offset, byte_view data) override;
    result<bytes> read_part(const file_root& root, std::uint64_t offset,
                            std::size_t length) override;
    result<void> rename_part(const file_root& from, const file_root& to) override;
    result<void> finish(const file_root& root) override;
    result<std::optional<std::uint64_t>> length(const file_root& root) override;
    result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) override;
    result<void> remove(const file_root& root) override;

private:
    std::string part_path(const file_root& root) const;
    std::string folder_of(const file_root& root) const;
    std::string blob_path(const file_root& root) const;

    std::string directory_;
    std::string parts_;
    std::string files_;
};

}  // namespace calbox::storage
