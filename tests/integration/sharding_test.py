"""Several relays that share the work, without a word between them: whatever they are given, each
series is delivered, and by exactly one of them.

A point tells by its tag `sender` which relay it comes from; apart from that all have the same
configuration.
"""
import json
import os
import tempfile
import unittest

from support import fedwave, web
from support.case import FedwaveCase
from support.points import parse
from support.processes import wait_until
from support.prometheus import Prometheus
from support.relay_case import OK

SHARDS = 3
SOURCES = 120
SCRAPES = 3  # by which everybody has had a chance to send what is not theirs
PODS = 300
BOUNDS = ("1", "5", "+Inf")
# They have series in common, and what is left of some takes several selectors to ask for.
MATCHES = ('{job="federate"}', '{__name__=~"istio_.*"}', '{__name__=~"pilot_.*",type!="eds"}',
           '{job=~"federate|kubernetes-pods",__name__!~"istio_tcp_.*"}', "up", "pilot_xds_pushes",
           '{__name__=~".*_total",job="kubernetes-pods"}', '{__name__=~"go_.+"}')
PLAIN = "plain"
SERIES_MIN = 1000  # of the simulated mesh
DEADLINE_S = 150


def config(sink, sources, sender):
    return "\n".join([
        "clusterName: c", "status: {listen: 'off'}", "sinks:",
        f"- {{proxyAddress: '{sink}', tags: {{sender: '{sender}'}}, limits: {{tags: 100}}, "
        "connectTimeout: 60s, requestTimeout: 60s}",
        "sources:", "  prometheus_sources:", *(f"  - {source}" for source in sources), ""])


def senders_in(lines):
    """{series: the relays that have sent it}."""
    senders = {}
    for point in map(parse, lines):
        tags = tuple(sorted(tag for tag in point.tags.items() if tag[0] != "sender"))
        senders.setdefault((point.name, tags), set()).add(point.tags["sender"])
    return senders


def sent_by(senders, which):
    return {series for series, who in senders.items() if who & which}


def moved(before, after):
    """The series that have another sender now, and that sender: [(old, new)]."""
    return [(*before[series], *after[series]) for series in before
            if before[series] != after[series]]


def shares(senders):
    counts = {}
    for who in senders.values():
        for sender in who:
            counts[sender] = counts.get(sender, 0) + 1
    return dict(sorted(counts.items()))


class ShardingCase(FedwaveCase):
    def start(self, sources, receiver, shards=SHARDS, sharded=True):
        """{sender: relay}; one that has everything to itself unless `sharded`."""
        options = {str(i): ("--shards", str(shards), "--shard", str(i)) for i in range(shards)}
        if not sharded:
            options = {PLAIN: ()}
        relays = {}
        for sender, option in options.items():
            folder = tempfile.mkdtemp(prefix="relay-", dir=self.folder)
            path = os.path.join(folder, "relay.yaml")  # one each: an edit would be put in force
            self.write(path, config(receiver.address, sources, sender))
            relays[sender] = fedwave.relay(path, folder, *option)
            self.addCleanup(relays[sender].stop)
        return relays

    def until(self, relays, probe, what):
        def check():
            for relay in relays.values():
                self.assertTrue(relay.running(), f"a relay ended:\n{relay.output()}")
            return probe()
        return wait_until(check, what, DEADLINE_S, every_s=0.5)

    def stop(self, relays):
        for relay in relays.values():
            self.assertEqual(relay.stop(), OK, relay.output())

    def assert_one_sender_each(self, senders):
        shared = {series: who for series, who in senders.items() if len(who) != 1}
        self.assertEqual(shared, {})

    def deliver(self, sources, expected, shards, scrapes):
        """{series: its sender} once all `expected` series have come and `scrapes` says that every
        relay has had its chances."""
        receiver = self.receiver("--strict", name=f"receiver-{shards}")
        relays = self.start(sources, receiver, shards)

        def everybody_sends():
            senders = senders_in(receiver.lines())
            everybody = set().union(*senders.values()) == {str(i) for i in range(shards)}
            return everybody and len(senders) == expected

        self.until(relays, everybody_sends, "points from everybody")
        for relay in relays.values():
            self.assertEqual(relay.output().count("working as a shard"), 1, relay.output())
        done = scrapes()
        self.until(relays, lambda: all(count >= done[key] + SCRAPES
                                       for key, count in scrapes().items()), "more scrapes")
        self.stop(relays)
        self.assertEqual(receiver.stop(), OK, receiver.output())
        senders = senders_in(receiver.lines())
        self.assertEqual(len(senders), expected)
        self.assert_one_sender_each(senders)
        return senders


