"""`fedwave run` with internal_stats_source: what it says of itself in Wavefront."""
import os
import re
import unittest

from support import fedwave, web
from support.points import parse
from support.processes import free_port
from support.relay_case import RelayCase, Ticks, config, source_of

PREFIX = "kubernetes."
UP = PREFIX + "collector.fedwave.source.up"
HEARTBEAT = "~wavefront.kubernetes.collector.version"
INTERVAL = "internal_stats_source: {source: me, collection: {interval: 200ms}}"

# It takes a host name with several addresses.
CANNOT_BE_SHOWN = {"collector.fedwave.target.up"}

# A histogram, a line that is none, a value that cannot go out, and one that nobody wants.
EVERYTHING = """\
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
this is no sample
bad NaN
denied 1
same 1 1000
same 1 1000
"""


def refuse_ticks(exchange):
    answer = web.status(400 if b"ticks" in web.body_of(exchange.request) else 202)
    answer(exchange)


def with_own_points(text, own=INTERVAL):
    return f"{text}  {own}\n"


def documented():
    """The names of the tables, without the prefix; True for those that may be absent."""
    path = os.path.join(fedwave.SOURCE_ROOT, "docs", "own-points.md")
    with open(path, encoding="utf-8") as file:
        rows = re.findall(r"^\| `([^`]+)`( †)? \|", file.read(), re.MULTILINE)
    return {name: bool(mark) for name, mark in rows}


class OwnPointsTest(RelayCase):
    def setUp(self):
        super().setUp()
        self.wavefront = self.receiver("--strict")
        self.sink = f"{{proxyAddress: '{self.wavefront.address}', name: wavefront}}"

    def points(self):
        return [point for point in map(parse, self.wavefront.lines()) if point.source == "me"]

    def ups(self, source_name):
        """Of one source, in the order of time and each change once."""
        points = sorted((point.timestamp, index, point.value)
                        for index, point in enumerate(self.points())
                        if point.name == UP and point.tags["source_name"] == source_name)
        values = [value for *_, value in points]
        return [value for index, value in enumerate(values)
                if index == 0 or values[index - 1] != value]

    def names(self):
        return {point.name.removeprefix(PREFIX) for point in self.points()}

    def fates(self):
        return {point.tags["fate"] for point in self.points() if "fate" in point.tags}

    def wait_for_names(self, relay, expected):
        try:
            self.wait_for(relay, lambda: self.names() >= expected, "every name")
        except AssertionError as error:
            raise AssertionError(f"never came: {sorted(expected - self.names())}") from error

    def test_up_is_0_while_a_source_fails_and_1_when_it_is_back(self):
        self.server.answers["/steady"] = Ticks()
        relay = self.relay(with_own_points(config([self.sink], [
            source_of(self.server, more=", name: mesh"),
            source_of(self.server, "/steady", more=", name: steady")])))

        def wait_for_up(value, what):
            self.wait_for(relay, lambda: self.ups("mesh")[-1:] == [value], what)

        wait_for_up(1, "the source is up")
        self.server.answers["/metrics"] = web.status(503)
        wait_for_up(0, "the source has failed")
        self.server.answers["/metrics"] = self.ticks
        wait_for_up(1, "the source is back")
        self.stop_well(relay)
        self.assertGreaterEqual(len(self.ups("mesh")), 3)
        if not self.late_scrapes(relay, "steady"):
            # What was sent before the first scrape had ended may be there too.
            self.assertIn(self.ups("steady"), ([1], [0, 1]))

    def test_what_arrives_is_documented_and_what_is_documented_arrives(self):
        self.server.answers.update({
            "/everything": web.page(EVERYTHING),
            "/fails": web.status(500),
            # More than waits for the sink that is nowhere; the receiver does not want it either.
            "/bulk": web.page("".join(f'bulk{{series="{i:060}"}} 1\n' for i in range(20_000))),
            "/report": refuse_ticks})
        deny = "filters: {metricDenyList: ['bulk.*']}"
        relay = self.relay(with_own_points(config(
            [f"{{proxyAddress: '{self.wavefront.address}', {deny}}}",
             # One that takes the heartbeat only, one that is not there.
             f"{{proxyAddress: '{self.server.url('/report')}', name: refuses, "
             "filters: {metricAllowList: ['ticks.*']}}",
             f"{{proxyAddress: '127.0.0.1:{free_port()}', name: nowhere, compress: false, "
             "spool: {memoryBytes: 1MiB}, filters: {metricAllowList: ['bulk.*']}}"],
            [source_of(self.server), source_of(self.server, "/fails"),
             source_of(self.server, "/bulk", "5s"),
             source_of(self.server, "/everything", more=", convertHistograms: true, "
                       "filters: {metricDenyList: ['denied.*']}")],
            "shutdownGrace: 1s")))
        expected = set(documented()) - CANNOT_BE_SHOWN
        self.assertGreater(len(expected), 20)
        self.wait_for_names(relay, expected)
        fates = {"filtered", "repeated", "rejected", "converted", "written"}
        self.wait_for(relay, lambda: self.fates() >= fates, "every fate")
        self.assertEqual(self.fates(), fates)
        relay.stop()  # what is nowhere cannot be delivered
        self.assertEqual(self.names() - set(documented()), set())

    def test_only_what_is_marked_is_absent_while_there_is_nothing_to_count(self):
        self.server.answers["/metrics"] = web.page("")
        relay = self.relay(with_own_points(config([self.sink], [source_of(self.server)])))
        expected = {name for name, may_be_absent in documented().items() if not may_be_absent}
        self.wait_for_names(relay, expected - CANNOT_BE_SHOWN)
        self.stop_well(relay)
        marked = self.names() - expected
        # Its own points are something to count, too.
        self.assertLessEqual(marked, {"collector.source.points.collected"})

    def test_prefix_tags_and_filters_apply_to_all_but_the_heartbeat(self):
        own = ("internal_stats_source: {source: me, prefix: mine., tags: {team: a}, "
               "filters: {metricAllowList: ['*.up']}, collection: {interval: 200ms}}")
        sink = (f"{{proxyAddress: '{self.wavefront.address}', prefix: p, "
                "tags: {team: b, stage: test}}")
        relay = self.relay(with_own_points(
            config([sink], [source_of(self.server, more=", name: mesh")], "clusterName: c"), own))
        self.wait_for(relay, lambda: len({point.name for point in self.points()}) >= 2)
        self.wait_for(relay, lambda: len(self.points()) >= 4)
        self.stop_well(relay)
        shown = {(point.name, tuple(sorted(point.tags.items()))) for point in self.points()}
        self.assertEqual(shown, {
            ("p.mine.collector.fedwave.source.up", (
                ("cluster", "c"), ("source_name", "mesh"), ("stage", "test"), ("team", "b"))),
            (HEARTBEAT, (("cluster", "c"), ("installation_method", "fedwave"),
                         ("stats_prefix", "p")))})

    def test_without_the_key_nothing_is_sent(self):
        relay = self.relay(config([self.sink], [source_of(self.server)]))
        self.wait_for_ticks(relay, 2)
        self.stop_well(relay)
        names = {point.name for point in map(parse, self.wavefront.lines())}
        self.assertEqual(names, {"ticks.value"})


if __name__ == "__main__":
    unittest.main()
