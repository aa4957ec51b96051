// Blobs as files: <directory>/parts/<hex> while they are written, <directory>/files/<first
// byte>/<hex> once finished; <directory>/aside/<hex>.<offset> are damaged pieces of them. Those
// that came with a batch of records are rows of the database; nobody else needs to know which. A
// row that can be neither read nor removed stays, and is not looked at any more: <directory>/
// unreadable/<hex> says so, and that blob is a file from then on.
// Owned by the store; storage thread.
#pragma once

#include <set>

#include <calbox/storage.hpp>

#include "blob_rows.hpp"
#include "file_system.hpp"

namespace calbox::storage {

class file_blobs final : public blob_store {
public:
    file_blobs(file_system& files, const std::string& directory, SQLite::Database& database);

    blob_rows& rows() noexcept { return rows_; }
    /// It is not to become a row, since the one that it has cannot be replaced.
    bool must_be_file(const file_root& root) const { return unreadable_.contains(root); }
    /// Durable on return.
    result<void> put_file(const batch::small_blob& whole);
    /// These have become rows: what there was of them as files goes.
    void replaced(const std::vector<batch::small_blob>& by);

    /// Makes the directories; the caller makes their names durable. Before anything else.
    result<void> prepare();
    /// How many finished blobs there are.
    result<std::uint64_t> count();
    /// Fills in what there is of blobs, parts and pieces.
    result<void> measure(measures& into);

    result<std::uint64_t> open_part(const file_root& root) override;
    result<void> write_part(const file_root& root, std::uint64_t offset, byte_view data) override;
    result<bytes> read_part(const file_root& root, std::uint64_t offset,
                            std::size_t length) override;
    result<void> rename_part(const file_root& from, const file_root& to) override;
    result<void> finish(const file_root& root) override;
    result<std::optional<std::uint64_t>> length(const file_root& root) override;
    result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) override;
    result<void> remove(const file_root& root) override;
    result<void> set_aside(const file_root& root, const std::vector<blob_piece>& damaged) override;

private:
    std::string part_path(const file_root& root) const;
    std::string folder_of(const file_root& root) const;
    std::string blob_path(const file_root& root) const;
    result<bytes> read_at(const std::string& path, std::uint64_t offset, std::size_t length);
    result<void> make_folder(const std::string& path);
    result<void> discard_if_spoiled(const file_root& root);
    result<bytes> read_blob(const file_root& root, std::uint64_t offset, std::size_t length);
    result<std::optional<std::uint64_t>> row_length(const file_root& root);
    result<void> make_part_of_row(const file_root& root);
    result<void> publish(const file_root& root);
    result<void> write_whole_part(const file_root& root, byte_view data);
    result<void> remove_row(const file_root& root);
    result<void> leave_row(const file_root& root);
    result<void> keep_piece(const file_root& root, std::uint64_t offset, byte_view data);
    result<std::pair<std::uint64_t, std::uint64_t>> measure_folder(const std::string& path);

    file_system& files_;
    blob_rows rows_;
    std::string directory_;
    std::string parts_;
    std::string finished_;
    std::string aside_;
    std::string unreadables_;
    std::set<file_root> unreadable_;  // rows that are left where they are
    std::set<file_root> doubles_;     // rows whose files could not be removed
    std::set<std::string> durable_folders_;
    std::set<file_root> spoiled_;  // parts whose sync failed, and that are still there
};

}  // namespace calbox::storage
