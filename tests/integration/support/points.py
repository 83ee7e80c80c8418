"""Reads Wavefront lines back: "name" value timestamp source="…" "key"="value" …"""
import re
from typing import NamedTuple

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(rf'{_QUOTED} (\S+)(?: (\d+))? source={_QUOTED}((?: {_QUOTED}={_QUOTED})*)')
_TAG = re.compile(rf' {_QUOTED}={_QUOTED}')


class Point(NamedTuple):
    name: str
    value: float
    timestamp: int  # as sent, 0 when there is none
    source: str
    tags: dict


def _plain(text):
    return text.replace('\\"', '"').replace("\\n", "\n")


def parse(line):
    match = _LINE.fullmatch(line)
    if not match:
        raise ValueError(f"not a Wavefront point: {line}")
    tags = {_plain(key): _plain(value) for key, value in _TAG.findall(match[5])}
    return Point(_plain(match[1]), float(match[2]), int(match[3] or 0), _plain(match[4]), tags)


def name_of(line):
    return line[1:line.index('"', 1)]
