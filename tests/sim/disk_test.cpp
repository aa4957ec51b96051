// The simulated disk itself: what it keeps, what it loses, and how it fails.
#include <gtest/gtest.h>

#include <set>

#include "lab/sim/chance.hpp"
#include "lab/sim/disk_mount.hpp"

namespace calbox::lab {
namespace {

using opening = storage::file_system::opening;

constexpr std::size_t sector = cached_bytes::sector_bytes;

void write_file(mounted_disk& on, const std::string& path, std::string_view text, bool durable) {
    const auto opened = on.open(path, opening::make);
    ASSERT_TRUE(opened) << opened.error().message();
    ASSERT_TRUE((*opened)->write(0, as_bytes(text)));
    if (durable) {
        ASSERT_TRUE((*opened)->sync());
    }
}

/// Nothing when there is no such file.
std::optional<std::string> contents(mounted_disk& on, const std::string& path) {
    const auto opened = on.open(path, opening::existing);
    if (!opened) {
        return std::nullopt;
    }
    std::string text(static_cast<std::size_t>((*opened)->length().value()), '\0');
    const auto got =
        (*opened)->read(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    return got ? std::optional(text.substr(0, *got)) : std::nullopt;
}

TEST(disk, what_was_synced_stays_and_what_was_not_may_go) {
    std::set<std::string> seen;
    int named = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            write_file(*mount, "/data/kept", "first", true);
            ASSERT_TRUE(mount->sync_directory("/data"));
            write_file(*mount, "/data/kept", "later", false);
            write_file(*mount, "/data/new", "new", true);
            device.power_cut();
            EXPECT_TRUE(mount->revoked());
        }
        const auto mount = device.mount();
        const auto kept = contents(*mount, "/data/kept");
        ASSERT_TRUE(kept) << "a durable name went, seed " << seed;
        seen.insert(*kept);
        const auto fresh = contents(*mount, "/data/new");
        named += fresh ? 1 : 0;
        EXPECT_TRUE(!fresh || *fresh == "new") << *fresh;
    }
    EXPECT_TRUE(seen.contains("first") && seen.contains("later"));
    EXPECT_TRUE(named > 50 && named < 150) << named << " of 200 unsynced names survived";
}

TEST(disk, sectors_survive_one_by_one_and_may_be_torn) {
    int all = 0, none = 0, mixed = 0, torn = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        seeded chance(seed);
        disk device(chance);
        const std::string old(8 * sector, 'a');
        {
            const auto mount = device.mount();
            write_file(*mount, "/data/file", old, true);
            ASSERT_TRUE(mount->sync_directory("/data"));
            write_file(*mount, "/data/file", std::string(8 * sector, 'b'), false);
            device.power_cut();
        }
        const auto mount = device.mount();
        const auto left = contents(*mount, "/data/file");
        ASSERT_TRUE(left && left->size() == old.size());
        int kept = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            const std::string one = left->substr(i * sector, sector);
            const bool whole = one.find_first_not_of(one[0]) == std::string::npos;
            torn += whole ? 0 : 1;
            kept += one[0] == 'b' && whole ? 1 : 0;
            ASSERT_EQ(one.find_first_not_of("ab"), std::string::npos);
        }
        ++(kept == 8 ? all : kept == 0 ? none : mixed);
    }
    EXPECT_TRUE(all > 30 && none > 30 && mixed > 30 && torn > 10)
        << all << " whole, " << none << " lost, " << mixed << " mixed, " << torn << " torn";
}

TEST(disk, a_later_write_may_survive_without_an_earlier_one) {
    bool reordered = false, in_order = false;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            write_file(*mount, "/data/a", "1", true);
            write_file(*mount, "/data/b", "1", true);
            ASSERT_TRUE(mount->sync_directory("/data"));
            write_file(*mount, "/data/a", "2", false);
            write_file(*mount, "/data/b", "2", false);
            device.power_cut();
        }
        const auto mount = device.mount();
        const auto a = contents(*mount, "/data/a"), b = contents(*mount, "/data/b");
        ASSERT_TRUE(a && b);
        reordered = reordered || (*a == "1" && *b == "2");
        in_order = in_order || (*a == "2" && *b == "1");
    }
    EXPECT_TRUE(reordered && in_order);
}

