#!/usr/bin/env python3
"""Random recurrence rules, expanded by ours and by python3-dateutil: the same times, or it fails.

recurrence_oracle.py PROGRAM [RULES [SEED]]: PROGRAM is recurrence_lines. Where the two are known to differ, the
rules avoid it, or are said to dateutil in other words; see `for_dateutil`.
"""
import datetime
import random
import signal
import subprocess
import sys
import warnings

import dateutil.rrule

warnings.simplefilter("ignore")
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
# dateutil looks for the next time until the last year that there is, which takes it minutes for a rule that is
# never true: a rule that takes it longer than this is left out.
LAST_YEAR = 2050
SECONDS = 0.5  # of the processor
LIMIT = 60  # times of one rule


def some(rng, values, most):
    return sorted(rng.sample(values, rng.randint(1, min(most, len(values)))))


def signed(rng, last, most):
    return some(rng, [n for n in range(-last, last + 1) if n], most)


def random_rule(rng):
    """(start, parts): a start, and the parts of a rule by their names."""
    every = rng.choices(["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"],
                        [1, 1, 2, 3, 4, 5, 6])[0]
    within_day = every in ("SECONDLY", "MINUTELY", "HOURLY")
    parts = {"FREQ": [every]}
    start = datetime.datetime(rng.randint(1999, 2031), 1, 1) + datetime.timedelta(seconds=rng.randrange(366 * 86400))
    if rng.random() < 0.5:
        parts["INTERVAL"] = [rng.choice([1, 2, 3, 4, 5, 7, 13, 26, 30, 90])]
    if rng.random() < 0.35:
        parts["BYMONTH"] = some(rng, range(1, 13), 4)
    if every == "YEARLY" and rng.random() < 0.2:
        # dateutil counts weeks from the end only as -1, and takes the last week of a year of 52 for a 53rd one where
        # it reaches into the next year and WKST is not Monday (2014-01-01 with WKST=FR).
        parts["BYWEEKNO"] = some(rng, list(range(1, 52)) + [-1, -1, -1], 4)
        parts["BYWEEKNO"] = sorted(set(parts["BYWEEKNO"]))
    if every in ("YEARLY", "HOURLY", "MINUTELY", "SECONDLY") and rng.random() < 0.2:
        parts["BYYEARDAY"] = signed(rng, 366, 40 if within_day else 8)
    if every != "WEEKLY" and rng.random() < 0.3:
        parts["BYMONTHDAY"] = signed(rng, 31, 6)
    if rng.random() < 0.45:
        days = some(rng, DAYS, 4)
        if every in ("MONTHLY", "YEARLY") and "BYWEEKNO" not in parts and rng.random() < 0.5:
            far = 53 if every == "YEARLY" and "BYMONTH" not in parts else 5
            days = [f"{rng.choice(signed(rng, far, 1)):d}{day}" for day in days]
        parts["BYDAY"] = days
    if rng.random() < (0.3 if every != "SECONDLY" else 0.2):
        parts["BYHOUR"] = some(rng, range(24), 3)
    if rng.random() < 0.2:
        parts["BYMINUTE"] = some(rng, range(60), 3)
    if rng.random() < 0.15:
        parts["BYSECOND"] = some(rng, range(60), 3)
    if rng.random() < 0.3:
        parts["WKST"] = [rng.choice(DAYS)]
    if len([name for name in parts if name.startswith("BY")]) and rng.random() < 0.3:
        parts["BYSETPOS"] = signed(rng, 1 if within_day else rng.choice([2, 5, 40]), 3)
        if every == "WEEKLY":
            # dateutil begins the first week at the start, and counts the positions from there.
            start -= datetime.timedelta(days=(start.weekday() - DAYS.index(parts.get("WKST", ["MO"])[0])) % 7)
    if rng.random() < 0.3:
        parts["COUNT"] = [rng.randint(1, 30)]
    elif rng.random() < 0.3:
        parts["UNTIL"] = [(start + datetime.timedelta(days=rng.randrange(1, 2000))).strftime("%Y%m%dT%H%M%S")]
    return start, parts


def text_of(parts):
    return ";".join(f"{name}={','.join(map(str, values))}" for name, values in parts.items())


def for_dateutil(start, parts):
    """A week number alone means each of its days to dateutil, and the start's day of the week to RFC 5545."""
    if "BYWEEKNO" in parts and not {"BYYEARDAY", "BYMONTHDAY", "BYDAY"} & parts.keys():
        return {**parts, "BYDAY": [DAYS[start.weekday()]]}
    return parts


def theirs(start, last, parts):
    times = []
    for at in dateutil.rrule.rrulestr(text_of(for_dateutil(start, parts)), dtstart=start):
        if at > last or len(times) == LIMIT:
            break
        times.append(at.strftime("%Y%m%dT%H%M%S"))
    return times


def stop(*_):
    raise TimeoutError


def main():
    program, rules, seed = sys.argv[1], int((sys.argv + ["5000"])[2]), int((sys.argv + ["0", "1"])[3])
    rng = random.Random(seed)
    signal.signal(signal.SIGVTALRM, stop)
    asked, expected, left_out = [], [], 0
    while len(asked) < rules:
        start, parts = random_rule(rng)
        days = {"SECONDLY": 1, "MINUTELY": 20, "HOURLY": 300}.get(parts["FREQ"][0], 20000)
        last = min(start + datetime.timedelta(days=days), datetime.datetime(LAST_YEAR - 1, 12, 31))
        if days < 20000 and "UNTIL" not in parts:
            # So that dateutil stops, too.
            parts.pop("COUNT", None)
            parts["UNTIL"] = [last.strftime("%Y%m%dT%H%M%S")]
        dateutil.rrule.datetime.MAXYEAR = LAST_YEAR if days == 20000 else start.year + 1
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            times = theirs(start, last, parts)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except TimeoutError:
            left_out += 1
            continue
        except ValueError:  # dateutil sees that an interval never meets the hours of the rule
            times = []
        asked.append(f"{start:%Y%m%dT%H%M%S} {last:%Y%m%dT%H%M%S} {text_of(parts)}")
        expected.append(times)
    done = subprocess.run([program], input="\n".join(asked) + "\n", capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == rules, f"{len(answers)} answers to {rules} rules"
    wrong = [(question, answer.split()[:LIMIT], times) for question, answer, times in zip(asked, answers, expected)
             if answer.split()[:LIMIT] != times]
    for question, answer, times in wrong[:10]:
        print(f"{question}\n  ours   {' '.join(answer[:6])} ({len(answer)})\n  theirs {' '.join(times[:6])} ({len(times)})")
    empty = sum(not times for times in expected)
    total = sum(map(len, expected))
    print(f"{rules} rules, {total} times, {empty} rules without one, {left_out} left out, {len(wrong)} differ")
    assert left_out < rules / 10, "too many rules take dateutil too long"
    assert empty < rules / 2 and total > 5 * rules, "the rules are too often without a time to say anything"
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
