#include "blobs.hpp"

#include <algorithm>
#include <tuple>

namespace calbox::storage {

using opening = file_system::opening;

file_blobs::file_blobs(file_system& files, const std::string& directory, SQLite::Database& database)
    : files_(files),
      rows_(database),
      directory_(directory),
      parts_(directory + "/parts"),
      finished_(directory + "/files"),
      aside_(directory + "/aside"),
      unreadables_(directory + "/unreadable") {}

std::string file_blobs::part_path(const file_root& root) const { return parts_ + "/" + root.hex(); }
std::string file_blobs::folder_of(const file_root& root) const {
    return finished_ + "/" + root.hex().substr(0, 2);
}
std::string file_blobs::blob_path(const file_root& root) const {
    return folder_of(root) + "/" + root.hex();
}

result<void> file_blobs::prepare() {
    const auto names = files_.list(unreadables_);
    if (!names && names.error().code != errc::not_found) {
        return fail(names.error());
    }
    for (const auto& name : names.value_or(std::vector<std::string>())) {
        if (const auto root = file_root::from_hex(name)) {
            unreadable_.insert(*root);
        }
    }
    return files_.make_directory(parts_).and_then([&] { return files_.make_directory(finished_); });
}

/// How many files a directory has, and of how many bytes. None where it is not there.
result<std::pair<std::uint64_t, std::uint64_t>> file_blobs::measure_folder(
    const std::string& path) {
    const auto names = files_.list(path);
    if (!names && names.error().code == errc::not_found) {
        return std::pair<std::uint64_t, std::uint64_t>();
    }
    if (!names) {
        return fail(names.error());
    }
    std::uint64_t found = 0;
    std::uint64_t size = 0;
    for (const auto& name : *names) {
        const auto length = files_.length(path + "/" + name);
        if (!length) {
            return fail(length.error());
        }
        found += length->has_value() ? 1 : 0;
        size += length->value_or(0);
    }
    return std::pair(found, size);
}

result<void> file_blobs::measure(measures& into) {
    const auto parts = measure_folder(parts_);
    const auto pieces = parts ? measure_folder(aside_) : parts;
    if (!pieces) {
        return fail(pieces.error());
    }
    std::tie(into.parts, into.part_bytes) = *parts;
    std::tie(into.pieces, into.piece_bytes) = *pieces;
    const auto rows = rows_.measure();
    if (!rows) {
        return fail(rows.error());
    }
    std::tie(into.blobs, into.blob_bytes) = *rows;
    into.blobs -= std::min<std::uint64_t>(into.blobs, unreadable_.size());
    const auto folders = files_.list(finished_);
    if (!folders) {
        return fail(folders.error());
    }
    for (const auto& folder : *folders) {
        const auto inside = measure_folder(finished_ + "/" + folder);
        if (!inside) {
            return fail(inside.error());
        }
        into.blobs += inside->first;
        into.blob_bytes += inside->second;
    }
    return {};
}

result<std::uint64_t> file_blobs::count() {
    const auto folders = files_.list(finished_);
    if (!folders) {
        return fail(folders.error());
    }
    const auto rows = rows_.measure();
    if (!rows) {
        return fail(rows.error());
    }
    std::uint64_t found = rows->first - std::min<std::uint64_t>(rows->first, unreadable_.size());
    for (const auto& folder : *folders) {
        const auto names = files_.list(finished_ + "/" + folder);
        if (!names) {
            return fail(names.error());
        }
        found += names->size();
    }
    return found;
}

/// Reads up to `length` bytes; shorter at the file's end.
result<bytes> file_blobs::read_at(const std::string& path, std::uint64_t offset,
                                  std::size_t length) {
    const auto opened = files_.open(path, opening::existing);
    if (!opened) {
        return fail(opened.error());
    }
    const auto present = (*opened)->length();
    if (!present) {
        return fail(present.error());
    }
    const std::uint64_t there = offset < *present ? *present - offset : 0;
    bytes data(static_cast<std::size_t>(std::min<std::uint64_t>(length, there)));
    const auto got = (*opened)->read(offset, data);
    if (!got) {
        return fail(got.error());
    }
    data.resize(*got);
    return data;
}

result<std::uint64_t> file_blobs::open_part(const file_root& root) {
    return discard_if_spoiled(root)
        .and_then([&] { return files_.open(part_path(root), opening::make); })
        .and_then([](const std::unique_ptr<file>& opened) { return opened->length(); });
}

result<void> file_blobs::write_part(const file_root& root, std::uint64_t offset, byte_view data) {
    return files_.open(part_path(root), opening::existing)
        .and_then([&](const std::unique_ptr<file>& opened) { return opened->write(offset, data); });
}

result<bytes> file_blobs::read_part(const file_root& root, std::uint64_t offset,
                                    std::size_t length) {
    return read_at(part_path(root), offset, length);
}

result<void> file_blobs::rename_part(const file_root& from, const file_root& to) {
    return discard_if_spoiled(from)
        .and_then([&] { return files_.rename(part_path(from), part_path(to)); })
        .map([&] { spoiled_.erase(to); });
}

/// A part whose sync failed need not be on the platter as it is read, nor ever come there by
/// another sync: it goes, and has to be written anew.
result<void> file_blobs::discard_if_spoiled(const file_root& root) {
    if (!spoiled_.contains(root)) {
        return {};
    }
    return files_.remove(part_path(root)).map([&] { spoiled_.erase(root); });
}

/// One folder of finished blobs, its own name durable. That is asked for once in each run, whoever
/// made the folder: an earlier run may have ended between making it and making it durable.
result<void> file_blobs::make_folder(const std::string& path) {
    if (durable_folders_.contains(path)) {
        return {};
    }
    return files_.make_directory(path)
        .and_then([&] { return files_.sync_directory(finished_); })
        .map([&] { durable_folders_.insert(path); });
}

result<void> file_blobs::finish(const file_root& root) {
    const std::string part = part_path(root);
    const std::string blob = blob_path(root);
    const auto present = files_.length(blob);
    if (!present) {
        return fail(present.error());
    }
    if (present->has_value()) {
        // Whoever gave it this name may have ended, or failed, before that was durable.
        return make_folder(folder_of(root))
            .and_then([&] { return files_.sync_directory(folder_of(root)); })
            .and_then([&] { return files_.remove(part); });
    }
    const auto as_row = row_length(root);
    if (!as_row) {
        return fail(as_row.error());
    }
    if (as_row->has_value()) {
        return rows_.settle().and_then([&] { return files_.remove(part); });
    }
    return publish(root);
}

/// The part becomes the blob, in the place of what there was of it.
result<void> file_blobs::publish(const file_root& root) {
    if (auto done = discard_if_spoiled(root); !done) {
        return done;
    }
    {
        const auto opened = files_.open(part_path(root), opening::existing);
        if (!opened) {
            return fail(opened.error());
        }
        if (auto done = (*opened)->sync(); !done) {
            spoiled_.insert(root);
            (void)discard_if_spoiled(root);  // or later, where that fails, too
            return done;
        }
    }
    // The new name first: a crash between the two leaves the blob under one name or the other, and
    // never under none.
    return make_folder(folder_of(root))
        .and_then([&] { return files_.rename(part_path(root), blob_path(root)); })
        .and_then([&] { return files_.sync_directory(folder_of(root)); })
        .and_then([&] { return files_.sync_directory(parts_); })
        .map([&] { doubles_.erase(root); });
}

/// What is left of a file is a good copy, or is found damaged and set aside; it is tried again with
/// the next batch.
void file_blobs::replaced(const std::vector<batch::small_blob>& by) {
    for (const auto& one : by) {
        if (!must_be_file(one.root)) {
            doubles_.insert(one.root);
            if (files_.remove(part_path(one.root))) {
                spoiled_.erase(one.root);
            }
        }
    }
    std::erase_if(doubles_, [&](const file_root& root) {
        return files_.remove(blob_path(root)).has_value();
    });
}

result<void> file_blobs::put_file(const batch::small_blob& whole) {
    return write_whole_part(whole.root, whole.data).and_then([&] { return publish(whole.root); });
}

/// Files first: whoever reads a large one, part by part, is not to ask the database each time.
result<std::optional<std::uint64_t>> file_blobs::length(const file_root& root) {
    auto as_file = files_.length(blob_path(root));
    return as_file && !*as_file ? row_length(root) : as_file;
}

result<std::optional<std::uint64_t>> file_blobs::row_length(const file_root& root) {
    return unreadable_.contains(root) ? result<std::optional<std::uint64_t>>(std::nullopt)
                                      : rows_.length(root);
}

/// Of a file or a row, up to `length` bytes.
result<bytes> file_blobs::read_blob(const file_root& root, std::uint64_t offset,
                                    std::size_t length) {
    auto as_file = read_at(blob_path(root), offset, length);
    if (as_file || as_file.error().code != errc::not_found) {
        return as_file;
    }
    if (unreadable_.contains(root)) {
        return as_file;
    }
    const auto as_row = rows_.read(root);
    if (!as_row) {
        return fail(as_row.error());
    }
    if (!*as_row) {
        return as_file;
    }
    const std::size_t first = std::min<std::uint64_t>(offset, (*as_row)->size());
    return to_bytes(
        byte_view(**as_row).subspan(first, std::min(length, (*as_row)->size() - first)));
}

result<bytes> file_blobs::read(const file_root& root, std::uint64_t offset, std::size_t length) {
    auto data = read_blob(root, offset, length);
    if (data && data->size() != length) {
        return fail(errc::malformed, "the file " + root.hex() + " is shorter than it should be");
    }
    return data;
}

result<void> file_blobs::remove(const file_root& root) {
    return remove_row(root)
        .and_then([&] { return files_.remove(blob_path(root)); })
        .and_then([&] { return files_.remove(part_path(root)); })
        .map([&] { doubles_.erase(root); });
}

/// One that cannot be removed is left where it is.
result<void> file_blobs::remove_row(const file_root& root) {
    if (unreadable_.contains(root)) {
        return {};
    }
    const auto removed = rows_.remove(root);
    if (removed || removed.error().code != errc::malformed) {
        return removed.map([](bool) {});
    }
    return leave_row(root);
}

result<void> file_blobs::leave_row(const file_root& root) {
    return files_.make_directory(unreadables_)
        .and_then([&] { return files_.sync_directory(directory_); })
        .and_then([&] { return files_.open(unreadables_ + "/" + root.hex(), opening::make); })
        .and_then([](const std::unique_ptr<file>& made) { return made->sync(); })
        .and_then([&] { return files_.sync_directory(unreadables_); })
        .map([&] { unreadable_.insert(root); });
}

/// Under a name of its own, durable: one that is damaged twice is kept twice.
result<void> file_blobs::keep_piece(const file_root& root, std::uint64_t offset, byte_view data) {
    if (auto made = files_.make_directory(aside_).and_then(
            [&] { return files_.sync_directory(directory_); });
        !made) {
        return made;
    }
    const std::string first = aside_ + "/" + root.hex() + "." + std::to_string(offset);
    std::string path = first;
    for (int again = 2;; ++again) {
        const auto there = files_.length(path);
        if (!there) {
            return fail(there.error());
        }
        if (!there->has_value()) {
            break;
        }
        path = first + "." + std::to_string(again);
    }
    const auto made = files_.open(path, opening::fresh);
    if (!made) {
        return fail(made.error());
    }
    auto done = (*made)->write(0, data).and_then([&] { return (*made)->sync(); });
    if (!done) {
        (void)files_.remove(path);
        return done;
    }
    return files_.sync_directory(aside_);
}

result<void> file_blobs::set_aside(const file_root& root, const std::vector<blob_piece>& damaged) {
    const auto as_file = files_.length(blob_path(root));
    if (!as_file) {
        return fail(as_file.error());
    }
    const auto as_row = *as_file ? std::optional<std::uint64_t>() : row_length(root);
    if (!as_row && as_row.error().code != errc::malformed) {
        return fail(as_row.error());
    }
    if (!*as_file && as_row && !*as_row) {
        return fail(errc::not_found, "no file " + root.hex());
    }
    for (const blob_piece& one : damaged) {
        const auto data = read_blob(root, one.offset, one.length);
        if (!data || data->empty()) {
            continue;  // the disk does not give it, or the file ends before
        }
        if (auto kept = keep_piece(root, one.offset, *data); !kept) {
            return kept;
        }
    }
    if (!as_file->has_value()) {
        return make_part_of_row(root);
    }
    // A row behind it is another copy, of which nobody knows that it is damaged.
    return files_.rename(blob_path(root), part_path(root))
        .map([&] { spoiled_.erase(root); })
        .and_then([&] { return files_.sync_directory(parts_); })
        .and_then([&] { return files_.sync_directory(folder_of(root)); });
}

/// The row goes last: until then the next look finds it damaged again. Its bytes may be the only
/// good ones, where it is its record that is damaged.
result<void> file_blobs::make_part_of_row(const file_root& root) {
    const auto data = rows_.read(root);
    if (!data && data.error().code != errc::malformed) {
        return leave_row(root);  // another look, or another disk, may give it
    }
    if (data && *data) {
        auto made = write_whole_part(root, **data)
                        .and_then([&] { return files_.open(part_path(root), opening::existing); })
                        .and_then([](const std::unique_ptr<file>& part) { return part->sync(); })
                        .and_then([&] { return files_.sync_directory(parts_); });
        if (!made) {
            spoiled_.insert(root);
            return made;
        }
    }
    return remove_row(root);
}

/// In the place of what there was of it.
result<void> file_blobs::write_whole_part(const file_root& root, byte_view data) {
    return files_.remove(part_path(root))
        .map([&] { spoiled_.erase(root); })
        .and_then([&] { return files_.open(part_path(root), opening::make); })
        .and_then([&](const std::unique_ptr<file>& part) { return part->write(0, data); });
}

}  // namespace calbox::storage
