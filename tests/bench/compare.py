#!/usr/bin/python3
"""Two runs of the bench side by side: compare.py OLD.json NEW.json, as ./dev bench --json wrote them."""
import argparse
import json
from typing import NamedTuple

from report import Table, Wrong, require

WORSE_BY = 0.10  # what is marked
HIGHER_IS_BETTER = "gb_per_s"  # figures that end so


class Change(NamedTuple):
    section: str
    row: str
    figure: str
    old: float
    new: float

    @property
    def growth(self):
        """As a share of the old figure."""
        if self.old == self.new:
            return 0.0
        return (self.new - self.old) / self.old if self.old else float("inf")

    @property
    def is_worse(self):
        if self.figure.endswith(HIGHER_IS_BETTER):
            return self.new < self.old * (1 - WORSE_BY)
        return self.new > self.old * (1 + WORSE_BY)


def flat(report):
    return {(section, row["name"], figure): value
            for section, rows in report["sections"].items()
            for row in rows for figure, value in row["figures"].items()}


def changes(old, new):
    """Of every figure that is in both reports, in the new one's order."""
    before = flat(old)
    return [Change(*key, before[key], value) for key, value in flat(new).items() if key in before]


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def show(old, new):
    for key in ("fedwave", "cpu", "quick", "load"):
        if old.get(key) != new.get(key):
            print(f"{key}: {old.get(key)} before, {new.get(key)} now")
    found = changes(old, new)
    require(found, "the two runs have no figure in common")
    table = Table(("section", -12), ("row", -36), ("figure", -24), ("old", 14), ("new", 14), ("change", 8),
                  ("", -5))
    for change in found:
        table.add(change.section, change.row, change.figure, number(change.old), number(change.new),
                  f"{change.growth:+.1%}", "worse" if change.is_worse else "")
    worse = sum(change.is_worse for change in found)
    print(f"{len(found)} figures in both; {worse} worse by more than {WORSE_BY:.0%}")


def is_report(report):
    """Whether it looks like what bench.py writes."""
    try:
        values = flat(report).values()
        return all(isinstance(value, (int, float)) for value in values) and {"fedwave", "cpu"} <= set(report)
    except (TypeError, KeyError, AttributeError):
        return False


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except OSError as error:
        raise Wrong(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise Wrong(f"{path} is not JSON: {error}") from None
    require(is_report(report), f"{path} is not what ./dev bench --json writes")
    return report


def main():
    parser = argparse.ArgumentParser(description="Two runs of ./dev bench side by side.")
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    options = parser.parse_args()
    show(load(options.old), load(options.new))


if __name__ == "__main__":
    try:
        main()
    except Wrong as error:
        raise SystemExit(f"compare: {error}") from None
