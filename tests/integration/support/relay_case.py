"""A relay among servers of ours: sources that change with every scrape, and what has to arrive."""
import json
import re
import threading
import time

from support import web
from support.case import FedwaveCase
from support.points import parse

OK = 0
# How a scrape ends that had to be given up because the machine was busy.
LATE = "no complete answer within"
_FIGURE = re.compile(r'  (\w+)=("(?:[^"\\]|\\.)*"|\S+)')


def config(sinks, sources, *top):
    """From lines of YAML: `sinks` and `sources` are lists of flow maps."""
    return "\n".join([*top, "sinks:", *(f"- {sink}" for sink in sinks), "sources:",
                      "  prometheus_sources:", *(f"  - {source}" for source in sources), ""])


def source_of(server, path="/metrics", interval="1s", more="", timeout=""):
    """The interval is the timeout as well where none is given: on a busy machine any scrape may be
    given up, and the one after it missed."""
    collection = f"interval: {interval}" + (f", timeout: {timeout}" if timeout else "")
    return f"{{url: '{server.url(path)}', collection: {{{collection}}}{more}}}"


def told_in(output, message):
    """The figures of the log's lines with this message, whichever format it is written in."""
    for line in output.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if event["message"] == message:
                yield event
        elif f" {message}  " in line:
            yield {name: json.loads(value) for name, value in _FIGURE.findall(line)}


def left_at_the_end(figures):
    """Points of a sink that were in memory when its relay ended: given up, or still waiting where a
    busy machine kept the relay from an orderly end."""
    return figures["expired"] + figures["waiting"]


def completed_scrapes(events):
    """Of a log's events with level debug those of scrapes that did not fail."""
    failing = set()
    for event in events:
        if event["message"] == "scrape failed":
            failing.add(event["source"])
        elif event["message"] == "scraping again":
            failing.discard(event["source"])
        elif event["message"] == "scraped" and event["source"] not in failing:
            yield event


class Ticks:
    """Answers with a page that is another one at every scrape: the first holds 1, and so on."""

    def __init__(self, more=""):
        self.count = 0
        self._lock = threading.Lock()
        self._first_s = int(time.time()) - 3600
        self._more = more

    def __call__(self, exchange):
        with self._lock:
            self.count += 1
            number = self.count
        web.page(f"ticks {number} {(self._first_s + number) * 1000}\n{self._more}")(exchange)

    def seen_in(self, lines):
        return [int(point.value) for point in map(parse, lines) if point.name == "ticks.value"]


class RelayCase(FedwaveCase):
    def setUp(self):
        super().setUp()
        self.server = self.web_server()
        self.ticks = self.server.answers["/metrics"] = Ticks()

    def wait_for_ticks(self, relay, more):
        enough = self.ticks.count + more
        self.wait_for(relay, lambda: self.ticks.count >= enough, f"{more} scrapes")

    def stop_well(self, relay):
        self.assertEqual(relay.stop(), OK, relay.output())

    def late_scrapes(self, relay, source=None):
        """Of a relay that has ended: how many scrapes it had to give up. None failed otherwise."""
        def told(message):
            return [event for event in told_in(relay.output(), message)
                    if source in (None, event["source"])]
        for failure in told("scrape failed"):
            self.assertIn(LATE, failure["error"])
        self.assertTrue(told("source figures"), relay.output())
        return sum(figures["failures"] for figures in told("source figures"))

    def assert_all_ticks(self, lines, relay):
        """Nothing that it has read was lost; duplicates would be the same line again."""
        self.assert_ticks(lines, self.late_scrapes(relay))
        points = {(point.name, point.timestamp) for point in map(parse, lines)}
        self.assertEqual(len(points), len(set(lines)))

    def assert_ticks(self, lines, missing_max):
        seen = set(self.ticks.seen_in(lines))
        expected = set(range(1, self.ticks.count + 1))
        self.assertLessEqual(seen, expected)
        self.assertLessEqual(len(expected - seen), missing_max, sorted(expected - seen))
