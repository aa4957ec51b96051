// The engine that a consensus strategy needs besides the devices: for `etcd`, three machines in the
// simulated network with one model of the cluster behind them. The machines have clocks that are
// right, and do not fail; the ways to them do what all ways do. Owned by the world.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/sim/etcd_model.hpp"

namespace calbox::lab {

class world;

class engine {
public:
    explicit engine(world& in);
    ~engine();
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    void reseed(std::uint64_t seed);  // as world::reseed

    /// The machines of the network named `strategy` needs; none for most.
    static std::vector<std::string> hosts_of(const std::string& strategy);
    /// The strategy's settings, with where these machines are.
    static std::string settings_for(const std::string& strategy, const std::string& settings);

private:
    struct machine;
    world& in_;
    etcd_model cluster_;
    std::vector<std::unique_ptr<machine>> machines_;
};

}  // namespace calbox::lab