TEST(disk, a_rename_happens_wholly_or_not_at_all) {
    int moved = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            ASSERT_TRUE(mount->make_directory("/data/parts"));
            ASSERT_TRUE(mount->make_directory("/data/files"));
            ASSERT_TRUE(mount->sync_directory("/data"));
            write_file(*mount, "/data/parts/x", "text", true);
            ASSERT_TRUE(mount->sync_directory("/data/parts"));
            ASSERT_TRUE(mount->rename("/data/parts/x", "/data/files/x"));
            if (seed % 2 == 0) {
                ASSERT_TRUE(mount->sync_directory("/data/files"));
            }
            device.power_cut();
        }
        const auto mount = device.mount();
        const bool before = contents(*mount, "/data/parts/x") == "text";
        const bool after = contents(*mount, "/data/files/x") == "text";
        ASSERT_NE(before, after) << "seed " << seed;
        ASSERT_TRUE(after || seed % 2 == 1) << "it was durable, seed " << seed;
        moved += after && seed % 2 == 1 ? 1 : 0;
    }
    EXPECT_TRUE(moved > 10 && moved < 40) << moved;
}

TEST(disk, a_directory_that_is_lost_takes_its_files) {
    bool lost = false, kept = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            ASSERT_TRUE(mount->make_directory("/data/folder"));
            write_file(*mount, "/data/folder/x", "text", true);
            ASSERT_TRUE(mount->sync_directory("/data/folder"));
            device.power_cut();
        }
        const bool there = contents(*device.mount(), "/data/folder/x").has_value();
        (there ? kept : lost) = true;
        EXPECT_EQ(device.used(), there ? sector : 0);
    }
    EXPECT_TRUE(lost && kept);
}

TEST(disk, a_removed_name_may_come_back) {
    int back = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            write_file(*mount, "/data/x", "secret", true);
            ASSERT_TRUE(mount->sync_directory("/data"));
            ASSERT_TRUE(mount->remove("/data/x"));
            ASSERT_FALSE(contents(*mount, "/data/x"));
            ASSERT_EQ(device.used(), 0U);
            ASSERT_TRUE(device.contains("secret")) << "a power cut can bring it back";
            if (seed % 2 == 0) {
                ASSERT_TRUE(mount->sync_directory("/data"));
                ASSERT_FALSE(device.contains("secret"));
            }
            device.power_cut();
        }
        const auto left = contents(*device.mount(), "/data/x");
        ASSERT_TRUE(!left || (*left == "secret" && seed % 2 == 1));
        back += left ? 1 : 0;
    }
    EXPECT_GT(back, 5);
}

TEST(disk, an_overwritten_secret_is_found_until_it_is_gone_from_the_platter) {
    seeded chance(1);
    disk device(chance);
    const auto mount = device.mount();
    const std::string across = std::string(sector - 3, '.') + "secret";
    write_file(*mount, "/data/x", across, true);
    EXPECT_TRUE(device.contains("secret"));
    write_file(*mount, "/data/x", std::string(across.size(), '.'), false);
    EXPECT_TRUE(device.contains("secret"));
    const auto opened = mount->open("/data/x", opening::existing);
    ASSERT_TRUE((*opened)->sync());
    EXPECT_FALSE(device.contains("secret"));
    EXPECT_FALSE(device.contains("sec ret"));
}

