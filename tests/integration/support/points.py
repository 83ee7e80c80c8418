"""Reads Wavefront lines back: "name" value timestamp source="…" "key"="value" …

A distribution is !M timestamp #count mean #count mean … "name" source="…" "key"="value" …
"""
import re
from typing import NamedTuple

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(rf'{_QUOTED} (\S+)(?: (\d+))? source={_QUOTED}((?: {_QUOTED}={_QUOTED})*)')
_DISTRIBUTION = re.compile(
    rf'(!M) (?:(\d+) )?((?:#\d+ \S+ )+)({_QUOTED} source={_QUOTED})((?: {_QUOTED}={_QUOTED})*)')
_TAG = re.compile(rf' {_QUOTED}={_QUOTED}')


class Point(NamedTuple):
    name: str
    value: float
    timestamp: int  # as sent, 0 when there is none
    source: str
    tags: dict


def _plain(text):
    """As a Wavefront proxy reads it: a backslash escapes quotes and nothing else."""
    return text.replace('\\"', '"')


def parse(line):
    match = _LINE.fullmatch(line)
    if not match:
        raise ValueError(f"not a Wavefront point: {line}")
    tags = {_plain(key): _plain(value) for key, value in _TAG.findall(match[5])}
    return Point(_plain(match[1]), float(match[2]), int(match[3] or 0), _plain(match[4]), tags)


class Distribution(NamedTuple):
    name: str
    centroids: list  # of (mean, count), as they stand
    timestamp: int
    source: str
    tags: dict


def parse_distribution(line):
    match = _DISTRIBUTION.fullmatch(line)
    if not match:
        raise ValueError(f"not a Wavefront distribution: {line}")
    numbers = match[3].split()
    centroids = [(float(mean), int(count[1:])) for count, mean in zip(numbers[::2], numbers[1::2])]
    tags = {_plain(key): _plain(value) for key, value in _TAG.findall(match[7])}
    return Distribution(_plain(match[5]), centroids, int(match[2] or 0), _plain(match[6]), tags)


def normalised(lines):
    """As the collector's lines were recorded: no timestamps, everything sorted."""
    def plain(line):
        if line.startswith("!M"):
            match = _DISTRIBUTION.fullmatch(line)
            numbers = match[3].split()
            centroids = sorted(map(" ".join, zip(numbers[::2], numbers[1::2])))
            return " ".join([match[1], *centroids, match[4], *_sorted_tags(match[7])])
        match = _LINE.fullmatch(line)
        if not match:
            raise ValueError(f"not a Wavefront line: {line}")
        return " ".join([f'"{match[1]}"', match[2], f'source="{match[4]}"',
                         *_sorted_tags(match[5])])
    return sorted((plain(line) for line in lines), key=str.encode)


def _sorted_tags(text):
    return [f'"{key}"="{value}"' for key, value in sorted(_TAG.findall(text))]


def name_of(line):
    return line[1:line.index('"', 1)]
