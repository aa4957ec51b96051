// The storage plugin `sqlite` on a disk that loses power, fails and runs full: whatever happens, an
// acknowledged batch and a finished file are there afterwards, and nothing is there by half.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "lab/sim/chance.hpp"
#include "lab/sim/disk_mount.hpp"
#include "sim/careless_files.hpp"

namespace calbox::lab::power_cuts {
namespace {

using storage::batch;
using storage::durability;
using storage::record_kind;

constexpr std::uint64_t blobs_max = 40;

file_root root_of(std::uint64_t n) {
    file_root root;
    root.value[0] = static_cast<std::uint8_t>(n % 4);  // some share a folder
    root.value[1] = static_cast<std::uint8_t>(n);
    root.value[2] = static_cast<std::uint8_t>(n >> 8);
    root.value[31] = 1;
    return root;
}

bytes blob_of(std::uint64_t n) {
    seeded content(n + 1, "blob");
    bytes data(content.below(4) == 0 ? content.below(30'000) : content.below(2'000));
    content.fill(data);
    return data;
}

/// One device over many lives: what it was told is kept beside it, and compared after each. The
/// first problem ends it.
class device {
public:
    struct settings {
        std::uint64_t seed = 0;
        bool faults = false;
        left_out careless = left_out::nothing;
    };
    explicit device(settings with)
        : with_(std::move(with)), chance_(with_.seed, "device"), disk_luck_(with_.seed, "disk") {}

    void live(int power_cuts) {
        while (problem_.empty() && static_cast<int>(disk_.power_cuts()) < power_cuts) {
            one_life();
        }
    }

    const std::string& problem() const noexcept { return problem_; }
    std::uint64_t trace() const noexcept { return disk_.trace(); }
    std::uint64_t power_cuts() const noexcept { return disk_.power_cuts(); }
    std::uint64_t acknowledged = 0, finished = 0, small = 0, uncertain = 0, survived = 0,
                  failures = 0;

private:
    using key = std::pair<record_kind, bytes>;
    using table = std::map<key, bytes>;
    enum class blob_state { absent, unknown, finished };

    void one_life();
    void act();
    void apply();
    void put_blob();
    void put_small();
    bool write_blob(const file_root& root, const bytes& data);
    void remove_blob();
    void set_aside();
    void verify(bool reopened);
    void verify_records(bool reopened);
    void verify_blobs();
    bool open();
    void end_life();
    void say(const std::string& what) {
        if (problem_.empty()) {
            problem_ = what + " (life " + std::to_string(lives_) + ")";
        }
    }
    /// A call did not succeed: it may, when the power went or when faults are on.
    void failed(const error& why, const std::string& what);
    static void put(table& into, const batch& writes);
    void put_files(const batch& writes);