TEST(disk, a_killed_process_has_no_hands_and_leaves_what_it_wrote) {
    seeded chance(1);
    disk device(chance);
    const auto before = device.mount();
    const auto held = before->lock("/data/lock");
    ASSERT_TRUE(held);
    write_file(*before, "/data/x", "text", false);
    const auto opened = before->open("/data/x", opening::existing);
    EXPECT_EQ(device.mount()->lock("/data/lock").error().code, errc::busy);
    before->revoke();
    const std::uint64_t trace = device.trace();
    EXPECT_EQ((*opened)->write(0, as_bytes("other")).error().code, errc::io_failed);
    EXPECT_EQ((*opened)->sync().error().code, errc::io_failed);
    EXPECT_EQ((*opened)->length().error().code, errc::io_failed);
    EXPECT_EQ(before->open("/data/y", opening::make).error().code, errc::io_failed);
    EXPECT_EQ(before->rename("/data/x", "/data/y").error().code, errc::io_failed);
    EXPECT_EQ(before->remove("/data/x").error().code, errc::io_failed);
    EXPECT_EQ(before->length("/data/x").error().code, errc::io_failed);
    EXPECT_EQ(before->sync_directory("/data").error().code, errc::io_failed);
    EXPECT_EQ(device.trace(), trace) << "something was changed";
    const auto after = device.mount();
    EXPECT_EQ(contents(*after, "/data/x"), "text");
    EXPECT_TRUE(after->lock("/data/lock")) << "the lock went with the process";
}

TEST(disk, errors_come_when_they_are_asked_for) {
    seeded chance(1);
    disk device(chance);
    const auto mount = device.mount();
    write_file(*mount, "/data/x", "text", true);
    const auto opened = mount->open("/data/x", opening::existing);
    bytes room(4);
    device.fail_next(disk_operation::read, 2);
    EXPECT_EQ((*opened)->read(0, room).error().code, errc::io_failed);
    EXPECT_EQ((*opened)->read(0, room).error().code, errc::io_failed);
    EXPECT_EQ((*opened)->read(0, room).value(), 4U);
    device.fail_next(disk_operation::write, 1);
    EXPECT_EQ((*opened)->write(0, as_bytes("next")).error().code, errc::io_failed);
    EXPECT_EQ(contents(*mount, "/data/x"), "text");
    device.fail_next(disk_operation::name, 1);
    EXPECT_EQ(mount->rename("/data/x", "/data/y").error().code, errc::io_failed);
    EXPECT_EQ(contents(*mount, "/data/x"), "text");
    device.fail_at_random(disk_operation::write, 500'000);
    int failed = 0;
    for (int i = 0; i < 1000; ++i) {
        failed += (*opened)->write(0, as_bytes("text")) ? 0 : 1;
    }
    EXPECT_TRUE(failed > 400 && failed < 600) << failed;
}

TEST(disk, an_fsync_after_a_failed_one_brings_nothing_back) {
    int lost = 0, forgotten = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        seeded chance(seed);
        disk device(chance);
        {
            const auto mount = device.mount();
            write_file(*mount, "/data/x", "first", true);
            ASSERT_TRUE(mount->sync_directory("/data"));
            write_file(*mount, "/data/x", "later", false);
            const auto opened = mount->open("/data/x", opening::existing);
            device.fail_next(disk_operation::sync, 1);
            ASSERT_FALSE((*opened)->sync());
            ASSERT_TRUE((*opened)->sync());
            forgotten += contents(*mount, "/data/x") == "first" ? 1 : 0;
            if (seed % 2 == 0) {
                ASSERT_TRUE((*opened)->write(0, as_bytes("later")));
                ASSERT_TRUE((*opened)->sync());
            }
            device.power_cut();
        }
        const bool gone = contents(*device.mount(), "/data/x") == "first";
        ASSERT_FALSE(gone && seed % 2 == 0) << "it was written again, seed " << seed;
        lost += gone ? 1 : 0;
    }
    EXPECT_GT(lost, 10);
    EXPECT_GT(forgotten, 10);
}

