// What the storage tests share: a fixture with a directory of its own and the plugin under test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <random>

#include "contract/plugins.hpp"

namespace calbox::contract {

using storage::batch;
using storage::record_kind;

class storage_suite : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "calbox-store-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        auto made = host().storage(GetParam(), "");
        ASSERT_TRUE(made) << made.error().message();
        strategy_.emplace(std::move(*made));
        open();
    }
    void TearDown() override {
        store_.reset();
        strategy_.reset();
        std::filesystem::remove_all(directory_);
    }

    void open() {
        auto opened = (*strategy_)->open(directory_);
        ASSERT_TRUE(opened) << opened.error().message();
        store_ = std::move(*opened);
    }
    void reopen() {
        store_.reset();
        open();
    }
    bool durable() const { return has_trait("storage", GetParam(), "durable"); }
    storage::record_store& records() { return store_->records(); }
    storage::blob_store& blobs() { return store_->blobs(); }

    using rows = std::vector<std::pair<bytes, bytes>>;
    rows scan(record_kind kind, const bytes& first = {}, const bytes& last = {},
              std::size_t most = SIZE_MAX) {
        rows found;
        const auto done = records().scan(kind, first, last, [&](byte_view key, byte_view value) {
            found.emplace_back(to_bytes(key), to_bytes(value));
            return found.size() < most;
        });
        EXPECT_TRUE(done) << done.error().message();
        return found;
    }
    void put(record_kind kind, std::string_view key, std::string_view value) {
        batch writes;
        writes.put(kind, to_bytes(key), to_bytes(value));
        const auto done = records().apply(writes);
        ASSERT_TRUE(done) << done.error().message();
    }
    std::optional<bytes> get(record_kind kind, std::string_view key) {
        auto found = records().get(kind, as_bytes(key));
        EXPECT_TRUE(found) << found.error().message();
        return found ? *found : std::nullopt;
    }

    std::string directory_;
    std::optional<plugins::loaded<storage::strategy>> strategy_;
    std::unique_ptr<storage::store> store_;
};

inline file_root root_of(std::uint64_t n) {
    file_root root;
    for (std::size_t i = 0; i < 8; ++i) {
        root.value[i] = static_cast<std::uint8_t>(n >> (8 * i));
    }
    root.value[31] = 1;
    return root;
}

inline bytes random_bytes(std::mt19937_64& engine, std::size_t length) {
    bytes data(length);
    for (auto& byte : data) {
        byte = static_cast<std::uint8_t>(engine());
    }
    return data;
}

}  // namespace calbox::contract
