"""The scraped end: every page is another one, and which were read whole is known in the end."""
import collections
import functools
import threading
from typing import NamedTuple

from support import web
from support.chaos.content import Scrape


class Served(NamedTuple):
    scrape: Scrape
    samples: int


def name_of(origin):
    """What the relay calls the source."""
    return f"origin-{origin}"


class Sources:
    """Each origin has a path. A process of the relay tells by ?run=N which one it is."""

    def __init__(self, content):
        self._content = content
        self._lock = threading.Lock()
        self._next = [0 for _ in content.origins]
        self._served = collections.defaultdict(list)  # by run and origin
        self._paused = threading.Event()
        self._server = web.WebServer({f"/{origin}": functools.partial(self._answer, origin)
                                      for origin in content.origins})

    def url(self, origin, run):
        return f"{self._server.url(f'/{origin}')}?run={run}"

    def pause(self):
        """Nothing new from here on."""
        self._paused.set()

    def stop(self):
        self._server.stop()

    def completed(self, run, events):
        """The scrapes of a run that it has logged as done, and how many events belong to none.

        Every event goes to the next page of as many samples; that of a scrape that failed has none.
        """
        done, strays = [], 0
        for origin in self._content.origins:
            served = list(self._served[run, origin])
            sizes = [event["samples"] for event in events if event["source"] == name_of(origin)]
            for samples in sizes:
                at = next((at for at, page in enumerate(served) if page.samples == samples), None)
                if at is None:
                    strays += 1
                else:
                    done.append(served[at].scrape)
                    del served[:at + 1]
        return done, strays

    def _answer(self, origin, exchange):
        if self._paused.is_set():
            web.status(503, "no more pages")(exchange)
            return
        [run] = exchange.request.parameters("run")
        with self._lock:
            scrape = Scrape(origin, self._next[origin])
            self._next[origin] += 1
            samples = self._content.samples_of(scrape)
            self._served[int(run), origin].append(Served(scrape, samples))
        web.page(self._content.page(scrape))(exchange)
