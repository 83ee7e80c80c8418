"""What the Wavefront Collector for Kubernetes sent for a page, fedwave sends as well.

Every folder of tests/data/golden holds a configuration, one or two consecutive scrapes of what
every source answers, and the collector's lines. The one deviation is in 03-all-types, whose
infinite value no Wavefront takes.
"""
import json
import os
import re
import unittest

from support import fedwave
from support.case import FedwaveCase
from support.points import normalised, parse, parse_distribution
from support.web import in_turn, page, status

GOLDEN = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "golden")
PAIRS = sorted(os.listdir(GOLDEN))
ENVIRONMENT = {"POD_NODE_NAME": "node-1"}
INFINITE = '"something.weird.value" +Inf '
PROMETHEUS = "prometheus.istio-system.svc.cluster.local:9090"
PROXY = "wavefront-proxy.default.svc.cluster.local:2878"


def text_of(pair, name):
    with open(os.path.join(GOLDEN, pair, name), encoding="utf-8") as file:
        return file.read()


def scrapes_of(pair):
    names = sorted(os.listdir(os.path.join(GOLDEN, pair)))
    return [text_of(pair, name) for name in names if name.endswith(".prom")]


def expected(pair):
    lines = text_of(pair, "expected.txt").splitlines()
    return [line for line in lines if not line.startswith(INFINITE)]


def dump(pair, *options, interval="60s"):
    inputs = []
    for number in range(len(scrapes_of(pair))):
        inputs += ["--input", os.path.join(GOLDEN, pair, f"scrape-{number}.prom")]
    return fedwave.run("dump", "--config", os.path.join(GOLDEN, pair, "config.yaml"), *inputs,
                       "--interval", interval, *options, env=ENVIRONMENT)


class GoldenTest(FedwaveCase):
    def test_there_are_pairs(self):
        self.assertGreaterEqual(len(PAIRS), 10)

    def dumped(self, pair, *options, **keywords):
        done = dump(pair, *options, **keywords)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_dump_gives_the_lines_that_the_collector_sent(self):
        for pair in PAIRS:
            with self.subTest(pair=pair):
                self.assertEqual(normalised(self.dumped(pair)), expected(pair))

    def test_the_only_line_left_out_is_the_infinite_one_and_dump_says_so(self):
        left_out = [(pair, line) for pair in PAIRS
                    for line in text_of(pair, "expected.txt").splitlines()
                    if line not in expected(pair)]
        self.assertEqual([(pair, line.split()[1]) for pair, line in left_out],
                         [("03-all-types", "+Inf")])
        self.assertIn("something_weird", dump("03-all-types").stderr)

    def test_json_tells_the_same_as_the_lines(self):
        for pair in PAIRS:
            with self.subTest(pair=pair):
                objects = [json.loads(line, parse_float=str, parse_int=str)
                           for line in self.dumped(pair, "--format", "json")]
                lines = self.dumped(pair)
                self.assertEqual(len(objects), len(lines))
                for shown, line in zip(objects, lines):
                    if line.startswith("!M"):
                        self.assert_same_distribution(shown, line)
                    else:
                        self.assert_same_point(shown, line)

    def assert_same_point(self, shown, line):
        point = parse(line)
        self.assertEqual(shown.keys(), {"name", "value", "timestamp", "source", "tags"})
        self.assertEqual((shown["name"], shown["source"], shown["tags"]),
                         (point.name, point.source, point.tags))
        self.assertIn(f'" {shown["value"]} ', line)  # to the digit
        self.assertEqual(float(shown["value"]), point.value)

    def assert_same_distribution(self, shown, line):
        point = parse_distribution(line)
        self.assertEqual(shown.keys(), {"name", "centroids", "timestamp", "source", "tags"})
        self.assertEqual((shown["name"], shown["source"], shown["tags"]),
                         (point.name, point.source, point.tags))
        centroids = [(float(each["mean"]), int(each["count"])) for each in shown["centroids"]]
        self.assertEqual(sorted(centroids), sorted(point.centroids))

    def test_the_table_has_a_row_for_every_line(self):
        for pair in PAIRS:
            with self.subTest(pair=pair):
                heading, *rows = self.dumped(pair, "--format", "table")
                self.assertEqual(heading.split(), ["METRIC", "VALUE", "TIME", "SOURCE", "TAGS"])
                names = [parse_distribution(line).name if line.startswith("!M")
                         else parse(line).name for line in self.dumped(pair)]
                self.assertEqual([row.split()[0] for row in rows], names)

    def test_run_delivers_what_dump_shows(self):
        for pair in (pair for pair in PAIRS if len(scrapes_of(pair)) == 1):
            with self.subTest(pair=pair):
                delivered = self.delivered(pair, "60s", len(expected(pair)))
                self.assertEqual(normalised(delivered), normalised(self.dumped(pair)))

    def test_run_converts_histograms_as_dump_does(self):
        """The counts depend on the time between two scrapes, which nobody can set exactly."""
        converted = [pair for pair in PAIRS if len(scrapes_of(pair)) == 2]
        self.assertEqual(converted, ["09-convert-histograms"])
        for pair in converted:
            [delivered] = [parse_distribution(line) for line in self.delivered(pair, "5s", 1)]
            [shown] = [parse_distribution(line) for line in self.dumped(pair, interval="5s")]
            self.assertEqual((delivered.name, delivered.source, delivered.tags),
                             (shown.name, shown.source, shown.tags))
            self.assertEqual({mean for mean, _ in delivered.centroids},
                             {mean for mean, _ in shown.centroids})

    def delivered(self, pair, interval, lines):
        """What a receiver gets of a page server that gives each of the scrapes once."""
        pages = [page(text) for text in scrapes_of(pair)]
        server = self.web_server({"/federate": in_turn(*pages, status(503))})
        receiver = self.receiver("--strict", name=f"receiver-{pair}")
        config = text_of(pair, "config.yaml")
        config = config.replace(PROMETHEUS, server.address).replace(PROXY, receiver.address)
        config = f"defaultCollectionInterval: {interval}\n" + re.sub(r"#.*", "", config)
        self.assertIn(server.address, config)
        self.assertIn(receiver.address, config)
        relay = self.relay(config, env=ENVIRONMENT)
        self.wait_for(relay, lambda: len(receiver.lines()) >= lines, f"{lines} lines of {pair}")
        self.assertEqual(relay.stop(), 0, relay.output())
        self.assertEqual(receiver.stop(), 0, receiver.output())
        return receiver.lines()


if __name__ == "__main__":
    unittest.main()
