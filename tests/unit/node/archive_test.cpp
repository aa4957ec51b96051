// Archives of whole accounts: written on one device, restored on another one, of the same network
// or of another one; and what is damaged leaves nothing behind.
#include <gtest/gtest.h>

#include <set>

#include "support/test_network.hpp"

namespace calbox::node {
namespace {

using namespace std::chrono_literals;
using test::must;

struct bytes_archive final : archive_sink {
    task<result<void>> begin(std::uint64_t length) override {
        expected = length;
        co_return result<void>();
    }
    task<result<void>> write(bytes piece) override {
        all.insert(all.end(), piece.begin(), piece.end());
        co_return result<void>();
    }
    bytes all;
    std::uint64_t expected = 0;
};

/// Counts what is written, each of which waits for the disk once.
class counted_store final : public storage::store, private storage::record_store {
public:
    explicit counted_store(std::unique_ptr<storage::store> under) : under_(std::move(under)) {}
    std::size_t batches = 0, batches_with_files = 0;

    storage::record_store& records() noexcept override { return *this; }
    storage::blob_store& blobs() noexcept override { return under_->blobs(); }
    result<storage::check_report> check() override { return under_->check(); }
    result<storage::measures> measure() override { return under_->measure(); }
    result<std::unique_ptr<storage::backup>> back_up(const std::string& file) override {
        return under_->back_up(file);
    }

private:
    result<std::optional<bytes>> get(storage::record_kind kind, byte_view key) override {
        return under_->records().get(kind, key);
    }
    result<void> scan(storage::record_kind kind, byte_view first, byte_view last,
                      const std::function<bool(byte_view, byte_view)>& visit) override {
        return under_->records().scan(kind, first, last, visit);
    }
    result<void> apply(const storage::batch& writes) override {
        ++batches;
        batches_with_files += writes.blobs.empty() ? 0U : 1U;
        return under_->records().apply(writes);
    }

    std::unique_ptr<storage::store> under_;
};

/// Files "0", "1" and so on.
class numbered_files final : public file_sequence {
public:
    numbered_files(std::size_t count, std::size_t size) : count_(count), size_(size) {}
    task<result<std::optional<new_file>>> next() override {
        if (at_ == count_) {
            co_return std::nullopt;
        }
        now_.emplace(bytes(size_, static_cast<std::uint8_t>(at_)));
        co_return new_file{file_label(std::to_string(at_++)), "", &*now_};
    }

private:
    const std::size_t count_, size_;
    std::size_t at_ = 0;
    std::optional<test::bytes_source> now_;
};

class archive : public testing::TestWithParam<std::string> {
protected:
    archive() : net(1, GetParam()), hub(net.add_hub()) {
        alice = &net.add_edge("alice", hub);
        alice->sign_in("alice");
        bob = &net.add_edge("bob", hub);
        bob->sign_in("bob");
    }
    event_view create(test::test_network::device& at, const std::string& title,
                      std::vector<std::string> guests = {}) {
        event_draft what;
        what.title = title;
        what.start = "2026-05-04 14:00";
        what.participants = std::move(guests);
        return must(net.run(at.api().events.create(at.me(), std::move(what))));
    }
    event_view rename(test::test_network::device& at, event_id which, const std::string& title) {
        event_draft change;
        change.title = title;
        return must(net.run(at.api().events.modify(at.me(), which, change, std::nullopt)));
    }
    void attach(event_id which, const std::string& name, const bytes& content) {
        test::bytes_source from(content);
        must(net.run(alice->api().file.attach(alice->me(), which, name, "", from, false)));
    }
    bytes file_of(test::test_network::device& at, event_id which, const std::string& name) {
        must(net.run(at.api().file.fetch(at.me(), which, name)));
        test::bytes_sink into;
        must(net.run(at.api().file.read(at.me(), which, name, 0, 0, into)));
        return into.all;
    }
    std::string title(test::test_network::device& at, event_id which) {
        const auto seen = at.api().events.show(at.me(), which);
        return seen ? seen->content.title : std::string();
    }
    bytes save() {
        bytes_archive into;
        must(net.run(alice->api().archive.save(alice->me(), password, into)));
        EXPECT_EQ(into.all.size(), into.expected);
        return std::move(into.all);
    }
    result<archive_view> restore(test::test_network::device& at, bytes file,
                                 archives::passwords with) {
        test::bytes_source from(std::move(file));
        return net.run(at.api().archive.restore(std::move(with), from));
    }
    /// A machine that has nothing to do with the others.
    test::test_network::device& elsewhere(const std::string& name = "elsewhere") {
        node_settings with;
        with.roles =
            wire::role::edge | wire::role::registry | wire::role::rendezvous | wire::role::backup;
        return net.add(name, std::move(with));
    }
    /// Starts it again, upon a store that counts.
    counted_store& counting(test::test_network::device& at) {
        net.stop(at);
        auto store = std::make_unique<counted_store>(must(at.storing->open(at.directory)));
        counted_store& counted = *store;
        at.store = std::move(store);
        at.running = std::make_unique<node>(
            net.env, counted, chosen<discovery::strategy>{*at.finding, "random", "1.0", ""},
            chosen<consensus::strategy>{*at.locking, net.consensus, "1.0.0", ""},
            chosen<recovery::strategy>{*at.recovering, "naive", "1.0", ""}, at.settings);
        must(net.run(at.running->start()));
        return counted;
    }
    static std::size_t rows(test::test_network::device& at, storage::record_kind kind) {
        std::size_t count = 0;
        must(at.store->records().scan(kind, {}, {}, [&](byte_view, byte_view) {
            ++count;
            return true;
        }));
        return count;
    }