class JobsTest(ShardingCase):
    def test_each_source_belongs_to_one_shard_and_a_fourth_takes_about_a_quarter(self):
        pages = {f"/{i}": web.page(f'jobs{{number="{i}"}} {i}\n') for i in range(SOURCES)}
        server = self.web_server(pages)
        sources = [f"{{name: source {i}, url: '{server.url(path)}', "
                   "collection: {interval: 2s}}" for i, path in enumerate(pages)]

        def scrapes():
            return {path: len(server.finished(path)) for path in pages}

        three = self.deliver(sources, SOURCES, 3, scrapes)
        four = self.deliver(sources, SOURCES, 4, scrapes)
        changes = moved(three, four)
        print(f"{SOURCES} jobs: of three shards {shares(three)}, of four {shares(four)}, "
              f"{len(changes)} moved ({len(changes) / SOURCES:.0%})", flush=True)
        self.assertEqual({new for _, new in changes}, {"3"})
        self.assertEqual(len({old for old, _ in changes}), 3)
        self.assertTrue(SOURCES / 4 * 0.7 < len(changes) < SOURCES / 4 * 1.3, changes)


class SeriesTest(ShardingCase):
    @staticmethod
    def page():
        lines = ["# TYPE latency histogram"]
        for pod in range(PODS):
            lines += [f'latency_bucket{{le="{bound}",pod="{pod}"}} 3' for bound in BOUNDS]
            lines += [f'latency_sum{{pod="{pod}"}} 5', f'latency_count{{pod="{pod}"}} 3']
        lines += [f'up{{pod="{pod}"}} 1' for pod in range(PODS)]
        lines += [f"single_{number} {number}" for number in range(PODS)]
        return "\n".join(lines) + "\n"

    def test_each_series_of_a_page_belongs_to_one_shard_and_histograms_stay_whole(self):
        server = self.web_server({"/metrics": web.page(self.page())})
        sources = [f"{{name: large, url: '{server.url('/metrics')}', shardBy: series, "
                   "collection: {interval: 1s}}"]
        expected = PODS * (len(BOUNDS) + 2 + 2)

        def rounds():
            return {"/metrics": len(server.finished("/metrics")) // 4}

        three = self.deliver(sources, expected, 3, rounds)
        four = self.deliver(sources, expected, 4, rounds)
        for senders in (three, four):
            histograms = {}
            for (name, tags), who in senders.items():
                if name.startswith("latency"):
                    histograms.setdefault(dict(tags)["pod"], set()).update(who)
            self.assertEqual(len(histograms), PODS)
            self.assertEqual({len(who) for who in histograms.values()}, {1})
        changes = moved(three, four)
        print(f"{expected} series: of three shards {shares(three)}, of four {shares(four)}, "
              f"{len(changes)} moved ({len(changes) / expected:.0%})", flush=True)
        self.assertEqual({new for _, new in changes}, {"3"})
        self.assertTrue(expected / 4 * 0.7 < len(changes) < expected / 4 * 1.3, len(changes))


class SplitMatchesTest(ShardingCase):
    def setUp(self):
        super().setUp()
        mesh = fedwave.simulated_mesh(self.folder)
        self.addCleanup(mesh.stop)
        self.prometheus = Prometheus(self.folder, mesh.address)
        self.addCleanup(self.prometheus.stop)

    def source(self, more):
        matches = json.dumps(MATCHES)
        return [f"{{name: mesh, url: 'http://{self.prometheus.address}/federate', "
                f"match: {matches}, collection: {{interval: 1s}}{more}}}"]

    def test_matches_with_series_in_common_are_split_without_loss_or_duplicate(self):
        receiver = self.receiver()
        plain = self.start(self.source(""), receiver, sharded=False)
        self.until(plain, lambda: len(senders_in(receiver.lines())) > SERIES_MIN and any(
            point.tags.get("job") == "federate" for point in map(parse, receiver.lines())),
                   "the mesh, and what Prometheus makes of it")
        shards = self.start(self.source(", splitMatches: true"), receiver)
        relays = {**plain, **shards}
        everybody = set(shards)

        def known(which):
            return sent_by(senders_in(receiver.lines()), which)

        # The mesh may bring new series at any time: what one way has found, the other finds too.
        whole = known({PLAIN})
        self.until(relays, lambda: whole <= known(everybody), "all that one request brings")
        split = known(everybody)
        self.until(relays, lambda: split <= known({PLAIN}), "nothing that it does not bring")
        self.stop(relays)
        lines = receiver.lines()
        crowded = self.prometheus.crowded_seconds()
        plain_seconds = [line for line in lines if parse(line).timestamp not in crowded]
        # Nor is one sample read by two requests.
        self.assertEqual(len(plain_seconds), len(set(plain_seconds)))
        senders = {series: who - {PLAIN} for series, who in senders_in(lines).items()}
        senders = {series: who for series, who in senders.items() if who}
        self.assert_one_sender_each(senders)
        print(f"{len(MATCHES)} match[] of one source, {len(senders)} series: {shares(senders)}",
              flush=True)
        self.assertGreater(len(shares(senders)), 1)
        for relay in shards.values():
            self.assertNotIn("HTTP status", relay.output())


if __name__ == "__main__":
    unittest.main()
