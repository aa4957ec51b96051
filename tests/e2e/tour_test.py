"""The tour that ./run shows a newcomer, with its own exit status, and nothing left behind."""

import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True

import harness
from harness import ROOT, World, expect


def tour(world: World) -> None:
    private = world.path / "tmp"
    private.mkdir()
    before = set(pathlib.Path("/tmp").glob("calbox-*"))
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "tour.py"), "--once"], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "TMPDIR": str(private)}, check=False)
    expect(done.returncode == 0, f"the tour ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    expect("$ calboxctl" in done.stdout and "The same bytes at both" in done.stdout, f"it showed:\n{done.stdout}")
    mentioned = {path for path in set(pathlib.Path("/tmp").glob("calbox-*")) - before if str(path) in done.stdout}
    expect(not mentioned, f"the tour left {mentioned}")


if __name__ == "__main__":
    harness.main(tour)
