#include "node/held_files.hpp"

namespace calbox::node {

files_mediator::~files_mediator() = default;

namespace {

/// Key of the record that a file is paused; those of files themselves are roots alone.
bytes paused_key(const file_root& root) {
    bytes key = to_bytes(root.view());
    key.push_back('p');
    return key;
}

error paused_error() { return {errc::busy, "it is paused on this device"}; }

}  // namespace

/// Asks the others about one file, as long as it is not paused.
class held_files::line final : public replica::file_mediator {
public:
    line(held_files& owner, const file_root& root) : owner_(owner), root_(root) {}
    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override {
        if (owner_.paused_.contains(root_)) {
            co_return fail(paused_error());
        }
        co_return co_await owner_.mediator_.ask(to, type, std::move(payload));
    }

    replica::file_mediator& for_all() noexcept override { return owner_.everybody_; }
    std::optional<error> unwanted() const override {
        return owner_.paused_.contains(root_) ? std::optional(paused_error()) : std::nullopt;
    }

private:
    held_files& owner_;
    const file_root root_;
};

task<result<bytes>> held_files::others::ask(device_id to, wire::message_type type, bytes payload) {
    co_return co_await from_.ask(to, type, std::move(payload));
}

held_files::held_files(const environment& env, replica::database& db, files_mediator& mediator)
    : env_(env),
      db_(db),
      mediator_(mediator),
      everybody_(mediator),
      store_(env, db),
      transfer_(env, store_) {}

task<result<void>> held_files::load() {
    const auto rows = co_await db_.scan(replica::record_kind::file);
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        if (key.size() == file_root::size + 1) {
            const auto come = codec::decode<std::uint64_t>(value);
            paused_[*file_root::from_bytes(byte_view(key).first(file_root::size))] =
                come.value_or(0);
        }
        if (key.size() != file_root::size) {
            continue;
        }
        const auto root = *file_root::from_bytes(key);
        const auto size = co_await store_.size_if_held(root);
        if (size && *size) {
            note(root, **size);
        } else if (const auto record = codec::decode<replica::file_record>(value)) {
            lost_[root] = record->size;
        } else {
            env_.log.write(log_level::warn, "files",
                           "the disk has damaged the record of a file: " + root.hex());
        }
    }
    co_return result<void>();
}

void held_files::note(const file_root& root, std::uint64_t size) {
    lost_.erase(root);
    if (sizes_.emplace(root, size).second) {
        total_bytes_ += size;
        if (changed) {
            changed(root, true);
        }
    }
}

void held_files::lose(const file_root& root) {
    if (const auto held = sizes_.find(root); held != sizes_.end()) {
        env_.log.write(log_level::warn, "files",
                       "the disk has lost a file, or a part of it: " + root.hex());
        total_bytes_ -= held->second;
        lost_[root] = held->second;
        sizes_.erase(held);
        if (changed) {
            changed(root, false);
        }
    }
}

std::optional<std::uint64_t> held_files::progress(const file_root& root) const {
    const auto found = progress_.find(root);
    return found == progress_.end() ? std::nullopt : std::optional(found->second);
}

task<result<bool>> held_files::is_here(file_root root) {
    if (!sizes_.contains(root)) {
        co_return false;
    }
    const auto size = co_await store_.size_if_held(root);
    if (!size) {
        co_return fail(size.error());
    }
    if (!*size) {
        lose(root);
    }
    co_return size->has_value();
}

task<result<void>> held_files::give_up(file_root root, std::vector<std::uint64_t> bad) {
    auto moved = co_await store_.set_aside(root, std::move(bad));
    lose(root);
    co_return moved;
}

task<result<bool>> held_files::verify(file_root root) {
    auto whole = co_await store_.verify(root);
    if (whole && !*whole) {
        lose(root);
    }
    co_return whole;
}

task<result<void>> held_files::drop(file_root root) {
    if (progress_.contains(root)) {
        co_return fail(errc::busy, "the file is on its way here");
    }
    progress_[root] = 0;  // whoever fetches it again waits until it is gone
    const struct ending {
        held_files& owner;
        file_root root;
        ~ending() { owner.progress_.erase(root); }
    } however_it_ends{*this, root};
    lost_.erase(root);
    if (const auto held = sizes_.find(root); held != sizes_.end()) {
        total_bytes_ -= held->second;
        sizes_.erase(held);
        if (changed) {
            changed(root, false);
        }
    }
    co_return co_await store_.erase(root);
}

std::optional<std::uint64_t> held_files::paused(const file_root& root) const {
    const auto found = paused_.find(root);
    return found == paused_.end() ? std::nullopt : std::optional(found->second);
}

task<result<void>> held_files::pause(file_root root) {
    const std::uint64_t come = progress(root).value_or(0);
    if (!paused_.emplace(root, come).second) {
        co_return result<void>();
    }
    replica::batch writes;
    writes.put(replica::record_kind::file, paused_key(root), codec::encode(come));
    co_return co_await db_.apply(std::move(writes));
}

task<result<void>> held_files::resume(file_root root) {
    if (paused_.erase(root) == 0) {
        co_return result<void>();
    }
    replica::batch writes;
    writes.erase(replica::record_kind::file, paused_key(root));
    co_return co_await db_.apply(std::move(writes));
}

task<result<void>> held_files::fetch(file_root root, std::uint64_t size,
                                     std::vector<device_id> sources) {
    // Another fetch may begin while this one asks the disk, so that both are asked again.
    do {
        while (progress_.contains(root)) {
            co_await sleep_for(env_, std::chrono::milliseconds(20));
        }
        const auto here = co_await is_here(root);
        if (!here || *here) {
            co_return here.map([](bool) {});
        }
        if (paused_.contains(root)) {
            co_return fail(paused_error());
        }
    } while (progress_.contains(root) || sizes_.contains(root));
    progress_[root] = 0;
    const struct ending {
        held_files& owner;
        file_root root;
        ~ending() { owner.progress_.erase(root); }
    } however_it_ends{*this, root};
    auto cleared = co_await store_.make_way(root, size);
    if (!cleared) {
        co_return cleared;
    }
    const auto report = [this, root](std::uint64_t done) { progress_[root] = done; };
    line others(*this, root);
    auto fetched = co_await transfer_.fetch(root, size, std::move(sources), others, report);
    if (fetched) {
        note(root, size);
    } else if (paused_.contains(root)) {
        co_return fail(paused_error());
    }
    co_return fetched;
}

}  // namespace calbox::node
