"""A network of Linux network namespaces, with parts of it cut off by hand: real partitions between real processes.

Every host has a namespace and an address of its own (203.0.113.x, the documentation's, RFC 5737); two bridges in a further
namespace are the sides, and a veth pair between them is the cable. Nothing is added to the machine's own network. The names carry
this process's id; __exit__ removes them, and the next start those of a test that was killed outright.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

from harness import Daemon, Failure, Skip, World, expect

SIDES = ("left", "right")


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30, check=False)
    expect(done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")


def names() -> list[str]:
    """Of all namespaces that have one."""
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=30, check=False)
    return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]


def remove_those_of_the_dead() -> None:
    for name in names():
        made_by = re.match(r"calbox(\d+)-", name)
        if made_by and not pathlib.Path(f"/proc/{made_by.group(1)}").exists():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=30, check=False)


class Network:
    """Use as a context manager around everything that runs in it. Raises Skip where the machine allows no namespaces."""

    def __init__(self, world: World, right: tuple[str, ...] = ()):
        self.world, self.right = world, right  # `right`: hosts there; the rest are left
        self.prefix = f"calbox{os.getpid()}-"
        self.switch = self.prefix + "switch"
        self.hosts: dict[str, str] = {}  # name -> address

    def __enter__(self) -> "Network":
        if not shutil.which("ip"):
            raise Skip("there is no command ip (Debian package iproute2)")
        if os.geteuid() != 0:
            raise Skip("only root may make network namespaces")
        remove_those_of_the_dead()
        try:
            try:
                ip("netns", "add", self.switch)
                for side in SIDES:
                    ip("-n", self.switch, "link", "add", side, "type", "bridge")
                ip("-n", self.switch, "link", "add", "cable-left", "type", "veth", "peer", "name", "cable-right")
            except (Failure, OSError) as why:
                raise Skip(f"this machine allows no network namespaces, bridges or veth pairs: {why}") from None
            for side in SIDES:
                ip("-n", self.switch, "link", "set", side, "up")
                ip("-n", self.switch, "link", "set", f"cable-{side}", "master", side, "up")
        except BaseException:
            self.remove()
            raise
        self.world.network = self
        return self

    def __exit__(self, kind, _problem, _trace) -> None:
        self.world.stop()
        left_over = self.remove()
        if kind is None:
            expect(not left_over, f"namespaces stay: {left_over}")

    def remove(self) -> list[str]:
        for name in names():
            if name.startswith(self.prefix):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=30, check=False)
        return [name for name in names() if name.startswith(self.prefix)]

    def namespace(self, host: str) -> str:
        return self.prefix + host

    def add(self, host: str) -> str:
        """Plugs a new host in; its address."""
        space, address = self.namespace(host), f"203.0.113.{len(self.hosts) + 1}"
        ip("netns", "add", space)
        ip("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", f"to-{host}", "netns", self.switch)
        ip("-n", self.switch, "link", "set", f"to-{host}", "master", SIDES[host in self.right], "up")
        ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", space, "link", "set", link, "up")
        self.hosts[host] = address
        return address

    def add_router(self, name: str, symmetric: bool = False) -> None:
        """A host that stands for a home's router: what is behind it reaches the others with the router's address, and is
        reached by nobody who was not called before. The mapping of Linux keeps the port, so that everybody sees the same one
        (port-restricted), unless it is symmetric: another one for each destination."""
        self.add(name)
        space = self.namespace(name)
        how = "masquerade fully-random" if symmetric else "masquerade"
        rules = f"""table ip home {{
            chain out {{
                type nat hook postrouting priority srcnat
                oifname "eth0" {how}
            }}
            chain in {{
                type filter hook input priority filter
                iifname "eth0" ct state new drop
            }}
        }}
        """
        for command, text in ((["nft", "-f", "-"], rules), (["sh", "-c", "cat > /proc/sys/net/ipv4/ip_forward"], "1")):
            done = subprocess.run(["ip", "netns", "exec", space, *command], input=text, capture_output=True, text=True, timeout=30,
                                  check=False)
            if done.returncode != 0:
                raise Skip(f"this machine allows no NAT in a namespace: {done.stderr.strip()}")

    def add_behind(self, host: str, router: str) -> str:
        """Plugs a new host in behind a router; its address, which means nothing elsewhere."""
        space, outer = self.namespace(host), self.namespace(router)
        net = f"192.168.{len(self.hosts) + 1}"
        ip("netns", "add", space)
        ip("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", "home", "netns", outer)
        ip("-n", outer, "address", "add", f"{net}.1/24", "dev", "home")
        ip("-n", outer, "link", "set", "home", "up")
        ip("-n", space, "address", "add", f"{net}.2/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", space, "link", "set", link, "up")
        ip("-n", space, "route", "add", "default", "via", f"{net}.1")
        self.hosts[host] = f"{net}.2"
        return self.hosts[host]

    def part(self) -> None:
        """Pulls the cable between the sides."""
        ip("-n", self.switch, "link", "set", "cable-left", "down")

    def heal(self) -> None:
        ip("-n", self.switch, "link", "set", "cable-left", "up")

    def unplug(self, host: str) -> None:
        """The host's link goes down: what it sends and what is sent to it is lost, and nobody is told."""
        ip("-n", self.switch, "link", "set", f"to-{host}", "down")

    def plug_in(self, host: str) -> None:
        ip("-n", self.switch, "link", "set", f"to-{host}", "up")

    def block(self, host: str, other: str) -> None:
        """Nothing that `host` sends to `other` gets there; the other way packets still arrive."""
        ip("-n", self.namespace(host), "route", "add", "blackhole", f"{self.hosts[other]}/32")


class Inside(Daemon):
    """A calboxd in a namespace of the world's network. Its Unix socket is reached from anywhere."""

    def __init__(self, world: World, name: str, config: dict):
        self.network, self.host, self.space = world.network, name, world.network.namespace(name)
        super().__init__(world, name, {"listen": f"{self.plug_in()}:0", "network.port_mapping": "off", **config})

    def plug_in(self) -> str:
        return self.network.add(self.host)

    def command(self) -> list[str]:
        return ["ip", "netns", "exec", self.space, *super().command()]  # it becomes the daemon: same process id


class Behind(Inside):
    """One behind a router of its own, which is symmetric for hosts whose names begin so."""

    SYMMETRIC = "sym"

    def plug_in(self) -> str:
        router = f"nat-{self.host}"
        self.network.add_router(router, symmetric=self.host.startswith(self.SYMMETRIC))
        return self.network.add_behind(self.host, router)
