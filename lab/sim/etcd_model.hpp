// What CalendarBox uses of an etcd cluster, in memory: transactions over single keys, and leases,
// as the JSON of etcd's HTTP gateway asks for them, with its habits (64-bit integers are texts,
// what is zero or false is left out). One state, as a cluster that works has; who does not reach
// it, and whose answer is lost, is up to the caller. tests/contract holds it against a real etcd.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <calbox/environment.hpp>

namespace calbox::lab {

class etcd_model {
public:
    struct answer {
        int status = 200;
        std::string body;
    };
    /// What a member that sees the cluster answers to POST `path` at `now`, which never goes back.
    /// Leases that have ended by then are gone, and their keys with them.
    answer post(instant now, std::string_view path, std::string_view body);

    std::uint64_t revision() const noexcept { return revision_; }
    std::size_t leases() const noexcept { return leases_.size(); }

private:
    struct pair {
        std::string value;  // base64, as it came
        std::uint64_t created = 0, modified = 0, version = 0, lease = 0;
    };
    struct lease {
        duration ttl{};
        instant until;
    };
    void end_leases(instant now);
    void drop(std::uint64_t id);
    bool holds(const nlohmann::json& comparison) const;
    nlohmann::json perform(const nlohmann::json& operation, std::uint64_t at);
    nlohmann::json header() const;
    answer transaction(const nlohmann::json& asked);
    answer grant(const nlohmann::json& asked, instant now);
    answer keep_alive(const nlohmann::json& asked, instant now);
    answer revoke(const nlohmann::json& asked);

    std::uint64_t revision_ = 1;
    std::map<std::string, pair> pairs_;  // by key in base64
    std::map<std::uint64_t, lease> leases_;
};

}  // namespace calbox::lab
