"""How many instructions one series costs, counted by callgrind: a gate that noise cannot trip.

transform_bench runs one scrape within the function fedwave_counted_scrape; all else is left out of the
count. The page is a function of fixed arguments, so only the hash's seed, a new one in each process,
makes two runs differ, by well under 1%. instructions.json holds the numbers of the build that the tests
run with (preset dev); tests/integration/instructions_test.py fails when one grows by more than 10%.
"""
import json
import os
import re
import subprocess
import tempfile
from typing import NamedTuple

import pages
from report import Row, Table, Wrong, progress, require

BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
PROGRAM = os.path.join("tests", "bench", "transform_bench")  # in a build folder
SERIES = 5000
BASE_MS = 1_700_000_000_000
SCRAPES = ("warm", "cold")
GROWTH_MAX = 0.10
RECORD = "./dev bench instructions --record"


class Verdict(NamedTuple):
    is_worse: bool
    text: str


def total_of(callgrind_output):
    """All instructions of a callgrind.out file."""
    found = re.search(r"^(?:totals|summary): (\d+)$", callgrind_output, re.MULTILINE)
    if not found or int(found[1]) == 0:
        raise Wrong("callgrind counted nothing: does the program run fedwave_counted_scrape?")
    return int(found[1])


def count(program, page, config, scrape, folder):
    """Instructions of one series."""
    output = os.path.join(folder, "callgrind.out")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=fedwave_counted_scrape",
         f"--callgrind-out-file={output}", program, "--page", page.path, "--config", config,
         "--count", scrape], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{program} --count {scrape} failed:\n{done.stderr}")
    require(int(done.stdout) == page.series, f"{page.series} series are on the page, not {done.stdout}")
    with open(output, encoding="utf-8") as file:
        return total_of(file.read()) / page.series


def measure(build):
    """{"aggregated warm": instructions of one series, ...}."""
    program = os.path.join(build, PROGRAM)
    require(os.access(program, os.X_OK), f"{program} is not built")
    counts = {}
    with tempfile.TemporaryDirectory(prefix="fedwave-instructions-") as folder:
        config = pages.write_config(folder, "count.yaml")
        for labels in pages.LABEL_SETS:
            with pages.page(folder, SERIES, labels, BASE_MS) as page:
                for scrape in SCRAPES:
                    progress(f"instructions: {labels}, {scrape}")
                    counts[f"{labels} {scrape}"] = round(count(program, page, config, scrape, folder), 1)
    return counts


def judge(name, old, new):
    """What to say of a number beside the recorded one."""
    if old is None:
        return Verdict(True, f"{name}: {new:.1f} instructions a series, and nothing is recorded; "
                             f"record it by {RECORD}")
    growth = new / old - 1
    text = f"{name}: {new:.1f} instructions a series, {growth:+.1%} to the recorded {old:.1f}"
    if growth > GROWTH_MAX:
        return Verdict(True, f"{text}; if that is what it has to cost, record it by {RECORD}")
    if growth < -GROWTH_MAX:
        return Verdict(False, f"{text}; keep what was won, record it by {RECORD}")
    return Verdict(False, text)


def verdicts(recorded, counts):
    """Of all counts; one that is recorded but no longer counted is wrong too."""
    gone = [Verdict(True, f"{name}: recorded, but not counted") for name in recorded if name not in counts]
    return [judge(name, recorded.get(name), new) for name, new in counts.items()] + gone


def load():
    try:
        with open(BASELINE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Wrong(f"{BASELINE} is not JSON: {error}") from None


def record(counts):
    with open(BASELINE, "w", encoding="utf-8") as file:
        json.dump(counts, file, indent=2)
        file.write("\n")


def run(options, _folder):
    recorded = {} if options.record else load()
    counts = measure(os.environ["FEDWAVE_COUNTED_BUILD"])
    table = Table(("labels, scrape", -18), ("instructions/series", 19), ("recorded", 9), ("change", 8))
    for name, new in counts.items():
        old = recorded.get(name)
        table.add(name, f"{new:.1f}", *((f"{old:.1f}", f"{new / old - 1:+.1%}") if old else ("none", "")))
    if options.record:
        record(counts)
        print(f"recorded in {os.path.relpath(BASELINE)}")
    return [Row(name, {"instructions_per_series": new}) for name, new in counts.items()]