TEST(disk, a_full_disk_takes_what_fits_and_has_room_again_after_a_removal) {
    seeded chance(1);
    disk device(chance);
    const auto mount = device.mount();
    device.set_capacity(4 * sector);
    write_file(*mount, "/data/x", std::string(3 * sector, 'x'), true);
    const auto opened = mount->open("/data/y", opening::make);
    EXPECT_EQ((*opened)->write(0, as_bytes(std::string(2 * sector, 'y'))).error().code,
              errc::disk_full);
    EXPECT_EQ(device.used(), 4 * sector);
    EXPECT_TRUE((*opened)->write(0, as_bytes("over what is there")));
    ASSERT_TRUE(mount->remove("/data/x"));
    EXPECT_TRUE((*opened)->write(0, as_bytes(std::string(4 * sector, 'y'))));
    EXPECT_EQ(device.used(), 4 * sector);
}

TEST(disk, the_power_goes_in_the_operation_that_was_named) {
    seeded chance(1);
    disk device(chance);
    const auto mount = device.mount();
    device.cut_power_in(3);
    const auto opened = mount->open("/data/x", opening::make);  // 1
    ASSERT_TRUE((*opened)->write(0, as_bytes("text")));         // 2
    EXPECT_EQ(device.power_cuts(), 0U);
    EXPECT_FALSE((*opened)->sync());
    EXPECT_EQ(device.power_cuts(), 1U);
    EXPECT_TRUE(mount->revoked());
    EXPECT_FALSE(mount->open("/data/y", opening::make));
}

storage::batch one_record(std::string_view key, std::string_view value) {
    storage::batch writes;
    writes.put(storage::record_kind::meta, to_bytes(key), to_bytes(value));
    return writes;
}

TEST(disk, an_old_copy_brings_back_the_old_state) {
    seeded chance(1);
    disk device(chance);
    disk::image copy;
    {
        const auto mount = device.mount();
        const auto store = mount->open_store();
        ASSERT_TRUE(store) << store.error().message();
        ASSERT_TRUE((*store)->records().apply(one_record("a", "old")));
        copy = device.snapshot();  // while it runs, as a snapshot of a volume
        ASSERT_TRUE((*store)->records().apply(one_record("a", "new")));
        device.restore(copy);
        EXPECT_EQ((*store)->records().get(storage::record_kind::meta, as_bytes("a")).error().code,
                  errc::io_failed)
            << "SQLite remembers it, but the process is gone";
        EXPECT_EQ((*store)->check().error().code, errc::io_failed);
    }
    {
        device.power_cut();
        const auto mount = device.mount();
        const auto store = mount->open_store();
        ASSERT_TRUE(store) << store.error().message();
        EXPECT_EQ((*store)->records().get(storage::record_kind::meta, as_bytes("a")).value(),
                  to_bytes("old"));
        EXPECT_TRUE(device.contains("old"));
    }
    device.wipe();
    EXPECT_EQ(device.used(), 0U);
    const auto mount = device.mount();
    const auto store = mount->open_store();
    ASSERT_TRUE(store);
    EXPECT_FALSE((*store)->records().get(storage::record_kind::meta, as_bytes("a")).value());
    EXPECT_EQ(device.mount()->open_store().error().code, errc::busy);
}

TEST(disk, one_seed_gives_one_history) {
    const auto run = [](std::uint64_t seed) {
        seeded chance(seed);
        disk device(chance);
        device.fail_at_random(disk_operation::sync, 50'000);
        for (int life = 0; life < 5; ++life) {
            const auto mount = device.mount();
            const auto store = mount->open_store();
            for (int i = 0; store && i < 20; ++i) {
                (void)(*store)->records().apply(one_record("k" + std::to_string(i), "value"));
            }
            device.power_cut();
        }
        return device.trace();
    };
    EXPECT_EQ(run(1), run(1));
    EXPECT_EQ(run(2), run(2));
    EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace calbox::lab
