#include "plugins/elf_meta.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include <calbox/plugin.hpp>

#include "support/seeds.hpp"

namespace {

using calbox::byte_view;
using calbox::bytes;
using calbox::errc;
using calbox::plugins::abi_difference;
using calbox::plugins::parse_meta;

bytes good_library() {
    std::ifstream in(CALBOX_BROKEN_PLUGINS "/good.so", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Of a file in memory; each part is a copy, so that a sanitizer sees any reading beyond it.
calbox::result<std::string> find_meta_section(const bytes& file) {
    return calbox::plugins::find_meta_section(
        {file.size(), [&](std::uint64_t offset, std::size_t count) -> calbox::result<bytes> {
             const byte_view part = byte_view(file).subspan(offset, count);
             return bytes(part.begin(), part.end());
         }});
}

TEST(elf_meta, reads_what_the_macro_wrote) {
    const bytes file = good_library();
    const auto text = find_meta_section(file);
    ASSERT_TRUE(text) << text.error().message();
    const auto meta = parse_meta(*text);
    ASSERT_TRUE(meta) << meta.error().message();
    EXPECT_EQ(meta->name, "good");
    EXPECT_EQ(meta->version, "1.0.0");
    EXPECT_EQ(meta->kind, "discovery");
    EXPECT_EQ(meta->api, "3.0");
    EXPECT_EQ(meta->abi, CALBOX_ABI_TAG);
    EXPECT_EQ(meta->traits, "test small");
}

TEST(elf_meta, refuses_every_truncation) {
    const bytes file = good_library();
    ASSERT_GT(file.size(), 8192U);
    // With sanitizers at each byte where the file's own header is and where its sections are
    // listed, and here and there between.
    const std::size_t list = file.size() - 8192;
    for (std::size_t length = 0; length < file.size();
         length += !calbox::test::sanitized || length < 1024 || length > list ? 1 : 61) {
        const bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
        const auto text = find_meta_section(part);
        ASSERT_FALSE(text) << length;
        ASSERT_EQ(text.error().code, errc::malformed) << length;
    }
}

TEST(elf_meta, survives_damaged_headers) {
    const bytes file = good_library();
    std::mt19937_64 engine(7);
    const auto section_table = file.size() - 4096;
    for (int round = 0; round < 20'000; ++round) {
        bytes damaged = file;
        for (int flips = 0; flips < 4; ++flips) {
            const std::size_t at =
                round % 2 == 0 ? engine() % 1024 : section_table + engine() % 4096;
            damaged[at] = static_cast<std::uint8_t>(engine());
        }
        const auto text = find_meta_section(damaged);
        if (text) {
            (void)parse_meta(*text);  // must return, whatever it holds
        }
    }
}

TEST(elf_meta, refuses_huge_offsets) {
    const bytes file = good_library();
    for (const std::uint64_t evil :
         {UINT64_MAX, UINT64_MAX - 63, std::uint64_t{1} << 63, std::uint64_t{file.size()}}) {
        bytes damaged = file;
        std::memcpy(damaged.data() + offsetof(Elf64_Ehdr, e_shoff), &evil, sizeof evil);
        EXPECT_FALSE(find_meta_section(damaged)) << evil;
        damaged = file;
        std::memcpy(damaged.data() + offsetof(Elf64_Ehdr, e_phoff), &evil, sizeof evil);
        EXPECT_FALSE(find_meta_section(damaged)) << evil;
    }
}

TEST(elf_meta, text_must_have_every_key_once) {
    const std::string fine = "CBMETA1\nname=a\nversion=1\nkind=discovery\napi=1.0\nabi=x\n";
    EXPECT_TRUE(parse_meta(fine));
    EXPECT_TRUE(parse_meta(fine + "colour=red\n"));
    EXPECT_TRUE(parse_meta(fine + "summary=a = b\n"));
    EXPECT_FALSE(parse_meta(""));
    EXPECT_FALSE(parse_meta(fine.substr(1)));
    EXPECT_FALSE(parse_meta(fine + "name=b\n"));
    EXPECT_FALSE(parse_meta(fine + "no equals sign\n"));
    for (const char* key : {"name=", "version=", "kind=", "api=", "abi="}) {
        std::string without = fine;
        without.replace(without.find(key), 1, "z");
        EXPECT_FALSE(parse_meta(without)) << key;
    }
}

TEST(elf_meta, names_the_first_difference) {
    EXPECT_EQ(abi_difference("a=1;b=2", "a=1;b=2"), "");
    EXPECT_EQ(abi_difference("a=1;b=3;c=4", "a=1;b=2;c=5"),
              "b is 3 in the plugin and 2 in this calboxd");
    EXPECT_EQ(abi_difference("a=1", "a=1;b=2"), "b is nothing in the plugin and 2 in this calboxd");
    EXPECT_EQ(abi_difference("a=1;b=2", "a=1"), "b is 2 in the plugin and nothing in this calboxd");
    EXPECT_NE(abi_difference("a=1;a=2", "a=1"), "");
}

}  // namespace
