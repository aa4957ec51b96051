"""calbox-lab as a program: what it prints, where, and its exit statuses."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)


class Lab(unittest.TestCase):
    def test_list_names_every_scenario(self):
        listed = run("list")
        self.assertEqual(listed.returncode, 0)
        names = [line.split()[0] for line in listed.stdout.splitlines()]
        found = json.loads(run("list", "--json").stdout)["scenarios"]
        self.assertEqual(names, [one["name"] for one in found])
        for name in ("report-6.2", "report-6.7", "hostile-peer", "availability", "flash-crowd", "rendezvous-crash"):
            self.assertIn(name, names)

    def test_a_run_for_people(self):
        played = run("run", "report-6.2")
        self.assertEqual(played.returncode, 0, played.stdout + played.stderr)
        self.assertIn("R194", played.stdout)
        self.assertIn("passed: 6 of 6 steps hold", played.stdout)
        self.assertEqual(played.stderr, "")

    def test_a_run_for_programs_is_the_same_with_the_same_seed(self):
        first = run("run", "report-6.2", "report-6.6", "--seed", "5", "--json")
        self.assertEqual(first.returncode, 0)
        self.assertEqual(first.stdout, run("run", "report-6.2", "report-6.6", "--seed", "5", "--json").stdout)
        self.assertNotEqual(first.stdout, run("run", "report-6.2", "report-6.6", "--seed", "6", "--json").stdout)
        runs = json.loads(first.stdout)["runs"]
        self.assertEqual([one["scenario"] for one in runs], ["report-6.2", "report-6.6"])
        self.assertTrue(all(one["passed"] for one in runs))

    def test_a_page(self):
        page = run("run", "report-6.2", "--report", "html")
        self.assertEqual(page.returncode, 0)
        self.assertTrue(page.stdout.startswith("<!doctype html>"))
        with tempfile.TemporaryDirectory() as place:
            file = pathlib.Path(place) / "page.html"
            beside = run("run", "report-6.2", "--report", f"html={file}")
            self.assertEqual(beside.returncode, 0)
            self.assertIn("passed: 6 of 6", beside.stdout)
            self.assertEqual(file.read_text(encoding="utf-8"), page.stdout)
            nowhere = run("run", "report-6.2", "--report", f"html={place}/none/page.html")
            self.assertEqual(nowhere.returncode, 1)
            self.assertIn("cannot be written", nowhere.stderr)

    def test_the_log_is_there_on_demand(self):
        self.assertNotIn("founded the network", run("run", "report-6.2").stdout)
        self.assertIn("founded the network", run("run", "report-6.2", "--log").stdout)

    def test_random_worlds_are_of_the_size_that_is_asked_for(self):
        played = {size: json.loads(run("random", "--seeds", "1-3", "--size", size, "--json").stdout) for size in ("small", "large")}
        for came in played.values():
            self.assertEqual((came["seeds"], came["failed"]), (3, 0))
            self.assertGreater(came["device_hours"], 0)
        self.assertLess(2 * played["small"]["events"], played["large"]["events"])

    def test_wrong_usage_is_told_in_one_sentence(self):
        for words, sentence in ((("run", "nothing"), "there is no scenario nothing"),
                                (("run", "report-6.2", "--consensus", "nonsense"), "nonsense"),
                                (("run", "report-6.2", "--discovery", "nonsense"), "nonsense"),
                                (("run", "report-6.2", "--recovery", "nonsense"), "nonsense"),
                                (("run", "report-6.2", "--report", "pdf"), "--report is html or html=FILE"),
                                (("run", "report-6.2", "--seed", "many"), "--seed"),
                                (("random", "--size", "tiny"), "--size"),
                                (("random", "--consensus", "nonsense"), "nonsense"), (("random", "--seeds", "none"), "--seeds"),
                                (("random", "--discovery", "nonsense"), "nonsense"), (("random", "--replay", "no/such/plan"), "no/such/plan"),
                                (("run",), "NAME is required"), (("dance",), "subcommand"), ((), "subcommand")):
            said = run(*words)
            self.assertEqual(said.returncode, 2, words)
            self.assertIn(sentence, said.stderr, words)
            self.assertEqual(said.stdout, "", words)

    def test_a_plan_whose_strategy_cannot_be_had_is_told_so(self):
        plan = json.loads(next((pathlib.Path(__file__).parent / "regressions").glob("*.json")).read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "plan.json"
            file.write_text(json.dumps({**plan, "consensus": "nonsense"}), encoding="utf-8")
            said = run("random", "--replay", str(file))
        self.assertEqual(said.returncode, 2)
        self.assertIn("nonsense", said.stderr)
        self.assertNotIn("bug", said.stderr)

    def test_help_and_manual(self):
        for words, text in ((("--help",), "calbox-lab run report-6.7"), (("run", "--help"), "surprise"),
                            (("__man",), ".SH COMMANDS"), (("__man",), ".B \\-\\-consensus")):
            said = run(*words)
            self.assertEqual(said.returncode, 0)
            self.assertIn(text, said.stdout)


if __name__ == "__main__":
    unittest.main()
