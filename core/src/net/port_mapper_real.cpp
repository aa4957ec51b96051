#include "net/port_mapper_real.hpp"

#include <array>
#include <optional>

#include <arpa/inet.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <natpmp.h>
#include <sys/select.h>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace calbox::net {

port_mapper::~port_mapper() = default;

namespace {

constexpr unsigned pmp_tries = 3;    // 250, 500 and 1,000 ms (RFC 6886, 3.1)
constexpr int upnp_wait_ms = 1'500;  // for devices that answer the search
constexpr char name_at_the_router[] = "CalendarBox";

using mapping = port_mapper::mapping;

class pmp_session {
public:
    pmp_session() : open_(::initnatpmp(&state_, 0, 0) == 0) {}
    ~pmp_session() {
        if (open_) {
            ::closenatpmp(&state_);
        }
    }
    pmp_session(const pmp_session&) = delete;
    pmp_session& operator=(const pmp_session&) = delete;

    std::optional<natpmpresp_t> outside_address() {
        return open_ && ::sendpublicaddressrequest(&state_) >= 0 ? answer() : std::nullopt;
    }
    /// No lifetime ends it (RFC 6886, 3.4).
    std::optional<natpmpresp_t> ask(std::uint16_t inside, std::uint16_t outside,
                                    std::uint32_t seconds) {
        return open_ && ::sendnewportmappingrequest(&state_, NATPMP_PROTOCOL_TCP, inside, outside,
                                                    seconds) >= 0
                   ? answer()
                   : std::nullopt;
    }

private:
    std::optional<natpmpresp_t> answer() {
        natpmpresp_t got{};
        for (unsigned tries = 0; tries < pmp_tries;) {
            timeval left{};
            fd_set readable;
            FD_ZERO(&readable);
            FD_SET(state_.s, &readable);
            if (::getnatpmprequesttimeout(&state_, &left) < 0 ||
                ::select(state_.s + 1, &readable, nullptr, nullptr, &left) < 0) {
                return std::nullopt;
            }
            const int said = ::readnatpmpresponseorretry(&state_, &got);
            if (said == 0) {
                return got;
            }
            if (said != NATPMP_TRYAGAIN) {
                return std::nullopt;
            }
            tries += FD_ISSET(state_.s, &readable) ? 0 : 1;
        }
        return std::nullopt;
    }
    natpmp_t state_{};
    bool open_;
};

std::string text_of(const in_addr& address) {
    std::array<char, INET_ADDRSTRLEN> text{};
    return ::inet_ntop(AF_INET, &address, text.data(), text.size()) == nullptr ? "" : text.data();
}

std::optional<mapping> map_by_pmp(std::uint16_t port, std::uint16_t outside,
                                  std::uint32_t seconds) {
    pmp_session router;
    const auto where = router.outside_address();
    const std::string host = where ? text_of(where->pnu.publicaddress.addr) : std::string();
    if (!is_public(host)) {
        return std::nullopt;
    }
    const auto got = router.ask(port, outside, seconds);
    if (!got) {
        return std::nullopt;
    }
    const auto& given = got->pnu.newportmapping;
    return mapping{host + ":" + std::to_string(given.mappedpublicport),
                   std::chrono::seconds(given.lifetime), "NAT-PMP"};
}

/// A router that was found by UPnP; nothing where none was.
class upnp_router {
public:
    upnp_router() {
        int problem = 0;
        UPNPDev* const found =
            ::upnpDiscover(upnp_wait_ms, nullptr, nullptr, UPNP_LOCAL_PORT_ANY, 0, 2, &problem);
        if (found != nullptr) {
            found_ = ::UPNP_GetValidIGD(found, &urls_, &data_, own_.data(),
                                        static_cast<int>(own_.size()));
            ::freeUPNPDevlist(found);
        }
    }
    ~upnp_router() {
        if (found_ != 0) {
            ::FreeUPNPUrls(&urls_);
        }
    }
    upnp_router(const upnp_router&) = delete;
    upnp_router& operator=(const upnp_router&) = delete;

