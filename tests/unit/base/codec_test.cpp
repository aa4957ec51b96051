#include <gtest/gtest.h>

#include <calbox/codec.hpp>

namespace calbox {
namespace {

struct inner {
    std::string name;
    std::vector<std::uint32_t> numbers;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&inner::name), codec::field<2>(&inner::numbers));
    friend bool operator==(const inner&, const inner&) = default;
};
struct outer {
    std::int64_t when = 0;
    std::optional<inner> part;
    bytes data;
    bool flag = false;
    event_id event;
    std::uint32_t critical = 0;
    static constexpr auto fields =
        std::tuple(codec::field<0>(&outer::when), codec::field<3>(&outer::part),
                   codec::field<24>(&outer::data), codec::field<300>(&outer::flag),
                   codec::field<301>(&outer::event), codec::field<-1>(&outer::critical));
    friend bool operator==(const outer&, const outer&) = default;
};
struct older {
    std::int64_t when = 0;
    static constexpr auto fields = std::tuple(codec::field<0>(&older::when));
};
struct narrow {
    std::uint8_t value = 0;
    static constexpr auto fields = std::tuple(codec::field<1>(&narrow::value));
};

outer sample() {
    outer value;
    value.when = -1'000'000;
    value.part = inner{"Besprechung über α", {0, 23, 24, 255, 256, 65536}};
    value.data = {0, 255, 1};
    value.flag = true;
    value.event.seq = event_id::make_seq(device_number(1), 7);
    return value;
}

TEST(codec, brings_back_what_it_wrote) {
    const outer value = sample();
    const auto back = codec::decode<outer>(codec::encode(value));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, value);
}

TEST(codec, writes_the_canonical_form) {
    // RFC 8949 4.2: shortest integers, definite lengths, keys in bytewise order.
    EXPECT_EQ(to_hex(codec::encode(older{24})), "a1001818");
    EXPECT_EQ(to_hex(codec::encode(older{-1})), "a10020");
    EXPECT_EQ(to_hex(codec::encode(inner{"a", {500}})),
              "a2016161028119"
              "01f4");
}

TEST(codec, ignores_unknown_fields_and_refuses_critical_ones) {
    cbor::writer out;
    out.map(2);
    out.integer(0);
    out.integer(5);
    out.integer(77);
    out.array(1);
    out.map(0);
    const auto lenient = codec::decode<older>(out.view());
    ASSERT_TRUE(lenient);
    EXPECT_EQ(lenient->when, 5);
    const auto strict = codec::decode<older>(codec::encode(sample()));
    ASSERT_FALSE(strict);
    EXPECT_EQ(strict.error().code, errc::unsupported);
}

TEST(codec, refuses_every_truncation_and_anything_after_the_end) {
    const bytes whole = codec::encode(sample());
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_FALSE(codec::decode<outer>(byte_view(whole).first(length))) << length;
    }
    bytes longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(codec::decode<outer>(longer));
}

TEST(codec, survives_every_single_byte_change) {
    const bytes whole = codec::encode(sample());
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            bytes changed = whole;
            changed[at] = static_cast<std::uint8_t>(value);
            (void)codec::decode<outer>(changed);  // must neither crash nor allocate without bound
        }
    }
}

TEST(codec, refuses_numbers_out_of_range_and_text_that_is_not_utf8) {
    cbor::writer out;
    out.map(1);
    out.integer(1);
    out.integer(256);
    EXPECT_FALSE(codec::decode<narrow>(out.view()));
    for (const std::string bad :
         {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
        inner value;
        value.name = bad;
        EXPECT_FALSE(codec::decode<inner>(codec::encode(value))) << to_hex(as_bytes(bad));
    }
}

TEST(cbor, bounds_depth_and_claimed_sizes) {
    cbor::writer deep;
    for (int i = 0; i < cbor::reader::depth_max + 2; ++i) {
        deep.array(1);
    }
    deep.integer(0);
    EXPECT_FALSE(cbor::reader(deep.view()).item());
    const bytes huge = {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    EXPECT_FALSE(cbor::reader(huge).array());
    EXPECT_FALSE(cbor::reader(huge).item());
    const bytes endless = {0x5f, 0x41, 0x00, 0xff};
    EXPECT_FALSE(cbor::reader(endless).byte_string());
}

TEST(cbor, accepts_what_other_writers_produce) {
    const bytes long_form = {0xa1, 0x18, 0x00, 0x1b, 0, 0,
                             0,    0,    0,    0,    0, 9};  // integers not in their shortest form
    const auto value = codec::decode<older>(long_form);
    ASSERT_TRUE(value);
    EXPECT_EQ(value->when, 9);
}

TEST(ids, read_what_they_write) {
    const event_id id{{}, event_id::make_seq(device_number(3), 41)};
    EXPECT_EQ(id.seq_text(), "3.41");
    EXPECT_EQ(event_id::seq_from_text("3.41"), id.seq);
    for (const char* bad :
         {"", "3", "3.", ".4", "0.1", "1.0", "1.2.3", "-1.2", "1.4294967296", "a.b"}) {
        EXPECT_FALSE(event_id::seq_from_text(bad)) << bad;
    }
    EXPECT_FALSE(user_id::from_hex("00"));
    EXPECT_FALSE(from_hex("0g"));
    EXPECT_EQ(to_hex(*from_hex("00FFa5")), "00ffa5");
}

TEST(ids, know_the_grammar_of_user_names) {
    for (const char* good : {"al", "alice", "a.b-c_d", "0x", "a1234567890123456789012345678901"}) {
        EXPECT_TRUE(is_user_name(good)) << good;
    }
    for (const char* bad : {"", "a", "Alice", ".alice", "-a", "a b", "a/b", "älice",
                            "a12345678901234567890123456789012"}) {
        EXPECT_FALSE(is_user_name(bad)) << bad;
    }
}

}  // namespace
}  // namespace calbox