    settings with_;
    seeded chance_, disk_luck_;
    disk disk_{disk_luck_};
    std::unique_ptr<mounted_disk> mount_;
    std::unique_ptr<careless_files> careless_;
    std::unique_ptr<storage::store> store_;
    table records_;
    std::vector<batch> unsure_;  // since the last acknowledged one: at most one of them is there
    std::map<std::uint64_t, blob_state> blobs_;
    std::set<std::uint64_t> aside_;  // that have not been touched since
    std::string problem_;
    int lives_ = 0;
};

void device::failed(const error& why, const std::string& what) {
    ++failures;
    const bool excused = mount_->revoked() || with_.faults;
    const bool named = why.code == errc::io_failed || (why.code == errc::disk_full && with_.faults);
    if (!excused || !named) {
        say(what + " failed: " + why.message());
    }
}

void device::put(table& into, const batch& writes) {
    for (const auto& one : writes.writes) {
        if (one.value) {
            into[{one.kind, one.key}] = *one.value;
        } else {
            into.erase({one.kind, one.key});
        }
    }
}

void device::apply() {
    constexpr std::array used{record_kind::envelope, record_kind::stream, record_kind::outbox};
    batch writes;
    const std::uint64_t count = 1 + chance_.below(6);
    for (std::uint64_t i = 0; i < count; ++i) {
        const record_kind kind = used[chance_.below(used.size())];
        bytes name(1 + chance_.below(8), static_cast<std::uint8_t>(chance_.below(64)));
        if (chance_.happens(150)) {
            writes.erase(kind, std::move(name));
            continue;
        }
        bytes value(chance_.happens(30) ? chance_.below(40'000) : chance_.below(1'200));
        chance_.fill(value);
        writes.put(kind, std::move(name), std::move(value));
    }
    const auto done = store_->records().apply(writes);
    if (done) {
        ++acknowledged;
        put(records_, writes);
        unsure_.clear();
        return;
    }
    unsure_.push_back(std::move(writes));
    failed(done.error(), "a batch");
}

/// As the transfer of a file does it: what an earlier attempt left is looked at, not trusted.
bool device::write_blob(const file_root& root, const bytes& data) {
    auto& blobs = store_->blobs();
    const auto length = blobs.open_part(root);
    if (!length) {
        failed(length.error(), "opening a part");
        return false;
    }
    std::vector<std::size_t> pieces;
    for (std::size_t at = 0; at < data.size(); at += 4096) {
        const std::size_t size = std::min<std::size_t>(4096, data.size() - at);
        const auto there = blobs.read_part(root, at, size);
        if (!there || byte_view(*there).size() != size ||
            !std::equal(there->begin(), there->end(),
                        data.begin() + static_cast<std::ptrdiff_t>(at))) {
            pieces.push_back(at);
        }
    }
    while (!pieces.empty()) {
        const auto next =
            pieces.begin() + static_cast<std::ptrdiff_t>(chance_.below(pieces.size()));
        const std::size_t at = *next;
        pieces.erase(next);
        const byte_view piece =
            byte_view(data).subspan(at, std::min<std::size_t>(4096, data.size() - at));
        const auto done = blobs.write_part(root, at, piece);
        if (!done) {
            failed(done.error(), "writing a part");
            return false;
        }
    }
    return true;
}

void device::put_blob() {
    const std::uint64_t n = chance_.below(blobs_max);
    const file_root root = root_of(n);
    aside_.erase(n);
    auto& state = blobs_[n];
    const bool renamed = chance_.happens(300);
    const file_root written = renamed ? root_of(1000 + n) : root;
    if (!write_blob(written, blob_of(n)) || chance_.happens(200)) {
        return;
    }
    if (renamed) {
        const auto done = store_->blobs().rename_part(written, root);
        if (!done) {
            failed(done.error(), "renaming a part");
            return;
        }
    }
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto done = store_->blobs().finish(root);
        if (done) {
            ++finished;
            state = blob_state::finished;
            return;
        }
        if (state != blob_state::finished) {
            state = blob_state::unknown;
        }
        // The host tries again with what is there: the part may have gone.
        if (done.error().code != errc::not_found) {
            failed(done.error(), "finishing a file");
        }
        if (mount_->revoked() || done.error().code == errc::not_found) {
            return;
        }
    }
}

/// Small files, each with its record: all of them or none.
void device::put_small() {
    batch writes;
    const std::uint64_t count = 1 + chance_.below(5);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t n = chance_.below(blobs_max);
        bytes value(8);  // another one each time, so that it can be told which batch is there
        chance_.fill(value);
        aside_.erase(n);
        writes.put(record_kind::file, to_bytes(root_of(n).view()), std::move(value));
        writes.put_blob(root_of(n), blob_of(n));
    }
    const auto done = store_->records().apply(writes);
    if (done) {
        ++acknowledged;
        small += count;
        put(records_, writes);
        unsure_.clear();
        put_files(writes);
        return;
    }
    unsure_.push_back(std::move(writes));
    failed(done.error(), "a batch of small files");
}

void device::put_files(const batch& writes) {
    for (std::uint64_t n = 0; n < blobs_max; ++n) {
        for (const auto& blob : writes.blobs) {
            if (blob.root == root_of(n)) {
                blobs_[n] = blob_state::finished;
            }
        }
    }
}

void device::remove_blob() {
    const std::uint64_t n = chance_.below(blobs_max);
    blobs_[n] = blob_state::unknown;
    aside_.erase(n);
    if (const auto done = store_->blobs().remove(root_of(n)); !done) {
        failed(done.error(), "removing a file");
    }
}

