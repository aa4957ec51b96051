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
    holders(const environment& env, file_store& from) : env_(env), from_(from) {}
    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override {
        ++asked[to];
        if (type == wire::message_type::small_files && refused > 0) {
            --refused;
            co_return fail(errc::busy, "too much at once");
        }
        const struct one_more {
            std::size_t& count;
            ~one_more() { --count; }
        } until_answered{++open_[to]};
        most_open[to] = std::max(most_open[to], open_[to]);
        if (takes > duration::zero()) {
            co_await sleep_for(env_, takes);
        }
        bytes answer = co_await honest(type, payload);
        if (spoils) {
            co_return spoils(to, type, std::move(answer));
        }
        co_return answer;
    }
    std::function<result<bytes>(device_id, wire::message_type, bytes)> spoils;
    std::map<device_id, std::size_t> asked;
    std::size_t most_at_once = 0;  // files
    int refused = 0;               // questions, before it takes any time
    duration takes{};
    std::map<device_id, std::size_t> most_open;  // questions
    std::function<void(const std::vector<file_root>&)> seen;  // what one asks for

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
        if (type == wire::message_type::small_files) {
            auto some = codec::decode<wire::small_files>(payload)->roots;
            most_at_once = std::max(most_at_once, some.size());
            if (seen) {
                seen(some);
            }
            auto parts =
                co_await from_.single_leaves(std::move(some), wire::limits::small_files_bytes);
            co_return codec::encode(wire::small_files_reply{std::move(parts)});
        }
        const auto one = *codec::decode<wire::file_leaf>(payload);
        const auto leaf = co_await from_.leaf(one.root, one.index);
        co_return codec::encode(wire::file_leaf_reply{leaf.value_or(bytes())});
    }
    const environment& env_;
    file_store& from_;
    std::map<device_id, std::size_t> open_;
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
    holders others{in.env, theirs};
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

