#!/usr/bin/python3
"""Kills fedwave over and over while everything around it fails, and counts what is lost.

The environment names the program: FEDWAVE=build/dev/fedwave. See docs/reliability.md.
"""
import argparse
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from support.chaos import disk, schedule  # noqa: E402
from support.chaos.content import POISON  # noqa: E402
from support.chaos.harness import DISK_MEBIBYTES, Chaos, Options, folder_of  # noqa: E402

_SHOWN = 20  # of each kind of failure
_SAY_EVERY_S = 10
_NOT_PROVEN = 2


def arguments():
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=5, help="of kills (default: 5)")
    parser.add_argument("--kills", type=int, help="end as soon as there were so many")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000),
                        help="what goes wrong and when (default: any, and shown)")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS",
                        help="at the end, without anything more arriving (default: 60)")
    parser.add_argument("--no-spool", action="store_true",
                        help="points wait in memory only: shows that losses are found")
    parser.add_argument("--keep", action="store_true", help="the folder with logs and spool")
    parser.add_argument("--json", metavar="FILE", help="the figures")
    return parser.parse_args()


def every_ten_seconds():
    """Progress, for who looks at it."""
    begun = last = time.monotonic()

    def say(text):
        nonlocal last
        now = time.monotonic()
        if now - last >= _SAY_EVERY_S:
            last = now
            print(f"[{now - begun:4.0f} s] {text}", file=sys.stderr, flush=True)
    return say


def run(wanted, folder):
    """The figures; the spool is in the folder afterwards, whatever it was on."""
    spool = os.path.join(folder, "spool")
    os.mkdir(spool)
    has_small_disk = disk.may_mount() and not wanted.no_spool
    options = Options(wanted.seed, wanted.minutes * 60, wanted.kills, wanted.patience,
                      not wanted.no_spool, has_small_disk, every_ten_seconds())
    if not has_small_disk:
        return Chaos(folder, options).run()
    with disk.small_disk(spool, DISK_MEBIBYTES):
        try:
            return Chaos(folder, options).run()
        finally:
            shutil.copytree(spool, os.path.join(folder, "spool-at-the-end"),
                            ignore=shutil.ignore_patterns("filler"))


def rows(wanted, figures):
    findings = figures.findings
    full = f"{figures.full_disks}, points in memory in {figures.full_disks_met}"
    yield "seed", wanted.seed
    yield "minutes", f"{wanted.minutes:g}"
    yield "kills", figures.kills
    yield "torn tails", figures.torn_tails
    yield "full disks", full if disk.may_mount() else "left out: no tmpfs can be mounted here"
    yield "scrapes completed", figures.scrapes
    yield "scrapes failed", figures.other_scrapes
    yield "points expected", f"{findings.expected} (two sinks)"
    yield "lost", len(findings.lost)
    yield "wrong", len(findings.wrong)
    yield "duplicates", f"{findings.identical} identical, {len(findings.different)} different"
    yield "quarantined", f"{findings.quarantined} rightly, {len(findings.misjudged)} wrongly"
    for kind in (schedule.OK, *schedule.FAULTS):
        yield f"  receiver {kind}", f"{figures.moods.get(kind, 0)} times"
    for what, requests in sorted(figures.met.items()):
        yield f"  answer: {what}", f"{requests} requests"
    for message, times in sorted(figures.errors.items()):
        yield f"  logged: {message}", f"{times} times"
    yield "readings of /metrics, sums agree", figures.readings
    yield "exit code of the last", figures.exit_code


def losses(figures):
    """By place and scrape, with the log to look into."""
    for (where, scrape), missing in itertools.groupby(
            figures.findings.lost, lambda each: (each.where, each.place.scrape)):
        series = [each.place.series for each in missing]
        first = "poison" if series[0] == POISON else f"from {series[0]} on"
        yield (f"{where}: origin {scrape.origin}, scrape {scrape.number}, {len(series)} series, "
               f"{first}; completed in {folder_of(figures.runs[scrape])}")


def failures(figures):
    findings = figures.findings
    for what, each in (("lost", losses(figures)), ("wrong", findings.wrong),
                       ("different", findings.different),
                       ("wrongly quarantined", findings.misjudged)):
        yield from (f"{what}: {text}" for text in itertools.islice(each, _SHOWN))
    if figures.exit_code != 0:
        yield f"fedwave ended with {figures.exit_code} on SIGTERM"


def write_json(path, wanted, figures):
    values = {**figures._asdict(), "seed": wanted.seed, "findings": figures.findings._asdict(),
              "may_mount": disk.may_mount()}
    del values["runs"]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)


def report(wanted, figures):
    """Prints it; the exit code."""
    for name, value in rows(wanted, figures):
        print(f"{name:<40} {value}")
    failed = list(failures(figures))
    for failure in failed:
        print(failure)
    if wanted.json:
        write_json(wanted.json, wanted, figures)
    if not failed and figures.scrapes == 0:
        print("no scrape was completed, so nothing is proven")
        return _NOT_PROVEN
    return 1 if failed else 0


def main():
    wanted = arguments()
    disk.enter_mount_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and everything is cleaned up
    folder = tempfile.mkdtemp(prefix="fedwave-chaos-")
    print(f"seed {wanted.seed}", flush=True)
    keeps = True
    try:
        code = report(wanted, run(wanted, folder))
        keeps = wanted.keep or code != 0
    except AssertionError as error:
        print(error)
        code = 1
    finally:
        if keeps:
            print(f"logs and spool are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    sys.exit(code)


if __name__ == "__main__":
    main()