    std::optional<mapping> map(std::uint16_t port, std::uint16_t outside, std::uint32_t seconds) {
        std::array<char, 40> host{};
        if (!connected() ||
            ::UPNP_GetExternalIPAddress(urls_.controlURL, data_.first.servicetype, host.data()) !=
                UPNPCOMMAND_SUCCESS ||
            !is_public(host.data())) {
            return std::nullopt;
        }
        const std::string inside = std::to_string(port), wanted = std::to_string(outside);
        const std::string lasts = std::to_string(seconds);
        if (::UPNP_AddPortMapping(urls_.controlURL, data_.first.servicetype, wanted.c_str(),
                                  inside.c_str(), own_.data(), name_at_the_router, "TCP", nullptr,
                                  lasts.c_str()) != UPNPCOMMAND_SUCCESS) {
            return std::nullopt;
        }
        return mapping{host.data() + (":" + wanted), std::chrono::seconds(seconds), "UPnP"};
    }
    bool unmap(std::uint16_t outside) {
        return connected() && ::UPNP_DeletePortMapping(urls_.controlURL, data_.first.servicetype,
                                                       std::to_string(outside).c_str(), "TCP",
                                                       nullptr) == UPNPCOMMAND_SUCCESS;
    }

private:
    bool connected() const noexcept { return found_ == 1; }
    UPNPUrls urls_{};
    IGDdatas data_{};
    std::array<char, 64> own_{};
    int found_ = 0;
};

std::uint16_t outside_port(const std::string& address) {
    return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

}  // namespace

bool is_public(const std::string& address) noexcept {
    in_addr parsed{};
    if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1) {
        return false;
    }
    const std::uint32_t number = ntohl(parsed.s_addr);
    struct block {
        std::uint32_t first, bits;
    };
    constexpr std::array<block, 8> kept{{{0x00000000, 8},
                                         {0x0a000000, 8},
                                         {0x64400000, 10},
                                         {0x7f000000, 8},
                                         {0xa9fe0000, 16},
                                         {0xac100000, 12},
                                         {0xc0a80000, 16},
                                         {0xe0000000, 3}}};
    for (const block& one : kept) {
        if ((number ^ one.first) >> (32 - one.bits) == 0) {
            return false;
        }
    }
    return true;
}

struct router_port_mapper::last_mapping {
    std::uint16_t inside = 0;
    std::optional<mapping> made;
};

class router_port_mapper::asking_thread final : public worker {
public:
    ~asking_thread() override { pool_.join(); }
    void post(std::function<void()> job) override { asio::post(pool_, std::move(job)); }

private:
    asio::thread_pool pool_{1};
};

router_port_mapper::router_port_mapper(const environment& env)
    : env_(env),
      last_(std::make_shared<last_mapping>()),
      thread_(std::make_unique<asking_thread>()) {}
router_port_mapper::~router_port_mapper() = default;

task<result<mapping>> router_port_mapper::map(std::uint16_t port, duration lasts) {
    const auto seconds =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(lasts).count());
    co_return co_await offload(env_, *thread_, [last = last_, port, seconds]() -> result<mapping> {
        const std::uint16_t outside = last->made ? outside_port(last->made->outside) : port;
        auto made = map_by_pmp(port, outside, seconds);
        if (!made) {
            made = upnp_router().map(port, outside, seconds);
        }
        if (!made) {
            return fail(errc::unavailable, "no router gives a port of a public address");
        }
        *last = {port, made};
        return *made;
    });
}

task<result<void>> router_port_mapper::unmap() {
    co_return co_await offload(env_, *thread_, [last = last_]() -> result<void> {
        const auto made = std::exchange(last->made, std::nullopt);
        if (!made) {
            return {};
        }
        const bool gone = made->by == "UPnP" ? upnp_router().unmap(outside_port(made->outside))
                                             : pmp_session().ask(last->inside, 0, 0).has_value();
        return gone ? result<void>() : fail(errc::unavailable, "the router does not answer");
    });
}

}  // namespace calbox::net
