"""Daemons whose network decides by a real etcd cluster."""

import subprocess
import sys

sys.dont_write_bytecode = True

import harness
from etcd import Authority, Cluster
from harness import EXIT_EXISTS, EXIT_UNAVAILABLE, World, expect, wait_until
from hosts import PATIENCE, EditorSession

EXIT_TIMED_OUT = 8


def members_come_and_go(world: World) -> None:
    with Cluster(world) as cluster:
        with_etcd = cluster.configuration()
        hub = world.hub(**with_etcd)
        alice = world.edge("alice", hub, **with_etcd).person("alice").register()
        bob = world.edge("bob", hub, **with_etcd).person("bob").register()
        event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["bob"])
        bob.wait_event(event, PATIENCE, title="Lecture")
        with EditorSession(world, alice, event, title="By hand") as session:
            bob.wait_event(event, PATIENCE, state="locked", locked_by="alice")
            refusal = bob.refused("events", "edit", event, "--place", "Elsewhere", status=EXIT_EXISTS)
            expect("alice is editing" in refusal, f"it is not said who edits: {refusal}")
            session.close.touch()
            expect(session.process.wait(timeout=PATIENCE) == 0, "her edit is not saved")
        bob.wait_event(event, PATIENCE, title="By hand", state="confirmed")

        cluster.kill(0)  # the one that is asked first
        bob.edit_event(event, place="Room 9")
        alice.wait_event(event, PATIENCE, place="Room 9")

        cluster.kill(1)  # nothing is decided any more, and everything is still to be read
        done = alice.ctl("events", "edit", event, "--place", "Nowhere")
        expect(done.returncode in (EXIT_UNAVAILABLE, EXIT_TIMED_OUT),
               f"an edit that nobody decides ended with {done.returncode}: {done.stdout} {done.stderr}")
        expect("etcd" in done.stderr, f"it is not said what is missing: {done.stderr}")
        expect(bob.event(event)["place"] == "Room 9", "what is not decided is shown")

        cluster.start(0)
        cluster.start(1)

        def edited():
            return alice.ctl("events", "edit", event, "--title", "After all").returncode == 0

        wait_until(edited, "edits are decided again", PATIENCE)
        bob.wait_event(event, PATIENCE, title="After all")
        alice.remove_event(event)
        bob.wait_no_event(event, PATIENCE)