    const std::string password = "a long password of alice";
    test::test_network net;
    test::test_network::device& hub;
    test::test_network::device *alice, *bob;
};

INSTANTIATE_TEST_SUITE_P(strategies, archive, testing::ValuesIn(test::strategies()),
                         [](const auto& one) { return one.param; });

TEST_P(archive, brings_everything_to_another_network) {
    const bytes content(150'000, 7);
    const auto own = create(*alice, "Dentist"), shared = create(*alice, "Review", {"bob"}),
               gone = create(*alice, "A mistake");
    rename(*alice, own.id, "Dentist at noon");
    attach(own.id, "plan.pdf", content);
    attach(own.id, "empty.txt", {});
    must(net.run(alice->api().events.remove(alice->me(), gone.id, std::nullopt)));
    must(net.run(alice->api().contact.ask(alice->me(), "bob")));
    const auto file = save();

    auto& fresh = elsewhere();
    const auto back = must(restore(fresh, file, {password, {}}));
    EXPECT_EQ(back.name, "alice");
    EXPECT_EQ(back.events, 2U);
    EXPECT_EQ(back.files, 2U);
    EXPECT_TRUE(back.registered);
    EXPECT_EQ(back.device, device_number(2)) << "1 has given numbers";
    fresh.users.push_back(alice->me());
    EXPECT_EQ(must(fresh.api().account.resolve("alice")).id, alice->me());
    EXPECT_EQ(title(fresh, own.id), "Dentist at noon");
    EXPECT_EQ(title(fresh, shared.id), "Review");
    EXPECT_EQ(must(fresh.api().events.show(fresh.me(), shared.id)).content.participants,
              std::vector<std::string>{"bob"});
    EXPECT_EQ(must(net.run(fresh.api().past.versions(fresh.me(), own.id))).size(), 4U);
    EXPECT_EQ(must(net.run(fresh.api().past.trash(fresh.me()))).size(), 1U);
    EXPECT_EQ(net.run(fresh.api().contact.friends(fresh.me())).size(), 1U);
    EXPECT_EQ(file_of(fresh, own.id, "plan.pdf"), content);
    EXPECT_EQ(file_of(fresh, own.id, "empty.txt"), bytes());

    const auto made = create(fresh, "After the fire");
    EXPECT_EQ(made.id.device(), device_number(2));
    EXPECT_EQ(
        must(net.run(fresh.api().past.restore(fresh.me(), gone.id, std::nullopt, std::nullopt)))
            .content.title,
        "A mistake");
    EXPECT_EQ(rename(fresh, own.id, "Dentist again").version, version_number(5));
    net.stop(fresh);
    net.start(fresh);
    EXPECT_EQ(title(fresh, own.id), "Dentist again");
    EXPECT_EQ(file_of(fresh, own.id, "plan.pdf"), content);
}

/// At one moment after the other while it is made, upon which nothing of him is here any more.
TEST_P(archive, is_whole_or_refused_where_its_owner_signs_out_meanwhile) {
    const auto which = create(*alice, "Review");
    attach(which.id, "plan.pdf", bytes(1000, 7));
    std::set<bool> outcomes;
    for (int moment = 0; moment < 30; ++moment) {
        bytes_archive into;
        const auto saved = net.begin(alice->api().archive.save(alice->me(), password, into));
        net.world.settle_at_most(moment);
        must(net.run(alice->api().account.sign_out(alice->me())));
        net.until([&] { return saved->has_value(); });
        outcomes.insert((*saved)->has_value());
        if (!**saved) {
            EXPECT_EQ((*saved)->error().code, errc::unauthorised) << (*saved)->error().message();
            EXPECT_TRUE(into.all.empty());
        } else {
            EXPECT_EQ(into.all.size(), into.expected);
        }
        must(net.run(alice->api().account.sign_in("alice", password, false)));
        net.until([&] { return title(*alice, which.id) == "Review"; });
        net.world.advance(10s);  // the registry answers so many requests a minute
    }
    EXPECT_EQ(outcomes, (std::set<bool>{false, true}));
}

/// The one that comes later, at whatever moment, is refused and takes no file of the other's away.
TEST_P(archive, is_restored_once_where_it_is_given_twice) {
    const auto which = create(*alice, "Review");
    attach(which.id, "small.txt", bytes(1000, 7));
    attach(which.id, "large.bin", bytes(300'000, 8));
    const auto file = save();
    for (int moment = 0; moment < 60; moment += 4) {
        auto& fresh = elsewhere("elsewhere" + std::to_string(moment));
        test::bytes_source from(file), again(file);
        const auto first = net.begin(fresh.api().archive.restore({password, {}}, from));
        net.world.settle_at_most(moment);
        const auto second = net.run(fresh.api().archive.restore({password, {}}, again));
        net.until([&] { return first->has_value(); });
        EXPECT_TRUE(**first) << moment;
        EXPECT_FALSE(second) << moment;
        fresh.users.push_back(alice->me());
        EXPECT_EQ(file_of(fresh, which.id, "small.txt"), bytes(1000, 7)) << moment;
        EXPECT_EQ(file_of(fresh, which.id, "large.bin"), bytes(300'000, 8)) << moment;
    }
}

TEST_P(archive, an_old_one_catches_up_before_anything_is_edited) {
    const auto shared = create(*alice, "Review", {"bob"});
    const auto file = save();
    const auto later = create(*alice, "Made later");
    const auto now = rename(*alice, shared.id, "Retro");
    net.until([&] {
        return title(*bob, shared.id) == "Retro" && alice->api().info.status().outbox == 0;
    });
    auto& second = net.add_edge("second", hub);
    const auto back = must(restore(second, file, {password, {}}));
    EXPECT_FALSE(back.registered);
    EXPECT_EQ(back.device, device_number(2));
    second.users.push_back(alice->me());
    // The change waits for what was missed.
    const auto changed = rename(second, shared.id, "Planning");
    EXPECT_EQ(changed.version, now.version.next());
    net.until([&] { return title(*bob, shared.id) == "Planning"; });
    net.until([&] { return title(second, later.id) == "Made later"; });
    const auto made = create(second, "On the second");
    EXPECT_EQ(made.id.device(), device_number(2));
    net.until([&] { return title(*alice, made.id) == "On the second"; });
    EXPECT_EQ(title(*alice, shared.id), "Planning");
}

TEST_P(archive, goes_to_the_backups_of_the_new_network) {
    const auto own = create(*alice, "Dentist"), other = create(*alice, "Review");
    attach(own.id, "plan.pdf", bytes(1'000, 7));
    const auto file = save();
    node_settings with;
    with.roles = wire::role::registry | wire::role::rendezvous | wire::role::backup;
    auto& keeper = net.add("keeper", std::move(with));
    auto& fresh = net.add_edge("fresh", keeper);
    must(restore(fresh, file, {password, {}}));
    fresh.users.push_back(alice->me());
    EXPECT_TRUE(must(fresh.api().events.show(fresh.me(), own.id)).stored_on.empty())
        << "it has not said so";
    net.until([&] {
        return rows(keeper, storage::record_kind::envelope) == 2 &&
               keeper.api().info.status().files == 1 &&
               must(fresh.api().events.show(fresh.me(), other.id)).owed.empty();
    });
    const auto shown = must(net.run(fresh.api().store.show()));
    EXPECT_EQ(shown.given_events, GetParam() == "views" ? 0U : 2U) << "its voters tell of them";
    EXPECT_EQ(shown.lacking_events, 0U);
    rename(fresh, own.id, "Dentist again");
    net.until([&] { return rows(keeper, storage::record_kind::history) > 0; });
}

TEST_P(archive, small_files_come_back_in_batches) {
    const auto own = create(*alice, "Photos");
    constexpr std::size_t files = 300, size = 10'000;
    numbered_files from(files, size);
    must(net.run(alice->api().file.attach_all(alice->me(), own.id, from)));
    attach(own.id, "long", bytes(100'000, 7));
    const auto file = save();
    auto& fresh = elsewhere();
    counted_store& store = counting(fresh);
    const auto before = store.batches;
    EXPECT_EQ(must(restore(fresh, file, {password, {}})).files, files + 1);
    EXPECT_EQ(store.batches_with_files, files * size / (1U << 20) + 1);
    EXPECT_LT(store.batches - before, 50U);
    fresh.users.push_back(alice->me());
    EXPECT_EQ(file_of(fresh, own.id, "299"), bytes(size, static_cast<std::uint8_t>(299)));
    net.stop(fresh);
    net.start(fresh);
    for (std::size_t n = 0; n < files; n += 37) {
        EXPECT_EQ(file_of(fresh, own.id, std::to_string(n)),
                  bytes(size, static_cast<std::uint8_t>(n)));
    }
    EXPECT_EQ(file_of(fresh, own.id, "long"), bytes(100'000, 7));
}

TEST_P(archive, many_tiny_files_are_no_batch_without_end) {
    constexpr std::size_t files = 6'000, of_one = 500;
    for (std::size_t n = 0; n < files; n += of_one) {
        numbered_files from(of_one, 1);
        must(net.run(alice->api().file.attach_all(alice->me(), create(*alice, "Photos").id, from)));
    }
    const auto file = save();
    auto& fresh = elsewhere();
    counted_store& store = counting(fresh);
    EXPECT_EQ(must(restore(fresh, file, {password, {}})).files, files);
    EXPECT_EQ(store.batches_with_files, 2U);
}

class damaged_archive : public archive {
protected:
    void expect_nothing(test::test_network::device& at) {
        EXPECT_TRUE(at.api().account.signed_in().empty());
        for (const auto kind : {storage::record_kind::envelope, storage::record_kind::history,
                                storage::record_kind::account, storage::record_kind::file}) {
            EXPECT_EQ(rows(at, kind), 0U);
        }
        const auto size = must(at.store->measure());
        EXPECT_EQ(size.blobs + size.parts, 0U);
    }
};

INSTANTIATE_TEST_SUITE_P(strategies, damaged_archive, testing::Values("naive"),
                         [](const auto& one) { return one.param; });

TEST_P(damaged_archive, is_refused_and_leaves_nothing) {
    const auto own = create(*alice, "Dentist");
    attach(own.id, "plan.pdf", bytes(100'000, 7));
    attach(own.id, "note.txt", bytes(1'000, 7));
    attach(own.id, "empty.txt", {});
    const auto file = save();
    auto& fresh = elsewhere();
    EXPECT_EQ(restore(fresh, file, {"another long password", {}}).error().code, errc::unauthorised);
    EXPECT_EQ(restore(fresh, to_bytes("BEGIN:VCALENDAR"), {password, {}}).error().code,
              errc::malformed);
    EXPECT_EQ(restore(fresh, {}, {password, {}}).error().code, errc::malformed);
    for (std::size_t cut = 1; cut < file.size(); cut += file.size() / 7) {
        bytes part(file.begin(), file.end() - static_cast<std::ptrdiff_t>(cut));
        EXPECT_EQ(restore(fresh, std::move(part), {password, {}}).error().code, errc::malformed)
            << cut;
    }
    for (std::size_t at = 20; at < file.size(); at += file.size() / 7) {
        bytes turned = file;
        turned[at] ^= 4;
        EXPECT_EQ(restore(fresh, std::move(turned), {password, {}}).error().code, errc::malformed)
            << at;
    }
    bytes longer = file;
    longer.insert(longer.end(), file.end() - 100, file.end());
    EXPECT_EQ(restore(fresh, std::move(longer), {password, {}}).error().code, errc::malformed);
    expect_nothing(fresh);
    EXPECT_EQ(restore(*alice, file, {password, {}}).error().code, errc::already_exists);
    EXPECT_EQ(net.run(alice->api().archive.show(bob->me())).error().code, errc::unauthorised);
    bytes_archive into;
    EXPECT_EQ(net.run(alice->api().archive.save(alice->me(), "1234567890", into)).error().code,
              errc::invalid_argument);
    EXPECT_TRUE(into.all.empty());
}

TEST_P(damaged_archive, erases_what_it_had_written_and_nothing_else) {
    const auto own = create(*alice, "Photos");
    constexpr std::size_t files = 120, size = 10'000;
    numbered_files from(files, size);
    must(net.run(alice->api().file.attach_all(alice->me(), own.id, from)));
    auto file = save();
    file[file.size() - 5] ^= 4;
    auto& fresh = elsewhere();
    counted_store& store = counting(fresh);
    const auto before = store.batches;
    EXPECT_EQ(restore(fresh, std::move(file), {password, {}}).error().code, errc::malformed);
    EXPECT_EQ(store.batches_with_files, 1U);
    EXPECT_GT(store.batches - before, 90U) << "one for each of them that goes";
    EXPECT_LT(store.batches - before, 110U) << "what was never written is not erased";
    expect_nothing(fresh);
}

TEST_P(damaged_archive, is_not_mixed_up_with_somebody_else_of_that_name) {
    create(*alice, "Dentist");
    const auto file = save();
    auto& fresh = elsewhere();
    must(net.run(fresh.api().account.sign_in("alice", "the other one's password", true)));
    EXPECT_EQ(restore(fresh, file, {password, {}}).error().code, errc::unauthorised);
    EXPECT_EQ(restore(fresh, file, {password, "the other one's password"}).error().code,
              errc::mismatch);
    EXPECT_EQ(rows(fresh, storage::record_kind::envelope), 0U);
}

TEST_P(damaged_archive, may_have_a_password_of_its_own) {
    const auto own = create(*alice, "Dentist");
    bytes_archive into;
    must(net.run(alice->api().archive.save(alice->me(), "only for this archive", into)));
    auto& second = net.add_edge("second", hub);
    EXPECT_EQ(restore(second, into.all, {"only for this archive", {}}).error().code,
              errc::unauthorised);
    must(restore(second, into.all, {"only for this archive", password}));
    second.users.push_back(alice->me());
    EXPECT_EQ(title(second, own.id), "Dentist");
}

}  // namespace
}  // namespace calbox::node
