// Three places on two continents, as the report was deployed (3.3.3): Pittsburgh, Silicon Valley
// and Porto, with their distances, and then with a congested line.
#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;

enum place { pittsburgh, silicon_valley, porto };

const std::vector<std::pair<std::string, place>> hosts{
    {"web", pittsburgh}, {"R1", pittsburgh}, {"R2", silicon_valley},
    {"Z", pittsburgh},   {"A", pittsburgh},  {"B", silicon_valley},
    {"C", porto}};

/// One way.
duration distance(place a, place b) {
    if (a == b) {
        return 1ms;
    }
    const int both = a + b;
    return both == pittsburgh + silicon_valley ? 35ms : both == pittsburgh + porto ? 75ms : 110ms;
}

struct line {
    duration jitter;
    unsigned lost_per_mille;
    std::uint64_t bytes_per_second;
};
constexpr line usual{10ms, 10, 2'500'000};
constexpr line congested{80ms, 50, 100'000};

void lay(world& in, const line& as) {
    for (const auto& [from, here] : hosts) {
        for (const auto& [to, there] : hosts) {
            path& way = in.net.way(from, to);
            way.latency = distance(here, there);
            way.jitter = here == there ? duration{} : as.jitter;
            way.lost_per_mille = here == there ? 0 : as.lost_per_mille;
            way.bytes_per_second = here == there ? 0 : as.bytes_per_second;
        }
    }
}

struct latencies {
    samples to_valley, to_porto, from_porto;
};

/// From asking until it is seen.
duration share_one(demonstration& all, person& from, const person& to, const std::string& title,
                   duration most) {
    const instant asked = all.in.now();
    const auto made = must(from.create(title, {to.name()}), "create").id;
    all.in.wait_for(
        to.name() + " sees \"" + title + "\"", [&] { return to.title_of(made) == title; }, most);
    return all.in.now() - asked;
}

latencies share_many(demonstration& all, int count, duration most) {
    latencies took;
    for (int i = 0; i < count; ++i) {
        took.to_valley.add(share_one(all, all.alice, all.bob, fmt::format("v{}", i), most));
        took.to_porto.add(share_one(all, all.alice, all.carol, fmt::format("p{}", i), most));
        took.from_porto.add(share_one(all, all.carol, all.bob, fmt::format("c{}", i), most));
    }
    return took;
}

std::vector<std::string> row(const std::string& way, const std::string& as, const samples& of) {
    return {way, as, fmt::format("{:.0f}", of.ms(0.5)), fmt::format("{:.0f}", of.ms(0.95)),
            fmt::format("{:.0f}", of.ms(1))};
}

double seconds(duration time) { return std::chrono::duration<double>(time).count(); }

/// A file that A attaches and C reads: how long both took.
std::pair<duration, duration> move_file(demonstration& all, const std::string& title,
                                        std::size_t size) {
    bytes content(size);
    all.in.chance.fill(content);
    const auto made = must(all.alice.create(title, {"carol"}), "create").id;
    const instant begun = all.in.now();
    must(all.alice.attach(made, "photo.jpg", content), "attach");
    const instant attached = all.in.now();
    all.in.wait_for("carol knows of the file", [&] {
        const auto seen = all.carol.sees(made);
        return seen && seen->content.files.size() == 1;
    });
    const instant known = all.in.now();
    expect(must(all.carol.read(made, "photo.jpg"), "read") == content, "carol reads another file");
    return {attached - begun, all.in.now() - known};
}

}  // namespace

void play_wan(script& on) {
    constexpr int count = 20;
    constexpr std::size_t file = 1'000'000;
    demonstration all(on, [](world& in) { lay(in, usual); });
    figure_table table{"From asking for an event until it is seen, in ms",
                       {"way", "line", "median", "95 %", "most"},
                       {}};
    const auto tell = [&](const latencies& took, const std::string& as) {
        table.rows.push_back(row("Pittsburgh to Silicon Valley", as, took.to_valley));
        table.rows.push_back(row("Pittsburgh to Porto", as, took.to_porto));
        table.rows.push_back(row("Porto to Silicon Valley", as, took.from_porto));
    };
    on.step(
        "hosts in Pittsburgh, Silicon Valley and Porto: 35, 75 and 110 ms one way, up to 10 ms "
        "more, 1 % lost, 20 Mbit/s",
        {112, 208},
        [&] { expect(all.all_lease_from({&all.r1, &all.r2}), "not everybody has a lease"); });
    on.step("60 events between them, each within five seconds", {19, 104, 113}, [&] {
        const latencies took = share_many(all, count, 5s);
        tell(took, "usual");
        on.figure("median, Pittsburgh to Porto", took.to_porto.ms(0.5), "ms");
    });
    on.step("a file of 1 MB from Pittsburgh, read in Porto", {103, 113}, [&] {
        const auto [up, down] = move_file(all, "photo", file);
        on.figure("attach 1 MB in Pittsburgh", seconds(up), "s");
        on.figure("read 1 MB in Porto", seconds(down), "s");
    });
    on.step("congestion: 5 % lost, up to 80 ms more, 0.8 Mbit/s; 60 events, each within 10 s",
            {104, 113}, [&] {
                lay(all.in, congested);
                tell(share_many(all, count, 10s), "congested");
            });
    on.step("the file again, over the congested line", {113}, [&] {
        const auto [up, down] = move_file(all, "photo 2", file);
        on.figure("read 1 MB in Porto, congested", seconds(down), "s");
    });
    on.step("nobody lost a lease or a session by it, and all see the same", {113, 147}, [&] {
        expect(all.all_lease_from({&all.r1, &all.r2}), "somebody has no lease");
        expect(all.bob.sees_all().size() == 2 * 2 * count,
               fmt::format("bob sees {} events", all.bob.sees_all().size()));
    });
    on.table(std::move(table));
}

}  // namespace calbox::lab
