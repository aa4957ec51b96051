// Files on a disk that fails, and files that lie.
#include "replica/file_store.hpp"

#include <gtest/gtest.h>

#include "support/faulty_store.hpp"
#include "support/test_environment.hpp"

namespace calbox::replica {
namespace {

class pieces final : public byte_source {
public:
    explicit pieces(std::vector<result<bytes>> all) : all_(std::move(all)) {}
    task<result<bytes>> next() override {
        if (at_ == all_.size()) {
            co_return bytes();
        }
        co_return all_[at_++];
    }

private:
    std::vector<result<bytes>> all_;
    std::size_t at_ = 0;
};

class gathered final : public byte_sink {
public:
    task<result<void>> write(bytes piece) override {
        if (full) {
            co_return fail(errc::disk_full, "full");
        }
        all.insert(all.end(), piece.begin(), piece.end());
        co_return result<void>();
    }
    bytes all;
    bool full = false;
};

class file_store_test : public testing::Test {
protected:
    result<stored_file> import() {
        pieces from({content});
        return in.run(files.import(from));
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    file_store files{in.env, db};
    const bytes content = bytes(150'000, 7);
};

TEST_F(file_store_test, whatever_fails_leaves_nothing_behind) {
    bool untouched = false;
    std::uint64_t number = 0;
    while (!untouched) {
        store.blob_call_fails = ++number;
        const auto made = import();
        untouched = store.blob_call_fails > 0;
        if (!untouched) {
            ASSERT_FALSE(made);
            EXPECT_EQ(made.error().code, errc::io_failed);
            EXPECT_TRUE(store.blobs_held.empty());
            EXPECT_TRUE(store.held.empty());
        }
        store.parts.clear();
        store.blob_call_fails = 0;
    }
    EXPECT_GT(number, 4U);
    pieces broken({content, fail(errc::timed_out, "the sender has stopped")});
    EXPECT_EQ(in.run(files.import(broken)).error().code, errc::timed_out);
    EXPECT_TRUE(store.parts.empty());
}

TEST_F(file_store_test, reads_what_was_imported_and_nothing_else) {
    const auto made = import();
    ASSERT_TRUE(made);
    gathered into;
    ASSERT_TRUE(in.run(files.read(made->root, made->size, made->key, 65'000, 2'000, into)));
    EXPECT_EQ(into.all, bytes(2'000, 7));
    EXPECT_EQ(in.run(files.read(made->root, made->size, {1, 2}, 0, 1, into)).error().code,
              errc::malformed);
    EXPECT_FALSE(in.run(files.read(made->root, made->size, bytes(32, 1), 0, 1, into)));
    // The event says that it is longer.
    EXPECT_FALSE(in.run(files.read(made->root, 200'000, made->key, 0, 200'000, into)));
    EXPECT_FALSE(in.run(files.read(file_root(), 10, made->key, 0, 10, into)));
    into.full = true;
    EXPECT_EQ(in.run(files.read(made->root, made->size, made->key, 0, 10, into)).error().code,
              errc::disk_full);
}

TEST_F(file_store_test, knows_what_it_holds) {
    const auto made = import();
    ASSERT_TRUE(made);
    EXPECT_EQ(in.run(files.size_if_held(made->root)).value(), 150'000U);
    EXPECT_EQ(in.run(files.size_if_held(file_root())).value(), std::nullopt);
    EXPECT_EQ(in.run(files.leaf_hashes(made->root, 1, 99))->size(), 2 * digest::size);
    EXPECT_EQ(in.run(files.leaf_hashes(made->root, 99, 99))->size(), 0U);
    EXPECT_EQ(in.run(files.leaf_hashes(file_root(), 0, 1)).error().code, errc::not_found);
    EXPECT_EQ(in.run(files.leaf(made->root, 3)).error().code, errc::not_found);
    EXPECT_EQ(in.run(files.leaf(made->root, UINT64_MAX)).error().code, errc::not_found);
    store.blob_call_fails = 1;
    EXPECT_FALSE(in.run(files.leaf(made->root, 0)));
    store.blob_call_fails = 1;
    EXPECT_FALSE(in.run(files.size_if_held(made->root)));
    store.blob_call_fails = 1;
    EXPECT_FALSE(in.run(files.make_way(made->root, 1)));
    store.blob_call_fails = 1;
    EXPECT_FALSE(in.run(files.resume(made->root, 1, {})));
    store.unreadable = true;
    EXPECT_FALSE(in.run(files.size_if_held(made->root)));
    EXPECT_FALSE(in.run(files.leaf_hashes(made->root, 0, 1)));
    EXPECT_FALSE(in.run(files.verify(made->root)));
}

TEST_F(file_store_test, a_damaged_file_is_set_aside_so_that_it_can_come_again) {
    const auto made = import();
    ASSERT_TRUE(made);
    EXPECT_EQ(in.run(files.verify(made->root)), true);
    EXPECT_EQ(in.run(files.verify(file_root())), false);
    ASSERT_TRUE(in.run(files.make_way(made->root, made->size)));
    EXPECT_EQ(store.blobs_held.size(), 1U);
    store.blobs_held[made->root][70'000] ^= 1;
    const auto seen = in.run(files.look(made->root, 0));
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->bad, std::vector<std::uint64_t>{1});
    EXPECT_FALSE(seen->more);
    EXPECT_EQ(in.run(files.verify(made->root)), false);
    EXPECT_TRUE(store.blobs_held.empty());
    ASSERT_EQ(store.aside.size(), 1U);
    EXPECT_EQ(store.aside[0].size(), crypto::leaf_sealed_bytes);
    // The good leaves need not come again.
    const bytes hashes = *in.run(files.leaf_hashes(made->root, 0, 99));
    std::vector<digest> leaves;
    for (std::size_t at = 0; at < hashes.size(); at += digest::size) {
        leaves.push_back(*digest::from_bytes(byte_view(hashes).subspan(at, digest::size)));
    }
    EXPECT_EQ(in.run(files.resume(made->root, made->size, leaves)),
              (std::vector<bool>{true, false, true}));
    // What is longer than the file is no part of it.
    store.parts[made->root].resize(500'000);
    EXPECT_EQ(in.run(files.resume(made->root, made->size, leaves)),
              (std::vector<bool>{false, false, false}));
    EXPECT_TRUE(store.parts[made->root].empty());
    store.blobs_held[made->root] = {1, 2, 3};
    ASSERT_TRUE(in.run(files.make_way(made->root, made->size)));
    EXPECT_TRUE(store.blobs_held.empty());
    // A record that cannot be read is no record of another file.
    store.held[{record_kind::file, to_bytes(made->root.view())}] = {0xff};
    EXPECT_FALSE(in.run(files.size_if_held(made->root)));
    EXPECT_EQ(in.run(files.look(made->root, 0)).error().code, errc::malformed);
    EXPECT_EQ(in.run(files.verify(made->root)), false);
    EXPECT_FALSE((store.held.contains({record_kind::file, to_bytes(made->root.view())})));
    EXPECT_EQ(store.held.begin()->second, bytes{0xff}) << "it is kept";
    EXPECT_EQ(in.run(files.look(made->root, 0)).error().code, errc::not_found);
}

TEST_F(file_store_test, small_files_become_durable_together) {
    batch later;
    std::vector<stored_file> made;
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, crypto::leaf_plain_bytes}) {
        pieces from({bytes(size / 2, 7), bytes(size - size / 2, 7)});
        made.push_back(*in.run(files.import(from, later, {})));
        EXPECT_EQ(made.back().size, size);
    }
    EXPECT_TRUE(store.held.empty());
    EXPECT_TRUE(store.blobs_held.empty());
    store.refuses = [](const storage::batch&) { return true; };
    EXPECT_FALSE(in.run(files.write(later)));
    EXPECT_TRUE(store.blobs_held.empty());
    store.refuses = nullptr;
    ASSERT_TRUE(in.run(files.write(later)));
    EXPECT_EQ(store.applied, 1U);
    for (const stored_file& one : made) {
        EXPECT_EQ(in.run(files.size_if_held(one.root)).value(), one.size);
        EXPECT_EQ(in.run(files.verify(one.root)), true);
        gathered into;
        ASSERT_TRUE(in.run(files.read(one.root, one.size, one.key, 0, one.size, into)));
        EXPECT_EQ(into.all, bytes(one.size, 7));
    }
    // One byte more has two parts, and does not wait for anybody.
    pieces larger({bytes(crypto::leaf_plain_bytes, 7), bytes(1, 7)});
    later = {};
    ASSERT_TRUE(in.run(files.import(larger, later, {})));
    EXPECT_TRUE(later.empty());
    EXPECT_EQ(store.blobs_held.size(), 4U);
}

TEST_F(file_store_test, gives_many_small_files_at_once) {
    std::vector<file_root> roots;
    for (std::size_t n = 0; n < 5; ++n) {
        pieces from({bytes(1'000, static_cast<std::uint8_t>(n))});
        roots.push_back(in.run(files.import(from))->root);
    }
    const auto large = import();
    roots.insert(roots.begin() + 1, {file_root(), large->root});
    const auto all = in.run(files.single_leaves(roots, 100'000));
    ASSERT_EQ(all.size(), 7U);
    EXPECT_TRUE(all[1].empty()) << "it is not here";
    EXPECT_TRUE(all[2].empty()) << "it has several parts";
    for (const std::size_t n : {0, 3, 4, 5, 6}) {
        EXPECT_EQ(all[n], store.blobs_held[roots[n]]);
    }
    EXPECT_EQ(in.run(files.single_leaves(roots, 2'100)).size(), 4U);
    EXPECT_EQ(in.run(files.single_leaves(roots, 1)).size(), 1U) << "the first one always";
    store.blob_call_fails = 1;
    EXPECT_TRUE(in.run(files.single_leaves(roots, 100'000))[0].empty());
}

TEST_F(file_store_test, a_damaged_small_file_comes_again) {
    pieces from({bytes(1'000, 7)});
    const auto made = in.run(files.import(from));
    ASSERT_TRUE(made);
    const bytes good = store.blobs_held[made->root];
    store.blobs_held[made->root][5] ^= 1;
    EXPECT_EQ(in.run(files.verify(made->root)), false);
    EXPECT_TRUE(store.blobs_held.empty());
    EXPECT_EQ(store.aside.size(), 1U);
    ASSERT_TRUE(in.run(files.put_single(made->root, made->size, good, crypto::leaf_hash(good))));
    EXPECT_EQ(in.run(files.verify(made->root)), true);
    EXPECT_TRUE(store.parts.empty());
}

TEST_F(file_store_test, a_record_of_another_file_is_seen) {
    const auto made = import();
    ASSERT_TRUE(made);
    const bytes key = to_bytes(made->root.view());
    auto record = *codec::decode<file_record>(store.held[{record_kind::file, key}]);
    record.hashes[0] ^= 1;
    store.held[{record_kind::file, key}] = codec::encode(record);
    EXPECT_EQ(in.run(files.look(made->root, 0)).error().code, errc::malformed);
    record.hashes.pop_back();
    store.held[{record_kind::file, key}] = codec::encode(record);
    EXPECT_EQ(in.run(files.look(made->root, 0)).error().code, errc::malformed);
}

}  // namespace
}  // namespace calbox::replica