/// As where a file's record is damaged, and its bytes are good.
void device::set_aside() {
    const std::uint64_t n = chance_.below(blobs_max);
    if (blobs_[n] != blob_state::finished) {
        return;
    }
    blobs_[n] = blob_state::unknown;
    if (!with_.faults) {  // else what cannot be read now is left where it is
        aside_.insert(n);
    }
    if (const auto done = store_->blobs().set_aside(root_of(n), {}); !done) {
        failed(done.error(), "setting a file aside");
    }
}

/// What failed is not seen by the process that it failed for; the next one may see it.
void device::verify_records(bool reopened) {
    table found;
    for (std::size_t kind = 0; kind < storage::record_kinds; ++kind) {
        const auto done = store_->records().scan(
            static_cast<record_kind>(kind), {}, {}, [&](byte_view name, byte_view value) {
                found[{static_cast<record_kind>(kind), to_bytes(name)}] = to_bytes(value);
                return true;
            });
        if (!done) {
            failed(done.error(), "reading the records");
            return;
        }
    }
    if (!reopened) {
        if (found != records_) {
            say("the records are not the acknowledged ones");
        }
        return;
    }
    uncertain += unsure_.empty() ? 0 : 1;
    if (found == records_) {
        unsure_.clear();
        return;
    }
    for (const auto& one : unsure_) {
        table with = records_;
        put(with, one);
        if (found == with) {
            ++survived;
            records_ = std::move(found);
            put_files(one);
            unsure_.clear();
            return;
        }
    }
    say("the records are neither the acknowledged ones nor those and one batch more");
}

void device::verify_blobs() {
    for (auto& [n, state] : blobs_) {
        const auto length = store_->blobs().length(root_of(n));
        if (!length) {
            failed(length.error(), "looking at a file");
            return;
        }
        if (!*length) {
            if (state == blob_state::finished) {
                say("a finished file is gone");
            }
            const bytes all = blob_of(n);
            const auto part = aside_.contains(n)
                                  ? store_->blobs().read_part(root_of(n), 0, all.size())
                                  : result<bytes>(all);
            if (!part && mount_->revoked()) {
                failed(part.error(), "reading a part");
            } else if (!part || *part != all) {
                say("a file that was set aside is gone");
            }
            continue;
        }
        if (state == blob_state::absent) {
            say("a file is there that was never finished");
        }
        const auto data = store_->blobs().read(root_of(n), 0, static_cast<std::size_t>(**length));
        if (!data) {
            failed(data.error(), "reading a file");
            return;
        }
        if (*data != blob_of(n)) {
            say("a file is not what was finished");
        }
    }
}

void device::verify(bool reopened) {
    verify_records(reopened);
    verify_blobs();
    const auto report = store_->check();
    if (!report) {
        failed(report.error(), "the check");
    } else if (!report->sound) {
        say(report->text);
    }
}

bool device::open() {
    mount_ = disk_.mount();
    careless_ = std::make_unique<careless_files>(*mount_, with_.careless);
    auto opened = with_.careless == left_out::nothing ? mount_->open_store()
                  : with_.careless == left_out::syncing_batches
                      ? mount_->open_store({.durable = durability::normal})
                      : storage::sqlite_store::open(*careless_, disk::home);
    if (!opened) {
        failed(opened.error(), "opening");
        return false;
    }
    store_ = std::move(*opened);
    return true;
}

void device::end_life() {
    if (chance_.happens(300) && !mount_->revoked()) {
        mount_->revoke();  // killed
    }
    store_.reset();  // in order, unless it was killed or the power went
}

void device::act() {
    const std::uint64_t drawn = chance_.below(100);
    if (drawn < 45) {
        apply();
    } else if (drawn < 65) {
        put_small();
    } else if (drawn < 95) {
        put_blob();
    } else if (drawn < 97) {
        remove_blob();
    } else if (drawn < 98) {
        set_aside();
    } else {
        verify(false);
    }
}

