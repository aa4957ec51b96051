// When the router is asked for its port again, and which address others are told meanwhile.
// Sans-IO: answers go in, the address and the next moment come out. Owned by the node; core thread
// only.
#pragma once

#include <optional>
#include <string>

#include <calbox/environment.hpp>

namespace calbox::overlay {

class port_mapping {
public:
    void mapped(std::string outside, duration lasts, instant now);
    void failed(instant now);
    /// The router was told that it is over.
    void ended() noexcept { outside_.clear(); }
    /// Where others find the port; empty while there is none.
    const std::string& address(instant now) const noexcept;
    /// When to ask next: at half of the time that the last one lasts (RFC 6886, 3.3), or, after
    /// failures, later each time.
    instant due() const noexcept { return due_; }

    static constexpr duration wanted = std::chrono::hours(2);
    static constexpr duration first_again = std::chrono::minutes(1);
    static constexpr duration last_again = std::chrono::hours(1);
    static constexpr duration least = std::chrono::minutes(1);  // between two questions

private:
    std::string outside_;
    instant ends_{}, due_{};
    duration again_ = first_again;
};

}  // namespace calbox::overlay
