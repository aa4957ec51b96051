// The model of etcd behind HTTP: one member, on whatever network the environment has. Answers one
// connection's requests one after the other. Owned by whoever runs the cluster; core thread only.
#pragma once

#include <memory>

#include "base/task_scope.hpp"
#include "lab/sim/etcd_model.hpp"
#include "net/stream.hpp"

namespace calbox::lab {

class etcd_server {
public:
    /// Both outlive it. Several members may have one model.
    etcd_server(const environment& env, etcd_model& model);
    ~etcd_server();

    /// `address`: "host:port".
    result<void> start(const std::string& address);
    void request_stop() noexcept;
    task<void> join() { return tasks_.join(); }

private:
    task<void> accept();
    task<void> serve(std::unique_ptr<net::byte_stream> client);

    const environment& env_;
    etcd_model& model_;
    std::unique_ptr<net::acceptor> door_;
    task_scope tasks_;
};

}  // namespace calbox::lab
