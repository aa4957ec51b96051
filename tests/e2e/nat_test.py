"""Real processes behind real NATs, in network namespaces; skipped where the machine does not allow them."""

import pathlib
import shutil
import subprocess
import sys
import threading

sys.dont_write_bytecode = True

import harness
from harness import Skip, World, expect, wait_until
from hosts import HEARTBEAT_S, PATIENCE, Steps
from netns import Behind, Inside, Network, ip


def way(person, other: str) -> list[str]:
    """How sessions with the other one's device travel."""
    return [peer["way"] for peer in person.daemon.get("/v1/peers")["peers"] if other in peer["users"]]


def two_behind_routers(world: World, steps: Steps, hosts: tuple[str, str], **config):
    """A hub that all can dial, and Alice and Bob, each behind a router; an event of hers has reached him."""
    if not shutil.which("nft"):
        raise Skip("there is no command nft (Debian package nftables)")
    hub = world.daemon("hub", kind=Inside, roles=["registry", "rendezvous", "backup"], rendezvous__heartbeat_s=HEARTBEAT_S)
    people = []
    for host, name in zip(hosts, ("alice", "bob")):
        edge = world.daemon(host, **{"kind": Behind, **config}, roles=["edge"])
        edge.join(hub.invite())
        edge.wait_connected(PATIENCE)
        people.append(edge.person(name).register())
    alice, bob = people
    with steps.shows("an event goes through the relay, and nobody waits for a hole", "R39 R126"):
        bob.wait_event(alice.add_event("Around", "2031-05-03 10:00+60m", ["bob"]), PATIENCE)
    return alice, bob


def punched(world: World) -> None:
    """Two home routers: both sides dial at once, and the relay is needed no more."""
    steps = Steps()
    with Network(world) as network:
        alice, bob = two_behind_routers(world, steps, ("a", "b"))
        with steps.shows("a direct connection takes the place of the relayed one, on both sides", "R39"):
            for person, other in ((alice, "bob"), (bob, "alice")):
                wait_until(lambda person=person, other=other: way(person, other) == ["punched"],
                           f"{person.name} reaches {other} directly", PATIENCE)
            expect("punched" in alice.do("net", "routes"), "net routes says so")
        with steps.shows("it carries events while the rendezvous is away", "R106"):
            network.unplug("hub")
            event = alice.add_event("Without it", "2031-05-04 10:00+60m", ["bob"])
            bob.wait_event(event, PATIENCE)
            expect(way(bob, "alice") == ["punched"], "it is still the same way")
    steps.end()


def symmetric(world: World) -> None:
    """Two routers that show another port to everybody: no hole can be punched, and the relay goes on."""
    steps = Steps()
    with Network(world):
        alice, bob = two_behind_routers(world, steps, ("sym-a", "sym-b"), log__level="debug")
        with steps.shows("the relay serves while dials fail, and after", "R39"):
            for number in range(12):
                event = alice.add_event(f"Event {number}", f"2031-06-{number + 1:02} 10:00+60m", ["bob"])
                bob.wait_event(event, PATIENCE)
                bob.edit_event(event, place=f"Room {number}")
                alice.wait_event(event, PATIENCE, place=f"Room {number}")
            wait_until(lambda: any("no direct connection" in person.daemon.log.read_text() for person in (alice, bob)),
                       "a punch was tried, and failed", PATIENCE)
            bob.wait_event(alice.add_event("After it", "2031-07-01 10:00+60m", ["bob"]), PATIENCE)
            expect(way(alice, "bob") == ["relayed"] and way(bob, "alice") == ["relayed"], "relayed")
    steps.end()


def port_of_the_router(world: World) -> None:
    """Two symmetric routers, which give a port by NAT-PMP to whoever asks: that is where the others dial."""
    steps = Steps()
    routers = []

    class Given(Behind):
        def plug_in(self) -> str:
            inside = super().plug_in()
            router = f"nat-{self.host}"
            routers.append(subprocess.Popen(
                ["ip", "netns", "exec", self.network.namespace(router), sys.executable, pathlib.Path(__file__).with_name("nat_pmp.py"),
                 self.network.hosts[router], inside], stdout=subprocess.PIPE, text=True))
            expect(routers[-1].stdout.readline() == "ready\n", "the router's NAT-PMP does not start")
            return inside

    with Network(world):
        try:
            alice, bob = two_behind_routers(world, steps, ("sym-a", "sym-b"), kind=Given, network__port_mapping="auto")
            with steps.shows("each has a port of its router, and tells the others of it", "R39"):
                ports = [router.stdout.readline().split() for router in routers]
                expect(all(words and words[0] == "mapped" for words in ports), f"{ports}")
                for person, words in zip((alice, bob), ports):
                    wait_until(lambda person=person, words=words:
                               any(one.endswith(f":{words[1]}") and one.startswith("203.") for one in person.daemon.addresses()),
                               f"{person.name} tells of it", PATIENCE)
            with steps.shows("they talk directly", "R39"):
                for person, other in ((alice, "bob"), (bob, "alice")):
                    wait_until(lambda person=person, other=other: way(person, other) == ["direct"],
                               f"{person.name} reaches {other} directly", PATIENCE)
            with steps.shows("a daemon that ends gives its port back", "R39"):
                alice.daemon.terminate()
                expect(routers[0].stdout.readline().startswith("removed"), "the port was not given back")
        finally:
            for router in routers:
                router.kill()
                router.wait()
    steps.end()


