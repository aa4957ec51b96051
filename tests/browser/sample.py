"""A week of Alice's and Bob's that looks like one: what the screenshots show. Used by screenshots.py."""

from __future__ import annotations

import datetime

import page_test


def fill(world, alice, bob, carol) -> dict[str, str]:
    """Events around today; their ids by name. All three are signed in and see one another."""
    monday = datetime.date.today() - datetime.timedelta(days=datetime.date.today().weekday())

    def at(day: int, clock: str, minutes: int = 60) -> str:
        return f"{monday + datetime.timedelta(days=day)} {clock}+{minutes}m"

    today = datetime.date.today().weekday()
    slides = world.file("slides-lecture-1.pdf", 2_400_000)
    budget = world.file("budget 2026.xlsx", 84_000)
    photo = world.path / "harbour.png"
    photo.write_bytes(page_test.png(960, 640, lambda row: (40 + row // 4, 90 + row // 6, 150 - row // 8) if row < 420 else (20, 60 + row // 20, 80 + row // 20)))
    made = {
        "meeting": alice.add_event("DS meeting", at(today, "23:00", 45), ["bob", "carol"], [slides, budget], place="Room 2", category="work,decisions",
                                   info="Bring the slides.\nWe decide about the quorum of backups."),
        "standup": alice.add_event("Stand-up", at(0, "09:15", 15), ["bob"], repeat="every weekday"),
        "review": bob.add_event("Design review", at(1, "10:00", 90), ["alice", "carol"], [photo], place="Library", category="work",
                                event_color="slateblue"),
        "lunch": carol.add_event("Lunch by the river", at(2, "12:30", 60), ["alice"], place="Pier 4", category="friends", event_color="tomato"),
        "dentist": alice.add_event("Dentist", at(2, "13:00", 45), category="health", event_color="gray"),
        "seminar": bob.add_event("Seminar: what peers know", at(3, "15:00", 120), ["alice"], place="Hall B"),
        "run": carol.add_event("Morning run", at(4, "07:45", 45), ["alice", "bob"], category="friends,health", event_color="yellowgreen"),
        "demo": alice.add_event("Demo for the board", at(4, "14:00", 60), ["bob", "carol"], place="Room 1"),
        "market": alice.add_event("Farmers' market", at(5, "10:00", 90), event_color="gold"),
        "planning": bob.add_event("Planning", at(8, "11:00", 60), ["alice"], place="Room 2", category="work", event_color="orchid"),
        "retro": alice.add_event("Retrospective", at(10, "16:00", 60), ["bob", "carol"]),
        "kick": carol.add_event("Kick-off of the archive", at(-4, "09:30", 120), ["alice", "bob"]),
    }
    for name in ("review", "lunch", "seminar", "run", "planning", "kick"):
        alice.wait_event(made[name])
    for name, answer in (("review", "accepted"), ("lunch", "accepted"), ("run", "tentative"), ("kick", "accepted")):
        organizer, seq = made[name].split("/")
        alice.daemon.api("PUT", f"/v1/events/{organizer}/{seq}/answer", {"answer": answer})
    bob.wait_event(made["meeting"])
    bob.daemon.api("PUT", "/v1/events/" + made["meeting"] + "/answer", {"answer": "accepted"})
    alice.edit_event(made["demo"], place="Room 4")
    old = alice.add_event("Old idea", at(3, "09:00", 30))
    alice.remove_event(old)
    return made
