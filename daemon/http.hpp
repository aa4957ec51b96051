// What the HTTP server and the API say to each other: requests and answers as values, and one
// exchange as it runs. No socket and no JSON library here. Core thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "node/services.hpp"

namespace calbox::http {

struct field {
    std::string name, value;
};
using fields = std::vector<field>;

struct request {
    std::string method;  // "GET"
    std::string target;  // as sent: path and query, not decoded
    fields head;         // names in lower case
    bool has_body = false;

    /// The first field of that (lower-case) name.
    const std::string* find(std::string_view name) const noexcept;
    std::size_t count(std::string_view name) const noexcept;
};

struct response {
    int status = 200;
    fields head;  // Content-Length, Date and the like are the server's
    std::string body;
};

/// The problem document (RFC 9457) of an error, with the status of docs/api.md, or with another
/// one.
response problem(const error& what);
response problem(int status, const error& what);
/// The status of docs/api.md for a code.
int status_of(errc code) noexcept;
/// "Not Found"; empty for a status that the server does not send.
std::string_view reason_of(int status) noexcept;

/// One request and its answer, lent to the handler until it returns. Every wait has a deadline; a
/// client that went away or is too slow is errc::closed or errc::timed_out. Cancellation ends any
/// of the tasks.
class exchange {
public:
    virtual ~exchange();
    virtual const request& asked() const noexcept = 0;
    /// The client's host, "192.0.2.7"; empty for a program of this machine on the Unix socket.
    virtual const std::string& from() const noexcept = 0;
    /// The body, piece by piece; an empty piece at its end. closed: the client stopped before it
    /// was complete.
    virtual node::byte_source& body() noexcept = 0;
    /// All of the body. too_large above `limit`.
    virtual task<result<std::string>> read_all(std::size_t limit) = 0;

    /// The whole answer. Exactly once, or else begin().
    virtual task<result<void>> answer(response what) = 0;
    /// The head of an answer whose body goes to out(). `length`: its exact size; without it the
    /// body is chunked. A handler that cannot complete it calls broken(): the client then sees that
    /// bytes are missing.
    virtual task<result<void>> begin(int status, fields head,
                                     std::optional<std::uint64_t> length) = 0;
    virtual node::byte_sink& out() noexcept = 0;
    virtual void broken() noexcept = 0;
    /// An answer, or the head of one, was sent.
    virtual bool answered() const noexcept = 0;
    /// Returns when the client closes its end, says more while an answer streams, or the server
    /// stops.
    virtual task<void> gone() = 0;
};

class handler {
public:
    virtual ~handler();
    /// Answers one request. Returning without an answer closes the connection.
    virtual task<void> serve(exchange& one) = 0;
};

}  // namespace calbox::http
