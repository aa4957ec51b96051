// Relayed pipes: a byte stream between two devices through the rendezvous that both are connected
// to, carried as relay_data messages. The rendezvous sees ciphertext only, since TLS runs over the
// pipe. The client side dials and takes in pipes; the service side is played by a rendezvous. Owned
// by the node; core thread only.
#pragma once

#include <map>
#include <set>

#include "net/pool.hpp"

namespace calbox::net {

using pipe_key =
    std::pair<device_id, std::uint64_t>;  // the rendezvous, and the number that it chose

class relay_client final : public relay_dialler {
public:
    explicit relay_client(const environment& env) : env_(env) {}
    ~relay_client() override;
    /// Before the first use; the pool outlives the client's pipes.
    void attach(pool& connections) noexcept { pool_ = &connections; }

    task<result<std::unique_ptr<byte_stream>>> dial(device_id rendezvous,
                                                    device_id target) override;
    /// A rendezvous says that `what.target` wants to talk to this device.
    task<result<bytes>> on_open(const peer& from, wire::relay_open what);
    void on_data(const peer& from, wire::relay_data what);
    void on_close(const peer& from, const wire::relay_close& what);
    void on_peer_gone(const device_id& device);

    static constexpr std::size_t unread_max = 4 * 1024 * 1024;

    class stream;

private:
    friend class stream;
    std::unique_ptr<byte_stream> make(const pipe_key& key);

    const environment& env_;
    pool* pool_ = nullptr;
    std::map<pipe_key, stream*> pipes_;
};

class relay_service {
public:
    relay_service(const environment& env, pool& connections) : env_(env), pool_(connections) {}

    task<result<bytes>> on_open(device_id from, wire::relay_open what);
    /// Is this pipe one of ours, with `from` at one of its ends?
    bool carries(const device_id& from, std::uint64_t pipe) const;
    task<void> on_data(device_id from, wire::relay_data what);
    task<void> on_close(device_id from, wire::relay_close what);
    void on_peer_gone(const device_id& device);
    /// That the device is an end of.
    std::size_t pipes_of(const device_id& device) const;

private:
    struct ends {
        device_id opener, target;
        const device_id& other(const device_id& one) const noexcept {
            return one == opener ? target : opener;
        }
    };
    const environment& env_;
    pool& pool_;
    std::map<std::uint64_t, ends> pipes_;
};

}  // namespace calbox::net
