"""From text in memory to lines in memory, beside the floor: transform_bench, which first proves that
what it times gives the right lines.

Cold is a scrape where every series is new, warm one where all are known and every value has changed.
"""
import json
import os
import subprocess

import pages
from report import Row, Table, progress, require, size_name

PROGRAM = os.path.join("tests", "bench", "transform_bench")  # in the build folder
SIZES = {10_000: 21, 100_000: 11, 1_000_000: 5}  # series -> rounds
QUICK_SIZES = {10_000: 5, 20_000: 3}
WIRES = ("plain", "gzip")
# What is compared from run to run, and how it is shown.
FIGURES = {"floor_ns": ".0f", "warm_ns": ".0f", "warm_ratio": ".2f", "cold_ns": ".0f", "cold_ratio": ".2f",
           "warm_gb_per_s": ".2f", "resident_bytes_per_series": ".0f"}
COLUMNS = (("series", 6), ("labels", -10), ("wire", -5), ("floor ns", 8), ("warm ns", 8), ("/floor", 6),
           ("cold ns", 8), ("/floor", 6), ("GB/s warm", 9), ("resident B/series", 17))


def measure(page, config, wire, rounds):
    program = os.path.join(os.environ["FEDWAVE_BUILD"], PROGRAM)
    done = subprocess.run([program, "--page", page.path, "--config", config, "--wire", wire,
                           "--rounds", str(rounds), "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{program} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def run(options, folder):
    rows = []
    table = Table(*COLUMNS)
    config = pages.write_config(folder, "transform.yaml")
    base_ms = pages.base_ms_now()
    for series, rounds in (QUICK_SIZES if options.quick else SIZES).items():
        for labels in pages.LABEL_SETS:
            progress(f"transform: {size_name(series)} {labels} series")
            with pages.page(folder, series, labels, base_ms) as page:
                for wire in WIRES:
                    found = measure(page, config, wire, rounds)
                    figures = {name: found[name] for name in FIGURES}
                    rows.append(Row(f"{size_name(series)} {labels} {wire}", figures, found))
                    table.add(size_name(series), labels, wire,
                              *(f"{figures[name]:{form}}" for name, form in FIGURES.items()))
    return rows