/// Its record was damaged, and it was set aside with that.
TEST_F(file_transfer_test, what_is_here_as_a_part_is_not_asked_for) {
    content all(10'000);
    made = *in.run(theirs.import(all));
    ASSERT_TRUE(fetch({device(1)}));
    others.asked.clear();
    my_store.held[{record_kind::file, to_bytes(made.root.view())}] = {0xff};
    ASSERT_EQ(in.run(mine.verify(made.root)), false);
    ASSERT_FALSE(is_here());
    ASSERT_TRUE(fetch({}));
    EXPECT_TRUE(is_here());
    EXPECT_TRUE(others.asked.empty());
    EXPECT_EQ(progress, 10'000U);
}

class small_files_test : public file_transfer_test {
protected:
    small_files_test() {
        for (std::size_t n = 0; n < 300; ++n) {
            content all(n * 100);
            files.push_back(*in.run(theirs.import(all)));
        }
        others.asked.clear();
    }
    /// All at the same time; how many have come.
    std::size_t fetch_all(const std::vector<device_id>& sources) {
        std::size_t come = 0;
        task_scope tasks(in.env, "test");
        for (const stored_file& one : files) {
            tasks.spawn("fetch", fetch_one(one, sources, come));
        }
        in.run(tasks.join());
        return come;
    }
    task<void> fetch_one(stored_file what, std::vector<device_id> sources, std::size_t& come) {
        return fetch_one(std::move(what), std::move(sources), come, others);
    }
    task<void> fetch_one(stored_file what, std::vector<device_id> sources, std::size_t& come,
                         file_mediator& by) {
        const auto done = co_await transfer.fetch(what.root, what.size, std::move(sources), by,
                                                  [](std::uint64_t) {});
        come += done ? 1 : 0;
        if (!done) {
            why = done.error();
        }
    }
    std::size_t whole() {
        std::size_t sound = 0;
        for (const stored_file& one : files) {
            sound += in.run(mine.verify(one.root)).value_or(false) ? 1 : 0;
        }
        return sound;
    }
    std::vector<stored_file> files;
    error why;
};

TEST_F(small_files_test, many_come_in_one_answer) {
    EXPECT_EQ(fetch_all({device(1)}), files.size());
    EXPECT_EQ(whole(), files.size());
    EXPECT_GT(others.most_at_once, 8U);
    EXPECT_LE(others.most_at_once, wire::limits::small_files_per_message);
    EXPECT_LT(others.asked[device(1)], files.size() / 3);
    EXPECT_LT(my_store.applied, files.size()) << "and become durable together";
}

TEST_F(small_files_test, older_software_is_asked_one_by_one) {
    others.spoils = [](device_id, wire::message_type type, bytes answer) -> result<bytes> {
        if (type == wire::message_type::small_files) {
            return fail(errc::unsupported, "a message that this version does not know");
        }
        return answer;
    };
    EXPECT_EQ(fetch_all({device(1)}), files.size());
    EXPECT_EQ(whole(), files.size());
    EXPECT_GE(others.asked[device(1)], files.size());
    EXPECT_LT(others.asked[device(1)], files.size() + 20);
}

TEST_F(small_files_test, what_one_device_damages_or_lacks_comes_from_another) {
    for (const bool damaged : {true, false}) {
        SCOPED_TRACE(damaged);
        others.spoils = [&](device_id to, wire::message_type type, bytes answer) -> result<bytes> {
            if (to == device(1) && type == wire::message_type::small_files) {
                auto reply = *codec::decode<wire::small_files_reply>(answer);
                for (std::size_t i = 0; i < reply.parts.size(); i += 2) {
                    if (damaged) {
                        reply.parts[i].back() ^= 1;
                    } else {
                        reply.parts[i].clear();
                    }
                }
                return codec::encode(reply);
            }
            return answer;
        };
        EXPECT_EQ(fetch_all({device(1), device(2)}), files.size());
        EXPECT_EQ(whole(), files.size());
        for (const stored_file& one : files) {
            ASSERT_TRUE(in.run(mine.erase(one.root)));
        }
    }
}

TEST_F(small_files_test, answers_that_are_none_are_refused) {
    const std::vector<std::function<result<bytes>(bytes)>> lies{
        [](bytes) { return result<bytes>(bytes{0xff}); },
        [](bytes) { return result<bytes>(codec::encode(wire::small_files_reply{})); },
        [](bytes answer) {
            auto reply = *codec::decode<wire::small_files_reply>(answer);
            reply.parts.resize(wire::limits::small_files_per_message + 1, bytes(16));
            return result<bytes>(codec::encode(reply));
        },
        [](bytes) { return result<bytes>(fail(errc::timed_out, "silence")); },
    };
    for (const auto& lie : lies) {
        others.spoils = [&](device_id, wire::message_type type, bytes answer) {
            return type == wire::message_type::small_files ? lie(std::move(answer))
                                                           : result<bytes>(answer);
        };
        EXPECT_LT(fetch_all({device(1)}), files.size());
        EXPECT_EQ(why.code, errc::unavailable);
        for (const stored_file& one : files) {
            ASSERT_TRUE(in.run(mine.erase(one.root)));
        }
    }
}

TEST_F(small_files_test, whoever_is_given_up_does_not_hold_up_the_others) {
    std::size_t come = 0, gone = 0;
    task_scope leaving(in.env, "leaving"), staying(in.env, "staying");
    others.spoils = [&](device_id, wire::message_type type, bytes answer) -> result<bytes> {
        if (type == wire::message_type::small_files) {
            leaving.request_stop();  // among them those who have asked
        }
        return answer;
    };
    for (std::size_t i = 0; i < files.size(); ++i) {
        const bool goes = i % 2 == 0;
        (goes ? leaving : staying)
            .spawn("fetch", fetch_one(files[i], {device(1)}, goes ? gone : come));
    }
    in.run(leaving.join());
    in.run(staying.join());
    EXPECT_EQ(come, files.size() / 2);
    EXPECT_LT(gone, files.size() / 2);
    EXPECT_EQ(fetch_all({device(1)}), files.size());
}

TEST_F(small_files_test, nothing_is_asked_in_the_name_of_those_who_have_gone) {
    std::size_t come = 0;
    std::vector<std::unique_ptr<task_scope>> tasks;
    std::map<file_root, task_scope*> of;
    for (const stored_file& one : files) {
        tasks.push_back(std::make_unique<task_scope>(in.env, "test"));
        of[one.root] = tasks.back().get();
    }
    std::size_t gone = 0;
    others.seen = [&](const std::vector<file_root>& asked) {
        if (gone == 0) {
            gone = asked.size();
            for (auto one = asked.rbegin(); one != asked.rend(); ++one) {
                of[*one]->request_stop();  // whoever asks comes last
            }
        }
    };
    for (std::size_t i = 0; i < files.size(); ++i) {
        tasks[i]->spawn("fetch", fetch_one(files[i], {device(1)}, come));
    }
    in.settle();
    EXPECT_GT(gone, 2U);
    EXPECT_EQ(come, files.size() - gone);
    for (const auto& one : tasks) {
        one->request_stop();
        in.run(one->join());
    }
}

TEST_F(small_files_test, a_device_that_is_silent_holds_up_a_file_once) {
    others.takes = std::chrono::seconds(30);
    others.spoils = [&](device_id, wire::message_type, bytes) -> result<bytes> {
        return fail(errc::timed_out, "silence");
    };
    const instant before = in.time.now();
    EXPECT_EQ(fetch_all({device(1)}), 0U);
    EXPECT_LE(in.time.now() - before, std::chrono::seconds(31));
    others.takes = {};
    others.spoils = [&](device_id to, wire::message_type, bytes answer) -> result<bytes> {
        return to == device(1) ? fail(errc::timed_out, "silence") : result<bytes>(answer);
    };
    others.asked.clear();
    EXPECT_EQ(fetch_all({device(1), device(2)}), files.size());
    EXPECT_EQ(others.asked[device(1)], 0U) << "it was silent just now";
}

TEST_F(small_files_test, sources_share_the_work) {
    others.takes = std::chrono::milliseconds(50);
    EXPECT_EQ(fetch_all({device(1), device(2), device(3)}), files.size());
    for (const int n : {1, 2, 3}) {
        EXPECT_GT(others.asked[device(static_cast<std::uint8_t>(n))], 5U);
    }
}

TEST_F(small_files_test, what_was_refused_at_once_is_no_measure_of_answers) {
    others.takes = std::chrono::milliseconds(100);
    others.refused = 1;
    EXPECT_GT(fetch_all({device(1)}), files.size() / 2);
    EXPECT_GT(others.most_open[device(1)], 4U);
}

TEST_F(small_files_test, what_a_line_was_like_once_is_forgotten) {
    others.takes = std::chrono::milliseconds(10);
    EXPECT_EQ(fetch_all({device(1)}), files.size());
    for (const stored_file& one : files) {
        ASSERT_TRUE(in.run(mine.erase(one.root)));
    }
    others.most_open.clear();
    others.takes = std::chrono::milliseconds(200);
    EXPECT_EQ(fetch_all({device(1)}), files.size());
    EXPECT_GT(others.most_open[device(1)], 4U);
}

/// Asks others as long as the file is not paused.
class pausing final : public file_mediator {
public:
    pausing(holders& all, const bool& paused) : all_(all), paused_(paused) {}
    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override {
        co_return co_await all_.ask(to, type, std::move(payload));
    }
    file_mediator& for_all() noexcept override { return all_; }
    std::optional<error> unwanted() const override {
        return paused_ ? std::optional(error(errc::busy, "it is paused")) : std::nullopt;
    }

private:
    holders& all_;
    const bool& paused_;
};

TEST_F(small_files_test, what_is_paused_meanwhile_is_not_asked_for) {
    bool paused = false, never = false;
    pausing some(others, paused), rest(others, never);
    const file_root last = files.back().root;
    std::size_t asked = 0, come = 0;
    others.seen = [&](const std::vector<file_root>& roots) {
        paused = true;
        asked += static_cast<std::size_t>(std::ranges::count(roots, last));
    };
    task_scope tasks(in.env, "test");
    for (const stored_file& one : files) {
        tasks.spawn("fetch", fetch_one(one, {device(1)}, come, one.root == last ? some : rest));
    }
    in.run(tasks.join());
    EXPECT_EQ(asked, 0U);
    EXPECT_EQ(come, files.size() - 1);
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
