#include "lab/world/tapped_store.hpp"

namespace calbox::lab {

namespace {
tl::unexpected<error> gone() { return fail(errc::io_failed, "the daemon that asks is dead"); }
}  // namespace

result<storage::check_report> tapped_store::check() {
    if (revoked_) {
        return gone();
    }
    return real_->check();
}

result<storage::measures> tapped_store::measure() {
    if (revoked_) {
        return gone();
    }
    return real_->measure();
}

result<std::unique_ptr<storage::backup>> tapped_store::back_up(const std::string& file) {
    if (revoked_) {
        return gone();
    }
    return real_->back_up(file);
}

result<void> tapped_store::set_aside(const file_root& root,
                                     const std::vector<storage::blob_piece>& damaged) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().set_aside(root, damaged);
}

result<std::optional<bytes>> tapped_store::get(storage::record_kind kind, byte_view key) {
    if (revoked_) {
        return gone();
    }
    return real_->records().get(kind, key);
}

result<void> tapped_store::scan(storage::record_kind kind, byte_view first, byte_view last,
                                const std::function<bool(byte_view, byte_view)>& visit) {
    if (revoked_) {
        return gone();
    }
    return real_->records().scan(kind, first, last, visit);
}

result<void> tapped_store::apply(const storage::batch& writes) {
    if (revoked_) {
        return gone();
    }
    auto done = real_->records().apply(writes);
    if (done && watching_ != nullptr) {
        watching_->stored(device_, writes);
        for (const auto& blob : writes.blobs) {
            watching_->stored_file(device_, blob.data);
        }
    }
    return done;
}

result<std::uint64_t> tapped_store::open_part(const file_root& root) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().open_part(root);
}

result<void> tapped_store::write_part(const file_root& root, std::uint64_t offset, byte_view data) {
    if (revoked_) {
        return gone();
    }
    auto done = real_->blobs().write_part(root, offset, data);
    if (done && watching_ != nullptr) {
        watching_->stored_file(device_, data);
    }
    return done;
}

result<bytes> tapped_store::read_part(const file_root& root, std::uint64_t offset,
                                      std::size_t length) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().read_part(root, offset, length);
}

result<void> tapped_store::rename_part(const file_root& from, const file_root& to) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().rename_part(from, to);
}

result<void> tapped_store::finish(const file_root& root) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().finish(root);
}

result<std::optional<std::uint64_t>> tapped_store::length(const file_root& root) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().length(root);
}

result<bytes> tapped_store::read(const file_root& root, std::uint64_t offset, std::size_t length) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().read(root, offset, length);
}

result<void> tapped_store::remove(const file_root& root) {
    if (revoked_) {
        return gone();
    }
    return real_->blobs().remove(root);
}

}  // namespace calbox::lab
