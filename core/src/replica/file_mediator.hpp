// What asking others for files takes. Implemented by the node.
#pragma once

#include <optional>

#include "base/async.hpp"
#include "wire/messages.hpp"

namespace calbox::replica {

class file_mediator {
public:
    virtual ~file_mediator();
    virtual task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) = 0;
    /// For questions about several files, where this one is for a certain file. Lives as long as
    /// who asks.
    virtual file_mediator& for_all() noexcept { return *this; }
    /// Nothing, or why this file is not to be asked for any more.
    virtual std::optional<error> unwanted() const { return std::nullopt; }
};

}  // namespace calbox::replica
