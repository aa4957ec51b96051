// Fetching a file from devices that lie, fail or have nothing, onto a disk that fails.
#include "replica/file_transfer.hpp"

#include <gtest/gtest.h>

#include "support/faulty_store.hpp"
#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {
namespace {

class content final : public byte_source {
public:
    explicit content(std::size_t size = 300'000) : size_(size) {}
    task<result<bytes>> next() override {
        co_return std::exchange(given_, true) ? bytes() : bytes(size_, 7);
    }

private:
    std::size_t size_;
    bool given_ = false;
};

/// Devices that have the file, and do with their answers what a test says.
class holders final : public file_mediator {
public:
    explicit holders(file_store& from) : from_(from) {}
    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override {
        ++asked[to];
        bytes answer = co_await honest(type, payload);
        if (spoils) {
            co_return spoils(to, type, std::move(answer));
        }
        co_return answer;
    }
    std::function<result<bytes>(device_id, wire::message_type, bytes)> spoils;
    std::map<device_id, std::size_t> asked;

private:
    task<bytes> honest(wire::message_type type, bytes payload) {
        if (type == wire::message_type::file_info) {
            const auto root = codec::decode<wire::file_info>(payload)->root;
            const auto size = co_await from_.size_if_held(root);
            co_return codec::encode(wire::file_info_reply{size->has_value(), size->value_or(0)});
        }
        if (type == wire::message_type::file_hashes) {
            const auto page = *codec::decode<wire::file_hashes>(payload);
            const auto hashes = co_await from_.leaf_hashes(page.root, page.first, page.count);
            co_return codec::encode(wire::file_hashes_reply{hashes.value_or(bytes())});
        }
        const auto one = *codec::decode<wire::file_leaf>(payload);
        const auto leaf = co_await from_.leaf(one.root, one.index);
        co_return codec::encode(wire::file_leaf_reply{leaf.value_or(bytes())});
    }
    file_store& from_;
};

class file_transfer_test : public testing::Test {
protected:
    file_transfer_test() {
        content all;
        made = *in.run(theirs.import(all));
    }
    result<void> fetch(std::vector<device_id> sources) {
        return in.run(transfer.fetch(made.root, made.size, std::move(sources), others,
                                     [&](std::uint64_t bytes) { progress = bytes; }));
    }
    bool is_here() { return in.run(mine.verify(made.root)).value_or(false); }