void device::one_life() {
    ++lives_;
    if (with_.faults) {
        // The first opening after a while is spared: a disk that is broken for good tells nothing.
        const bool calm = lives_ % 3 == 0;
        disk_.fail_at_random(disk_operation::read, calm ? 0 : 300);
        disk_.fail_at_random(disk_operation::write, calm ? 0 : 3'000);
        disk_.fail_at_random(disk_operation::sync, calm ? 0 : 30'000);
        disk_.fail_at_random(disk_operation::name, calm ? 0 : 5'000);
        disk_.set_capacity(calm || chance_.happens(500) ? UINT64_MAX
                                                        : disk_.used() + chance_.below(200'000));
    }
    // Few or many operations: the end may come while the store is being opened, too.
    const std::uint64_t operations = 1 + chance_.below(chance_.happens(500) ? 30 : 400);
    const std::uint64_t end = chance_.below(10);
    disk_.cut_power_in(end < 6 ? operations : 0);
    disk_.kill_in(end == 6 || end == 7 ? operations : 0);
    if (!open()) {
        return;
    }
    verify(true);
    const std::uint64_t actions = chance_.below(25);
    for (std::uint64_t i = 0; i < actions && !mount_->revoked() && problem_.empty(); ++i) {
        act();
    }
    end_life();
}

bool large_numbers() {
    const char* asked = std::getenv("CALBOX_CHECK_RELEASE");
    return asked != nullptr && std::string_view(asked) == "1";
}

struct sums {
    std::uint64_t cuts = 0, acknowledged = 0, finished = 0, small = 0, uncertain = 0, survived = 0,
                  failures = 0;
};

/// Devices of 25 power cuts each, until there were `cuts`.
sums run(std::uint64_t cuts, bool faults) {
    sums all;
    for (std::uint64_t seed = 1; all.cuts < cuts; ++seed) {
        device one({seed, faults, left_out::nothing});
        one.live(25);
        if (!one.problem().empty()) {
            ADD_FAILURE() << one.problem() << ", seed " << seed;
            break;
        }
        all.cuts += one.power_cuts();
        all.acknowledged += one.acknowledged;
        all.finished += one.finished;
        all.small += one.small;
        all.uncertain += one.uncertain;
        all.survived += one.survived;
        all.failures += one.failures;
    }
    std::printf(
        "%llu power cuts: %llu acknowledged batches, %llu finished files and %llu that came with a "
        "batch, none lost; of %llu unacknowledged batches %llu survived\n",
        static_cast<unsigned long long>(all.cuts),
        static_cast<unsigned long long>(all.acknowledged),
        static_cast<unsigned long long>(all.finished), static_cast<unsigned long long>(all.small),
        static_cast<unsigned long long>(all.uncertain),
        static_cast<unsigned long long>(all.survived));
    return all;
}

TEST(power_cut, nothing_acknowledged_is_lost) {
    const sums all = run(large_numbers() ? 50'000 : 1'000, false);
    EXPECT_GT(all.acknowledged, all.cuts);
    EXPECT_GT(all.finished, all.cuts / 4);
    EXPECT_GT(all.small, all.cuts / 4);
    EXPECT_GT(all.survived, all.cuts / 100) << "an unacknowledged batch may also be there";
    EXPECT_LT(all.survived, all.uncertain);
}

TEST(power_cut, nothing_acknowledged_is_lost_on_a_failing_disk_either) {
    const sums all = run(large_numbers() ? 50'000 : 1'000, true);
    EXPECT_GT(all.acknowledged, all.cuts);
    EXPECT_GT(all.failures, 2 * all.cuts) << "the disk did not fail often";
}

constexpr std::array changes{disk_operation::write, disk_operation::sync, disk_operation::name};

/// Writes a record and finishes a file, or brings a small one with it, as often as it takes; cuts
/// the power; what is wrong then.
std::string tell_at_last(disk& device, bool is_small) {
    batch record;
    record.put(record_kind::meta, to_bytes("a"), to_bytes("1"));
    const bytes data = blob_of(1);
    if (is_small) {
        record.put_blob(root_of(1), data);
    }
    bool told = false;
    for (int attempt = 0; attempt < 4 && !told; ++attempt) {
        const auto mount = device.mount();
        const auto store = mount->open_store();
        if (!store) {
            continue;
        }
        auto& blobs = (*store)->blobs();
        const auto there = blobs.length(root_of(1));
        const bool complete =
            there &&
            (*there || (blobs.open_part(root_of(1)) && blobs.write_part(root_of(1), 0, data)));
        told = (is_small || (complete && blobs.finish(root_of(1)))) &&
               (*store)->records().apply(record);
        if (told) {
            device.power_cut();
        }
    }
    for (const auto what : changes) {
        device.fail_next(what, 0);
    }
    device.kill_in(0);
    const auto mount = device.mount();
    const auto store = mount->open_store();
    if (!told || !store) {
        return told ? store.error().message() : "it never succeeded";
    }
    const auto value = (*store)->records().get(record_kind::meta, as_bytes("a"));
    if (!value || *value != to_bytes("1")) {
        return "the record is gone";
    }
    const auto read = (*store)->blobs().read(root_of(1), 0, data.size());
    return !read ? read.error().message() : *read == data ? "" : "the file has other bytes";
}

void tell_after_every_fault(bool is_small) {
    seeded luck(1);
    disk calm(luck);
    ASSERT_EQ(tell_at_last(calm, is_small), "");
    std::uint64_t all = 0;
    for (const auto what : changes) {
        all += calm.count(what);
    }
    ASSERT_GT(all, 50U);
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        // A kill, and an error of each kind, at each step in turn.
        for (std::uint64_t at = 1; at <= all; ++at) {
            seeded chance(seed);
            disk device(chance);
            device.kill_in(at);
            ASSERT_EQ(tell_at_last(device, is_small), "") << "killed in operation " << at;
        }
        for (const auto what : changes) {
            for (std::uint64_t at = 0; at < calm.count(what); ++at) {
                seeded chance(seed);
                disk device(chance);
                device.fail_next(what, 1, at);
                ASSERT_EQ(tell_at_last(device, is_small), "")
                    << "operation " << at << " of kind " << static_cast<int>(what) << " failed";
            }
        }
    }
}

TEST(power_cut, what_was_told_after_a_kill_or_an_error_is_there) { tell_after_every_fault(false); }

TEST(power_cut, small_files_that_were_told_after_a_kill_or_an_error_are_there) {
    tell_after_every_fault(true);
}

TEST(power_cut, a_small_file_that_could_not_be_removed_is_there_when_it_was_finished_again) {
    batch small;
    small.put_blob(root_of(1), blob_of(1));
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            const auto store = mount->open_store();
            ASSERT_TRUE(store);
            ASSERT_TRUE((*store)->records().apply(small));
            device.fail_next(disk_operation::sync, 1);
            ASSERT_FALSE((*store)->blobs().remove(root_of(1)));
            if (seed % 3 == 0) {
                ASSERT_TRUE((*store)->records().apply(small));
            } else {
                ASSERT_TRUE((*store)->blobs().finish(root_of(1)));
            }
            mount->revoke();
        }
        if (seed % 2 == 0) {
            device.power_cut();
        }
        const auto mount = device.mount();
        const auto store = mount->open_store();
        ASSERT_TRUE(store);
        const auto read = (*store)->blobs().read(root_of(1), 0, blob_of(1).size());
        ASSERT_TRUE(read) << read.error().message() << ", seed " << seed;
        EXPECT_EQ(*read, blob_of(1));
    }
}

TEST(power_cut, a_failed_batch_does_not_come_back_after_a_later_one) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        seeded chance(seed);
        disk device(chance);
        batch writes, nothing_to_do;
        writes.put(record_kind::meta, to_bytes("a"), to_bytes("1"));
        nothing_to_do.erase(record_kind::meta, to_bytes("a"));
        {
            const auto mount = device.mount();
            const auto store = mount->open_store();
            ASSERT_TRUE(store);
            device.fail_next(disk_operation::sync, 1);
            ASSERT_FALSE((*store)->records().apply(writes));
            EXPECT_FALSE((*store)->records().get(record_kind::meta, as_bytes("a")).value());
            ASSERT_TRUE((*store)->records().apply(nothing_to_do));
            mount->revoke();
        }
        if (seed % 2 == 0) {
            device.power_cut();
        }
        const auto mount = device.mount();
        const auto store = mount->open_store();
        ASSERT_TRUE(store);
        EXPECT_FALSE((*store)->records().get(record_kind::meta, as_bytes("a")).value())
            << "it was erased, seed " << seed;
    }
}

