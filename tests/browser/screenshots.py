"""Writes docs/screenshots/ anew, with the programs in CALBOXD, CALBOXCTL and CALBOX_PLUGINS: python3 tests/browser/screenshots.py"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402
import page_test  # noqa: E402
import sample  # noqa: E402


def screenshots(world: harness.World) -> None:
    hub = world.hub()
    alice, bob, carol = (world.edge(name, hub).person(name).register() for name in ("alice", "bob", "carol"))
    page = page_test.address(alice.daemon)
    alice.ask_friend("bob")
    harness.wait_until(lambda: bob.friend_state("alice") == "asks", "Bob sees Alice's request")
    bob.accept_friend("alice")
    carol.ask_friend("alice")
    harness.wait_until(lambda: alice.friend_state("carol") == "asks", "Alice sees Carol's request")
    sample.fill(world, alice, bob, carol)
    target = harness.ROOT / "docs" / "screenshots"
    page_test.drive(world, "screenshots.mjs", str(target), page, alice.do("web", "--print").strip(), page_test.address(carol.daemon),
                    hub.person("operator").do("web", "--print").strip(), bob.do("web", "--print").strip())


if __name__ == "__main__":
    harness.main(screenshots)
