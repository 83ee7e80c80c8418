"""What a receiver holds, and the check of it against what had to arrive."""
import collections
import threading
from typing import NamedTuple

from support.chaos.content import POISON, Place, is_poison
from support.points import parse


class Ledger:
    """Every accepted line by the place of its point. Filled by any thread."""

    def __init__(self, content):
        self._content = content
        self._lock = threading.Lock()
        self._lines = collections.defaultdict(dict)  # scrape -> series -> line
        self.identical = 0   # lines that came again
        self.different = []  # lines that came again as another line: (first, then)
        self.foreign = []    # lines that are no point of any page

    def take(self, lines):
        with self._lock:
            for line in lines:
                self._take(line)

    def _take(self, line):
        try:
            place = self._content.place_of(parse(line))
        except ValueError as error:
            self.foreign.append(f"{line} ({error})")
            return
        held = self._lines[place.scrape]
        if place.series not in held:
            held[place.series] = line
        elif held[place.series] == line:
            self.identical += 1
        else:
            self.different.append((held[place.series], line))

    def missing(self, scrape, series):
        """Those of `series` that have not come."""
        with self._lock:
            held = self._lines.get(scrape, {})
            return [number for number in series if number not in held]

    def lines(self):
        """[(place, line)] of all points that came."""
        with self._lock:
            return [(Place(scrape, series), line) for scrape, held in self._lines.items()
                    for series, line in held.items()]


class Missing(NamedTuple):
    where: str
    place: Place


class Findings(NamedTuple):
    expected: int     # points of completed scrapes, counted for either sink
    quarantined: int  # points that are in quarantine and belong there
    lost: list        # of Missing
    wrong: list       # another value or name than the page had, or no point of a page at all
    identical: int    # lines that came again
    different: list   # lines that came again as another line
    misjudged: list   # lines in quarantine that a receiver would take

    @property
    def ok(self):
        return not (self.lost or self.wrong or self.different or self.misjudged)


class Check:
    """Both receivers and the quarantine against the scrapes that the relay has logged as done.

    The chaotic receiver refuses poison, so that belongs into its quarantine and nowhere else; the
    healthy one takes everything.
    """

    def __init__(self, content, chaotic, healthy):
        self._content = content
        self._ledgers = {"chaotic": chaotic, "healthy": healthy}

    def missing(self, scrapes, quarantined):
        """What `scrapes` had and is not where it belongs; `quarantined` is a set of places."""
        found = []
        for scrape in scrapes:
            series = self._content.series_of(scrape)
            good = [number for number in series if number != POISON]
            for where, expected in (("chaotic", good), ("healthy", series)):
                found += [Missing(where, Place(scrape, number))
                          for number in self._ledgers[where].missing(scrape, expected)]
            poison = Place(scrape, POISON)
            if POISON in series and poison not in quarantined:
                found.append(Missing("quarantine", poison))
        return found

    def places_in_quarantine(self, lines):
        """(places of poison, everything else in it)"""
        places, misjudged = set(), []
        for line in lines:
            try:
                place = self._content.place_of(parse(line))
                good = is_poison(line) and self._content.point(place) == parse(line)
            except ValueError:
                good = False
            if good:
                places.add(place)
            else:
                misjudged.append(line)
        return places, misjudged

    def findings(self, scrapes, quarantine):
        """`quarantine`: the lines of the chaotic sink's file, without what says why."""
        places, misjudged = self.places_in_quarantine(quarantine)
        ledgers = self._ledgers.items()
        return Findings(
            expected=2 * sum(self._content.samples_of(scrape) for scrape in scrapes),
            quarantined=len(places), lost=self.missing(scrapes, places),
            wrong=[line for where, ledger in ledgers for line in self._wrong(where, ledger)],
            identical=sum(ledger.identical for _, ledger in ledgers),
            different=[f"{where}: {first} | {then}" for where, ledger in ledgers
                       for first, then in ledger.different],
            misjudged=misjudged)

    def _wrong(self, where, ledger):
        for place, line in ledger.lines():
            if parse(line) != self._content.point(place):
                yield f"{where}: {line}"
        for line in ledger.foreign:
            yield f"{where}: {line}"