def author_killed(world: World) -> None:
    """Whenever a daemon dies over an edit: all see it, or nobody; and it goes on where it was."""
    with Cluster(world) as cluster:
        with_etcd = cluster.configuration(lock_ttl_s=2)
        hub = world.hub(**with_etcd)
        alice = world.edge("alice", hub, **with_etcd).person("alice").register()
        bob = world.edge("bob", hub, **with_etcd).person("bob").register()
        # Members that have only just begun may take longer than so short a lock lasts; that is refused, and nothing was added.
        event = wait_until(lambda: alice.add_event("Lecture 0", "2031-06-01 10:00+60m", ["bob"]), "the members decide", PATIENCE)
        bob.wait_event(event, PATIENCE)
        for number in range(1, 6):
            title = f"Lecture {number}"
            client = subprocess.Popen(
                [harness.CALBOXCTL, "--socket", str(alice.daemon.socket), "events", "edit", event, "--title", title],
                env=alice.daemon.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # From right at its start, in steps that go through the whole edit on an idle machine.
            try:
                client.wait(timeout=0.004 * number)
            except subprocess.TimeoutExpired:
                pass
            alice.daemon.kill()
            client.wait()
            alice.daemon.start()

            def edited():
                return bob.ctl("events", "edit", event, "--place", f"Room {number}").returncode == 0

            wait_until(edited, "bob can edit, once the lock has ended", PATIENCE)
            seen = bob.wait_event(event, PATIENCE, place=f"Room {number}")
            expect(seen["title"] in (title, f"Lecture {number - 1}"), f"neither {title} nor the one before: {seen}")
            same = alice.wait_event(event, PATIENCE, place=f"Room {number}")
            expect(same["title"] == seen["title"], f"alice sees {same['title']}, bob {seen['title']}")
            alice.daemon.wait_connected()
            if seen["title"] != title:
                wait_until(lambda: alice.ctl("events", "edit", event, "--title", title).returncode == 0, "it can be repeated",
                           PATIENCE)
                bob.wait_event(event, PATIENCE, title=title)


def secured(world: World) -> None:
    """Members that are asked over TLS: both sides show certificates, and who cannot check a member's asks it nothing."""
    authority = Authority(world, "authority")
    certificate, key = authority.issue("device")
    with Cluster(world, authority=authority) as cluster:
        with_etcd = {**cluster.configuration(give_up_ms=3000), "consensus.tls.ca": str(authority.certificate),
                     "consensus.tls.certificate": str(certificate), "consensus.tls.key": str(key)}
        hub = world.hub(**with_etcd)
        alice = world.edge("alice", hub, **with_etcd).person("alice").register()
        event = wait_until(lambda: alice.add_event("Lecture", "2031-06-01 10:00+60m"), "the members decide", PATIENCE)

        def edited(place: str) -> None:
            wait_until(lambda: alice.ctl("events", "edit", event, "--place", place).returncode == 0, "the members decide", PATIENCE)
            expect(alice.event(event)["place"] == place, "the edit is not seen")

        edited("Room 9")

        def with_tls(members, **files) -> None:
            alice.daemon.terminate()
            alice.daemon.config = {key: value for key, value in alice.daemon.config.items() if not key.startswith("consensus.tls")}
            alice.daemon.config |= {"consensus.settings.endpoints": members,
                                    **{f"consensus.tls.{key}": str(path) for key, path in files.items()}}

        def refused(says: str) -> None:
            alice.daemon.start()
            alice.refused("events", "edit", event, "--place", "Nowhere", status=EXIT_UNAVAILABLE, says=says)

        mine = {"ca": authority.certificate, "certificate": certificate, "key": key}
        with_tls([one.replace("127.0.0.1", "localhost") for one in cluster.clients], **mine)
        alice.daemon.start()
        edited("Room 10")
        with_tls([one.replace("127.0.0.1", "127.1") for one in cluster.clients], **mine)  # found, and no name of theirs
        refused("hostname mismatch")
        with_tls(cluster.clients, **{**mine, "ca": Authority(world, "stranger").certificate})
        refused("unable to get local issuer certificate")
        with_tls(cluster.clients, ca=authority.certificate)
        refused("bad certificate")
        with_tls(cluster.clients, **{**mine, "key": authority.key})
        alice.daemon.launch()
        expect(alice.daemon.process.wait(timeout=PATIENCE) == 1, "it starts with another's key")
        expect(f"consensus.tls: cannot use {authority.key}" in alice.daemon.log_tail(), alice.daemon.log_tail())


def wrong_endpoints(world: World) -> None:
    """An endpoint that would not be what the person asked for ends the start with a sentence."""
    for number, (endpoints, says) in enumerate([
            (["127.0.0.1:2379"], "looks like"),
            (["https://127.0.0.1"], "looks like"),
            (["http://127.0.0.1"], "looks like"),
            ([], "names no member of etcd")]):
        daemon = world.daemon(f"wrong{number}", start=False,
                              **{"consensus.plugin": "etcd", "consensus.settings.endpoints": endpoints})
        daemon.launch()
        expect(daemon.process.wait(timeout=PATIENCE) == 1, f"{endpoints}: ended with {daemon.process.returncode}")
        expect(says in daemon.log_tail(), f"{endpoints}: no clear sentence: {daemon.log_tail()}")


if __name__ == "__main__":
    harness.main(members_come_and_go, author_killed, secured, wrong_endpoints)
