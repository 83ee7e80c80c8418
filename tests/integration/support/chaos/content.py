"""What the sources serve: every value and time follows from the point's place, so that whatever a
receiver holds can be checked point by point, however often the relay was killed on the way."""
import random
import time
import zlib
from typing import NamedTuple

from support.points import Point

CLUSTER = "chaos"
HOST = "chaos-host"
POISON = -1  # the number of a series that a receiver refuses, with all that comes beside it
_POISON_LINE = '"chaos.poison.'
_POISON_ONE_IN = 12
_FAMILIES = 7
_SERIES_MIN, _SERIES_MAX = 40, 140
_GROWTH = 61  # so many pages in a row all differ in size: a logged size tells the page


class Scrape(NamedTuple):
    origin: int
    number: int


class Place(NamedTuple):
    scrape: Scrape
    series: int


def is_poison(line):
    return line.startswith(_POISON_LINE)


class Content:
    def __init__(self, seed, origins=3, first_s=None):
        self._seed = seed
        self._first_s = int(time.time()) - 3600 if first_s is None else first_s
        dice = random.Random(f"{seed}/content")
        self._series = [dice.randint(_SERIES_MIN, _SERIES_MAX) for _ in range(origins)]

    @property
    def origins(self):
        return range(len(self._series))

    def series_of(self, scrape):
        """The numbers of the series on a page, a poisoned one last."""
        poison = [POISON] if self._is_poisoned(scrape) else []
        return [*range(self._good_series(scrape)), *poison]

    def samples_of(self, scrape):
        return self._good_series(scrape) + self._is_poisoned(scrape)

    def page(self, scrape):
        time_ms = self._time_s(scrape) * 1000
        return "".join(
            f'chaos_{self._family(series)}{{origin="{scrape.origin}",series="{series}"}} '
            f'{self._value(Place(scrape, series))!r} {time_ms}\n'
            for series in self.series_of(scrape))

    def point(self, place):
        """As it has to arrive."""
        tags = {"cluster": CLUSTER, "origin": str(place.scrape.origin), "series": str(place.series)}
        return Point(f"chaos.{self._family(place.series)}.value", self._value(place),
                     self._time_s(place.scrape), HOST, tags)

    def place_of(self, point):
        """Where a point is from, by its tags and time; ValueError for one that no page holds."""
        try:
            scrape = Scrape(int(point.tags["origin"]), point.timestamp - self._first_s)
            place = Place(scrape, int(point.tags["series"]))
        except KeyError as missing:
            raise ValueError(f"the tag {missing} is missing") from missing
        if scrape.origin not in self.origins or scrape.number < 0:
            raise ValueError("there is no such origin or time")
        is_good = 0 <= place.series < self._good_series(scrape)
        if not is_good and not (place.series == POISON and self._is_poisoned(scrape)):
            raise ValueError("there is no such series on that page")
        return place

    def _good_series(self, scrape):
        return self._series[scrape.origin] + scrape.number % _GROWTH

    def _is_poisoned(self, scrape):
        return self._number("poison", *scrape) % _POISON_ONE_IN == 0

    def _time_s(self, scrape):
        return self._first_s + scrape.number

    @staticmethod
    def _family(series):
        return "poison" if series == POISON else f"family{series % _FAMILIES}"

    def _value(self, place):
        return self._number("value", *place.scrape, place.series) / 8

    def _number(self, *what):
        return zlib.crc32(f"{self._seed} {what}".encode())
