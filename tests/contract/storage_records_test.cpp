#include "contract/storage_suite.hpp"

namespace calbox::contract {
namespace {

using storage_records = storage_suite;

TEST_P(storage_records, gives_back_what_was_put) {
    EXPECT_FALSE(get(record_kind::meta, "a"));
    put(record_kind::meta, "a", "1");
    EXPECT_EQ(get(record_kind::meta, "a"), to_bytes(std::string_view("1")));
    put(record_kind::meta, "a", "2");
    EXPECT_EQ(get(record_kind::meta, "a"), to_bytes(std::string_view("2")));
    EXPECT_FALSE(get(record_kind::meta, "aa"));
    batch erase;
    erase.erase(record_kind::meta, to_bytes(std::string_view("a")));
    erase.erase(record_kind::meta, to_bytes(std::string_view("never there")));
    ASSERT_TRUE(records().apply(erase));
    EXPECT_FALSE(get(record_kind::meta, "a"));
    EXPECT_TRUE(records().apply({}));
}

TEST_P(storage_records, empty_keys_and_values_and_zero_bytes_are_values) {
    put(record_kind::file, "", "empty key");
    put(record_kind::file, "empty value", "");
    put(record_kind::file, std::string_view("\0", 1), std::string_view("\0\0", 2));
    EXPECT_EQ(get(record_kind::file, ""), to_bytes(std::string_view("empty key")));
    EXPECT_EQ(get(record_kind::file, "empty value"), bytes());
    EXPECT_EQ(get(record_kind::file, std::string_view("\0", 1)), bytes(2, 0));
    EXPECT_EQ(scan(record_kind::file).size(), 3U);
}

TEST_P(storage_records, kinds_are_apart) {
    for (std::size_t kind = 0; kind < storage::record_kinds; ++kind) {
        put(static_cast<record_kind>(kind), "key", std::to_string(kind));
    }
    for (std::size_t kind = 0; kind < storage::record_kinds; ++kind) {
        EXPECT_EQ(get(static_cast<record_kind>(kind), "key"),
                  to_bytes(std::string_view(std::to_string(kind))));
        EXPECT_EQ(scan(static_cast<record_kind>(kind)).size(), 1U);
    }
}

TEST_P(storage_records, keys_compare_as_bytes_and_ranges_are_half_open) {
    const std::vector<bytes> keys{{},           {0},    {0, 0}, {0, 1},    {1},         {0x7f},
                                  {0x7f, 0xff}, {0x80}, {0xff}, {0xff, 0}, {0xff, 0xff}};
    batch writes;
    for (std::size_t i = keys.size(); i-- > 0;) {
        writes.put(record_kind::journal, keys[i], {static_cast<std::uint8_t>(i)});
    }
    ASSERT_TRUE(records().apply(writes));
    for (std::size_t from = 0; from < keys.size(); ++from) {
        const rows rest = scan(record_kind::journal, keys[from]);
        ASSERT_EQ(rest.size(), keys.size() - from);
        for (std::size_t i = 0; i < rest.size(); ++i) {
            EXPECT_EQ(rest[i].first, keys[from + i]);
        }
        for (std::size_t to = 1; to < keys.size(); ++to) {
            EXPECT_EQ(scan(record_kind::journal, keys[from], keys[to]).size(),
                      to > from ? to - from : 0);
        }
    }
    EXPECT_EQ(scan(record_kind::journal, {}, {}, 3).size(), 3U);
    EXPECT_EQ(scan(record_kind::journal, {0, 2}, {1}).size(), 0U);
    EXPECT_EQ(scan(record_kind::journal).size(), keys.size()) << "after a scan that was stopped";
}

TEST_P(storage_records, writes_of_a_batch_happen_in_their_order) {
    batch writes;
    writes.put(record_kind::meta, {1}, {1});
    writes.erase(record_kind::meta, {1});
    writes.put(record_kind::meta, {1}, {2});
    writes.put(record_kind::meta, {2}, {1});
    writes.erase(record_kind::meta, {2});
    ASSERT_TRUE(records().apply(writes));
    EXPECT_EQ(scan(record_kind::meta), (rows{{{1}, {2}}}));
}

TEST_P(storage_records, a_batch_that_fails_changes_nothing) {
    put(record_kind::meta, "a", "before");
    batch writes;
    writes.put(record_kind::meta, to_bytes(std::string_view("a")),
               to_bytes(std::string_view("after")));
    writes.put(record_kind::stream, {1}, {1});
    writes.put(static_cast<record_kind>(200), {1}, {1});
    EXPECT_FALSE(records().apply(writes));
    EXPECT_EQ(get(record_kind::meta, "a"), to_bytes(std::string_view("before")));
    EXPECT_TRUE(scan(record_kind::stream).empty());
    EXPECT_FALSE(records().get(static_cast<record_kind>(12), {}));
    EXPECT_FALSE(records().scan(static_cast<record_kind>(255), {}, {},
                                [](byte_view, byte_view) { return true; }));
}

TEST_P(storage_records, agrees_with_a_map_over_many_batches_and_reopenings) {
    std::mt19937_64 engine(11);
    std::map<std::pair<record_kind, bytes>, bytes> model;
    for (int round = 0; round < 300; ++round) {
        batch writes;
        for (std::uint64_t n = engine() % 8; n-- > 0;) {
            const auto kind = static_cast<record_kind>(engine() % storage::record_kinds);
            const bytes key = random_bytes(engine, engine() % 3);
            if (engine() % 3 == 0) {
                writes.erase(kind, key);
                model.erase({kind, key});
            } else {
                const bytes value = random_bytes(engine, engine() % 5000);
                writes.put(kind, key, value);
                model[{kind, key}] = value;
            }
        }
        ASSERT_TRUE(records().apply(writes));
        if (round % 60 == 59) {
            reopen();
        }
    }
    std::map<std::pair<record_kind, bytes>, bytes> stored;
    for (std::size_t kind = 0; kind < storage::record_kinds; ++kind) {
        for (auto& [key, value] : scan(static_cast<record_kind>(kind))) {
            stored[{static_cast<record_kind>(kind), std::move(key)}] = std::move(value);
        }
    }
    EXPECT_TRUE(stored == model);
    const auto report = store_->check();
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->sound) << report->text;
}

TEST_P(storage_records, a_large_value_comes_back_whole) {
    std::mt19937_64 engine(12);
    const bytes value = random_bytes(engine, 3'000'000);
    batch writes;
    writes.put(record_kind::envelope, {1}, value);
    ASSERT_TRUE(records().apply(writes));
    reopen();
    EXPECT_TRUE(*records().get(record_kind::envelope, bytes{1}) == value);
}

TEST_P(storage_records, a_second_opening_is_refused) {
    const auto second = (*strategy_)->open(directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::busy);
    EXPECT_NE(second.error().message().find(directory_), std::string::npos)
        << second.error().message();
    put(record_kind::meta, "still", "works");
    reopen();
    EXPECT_TRUE(get(record_kind::meta, "still"));
}

INSTANTIATE_TEST_SUITE_P(plugin, storage_records, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