UPNP_TABLE = """table inet upnp {
    chain forward {
        type filter hook forward priority 0
        jump passed
    }
    chain passed { }
    chain prerouting {
        type nat hook prerouting priority -100
        jump ports
    }
    chain ports { }
    chain postrouting {
        type nat hook postrouting priority 90
        jump back
    }
    chain back { }
}
"""
UPNP_CONFIG = """ext_ifname=eth0
ext_ip={outside}
listening_ip=home
port=0
enable_natpmp=no
enable_upnp=yes
secure_mode=yes
uuid=00000000-0000-4000-8000-00000000000{number}
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=passed
upnp_nat_chain=ports
upnp_nat_postrouting_chain=back
allow 1024-65535 0.0.0.0/0 1024-65535
"""


def port_by_upnp(world: World) -> None:
    """The same with the UPnP of miniupnpd, which is what many home routers run. It gives no ports of the documentation's addresses,
    so that the routers have others beside, which mean nothing outside of these namespaces."""
    if not shutil.which("miniupnpd"):
        raise Skip("there is no command miniupnpd (Debian package miniupnpd-nftables)")
    steps = Steps()
    routers, outsides = [], []

    class Given(Behind):
        def plug_in(self) -> str:
            inside = super().plug_in()
            space, number = self.network.namespace(f"nat-{self.host}"), len(routers) + 1
            outsides.append(f"11.22.33.{number}")
            ip("-n", space, "address", "add", f"{outsides[-1]}/24", "dev", "eth0")
            within = ["ip", "netns", "exec", space]
            subprocess.run([*within, "nft", "-f", "-"], input=UPNP_TABLE, text=True, timeout=30, check=True)
            config = world.path / f"miniupnpd-{self.host}.conf"
            config.write_text(UPNP_CONFIG.format(outside=outsides[-1], number=number))
            routers.append(subprocess.Popen([*within, "miniupnpd", "-d", "-f", config, "-P", config.with_suffix(".pid")],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
            said = []
            while "HTTP listening on port" not in "".join(said[-1:]):
                said.append(routers[-1].stderr.readline())
                expect(said[-1], f"miniupnpd does not start: {''.join(said)}")
            threading.Thread(target=routers[-1].stderr.read, daemon=True).start()
            return inside

    def mapped(network: Network, person) -> str:
        return subprocess.run(["ip", "netns", "exec", network.namespace(f"nat-{person.daemon.host}"), "nft", "list", "chain", "inet",
                               "upnp", "ports"], capture_output=True, text=True, timeout=30, check=True).stdout

    with Network(world) as network:
        try:
            alice, bob = two_behind_routers(world, steps, ("sym-a", "sym-b"), kind=Given, network__port_mapping="auto")
            ip("-n", network.namespace("hub"), "route", "add", "11.22.33.0/24", "dev", "eth0")
            with steps.shows("each has a port of its router, and tells the others of it", "R39"):
                for person, outside in zip((alice, bob), outsides):
                    wait_until(lambda person=person, outside=outside:
                               any(one.startswith(f"{outside}:") for one in person.daemon.addresses()),
                               f"{person.name} tells of it", PATIENCE)
                    expect("dnat" in mapped(network, person), "the router passes it on")
            with steps.shows("they talk directly", "R39"):
                for person, other in ((alice, "bob"), (bob, "alice")):
                    wait_until(lambda person=person, other=other: way(person, other) == ["direct"],
                               f"{person.name} reaches {other} directly", PATIENCE)
            with steps.shows("a daemon that ends gives its port back", "R39"):
                alice.daemon.terminate()
                wait_until(lambda: "dnat" not in mapped(network, alice), "the port was given back", PATIENCE)
        finally:
            for router in routers:
                router.kill()
                router.wait()
    steps.end()


if __name__ == "__main__":
    harness.main(punched, symmetric, port_of_the_router, port_by_upnp)
