"""A calboxd without any configuration plays all roles for one person, under XDG directories (R13)."""

import stat
import sys

sys.dont_write_bytecode = True

import harness
from harness import CALBOXCTL, CALBOXD, Daemon, World, expect, sha256


class BareDaemon(Daemon):
    """No file, no option: only the environment that every session of a person has."""

    def __init__(self, world: World, name: str, config: dict):
        super().__init__(world, name, config)
        self.socket = self.home / "calbox" / "ctl.sock"

    def command(self) -> list[str]:
        return [CALBOXD]

    def write_config(self) -> None:
        pass


def bare(world: World) -> None:
    daemon = world.daemon("bare", kind=BareDaemon)
    alice = daemon.person("alice").register()
    photo = world.file("photo.bin", 1 << 20)
    event = alice.add_event("Walk", "2031-09-01 10:00+60m", files=[photo])
    daemon.kill()
    daemon.start()
    found = alice.wait_event(event, title="Walk")
    expect([file["name"] for file in found["files"]] == ["photo.bin"], f"files after kill -9: {found['files']}")
    copy = alice.get_file(event, "photo.bin", world.path / "copy.bin")
    expect(sha256(copy) == sha256(photo), "the file differs after kill -9")
    alice.edit_event(event, title="A longer walk")
    alice.wait_event(event, title="A longer walk")

    holidays = alice.event(alice.add_event("Holidays", "2031-08-03", end="2031-08-14"))
    expect((holidays["start"], holidays["end"]) == ("2031-08-03", "2031-08-14"), f"whole days: {holidays}")

    status = daemon.status()
    expect(set(status["roles"]) == {"edge", "rendezvous", "backup", "registry"}, f"roles: {status['roles']}")
    expect(daemon.get("/v1/network")["founded_here"], "a bare daemon has no network of its own")
    expect("calbox://join/" in alice.do("network", "invite"), "it cannot invite")

    # Private by default: nobody else may look into the data or use the socket.
    expect(stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600, "the socket is open to others")
    data = [path for path in daemon.home.rglob("*") if path.is_dir() and path.name == "calbox"]
    expect(data, "nothing under the XDG directories")
    for path in data:
        expect(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} is open to others")
    # A file's bytes lie on the disk encrypted only.
    beginning = photo.read_bytes()[:64]
    for path in daemon.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            expect(beginning not in path.read_bytes(), f"{path} holds the file in the clear")
    daemon.terminate()


def surroundings(world: World) -> None:
    """What a person asks first: the version, help, and how the node is."""
    alice = world.daemon("bare", kind=BareDaemon).person("alice").register()
    for program in (CALBOXD, CALBOXCTL):
        for option in ("--version", "--help"):
            done = harness.subprocess.run([program, option], capture_output=True, text=True, timeout=10, check=False)
            expect(done.returncode == 0 and done.stdout.strip(), f"{program} {option}: {done.returncode}")
    expect("alice" in alice.do("whoami"), "whoami does not say who")
    found = alice.daemon.get("/v1/doctor")["findings"]
    expect(found and all(one["text"] for one in found), f"doctor: {found}")
    alice.do("doctor")
    plugins = {plugin["kind"]: plugin for plugin in alice.daemon.get("/v1/plugins")["plugins"]
               if plugin["status"] == "in use"}
    expect(set(plugins) == {"discovery", "consensus", "storage", "recovery"}, f"plugins in use: {plugins}")
    for command in (["status"], ["peers"], ["plugins"], ["users"], ["events", "list"], ["friends", "list"]):
        alice.do(*command)
        alice.ask(*command)


if __name__ == "__main__":
    harness.main(bare, surroundings)
