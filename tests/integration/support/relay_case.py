"""A relay among servers of ours: sources that change with every scrape, and what has to arrive."""
import time

from support import web
from support.case import FedwaveCase
from support.points import parse

OK = 0


def config(sinks, sources, *top):
    """From lines of YAML: `sinks` and `sources` are lists of flow maps."""
    return "\n".join([*top, "sinks:", *(f"- {sink}" for sink in sinks), "sources:",
                      "  prometheus_sources:", *(f"  - {source}" for source in sources), ""])


def source_of(server, path="/metrics", interval="1s", more=""):
    """The interval is the timeout as well, so a short one is only for who may miss a scrape."""
    return f"{{url: '{server.url(path)}', collection: {{interval: {interval}}}{more}}}"


class Ticks:
    """Answers with a page that is another one at every scrape: the first holds 1, and so on."""

    def __init__(self, more=""):
        self.count = 0
        self._first_s = int(time.time()) - 3600
        self._more = more

    def __call__(self, exchange):
        self.count += 1
        timestamp_ms = (self._first_s + self.count) * 1000
        web.page(f"ticks {self.count} {timestamp_ms}\n{self._more}")(exchange)

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

    def assert_all_ticks(self, lines):
        """Nothing was lost; duplicates would be the same line again."""
        seen = sorted(set(self.ticks.seen_in(lines)))
        self.assertEqual(seen, list(range(1, self.ticks.count + 1)))
        points = {(point.name, point.timestamp) for point in map(parse, lines)}
        self.assertEqual(len(points), len(set(lines)))
