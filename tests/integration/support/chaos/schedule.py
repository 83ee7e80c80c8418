"""What goes wrong, in which order and for how long: a function of the seed and of nothing else.

When each of it meets a request or a write depends on the machine, as everywhere.
"""
import random
from typing import NamedTuple

OK = "ok"
REFUSES = "refuses connections"
HANGS = "hangs"
RESETS = "resets in mid-body"
SLOW_DOWN = "asks for less"
TOO_LARGE = "takes only small bodies"
FAILS = "fails"
REVOKES = "revokes the token"
TAKES_AND_CUTS = "takes and cuts the connection"
TAKES_AND_RESETS = "takes and resets the connection"
TAKES_AND_FAILS = "takes and answers 500"
FAULTS = (REFUSES, HANGS, RESETS, SLOW_DOWN, TOO_LARGE, FAILS, REVOKES, TAKES_AND_CUTS,
          TAKES_AND_RESETS, TAKES_AND_FAILS)

_OK_AFTER_A_FAULT = 0.65
_MOOD_S = (0.2, 2)
_LIFE_S = (0.1, 3)
_FULL_S = (2, 5)
_FIRST_FULL_DISK = 4  # the life, from 0, in which the disk is full for the first time
_LIVES_BETWEEN_FULL_DISKS = (15, 30)
_TORN_TAILS = 0.3


class Mood(NamedTuple):
    """How the receiver behaves for some time."""
    kind: str
    seconds: float
    status: int = 0          # what it answers, where there is a choice
    retry_after: bool = False
    lines_max: int = 0       # of one body


class TornTail(NamedTuple):
    """What stands behind the last record of a segment, as though its writer had been cut off."""
    sink: str
    is_copy: bool   # the beginning of an existing record, else garbage
    share: float    # how much of it there is
    garbage: bytes  # zeros, as file systems leave them, or anything


class Life(NamedTuple):
    """Of one process of the relay."""
    seconds: float
    full_s: float          # for so long the disk is full; 0: never
    torn: TornTail | None  # what is found after its death


def moods(seed):
    """Without end. All faults take their turn, in an order of chance, before one comes again."""
    dice = random.Random(f"{seed}/receiver")
    deck = []
    is_ok = True
    while True:
        is_ok = not is_ok and dice.random() < _OK_AFTER_A_FAULT
        if is_ok:
            yield Mood(OK, dice.uniform(*_MOOD_S))
            continue
        if not deck:
            deck = dice.sample(FAULTS, len(FAULTS))
        yield _fault(deck.pop(), dice)


def _fault(kind, dice):
    mood = Mood(kind, dice.uniform(*_MOOD_S))
    if kind == SLOW_DOWN:
        return mood._replace(status=dice.choice((406, 429)), retry_after=dice.random() < 0.5)
    if kind == FAILS:
        return mood._replace(status=dice.choice((500, 503)))
    if kind == REVOKES:
        return mood._replace(status=dice.choice((401, 403)))
    if kind == TOO_LARGE:
        return mood._replace(lines_max=dice.randint(5, 50))
    return mood


def lives(seed, sinks):
    """Without end."""
    dice = random.Random(f"{seed}/lives")
    full_next = _FIRST_FULL_DISK
    number = 0
    while True:
        full_s = 0
        if number == full_next:
            full_s = dice.uniform(*_FULL_S)
            full_next += dice.randint(*_LIVES_BETWEEN_FULL_DISKS)
        torn = _torn_tail(sinks, dice) if dice.random() < _TORN_TAILS else None
        yield Life(dice.uniform(*_LIFE_S), full_s, torn)
        number += 1


def _torn_tail(sinks, dice):
    size = dice.randint(1, 300)
    garbage = dice.choice((bytes(size), dice.randbytes(size)))
    return TornTail(dice.choice(sinks), dice.random() < 0.5, dice.random(), garbage)
