// The zone database's file format.
#include "model/zones.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace calbox::model {
namespace {

std::string berlin() {
    std::ifstream in("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(zones, reads_a_file) {
    const auto zone = parse_tzif(berlin());
    ASSERT_TRUE(zone);
    EXPECT_EQ(zone->first.abbreviation, "LMT");
    ASSERT_TRUE(zone->rule);
    EXPECT_EQ(zone->at_utc(1'777'777'777).abbreviation, "CEST");
    EXPECT_EQ(zone->of_years(2026, 2026).size(), 2U);
    EXPECT_EQ(zone->of_years(2036, 2039).size(), 8U);  // listed and by rule
    for (std::size_t i = 1; i < zone->changes.size(); ++i) {
        EXPECT_LT(zone->changes[i - 1].at, zone->changes[i].at);
        EXPECT_LT(zone->changes[i - 1].wall(), zone->changes[i].wall());
    }
}

TEST(zones, refuses_other_files) {
    const std::string file = berlin();
    EXPECT_FALSE(parse_tzif(""));
    EXPECT_FALSE(parse_tzif("root:x:0:0:root:/root:/bin/bash\n"));
    for (std::size_t size = 0; size < file.size(); ++size) {
        const auto zone = parse_tzif(std::string_view(file).substr(0, size));
        if (zone) {  // cut in the rule at its end
            EXPECT_FALSE(zone->rule) << size;
        }
    }
    for (std::size_t i = 0; i < file.size(); ++i) {
        std::string other = file;
        other[i] = static_cast<char>(other[i] ^ 0x5a);
        if (const auto zone = parse_tzif(other)) {
            zone->at_utc(1'777'777'777);
            zone->from_wall(1'777'777'777);
        }
    }
}

TEST(zones, reads_rules) {
    const auto rule = parse_yearly_rule("<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45");
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->standard.offset, 45'900);
    EXPECT_EQ(rule->daylight.offset, 49'500);
    EXPECT_EQ(rule->daylight.abbreviation, "+1345");
    EXPECT_EQ(rule->to_standard.seconds, 3 * 3600 + 45 * 60);
    EXPECT_EQ(parse_yearly_rule("IST-1GMT0,M10.5.0,M3.5.0/1")->daylight.offset, 0);
    for (const char* const text :
         {"", "UTC0", "<+01>-1", "EST5EDT", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0",
          "EST5EDT,M3.6.0,M11.1.0", "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,J60,J300",
          "EST5EDT,M3.2.0,M11.1.0x", "<EST5EDT,M3.2.0,M11.1.0"}) {
        EXPECT_FALSE(parse_yearly_rule(text)) << text;
    }
}

}  // namespace
}  // namespace calbox::model
