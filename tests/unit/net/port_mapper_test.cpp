// Which of a router's outside addresses are worth being told to others.
#include "net/port_mapper_real.hpp"

#include <gtest/gtest.h>

namespace calbox::net {
namespace {

TEST(port_mapper, tells_public_addresses_from_those_behind_another_nat) {
    for (const char* const one : {"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1",
                                  "100.128.0.1", "192.167.0.1", "223.255.255.1", "11.0.0.1"}) {
        EXPECT_TRUE(is_public(one)) << one;
    }
    for (const char* const one : {"10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1",
                                  "100.64.0.1", "100.127.255.1", "127.0.0.1", "169.254.3.4",
                                  "0.0.0.0", "224.0.0.1", "255.255.255.255", "", "::1", "host"}) {
        EXPECT_FALSE(is_public(one)) << one;
    }
}

}  // namespace
}  // namespace calbox::net
