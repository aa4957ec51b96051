"""`cmake --install`, and a plugin built outside of this tree against the installed copy: the one that docs/plugins.md shows."""

import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True

import harness
from harness import ROOT, Daemon, World, expect

BUILD = pathlib.Path(os.environ.get("CALBOX_BUILD", ""))
CMAKE = os.environ.get("CALBOX_CMAKE", "cmake")
COMPILER = os.environ.get("CALBOX_COMPILER", "")


def done(*command: object) -> str:
    outcome = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=300)
    expect(outcome.returncode == 0, f"{command[:3]} ended with {outcome.returncode}:\n{outcome.stdout}\n{outcome.stderr}")
    return outcome.stdout


def shown(text: str, after: str) -> str:
    """The first indented block behind a sentence of the guide."""
    lines = text[text.index(after) + len(after):].splitlines()[1:]
    block: list[str] = []
    for line in lines:
        if line.startswith("    ") or not line.strip():
            block.append(line[4:])
        elif block and any(block):
            break
    return "\n".join(block).strip() + "\n"


class InstalledDaemon(Daemon):
    """The installed program, which finds its own plugins; the configured directory adds one."""

    def command(self) -> list[str]:
        return [str(self.home.parent / "prefix" / "bin" / "calboxd"), "--config", str(self.config_file)]


def out_of_tree_plugin(world: World) -> None:
    prefix, source = world.path / "prefix", world.path / "first"
    done(CMAKE, "--install", BUILD, "--prefix", prefix)
    guide = (ROOT / "docs" / "plugins.md").read_text()
    source.mkdir()
    (source / "plugin.cpp").write_text(shown(guide, "`plugins/discovery/first/plugin.cpp`:"))
    (source / "CMakeLists.txt").write_text(
        shown(guide, "three lines before that one:") + shown(guide, "`plugins/discovery/first/CMakeLists.txt`, in this tree:"))
    done(CMAKE, "-S", source, "-B", source / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
         f"-DCMAKE_CXX_COMPILER={COMPILER}")
    done(CMAKE, "--build", source / "build")

    daemon = world.daemon("alone", kind=InstalledDaemon,
                          **{"plugins.directories": [source / "build" / "plugins"], "discovery.plugin": "first"})
    alice = daemon.person("alice").register()
    alice.wait_event(alice.add_event("Walk", "2031-09-01 10:00+60m"))
    plugins = {(one["kind"], one["name"]): one for one in daemon.get("/v1/plugins")["plugins"]}
    expect(plugins[("discovery", "first")]["status"] == "in use", f"the new plugin: {plugins[('discovery', 'first')]}")
    expect(plugins[("storage", "sqlite")]["file"].startswith(str(prefix)), f"another sqlite: {plugins[('storage', 'sqlite')]}")
    daemon.terminate()


if __name__ == "__main__":
    harness.main(out_of_tree_plugin)
