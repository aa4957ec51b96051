// Fetches a file's ciphertext from several holders at once: the list of leaf hashes first, checked
// against the root, then the leaves, each verified before it is written. A source that fails or
// lies is dropped. Resumes what an earlier attempt left. Files of one part come many in one answer
// (small_files.hpp). Owned by the node; core thread only.
#pragma once

#include <functional>

#include "replica/file_mediator.hpp"
#include "replica/file_store.hpp"
#include "replica/small_files.hpp"

namespace calbox::replica {

class file_transfer {
public:
    file_transfer(const environment& env, file_store& store)
        : env_(env), store_(store), small_(env) {}

    /// On success the file is whole and durable under its root. unavailable: no source has it, or
    /// all were dropped; what has arrived stays for the next attempt. `progress` is told plaintext
    /// bytes.
    task<result<void>> fetch(file_root root, std::uint64_t size, std::vector<device_id> sources,
                             file_mediator& mediator, std::function<void(std::uint64_t)> progress);

    static constexpr int in_flight_per_source = 8;

private:
    task<result<void>> fetch_single(file_root root, std::uint64_t size,
                                    std::vector<device_id> sources, file_mediator& mediator,
                                    std::function<void(std::uint64_t)> progress);
    struct job;
    task<result<std::vector<digest>>> leaf_list(file_root root, std::uint64_t size,
                                                device_id source, file_mediator& mediator);
    task<void> pull(std::shared_ptr<job> work, device_id source);

    const environment& env_;
    file_store& store_;
    small_files small_;
};

}  // namespace calbox::replica
