// The files whose ciphertext is on this device, and how more of them come here. Owned by the node;
// core thread only.
#pragma once

#include <functional>
#include <map>

#include "replica/file_store.hpp"
#include "replica/file_transfer.hpp"

namespace calbox::node {

/// What the keeping of files asks of the rest of the daemon.
class files_mediator {
public:
    virtual ~files_mediator();
    virtual std::vector<device_id> backups() const = 0;
    /// Members with whom a session is open.
    virtual std::vector<device_id> connected() const = 0;
    virtual bool is_reachable(const device_id& device) const = 0;
    virtual task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) = 0;
    virtual void send(const device_id& to, wire::message_type type, bytes payload) = 0;
    /// Others that have said just now that they have the file; found by the object layer.
    virtual task<std::vector<device_id>> holders_of(file_root root) = 0;
};

class held_files final {
public:
    using sizes = std::map<file_root, std::uint64_t>;  // of the plaintext

    held_files(const environment& env, replica::database& db, files_mediator& mediator);

    task<result<void>> load();

    /// A file has come, or was lost. Set before load().
    std::function<void(const file_root& root, bool here)> changed;

    replica::file_store& store() noexcept { return store_; }
    const sizes& all() const noexcept { return sizes_; }
    /// That were here once, and that the disk has lost.
    const sizes& lost() const noexcept { return lost_; }
    std::uint64_t total_bytes() const noexcept { return total_bytes_; }
    bool has(const file_root& root) const { return sizes_.contains(root); }
    /// Plaintext bytes that have come of a file on its way; nothing where it is not.
    std::optional<std::uint64_t> progress(const file_root& root) const;

    void note(const file_root& root, std::uint64_t size);
    /// What the disk has lost since is not here any more, and may be fetched again.
    task<result<bool>> is_here(file_root root);
    /// As file_store::look.
    task<result<replica::file_store::leaves_seen>> look(file_root root, std::uint64_t first) {
        return store_.look(root, first);
    }
    /// These leaves are damaged: they are set aside, where that can be, and the file is not here
    /// any more.
    task<result<void>> give_up(file_root root, std::vector<std::uint64_t> bad);
    /// Reads every leaf. False: the file was not here, or is damaged, and given up.
    task<result<bool>> verify(file_root root);
    /// Erases the file, and what has come of one that is lost. busy: it is on its way here.
    task<result<void>> drop(file_root root);
    /// Nothing more comes of the file from now on, over restarts, until resume(). What is asked of
    /// others already still comes.
    task<result<void>> pause(file_root root);
    task<result<void>> resume(file_root root);
    /// Plaintext bytes that had come when it was paused; nothing where it is not.
    std::optional<std::uint64_t> paused(const file_root& root) const;

    /// Waits for another fetch of the same file to end first. busy: it is paused.
    task<result<void>> fetch(file_root root, std::uint64_t size, std::vector<device_id> sources);

private:
    class line;
    /// For questions about several files.
    class others final : public replica::file_mediator {
    public:
        explicit others(files_mediator& from) noexcept : from_(from) {}
        task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override;

    private:
        files_mediator& from_;
    };

    void lose(const file_root& root);

    const environment& env_;
    replica::database& db_;
    files_mediator& mediator_;
    others everybody_;
    replica::file_store store_;
    replica::file_transfer transfer_;
    sizes sizes_, lost_;
    std::uint64_t total_bytes_ = 0;
    std::map<file_root, std::uint64_t> progress_;
    std::map<file_root, std::uint64_t> paused_;  // what had come by then
};

}  // namespace calbox::node