TEST(power_cut, a_part_that_can_be_neither_synced_nor_removed_is_not_trusted) {
    const bytes data = blob_of(1);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        seeded chance(seed);
        disk device(chance);
        const file_root first = seed % 2 == 0 ? root_of(1) : root_of(1001);
        {
            const auto mount = device.mount();
            const auto store = mount->open_store();
            ASSERT_TRUE(store);
            auto& blobs = (*store)->blobs();
            ASSERT_TRUE(blobs.open_part(first));
            ASSERT_TRUE(blobs.write_part(first, 0, data));
            device.fail_next(disk_operation::sync, 1);
            device.fail_next(disk_operation::name, 1);
            ASSERT_EQ(blobs.finish(first).error().code, errc::io_failed);
            if (first != root_of(1)) {
                EXPECT_EQ(blobs.rename_part(first, root_of(1)).error().code, errc::not_found);
            }
            EXPECT_EQ(blobs.finish(root_of(1)).error().code, errc::not_found);
            ASSERT_EQ(blobs.open_part(root_of(1)).value(), 0U) << "it is to be written anew";
            ASSERT_TRUE(blobs.write_part(root_of(1), 0, data));
            ASSERT_TRUE(blobs.finish(root_of(1)));
            device.power_cut();
        }
        const auto mount = device.mount();
        const auto store = mount->open_store();
        ASSERT_TRUE(store);
        EXPECT_EQ((*store)->blobs().read(root_of(1), 0, data.size()).value(), data);
    }
}

