// The change journal as clients follow it. Numbers grow and survive restarts; the last entries are
// kept in memory. Owned by the node; core thread only.
#pragma once

#include <deque>

#include "node/services.hpp"
#include "replica/database.hpp"

namespace calbox::node {

class watch_service final : public watch {
public:
    watch_service(const environment& env, replica::database& db);

    /// Continues above every number that was ever told: numbers are set aside in the store a block
    /// at a time.
    task<result<void>> load();
    /// For these users, or for everybody here when empty.
    void tell(std::vector<user_id> users, change what);

    task<result<std::vector<change>>> next(user_id as, std::uint64_t after) override;
    std::uint64_t last_number() const noexcept override { return last_; }
    /// Wakes every watcher with what there is, for shutdown.
    void request_stop() noexcept;

    static constexpr std::size_t kept = 4096;

private:
    struct entry {
        std::vector<user_id> users;
        change what;
    };
    const environment& env_;
    replica::database& db_;
    std::deque<entry> entries_;
    std::uint64_t last_ = 0;
    std::uint64_t first_kept_ = 0;
    std::shared_ptr<event> news_;
    bool stopping_ = false;
};

}  // namespace calbox::node
