// One connection of the server: reads requests, lends itself to the handler as the exchange, writes
// answers. Owned by the server, which runs run() in its task scope. Core thread only. Every socket
// operation stands under a deadline that cancels it; a deadline of a head or a JSON body covers all
// of it, one of a file the next piece.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "http_server.hpp"
#include "http_socket.hpp"

namespace calbox::http {

class connection final : public exchange, private node::byte_source, private node::byte_sink {
public:
    /// `from` is the client's host, empty on a Unix socket.
    connection(const environment& env, const server_settings& settings,
               std::unique_ptr<client_socket> socket, std::string from);
    ~connection() override;
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// Serves requests until the client, an error or the server ends it.
    task<void> run(handler& who);
    /// Waits for the first byte of a request: may be closed without harm.
    bool idle() const noexcept { return idle_ && !ending_; }
    /// Ends it at its next use of the socket, a pending one included.
    void close() noexcept;
    /// No more requests. Ends now what waits for the client; an answer that is being made may still
    /// be sent.
    void stop() noexcept;

    const request& asked() const noexcept override { return asked_; }
    const std::string& from() const noexcept override { return from_; }
    node::byte_source& body() noexcept override { return *this; }
    task<result<std::string>> read_all(std::size_t limit) override;
    task<result<void>> answer(response what) override;
    task<result<void>> begin(int status, fields head, std::optional<std::uint64_t> length) override;
    node::byte_sink& out() noexcept override { return *this; }
    void broken() noexcept override { broken_ = true; }
    bool answered() const noexcept override { return answered_; }
    task<void> gone() override;

private:
    struct parser;
    enum class framing { none, length, chunked, until_close };

    task<result<bytes>> next() override;
    task<result<void>> write(bytes piece) override;

    task<bool> open();
    task<result<void>> read_head();
    result<bool> parse_head();
    void take_head();
    task<result<bytes>> next_piece();
    result<bool> parse_piece(std::span<std::uint8_t> into, std::size_t& filled);
    task<result<void>> receive();
    task<result<void>> send(std::string_view text);
    task<void> refuse(error why);
    task<bool> finish();
    task<void> linger();
    std::string head_text(int status, const fields& head) const;
    bool can_stay() const;

    void arm(duration limit);
    void disarm() noexcept;
    result<void> outcome(boost::system::error_code problem) const;

    const environment& env_;
    const server_settings& settings_;
    const std::unique_ptr<client_socket> socket_;
    const std::string from_;
    std::unique_ptr<parser> parser_;
    std::vector<std::uint8_t> in_;  // received, not parsed yet: [begin_, end_)
    std::size_t begin_ = 0, end_ = 0;

    request asked_;
    bool idle_ = true, expects_continue_ = false;
    bool answered_ = false, broken_ = false, stay_ = false;
    framing framing_ = framing::none;
    std::uint64_t owed_ = 0;  // bytes of the answer's body still to come, with framing::length

    timer_queue::id timer_ = 0;
    bool armed_ = false, expired_ = false;
    bool ending_ = false, stopping_ = false;
    int waiting_ = 0;  // socket operations pending
};

}  // namespace calbox::http
