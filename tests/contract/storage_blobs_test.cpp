#include "contract/storage_suite.hpp"

namespace calbox::contract {
namespace {

class storage_blobs : public storage_suite {
protected:
    void make_part(const file_root& root, const bytes& data) {
        ASSERT_TRUE(blobs().open_part(root));
        const auto done = blobs().write_part(root, 0, data);
        ASSERT_TRUE(done) << done.error().message();
    }
    std::mt19937_64 engine_{21};
};

TEST_P(storage_blobs, a_part_becomes_a_blob_by_finish_alone) {
    const file_root root = root_of(1);
    const bytes data = random_bytes(engine_, 200'000);
    make_part(root, data);
    EXPECT_FALSE(blobs().length(root)->has_value());
    EXPECT_EQ(blobs().read(root, 0, 1).error().code, errc::not_found);
    ASSERT_TRUE(blobs().finish(root));
    EXPECT_EQ(blobs().length(root)->value(), data.size());
    EXPECT_TRUE(*blobs().read(root, 0, data.size()) == data);
    EXPECT_EQ(*blobs().read(root, 1000, 3), (bytes{data[1000], data[1001], data[1002]}));
    EXPECT_EQ(*blobs().read(root, data.size(), 0), bytes());
    EXPECT_EQ(blobs().read(root, data.size() - 1, 2).error().code, errc::malformed);
    EXPECT_EQ(blobs().read(root, UINT64_MAX - 1, 2).error().code, errc::malformed);
    EXPECT_EQ(blobs().read_part(root, 0, 1).error().code, errc::not_found) << "the part is gone";
}

TEST_P(storage_blobs, parts_go_on_where_they_were) {
    const file_root root = root_of(2);
    EXPECT_EQ(*blobs().open_part(root), 0U);
    ASSERT_TRUE(blobs().write_part(root, 4, {{5, 6, 7, 8}}));
    ASSERT_TRUE(blobs().write_part(root, 0, {{1, 2, 3, 4}}));
    ASSERT_TRUE(blobs().write_part(root, 2, {{9}}));
    reopen();
    EXPECT_EQ(*blobs().open_part(root), 8U);
    EXPECT_EQ(*blobs().read_part(root, 0, 100), (bytes{1, 2, 9, 4, 5, 6, 7, 8}));
    EXPECT_EQ(*blobs().read_part(root, 6, 100), (bytes{7, 8}));
    EXPECT_EQ(*blobs().read_part(root, 8, 100), bytes());
    EXPECT_EQ(*blobs().read_part(root, 100, 100), bytes());
    EXPECT_EQ(blobs().write_part(root_of(3), 0, {{1}}).error().code, errc::not_found);
    EXPECT_FALSE(blobs().write_part(root, UINT64_MAX, {{1, 2}}));
}

TEST_P(storage_blobs, a_part_is_renamed_when_its_root_is_known) {
    make_part(root_of(4), {1, 2, 3});
    ASSERT_TRUE(blobs().rename_part(root_of(4), root_of(5)));
    EXPECT_EQ(blobs().read_part(root_of(4), 0, 1).error().code, errc::not_found);
    ASSERT_TRUE(blobs().finish(root_of(5)));
    EXPECT_EQ(*blobs().read(root_of(5), 0, 3), (bytes{1, 2, 3}));
    EXPECT_EQ(blobs().rename_part(root_of(4), root_of(6)).error().code, errc::not_found);
}

TEST_P(storage_blobs, a_finished_blob_stays_as_it_is) {
    make_part(root_of(7), {1, 2, 3});
    ASSERT_TRUE(blobs().finish(root_of(7)));
    make_part(root_of(7), {9, 9});
    EXPECT_EQ(*blobs().read(root_of(7), 0, 3), (bytes{1, 2, 3}));
    ASSERT_TRUE(blobs().finish(root_of(7)));
    EXPECT_EQ(*blobs().read(root_of(7), 0, 3), (bytes{1, 2, 3}));
    EXPECT_EQ(blobs().length(root_of(7))->value(), 3U);
    EXPECT_TRUE(blobs().finish(root_of(7))) << "again";
    EXPECT_EQ(blobs().finish(root_of(8)).error().code, errc::not_found);
    reopen();
    EXPECT_EQ(*blobs().read(root_of(7), 0, 3), (bytes{1, 2, 3}));
}

TEST_P(storage_blobs, remove_takes_blob_and_part) {
    make_part(root_of(9), {1});
    ASSERT_TRUE(blobs().finish(root_of(9)));
    make_part(root_of(9), {2});
    ASSERT_TRUE(blobs().remove(root_of(9)));
    EXPECT_FALSE(blobs().length(root_of(9))->has_value());
    EXPECT_EQ(blobs().read_part(root_of(9), 0, 1).error().code, errc::not_found);
    EXPECT_TRUE(blobs().remove(root_of(9))) << "there is none any more";
    EXPECT_EQ(*blobs().open_part(root_of(9)), 0U);
}

TEST_P(storage_blobs, an_empty_file_is_a_file) {
    ASSERT_TRUE(blobs().open_part(root_of(10)));
    ASSERT_TRUE(blobs().finish(root_of(10)));
    EXPECT_EQ(blobs().length(root_of(10))->value(), 0U);
    EXPECT_EQ(*blobs().read(root_of(10), 0, 0), bytes());
}

TEST_P(storage_blobs, a_damaged_blob_is_a_part_again_and_its_damage_is_kept) {
    const file_root root = root_of(31);
    const bytes data = random_bytes(engine_, 10'000);
    make_part(root, data);
    ASSERT_TRUE(blobs().finish(root));
    EXPECT_EQ(blobs().set_aside(root_of(32), {}).error().code, errc::not_found);
    ASSERT_TRUE(blobs().set_aside(root, {{4096, 100}, {20'000, 5}}));
    reopen();
    EXPECT_EQ(*blobs().length(root), std::nullopt);
    EXPECT_EQ(*blobs().open_part(root), data.size());
    EXPECT_TRUE(*blobs().read_part(root, 0, data.size()) == data);
    const auto found = store_->measure();
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->pieces, 1U) << "the other one lies behind the end";
    EXPECT_EQ(found->piece_bytes, 100U);
    // Damaged in the same place again.
    ASSERT_TRUE(blobs().finish(root));
    ASSERT_TRUE(blobs().set_aside(root, {{4096, 100}}));
    EXPECT_EQ(store_->measure()->pieces, 2U);
}

TEST_P(storage_blobs, a_batch_brings_small_blobs_and_records_together) {
    std::map<file_root, bytes> all;
    batch writes;
    for (std::uint64_t n = 0; n < 50; ++n) {
        all[root_of(n)] = random_bytes(engine_, n == 0   ? 0
                                                : n == 1 ? storage::small_blob_bytes
                                                         : n * 400);
        writes.put_blob(root_of(n), all[root_of(n)]);
        writes.put(record_kind::file, to_bytes(root_of(n).view()), {1});
    }
    ASSERT_TRUE(records().apply(writes));
    for (int round = 0; round < 2; ++round) {
        for (const auto& [root, data] : all) {
            EXPECT_EQ(*blobs().length(root), data.size());
            EXPECT_TRUE(*blobs().read(root, 0, data.size()) == data);
        }
        EXPECT_EQ(blobs().read(root_of(2), 799, 2).error().code, errc::malformed);
        EXPECT_EQ(*blobs().read(root_of(2), 799, 1), bytes{all[root_of(2)][799]});
        EXPECT_EQ(*blobs().read(root_of(2), 800, 0), bytes());
        EXPECT_EQ(scan(record_kind::file).size(), 50U);
        EXPECT_EQ(store_->measure()->blobs, 50U);
        EXPECT_EQ(store_->measure()->parts, 0U);
        reopen();
    }
    ASSERT_TRUE(blobs().remove(root_of(3)));
    EXPECT_FALSE(blobs().length(root_of(3))->has_value());
    EXPECT_EQ(blobs().read(root_of(3), 0, 1).error().code, errc::not_found);
    reopen();
    EXPECT_EQ(blobs().read(root_of(3), 0, 1).error().code, errc::not_found);
    EXPECT_EQ(store_->measure()->blobs, 49U);
    EXPECT_TRUE(store_->check()->sound);
}

TEST_P(storage_blobs, a_blob_that_is_too_long_takes_its_batch_with_it) {
    batch writes;
    writes.put(record_kind::meta, {1}, {1});
    writes.put_blob(root_of(1), {1});
    writes.put_blob(root_of(2), bytes(storage::small_blob_bytes + 1));
    EXPECT_EQ(records().apply(writes).error().code, errc::too_large);
    EXPECT_FALSE(blobs().length(root_of(1))->has_value());
    EXPECT_EQ(scan(record_kind::meta).size(), 0U);
}

TEST_P(storage_blobs, what_comes_with_a_batch_takes_the_place_of_what_there_was) {
    make_part(root_of(1), bytes(300, 1));
    make_part(root_of(2), bytes(300, 2));
    ASSERT_TRUE(blobs().finish(root_of(2)));
    batch writes;
    for (const std::uint64_t n : {1, 2, 3}) {
        writes.put_blob(root_of(n), bytes(200, 9));
    }
    ASSERT_TRUE(records().apply(writes));
    ASSERT_TRUE(records().apply(writes)) << "again";
    for (int round = 0; round < 2; ++round) {
        for (const std::uint64_t n : {1, 2, 3}) {
            EXPECT_EQ(*blobs().length(root_of(n)), 200U);
            EXPECT_TRUE(*blobs().read(root_of(n), 0, 200) == bytes(200, 9));
        }
        EXPECT_EQ(store_->measure()->blobs, 3U);
        EXPECT_EQ(store_->measure()->parts, 0U);
        // Once more as a part: it stays as it is.
        make_part(root_of(1), bytes(300, 1));
        ASSERT_TRUE(blobs().finish(root_of(1)));
        reopen();
    }
    for (const std::uint64_t n : {1, 2, 3}) {
        ASSERT_TRUE(blobs().remove(root_of(n)));
        EXPECT_FALSE(blobs().length(root_of(n))->has_value());
    }
}

TEST_P(storage_blobs, a_damaged_small_blob_is_a_part_again_and_its_damage_is_kept) {
    const bytes data = random_bytes(engine_, 10'000);
    batch writes;
    writes.put_blob(root_of(1), data);
    ASSERT_TRUE(records().apply(writes));
    ASSERT_TRUE(blobs().set_aside(root_of(1), {{4096, 100}, {20'000, 5}}));
    EXPECT_EQ(*blobs().length(root_of(1)), std::nullopt);
    EXPECT_EQ(*blobs().open_part(root_of(1)), data.size());
    EXPECT_TRUE(*blobs().read_part(root_of(1), 0, data.size()) == data);
    EXPECT_EQ(store_->measure()->piece_bytes, 100U);
    reopen();
    EXPECT_EQ(*blobs().length(root_of(1)), std::nullopt);
    ASSERT_TRUE(blobs().write_part(root_of(1), 0, {{1}}));
    ASSERT_TRUE(blobs().finish(root_of(1)));
    EXPECT_EQ(*blobs().read(root_of(1), 0, 1), bytes{1});
    ASSERT_TRUE(blobs().set_aside(root_of(1), {}));
    ASSERT_TRUE(records().apply(writes));
    EXPECT_TRUE(*blobs().read(root_of(1), 0, data.size()) == data) << "it has come again";
    EXPECT_EQ(store_->measure()->parts, 0U);
}

TEST_P(storage_blobs, what_there_is_is_measured) {
    make_part(root_of(33), bytes(1'000, 1));
    ASSERT_TRUE(blobs().finish(root_of(33)));
    make_part(root_of(34), bytes(10, 1));
    put(record_kind::envelope, "a", "1");
    put(record_kind::envelope, "b", "2");
    put(record_kind::meta, "c", "3");
    const auto found = store_->measure();
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->blobs, 1U);
    EXPECT_EQ(found->blob_bytes, 1'000U);
    EXPECT_EQ(found->parts, 1U);
    EXPECT_EQ(found->part_bytes, 10U);
    EXPECT_EQ(found->pieces, 0U);
    EXPECT_EQ(found->records[static_cast<std::size_t>(record_kind::envelope)], 2U);
    EXPECT_EQ(found->records[static_cast<std::size_t>(record_kind::meta)], 1U);
    EXPECT_GE(found->layout, 1U);
    EXPECT_GT(found->database_bytes + found->log_bytes, 0U);
}

INSTANTIATE_TEST_SUITE_P(plugin, storage_blobs, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
