#include "lab/sim/disk_mount.hpp"

#include <cerrno>
#include <utility>

namespace calbox::lab {
namespace {

using storage::file_error;

result<void> done(int number, const std::string& doing, const std::string& path) {
    if (number != 0) {
        return fail(file_error(doing, path, number));
    }
    return {};
}

class simulated_file final : public storage::file {
public:
    simulated_file(disk_view& view, node_id node, std::string path)
        : view_(view), node_(node), path_(std::move(path)) {}
    ~simulated_file() override { view_.close(node_); }
    simulated_file(const simulated_file&) = delete;
    simulated_file& operator=(const simulated_file&) = delete;

    result<std::uint64_t> length() override {
        std::uint64_t length = 0;
        return done(view_.length(node_, length), "examine", path_).map([&] { return length; });
    }
    result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> into) override {
        std::size_t got = 0;
        return done(view_.read(node_, offset, into, got), "read", path_).map([&] { return got; });
    }
    result<void> write(std::uint64_t offset, byte_view data) override {
        return done(view_.write(node_, offset, data), "write", path_);
    }
    result<void> sync() override { return done(view_.sync(node_), "make durable", path_); }

private:
    disk_view& view_;
    node_id node_;
    std::string path_;
};

/// What a simulation needs around each call of a store: SQLite's random numbers from a seed, and no
/// answers from SQLite's own memory to a process that was killed.
class simulated_calls {
public:
    simulated_calls(const disk_view& view, std::uint64_t seed) : view_(view), seed_(seed) {}

    result<void> alive() const {
        return done(view_.revoked() ? EIO : 0, "use the store in", disk::home);
    }
    template <class Work>
    auto read(const Work& work) const {
        return alive().and_then(work);
    }
    template <class Work>
    auto write(const Work& work) {
        const seeded_sqlite seeded(static_cast<std::uint32_t>(++seed_) | 1U);
        return alive().and_then(work);
    }

private:
    const disk_view& view_;
    std::uint64_t seed_;
};

class simulated_records final : public storage::record_store {
public:
    simulated_records(storage::record_store& records, simulated_calls& calls)
        : records_(records), calls_(calls) {}

    result<std::optional<bytes>> get(storage::record_kind kind, byte_view key) override {
        return calls_.read([&] { return records_.get(kind, key); });
    }
    result<void> scan(storage::record_kind kind, byte_view first, byte_view last,
                      const std::function<bool(byte_view, byte_view)>& visit) override {
        return calls_.read([&] { return records_.scan(kind, first, last, visit); });
    }
    result<void> apply(const storage::batch& writes) override {
        return calls_.write([&] { return records_.apply(writes); });
    }

private:
    storage::record_store& records_;
    simulated_calls& calls_;
};

/// Small blobs are rows, so that these calls come to SQLite, too.
class simulated_blobs final : public storage::blob_store {
public:
    simulated_blobs(storage::blob_store& blobs, simulated_calls& calls)
        : blobs_(blobs), calls_(calls) {}

    result<std::uint64_t> open_part(const file_root& root) override {
        return calls_.read([&] { return blobs_.open_part(root); });
    }
    result<void> write_part(const file_root& root, std::uint64_t offset, byte_view data) override {
        return calls_.read([&] { return blobs_.write_part(root, offset, data); });
    }
    result<bytes> read_part(const file_root& root, std::uint64_t offset,
                            std::size_t length) override {
        return calls_.read([&] { return blobs_.read_part(root, offset, length); });
    }
    result<void> rename_part(const file_root& from, const file_root& to) override {
        return calls_.read([&] { return blobs_.rename_part(from, to); });
    }
    result<void> finish(const file_root& root) override {
        return calls_.write([&] { return blobs_.finish(root); });
    }
    result<std::optional<std::uint64_t>> length(const file_root& root) override {
        return calls_.read([&] { return blobs_.length(root); });
    }
    result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) override {
        return calls_.read([&] { return blobs_.read(root, offset, length); });
    }
    result<void> remove(const file_root& root) override {
        return calls_.write([&] { return blobs_.remove(root); });
    }
    result<void> set_aside(const file_root& root,
                           const std::vector<storage::blob_piece>& damaged) override {
        return calls_.write([&] { return blobs_.set_aside(root, damaged); });
    }

private:
    storage::blob_store& blobs_;
    simulated_calls& calls_;
};