/// A disk with a store of an older layout, which holds one record.
disk::image older_store() {
    seeded chance(1);
    disk device(chance);
    const auto mount = device.mount();
    {
        const auto store = mount->open_store();
        batch writes;
        writes.put(record_kind::meta, to_bytes("a"), to_bytes("1"));
        EXPECT_TRUE(store && (*store)->records().apply(writes));
    }
    SQLite::Database database(std::string(disk::home) + "/calbox.db", SQLite::OPEN_READWRITE, 0,
                              mount->database_vfs());
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("DROP TABLE overlay");
    database.exec("PRAGMA user_version = 0");
    return device.snapshot();
}

TEST(power_cut, a_migration_is_done_or_begun_anew_wherever_it_was_cut) {
    const disk::image older = older_store();
    bool reached = false;
    for (std::uint64_t at = 1; !reached; ++at) {
        ASSERT_LT(at, 1000U);
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            seeded chance(seed);
            disk device(chance);
            device.restore(older);
            device.cut_power_in(at);
            (void)device.mount()->open_store();
            reached = device.power_cuts() == 0;
            device.cut_power_in(0);
            const auto mount = device.mount();
            const auto store = mount->open_store();
            ASSERT_TRUE(store) << store.error().message() << ", cut in operation " << at;
            EXPECT_EQ((*store)->records().get(record_kind::meta, as_bytes("a")).value(),
                      to_bytes("1"));
            EXPECT_TRUE((*store)->check()->sound);
            const auto copy = mount->length(std::string(disk::home) + "/calbox.db.v0");
            EXPECT_GT(copy->value_or(0), 0U) << "no copy, cut in operation " << at;
        }
    }
}

TEST(power_cut, one_seed_gives_one_history) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        device first({seed, true, left_out::nothing}), second({seed, true, left_out::nothing});
        first.live(10);
        second.live(10);
        EXPECT_EQ(first.trace(), second.trace());
    }
}

// What follows shows that the tests above would notice.

/// The problem of the first device that has one.
std::string found_with(left_out careless, bool faults = false) {
    std::uint64_t cuts = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        device one({seed, faults, careless});
        one.live(25);
        cuts += one.power_cuts();
        if (!one.problem().empty()) {
            std::printf("found in power cut %llu: %s\n", static_cast<unsigned long long>(cuts),
                        one.problem().c_str());
            return one.problem();
        }
    }
    return "";
}

TEST(power_cut, a_store_that_does_not_sync_each_batch_is_found_out) {
    EXPECT_NE(found_with(left_out::syncing_batches).find("the records are neither"),
              std::string::npos);
}

TEST(power_cut, a_store_that_does_not_sync_files_is_found_out) {
    EXPECT_NE(found_with(left_out::syncing_files).find("a file is not what was finished"),
              std::string::npos);
}

TEST(power_cut, a_store_that_does_not_sync_names_is_found_out) {
    EXPECT_NE(found_with(left_out::syncing_names), "");
}

TEST(power_cut, a_store_that_trusts_the_log_of_a_killed_process_is_found_out) {
    EXPECT_NE(found_with(left_out::securing_the_log), "");
    EXPECT_NE(found_with(left_out::securing_the_log, true), "");
}

}  // namespace
}  // namespace calbox::lab::power_cuts
