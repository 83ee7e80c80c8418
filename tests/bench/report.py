"""What the bench's sections have in common: tables that grow row by row, and figures for --json.

A section hands back its rows; a row has a name that stays the same from run to run and figures by
name, which is what compare.py sets side by side. `details` are for people only.
"""
import sys
from typing import NamedTuple


class Row(NamedTuple):
    name: str
    figures: dict         # name -> number, lower is better unless compare.py says otherwise
    details: dict = {}    # whatever else JSON can hold


class Wrong(Exception):
    """What is timed is not what it should be; no figures then."""


def require(condition, what):
    if not condition:
        raise Wrong(what)


class Table:
    """Columns are (title, width), left-aligned when the width is negative."""

    def __init__(self, *columns):
        self._widths = [width for _, width in columns]
        self._titles = [title for title, _ in columns]
        self._is_begun = False

    def add(self, *cells):
        clear_progress()
        if not self._is_begun:
            self._print(self._titles)
            self._is_begun = True
        self._print(cells)

    def _print(self, cells):
        texts = (f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}"
                 for cell, width in zip(cells, self._widths))
        print("  ".join(texts).rstrip(), flush=True)


def progress(text):
    """On a terminal only, where the next word replaces it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text} ...", end="", file=sys.stderr, flush=True)


def clear_progress():
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def size_name(series):
    """10000 as 10k, 1000000 as 1M."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if series >= unit and series % unit == 0:
            return f"{series // unit}{letter}"
    return str(series)
