// Sections 6.2 and 6.3 of the report: normal communication, and rendezvous that fail.
#include <algorithm>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

using namespace std::chrono_literals;

void play_report_6_2(script& on) {
    demonstration all(on);
    on.step("two rendezvous, a backup and three clients are up, each on a host of its own",
            {41, 71, 75, 133, 193, 200, 208}, [&] {
                for (device* const one : {&all.a, &all.b, &all.c, &all.z}) {
                    expect(is_connected(*one), one->name() + " is not connected");
                }
                expect(all.all_lease_from({&all.r1, &all.r2}),
                       "a client leases from somebody who is no rendezvous");
                // Each rendezvous has the backup's lease, and not only the other one's word.
                const std::string zs = all.z.api().info.status().device;
                for (device* const one : {&all.r1, &all.r2}) {
                    all.in.wait_for(one->name() + " holds a lease of the backup", [&] {
                        const auto routes = one->api().overlay.known_routes();
                        return std::ranges::any_of(routes, [&](const node::route_view& its) {
                            return its.device == zs && its.online &&
                                   its.relay == one->api().info.status().device;
                        });
                    });
                }
            });
    event_id lunch{};
    on.step("A creates an event with B and C, and both see it", {19, 26, 64, 87, 194}, [&] {
        lunch = must(all.alice.create("lunch", {"bob", "carol"}), "create").id;
        all.all_see({&all.bob, &all.carol}, lunch, "lunch");
    });
    on.step("C, a guest, modifies it, and A and B see that", {22, 25, 87, 194}, [&] {
        must(all.carol.change(lunch, "late lunch"), "modify");
        all.all_see({&all.alice, &all.bob}, lunch, "late lunch");
    });
    on.step("A attaches a file, and B and C read it", {3, 62, 63, 201}, [&] {
        must(all.alice.attach(lunch, "menu.txt", to_bytes("soup")), "attach");
        for (person* const one : {&all.bob, &all.carol}) {
            all.in.wait_for(one->name() + " knows of the file",
                            [&] { return one->sees(lunch)->content.files.size() == 1; });
            expect(must(one->read(lunch, "menu.txt"), "read") == to_bytes("soup"),
                   one->name() + " reads something else");
        }
    });
    on.step("B signs in on C's device, which carol uses, too, and each sees his own", {91, 92, 93},
            [&] {
                const auto own = must(all.carol.create("dentist"), "create").id;
                person bob_there(all.c, "bob");
                bob_there.sign_in();
                all.all_see({&bob_there}, lunch, "late lunch");
                expect(!bob_there.sees(own), "bob sees carol's own event");
            });
    on.step("A deletes it, and it is gone for everybody", {87, 194}, [&] {
        must(all.alice.remove(lunch), "delete");
        all.nobody_sees({&all.alice, &all.bob, &all.carol}, lunch);
    });
}

namespace {

/// Joins, and does not wait for a lease.
device& newcomer(demonstration& all, const std::string& name) {
    const auto invitation =
        must(all.web.run(all.web.api().network.invite({"edge"})), "inviting " + name);
    device& made = all.in.add(name, {});
    made.start();
    must(made.run(made.api().network.join(invitation)), name + " joins");
    return made;
}

void everything_goes_on(demonstration& all) {
    const auto made = must(all.alice.create("still here", {"bob", "carol"}), "create").id;
    all.all_see({&all.bob, &all.carol}, made, "still here");
    must(all.bob.change(made, "and still"), "modify");
    all.all_see({&all.alice, &all.carol}, made, "and still");
    must(all.carol.attach(made, "notes.txt", to_bytes("agreed")), "attach");
    all.in.wait_for("bob knows of the file",
                    [&] { return all.bob.sees(made)->content.files.size() == 1; });
    expect(must(all.bob.read(made, "notes.txt"), "read") == to_bytes("agreed"),
           "bob reads something else");
    must(all.alice.remove(made), "delete");
    all.nobody_sees({&all.alice, &all.bob, &all.carol}, made);
}

}  // namespace

void play_report_6_3(script& on) {
    demonstration all(on);
    const auto [first, second] = all.fuller_first();
    on.step("kill " + first->name() +
                ", which holds the most leases: its clients are at the other "
                "within a minute",
            {105, 144, 174, 175, 176, 177, 195}, [&] {
                const instant killed = all.in.now();
                first->kill(ending::process);
                all.in.wait_for("all clients lease from " + second->name(),
                                [&] { return all.all_lease_from({second}); });
                on.figure("fail-over after a crash",
                          std::chrono::duration<double>(all.in.now() - killed).count(), "s");
            });
    on.step("a new client bootstraps at the other", {41, 132, 195}, [&] {
        device& d = newcomer(all, "D");
        all.in.wait_for("D is connected", [&] { return is_connected(d); });
        person dora(d, "dora");
        dora.sign_up();
        all.in.pass(1s);  // until others can know that she has a device
        const auto made = must(all.alice.create("welcome", {"dora"}), "create").id;
        all.all_see({&dora}, made, "welcome");
    });
    on.step("create, modify, attach, read and delete go on", {149, 195},
            [&] { everything_goes_on(all); });
    on.step(
        "kill the other: those who know each other still create, modify, attach, read and "
        "delete",
        {146, 149, 196}, [&] {
            second->kill(ending::process);
            all.in.pass(1min);
            expect(!is_connected(all.a), "A still believes that it has a lease");
            everything_goes_on(all);
        });
    on.step("a new client cannot get service", {196}, [&] {
        device& e = newcomer(all, "E");
        person emil(e, "emil");
        emil.sign_up();
        all.in.pass(2min);
        expect(!is_connected(e), "E is connected to something");
        expect_refused(emil.create("hello", {"alice"}), errc::offline, "sharing with alice");
    });
    on.step("a rendezvous starts again, and takes all of them", {139, 145}, [&] {
        first->start();
        all.in.wait_for(
            "everybody is connected",
            [&] {
                return all.all_lease_from({first}) && is_connected(all.in.find("D")) &&
                       is_connected(all.in.find("E"));
            },
            5min);
    });
    on.step("one that is dead for long is replaced by an edge that may do that", {137, 145}, [&] {
        all.a.stop();
        all.a.settings.on_no_rendezvous = node::without_rendezvous::promote;
        all.a.start();
        all.in.wait_for("A is connected", [&] { return is_connected(all.a); }, 5min);
        first->kill(ending::power);
        all.in.wait_for(
            "A serves, and B and C lease from it",
            [&] {
                const std::string self = all.a.api().info.status().device;
                return lessor_of(all.b) == self && lessor_of(all.c) == self;
            },
            15min);
    });
}

}  // namespace calbox::lab