class simulated_store final : public storage::store {
public:
    simulated_store(std::unique_ptr<storage::store> opened, const disk_view& view,
                    std::uint64_t seed)
        : opened_(std::move(opened)),
          calls_(view, seed),
          records_(opened_->records(), calls_),
          blobs_(opened_->blobs(), calls_) {}

    storage::record_store& records() noexcept override { return records_; }
    storage::blob_store& blobs() noexcept override { return blobs_; }
    result<storage::check_report> check() override {
        return calls_.read([&] { return opened_->check(); });
    }
    result<storage::measures> measure() override {
        return calls_.read([&] { return opened_->measure(); });
    }
    result<std::unique_ptr<storage::backup>> back_up(const std::string& file) override {
        return calls_.read([&] { return opened_->back_up(file); });
    }

private:
    std::unique_ptr<storage::store> opened_;
    simulated_calls calls_;
    simulated_records records_;
    simulated_blobs blobs_;
};

}  // namespace

result<std::unique_ptr<storage::store>> mounted_disk::open_store(
    const storage::store_settings& with) {
    const std::uint64_t seed = from_.draw();
    const seeded_sqlite seeded(static_cast<std::uint32_t>(seed >> 32) | 1U);
    auto opened = storage::sqlite_store::open(*this, disk::home, with);
    if (!opened) {
        return opened;
    }
    return std::make_unique<simulated_store>(std::move(*opened), view_, seed);
}

result<std::unique_ptr<storage::file>> mounted_disk::open(const std::string& path, opening how) {
    node_id node = 0;
    const auto kind = how == opening::existing ? disk_view::opening::existing
                      : how == opening::make   ? disk_view::opening::make
                                               : disk_view::opening::fresh;
    return done(view_.open(path, kind, node), "open", path)
        .map([&]() -> std::unique_ptr<storage::file> {
            return std::make_unique<simulated_file>(view_, node, path);
        });
}

result<std::unique_ptr<storage::file>> mounted_disk::lock(const std::string& path) {
    node_id node = 0;
    if (auto opened = done(view_.open(path, disk_view::opening::make, node), "open", path);
        !opened) {
        return fail(std::move(opened.error()));
    }
    auto held = std::make_unique<simulated_file>(view_, node, path);
    if (const int number = view_.lock(node); number != 0) {
        return number == EWOULDBLOCK ? fail(errc::busy, path + " is locked by another process")
                                     : fail(file_error("lock", path, number));
    }
    return held;
}

result<std::optional<std::uint64_t>> mounted_disk::length(const std::string& path) {
    std::uint64_t length = 0;
    const int number = view_.length_of(path, length);
    if (number == ENOENT) {
        return std::nullopt;
    }
    return done(number, "examine", path).map([&] { return std::optional(length); });
}

result<void> mounted_disk::rename(const std::string& from, const std::string& to) {
    return done(view_.rename(from, to), "rename", from);
}

result<void> mounted_disk::remove(const std::string& path) {
    const int number = view_.remove(path);
    return done(number == ENOENT ? 0 : number, "remove", path);
}

result<void> mounted_disk::make_directory(const std::string& path) {
    const int number = view_.make_directory(path);
    return done(number == EEXIST ? 0 : number, "make the directory", path);
}

result<void> mounted_disk::sync_directory(const std::string& path) {
    return done(view_.sync_directory(path), "make durable", path);
}

result<std::vector<std::string>> mounted_disk::list(const std::string& path) {
    std::vector<std::string> names;
    return done(view_.list(path, names), "list", path).map([&] { return std::move(names); });
}

}  // namespace calbox::lab