    test::test_environment in;
    test::faulty_store their_store, my_store;
    database their_db{in.env, their_store}, my_db{in.env, my_store};
    file_store theirs{in.env, their_db}, mine{in.env, my_db};
    file_transfer transfer{in.env, mine};
    holders others{theirs};
    stored_file made;
    std::uint64_t progress = 0;
};

TEST_F(file_transfer_test, comes_from_all_who_have_it) {
    ASSERT_TRUE(fetch({device(1), device(2)}));
    EXPECT_TRUE(is_here());
    EXPECT_EQ(progress, made.size);
    EXPECT_EQ(my_store.blobs_held, their_store.blobs_held);
}

TEST_F(file_transfer_test, a_file_of_one_part_takes_one_question) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{10'000}, crypto::leaf_plain_bytes}) {
        content all(size);
        made = *in.run(theirs.import(all));
        others.asked.clear();
        others.spoils = [](device_id to, wire::message_type, bytes answer) -> result<bytes> {
            if (to == device(1)) {
                answer.back() ^= 1;
            }
            return to == device(2) ? fail(errc::timed_out, "silence") : result<bytes>(answer);
        };
        EXPECT_EQ(fetch({device(1), device(2)}).error().code, errc::unavailable);
        EXPECT_FALSE(is_here());
        ASSERT_TRUE(fetch({device(1), device(2), device(3)}));
        EXPECT_TRUE(is_here());
        EXPECT_EQ(progress, size);
        EXPECT_EQ(others.asked[device(3)], 1U);
        EXPECT_EQ(others.asked[device(1)], 2U);
    }
}

TEST_F(file_transfer_test, a_device_that_lies_or_fails_is_left_out) {
    others.spoils = [](device_id to, wire::message_type type, bytes answer) -> result<bytes> {
        if (to == device(1) && type == wire::message_type::file_leaf) {
            answer.back() ^= 1;
        }
        if (to == device(3) && type == wire::message_type::file_leaf) {
            return fail(errc::timed_out, "silence");
        }
        if (to == device(4)) {
            return fail(errc::unavailable, "gone");
        }
        return answer;
    };
    ASSERT_TRUE(fetch({device(4), device(1), device(3), device(2)}));
    EXPECT_TRUE(is_here());
    EXPECT_LE(others.asked[device(1)], 2U + file_transfer::in_flight_per_source);
}

TEST_F(file_transfer_test, what_has_arrived_stays_for_the_next_attempt) {
    std::size_t leaves = 0;
    others.spoils = [&](device_id, wire::message_type type, bytes answer) -> result<bytes> {
        if (type == wire::message_type::file_leaf && ++leaves > 2) {
            return fail(errc::timed_out, "silence");
        }
        return answer;
    };
    EXPECT_EQ(fetch({device(1)}).error().code, errc::unavailable);
    EXPECT_FALSE(is_here());
    leaves = 0;
    others.spoils = [&](device_id, wire::message_type type, bytes answer) -> result<bytes> {
        leaves += type == wire::message_type::file_leaf ? 1 : 0;
        return answer;
    };
    ASSERT_TRUE(fetch({device(1)}));
    EXPECT_EQ(leaves, crypto::leaf_count(made.size) - 2);
    EXPECT_TRUE(is_here());
}

TEST_F(file_transfer_test, lists_that_are_no_lists_of_this_file_are_refused) {
    const std::vector<std::function<bytes(bytes)>> lies{
        [](bytes) { return bytes{0xff}; },
        [](bytes) { return codec::encode(wire::file_hashes_reply{{}}); },
        [](bytes) { return codec::encode(wire::file_hashes_reply{bytes(33, 1)}); },
        [](bytes) { return codec::encode(wire::file_hashes_reply{bytes(32 * 99, 1)}); },
        [](bytes) { return codec::encode(wire::file_hashes_reply{bytes(32 * 5, 1)}); },
    };
    for (const auto& lie : lies) {
        others.spoils = [&](device_id, wire::message_type type, bytes answer) -> result<bytes> {
            return type == wire::message_type::file_hashes ? lie(std::move(answer)) : answer;
        };
        EXPECT_EQ(fetch({device(1)}).error().code, errc::unavailable);
    }
    others.spoils = [](device_id, wire::message_type type, bytes answer) -> result<bytes> {
        if (type == wire::message_type::file_hashes) {
            return fail(errc::timed_out, "silence");
        }
        return answer;
    };
    EXPECT_EQ(fetch({device(1)}).error().code, errc::unavailable);
    for (const auto& info : {wire::file_info_reply{true, 5}, wire::file_info_reply{false, 0}}) {
        others.spoils = [&](device_id, wire::message_type, bytes) -> result<bytes> {
            return codec::encode(info);
        };
        EXPECT_EQ(fetch({device(1)}).error().code, errc::unavailable);
    }
    EXPECT_EQ(fetch({}).error().code, errc::unavailable);
    made.size = wire::limits::file_bytes + 1;
    EXPECT_EQ(fetch({device(1)}).error().code, errc::too_large);
}

TEST_F(file_transfer_test, a_disk_that_fails_ends_it_at_every_point) {
    bool untouched = false;
    std::uint64_t number = 0;
    while (!untouched) {
        my_store.blob_call_fails = ++number;
        const auto done = fetch({device(1)});
        untouched = my_store.blob_call_fails > 0;
        my_store.blob_call_fails = 0;
        EXPECT_EQ(done.has_value(), untouched);
        if (!untouched) {
            EXPECT_EQ(done.error().code, errc::io_failed);
            EXPECT_FALSE(is_here());
        }
        my_store.parts.clear();
    }
    EXPECT_TRUE(is_here());
    EXPECT_GT(number, crypto::leaf_count(made.size));
}

}  // namespace
}  // namespace calbox::replica
