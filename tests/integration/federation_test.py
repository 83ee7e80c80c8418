"""The whole way: mesh -> Prometheus with recording rules -> /federate -> relay -> Wavefront.

A real Prometheus scrapes the simulated mesh and federates it to itself as the Wavefront Istio
integration does, by the rules and the job of charts/prometheus. One relay pulls with the sample
configuration's allow list, another with the configuration that the chart makes of its preset
"federated"; each has a receiver that checks every line.
"""
import os
import re
import subprocess
import tempfile
import unittest

from support import fedwave, istio_sample
from support.chart import render
from support.points import name_of, parse
from support.processes import wait_until
from support.prometheus import PROMTOOL, RULES, SCRAPE, Prometheus

DEADLINE_S = 200
RULE_CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prometheus",
                          "istio.rules_test.yaml")
COLLECTORS = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "golden", "01-istio-federated",
                          "expected.txt")
METRICS_TABLE = os.path.join(fedwave.SOURCE_ROOT, "docs", "metrics.md")
HISTOGRAMS = ("istio.request.duration.milliseconds", "istio.request.bytes", "istio.response.bytes")
HISTOGRAM_PARTS = ("bucket", "count", "sum", "bucket.p50", "bucket.p75", "bucket.p90", "bucket.p95",
                   "bucket.p99", "bucket.p999")
# Allowed beyond the sample's list: documented by the integration, but from a tutorial of Istio's.
ALSO_ALLOWED = ("istio.mongo.*",)
NAMES = {f"{name}.value" for name in (
    "istio.requests.total",
    *(f"{histogram}.{part}" for histogram in HISTOGRAMS for part in HISTOGRAM_PARTS),
    "istio.tcp.sent.bytes.total", "istio.tcp.received.bytes.total",
    "istio.tcp.connections.opened.total", "istio.tcp.connections.closed.total",
    "istio.mongo.received.bytes", "istio.build",
    "pilot.services", "pilot.virt.services", "pilot.xds", "pilot.xds.pushes",
    "pilot.xds.cds.reject", "pilot.xds.eds.reject", "pilot.xds.lds.reject", "pilot.xds.rds.reject",
    "pilot.xds.write.timeout", "pilot.xds.push.context.errors",
    "pilot.total.xds.rejects", "pilot.total.xds.internal.errors",
    "pilot.conflict.inbound.listener",
    "pilot.conflict.outbound.listener.http.over.current.tcp",
    "pilot.conflict.outbound.listener.tcp.over.current.http",
    "pilot.conflict.outbound.listener.tcp.over.current.tcp",
    "pilot.proxy.convergence.time.bucket", "pilot.proxy.queue.time.bucket",
    "citadel.server.csr.count", "citadel.server.success.cert.issuance.count",
    "citadel.server.csr.sign.error.count",
    "galley.validation.passed", "galley.validation.failed", "galley.validation.http.error",
    "galley.validation.config.updates", "galley.validation.config.update.error",
    "galley.validation.config.load", "galley.validation.config.load.error",
    "galley.validation.config.delete.error",
    "go.goroutines", "go.memstats.alloc.bytes", "go.memstats.heap.alloc.bytes",
    "go.memstats.heap.inuse.bytes", "go.memstats.heap.sys.bytes", "go.memstats.stack.inuse.bytes",
    "process.cpu.seconds.total", "process.resident.memory.bytes", "process.virtual.memory.bytes",
    "sidecar.injection.requests.total", "sidecar.injection.success.total")}
OF_PRESET = NAMES - {"istio.mongo.received.bytes.value"}
CONFIG = """clusterName: mesh-1
flushInterval: 5s
sinks:
- proxyAddress: {sink}
sources:
  prometheus_sources:
  - url: 'http://{prometheus}/federate?match[]={{job=~"federate|kubernetes-pods"}}'
    source: istio-prometheus
    collection:
      interval: 1s
    filters:
      metricTagDenyList:
        destination_principal:
        - '*'
      metricAllowList:
{allowed}
"""
# Series whose every point is compared with what Prometheus has stored.
COMPARED = (
    ('istio_requests_total{job="federate",destination_workload="productpage-v1",'
     'source_workload="istio-ingressgateway",reporter="destination"}',
     "istio.requests.total.value",
     {"destination_workload": "productpage-v1", "source_workload": "istio-ingressgateway",
      "reporter": "destination"}),
    ('istio_request_duration_milliseconds_bucket{job="federate",le="25",response_code="200",'
     'destination_workload="reviews-v2",reporter="source"}',
     "istio.request.duration.milliseconds.bucket.value",
     {"destination_workload": "reviews-v2", "reporter": "source", "le": "25",
      "response_code": "200"}),
    ('istio_request_duration_milliseconds_bucket_p99{job="federate",response_code="200",'
     'destination_workload="details-v1",reporter="source"}',
     "istio.request.duration.milliseconds.bucket.p99.value",
     {"destination_workload": "details-v1", "reporter": "source", "response_code": "200"}),
    ('istio_tcp_sent_bytes_total{job="federate",reporter="source"}',
     "istio.tcp.sent.bytes.total.value", {"reporter": "source"}),
    ('pilot_xds_pushes{type="eds"}', "pilot.xds.pushes.value", {"type": "eds"}),
    ('pilot_proxy_convergence_time_bucket{le="0.5"}', "pilot.proxy.convergence.time.bucket.value",
     {"le": "0.5"}),
    ('process_cpu_seconds_total{app="istiod"}', "process.cpu.seconds.total.value",
     {"app": "istiod"}),
    ('istio_mongo_received_bytes{job="kubernetes-pods"}', "istio.mongo.received.bytes.value", {}),
)
POINTS_COMPARED_MIN = 3  # of each series


def promtool(*arguments):
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def tags_of_traffic(lines):
    """{name: tags that any of its points has}, without those that say something only now and then."""
    found = {}
    for point in map(parse, lines):
        if point.name.startswith(("istio.request", "istio.response", "istio.tcp.")):
            # TCP has no response code: in the golden page it has one all the same.
            sometimes = {"response_flags"} | ({"response_code"} if ".tcp." in point.name else set())
            found.setdefault(point.name, set()).update(point.tags.keys() - sometimes)
    return found


def compared(lines, name, tags):
    """The points of one compared series."""
    points = [parse(line) for line in lines if name_of(line) == name]
    return [point for point in points if tags.items() <= point.tags.items()]


class ShippedFilesTest(unittest.TestCase):
    def test_promtool_accepts_the_recording_rules(self):
        done = promtool("check", "rules", RULES)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SUCCESS: 32 rules found", done.stdout)

    def test_promtool_accepts_the_self_scrape(self):
        done = promtool("check", "config", SCRAPE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_rules_give_the_values_that_they_should(self):
        done = promtool("test", "rules", RULE_CASES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_rule_has_a_value_in_these_cases(self):
        rules = re.findall(r"(?m)^    - record: (\S+)$", read(RULES))
        self.assertEqual(len(rules), 32)
        asked = set(re.findall(r"(?m)^      - expr: (?:round\()?([\w:]+)", read(RULE_CASES)))
        self.assertEqual(asked, set(rules))

    def test_the_rules_record_what_the_documentation_lists_as_traffic(self):
        traffic = read(METRICS_TABLE).partition("## Traffic")[2].partition("\n## ")[0]
        documented = re.findall(r"(?m)^\| `(\w+)` \|", traffic)
        rules = re.findall(r"(?m)^    - record: federate:(\S+)$", read(RULES))
        self.assertEqual(sorted(documented), sorted(rules))


class DocumentationTest(unittest.TestCase):
    def test_the_table_of_metrics_names_exactly_what_arrives_here(self):
        rows = re.findall(r"(?m)^\| `(\w+)` \| `([\w.]+)` \|", read(METRICS_TABLE))
        self.assertEqual({name for _, name in rows}, NAMES)
        for metric, name in rows:
            self.assertEqual(name, metric.replace("_", ".") + ".value")


class FederationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="fedwave-federation-")
        cls.addClassCleanup(folder.cleanup)
        mesh = fedwave.simulated_mesh(folder.name)
        cls.addClassCleanup(mesh.stop)
        cls.prometheus = Prometheus(folder.name, mesh.address)
        cls.addClassCleanup(cls.prometheus.stop)
        cls.receiver = fedwave.Receiver(folder.name, "--strict")
        cls.addClassCleanup(cls.receiver.stop)
        config = os.path.join(folder.name, "fedwave.yaml")
        allowed = (*istio_sample.metric_allow_list(), *ALSO_ALLOWED)
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(sink=cls.receiver.address, prometheus=cls.prometheus.address,
                                     allowed="\n".join(f"      - '{name}'" for name in allowed)))
        cls.relay = fedwave.relay(config, folder.name, "--listen", "off")
        cls.addClassCleanup(cls.relay.stop)
        cls.start_preset(folder.name)
        cls.wait_for_everything()
        cls.relay_exit = cls.relay.stop()
        cls.lines = cls.receiver.lines()
        cls.points = [parse(line) for line in cls.lines]
        cls.crowded = cls.prometheus.crowded_seconds()

    @classmethod
    def start_preset(cls, outer):
        """The relay as the chart configures it for this Prometheus and this proxy."""
        folder = os.path.join(outer, "preset")
        os.mkdir(folder)
        cls.preset_receiver = fedwave.Receiver(folder, "--strict")
        cls.addClassCleanup(cls.preset_receiver.stop)
        preset = cls.configured(folder, interval="2s", timeout="2s")
        cls.preset_once = cls.configured(folder)
        cls.preset_relay = fedwave.relay(preset, folder, "--listen", "off")
        cls.addClassCleanup(cls.preset_relay.stop)

    @classmethod
    def configured(cls, folder, **collection):
        """The path of what the chart puts into its ConfigMap."""
        made = render.render(settings=[
            "preset=federated", "clusterName=mesh-1", f"prometheus.url=http://{cls.prometheus.address}",
            f"wavefront.proxyAddress={cls.preset_receiver.address}",
            *(f"prometheus.{key}={value}" for key, value in collection.items())])
        [config_map] = made.objects("ConfigMap")
        path = tempfile.mkstemp(suffix=".yaml", dir=folder)[1]
        with open(path, "w", encoding="utf-8") as file:
            file.write(config_map["data"]["config.yaml"].replace(
                "/var/lib/fedwave/spool", os.path.join(folder, "spool")))
        return path

    @classmethod
    def wait_for_everything(cls):
        """Until each name has arrived and each compared series several times."""
        state = {}

        def probe():
            for relay in (cls.relay, cls.preset_relay):
                if not relay.running():
                    raise AssertionError(f"the relay ended:\n{relay.output()}")
            lines = cls.receiver.lines()
            of_preset = {name_of(line) for line in cls.preset_receiver.lines()}
            state["missing"] = sorted((NAMES - {name_of(line) for line in lines}) |
                                      (OF_PRESET - of_preset))
            return not state["missing"] and all(
                len(compared(lines, name, tags)) >= POINTS_COMPARED_MIN for _, name, tags in COMPARED)
        wait_until(probe, lambda: f"missing {state['missing']}\n{cls.relay.output()}", DEADLINE_S,
                   every_s=1)

    def test_every_documented_metric_arrives(self):
        self.assertEqual(NAMES - {point.name for point in self.points}, set())

    def test_the_chart_s_preset_delivers_every_documented_metric_and_no_other(self):
        self.assertEqual({name_of(line) for line in self.preset_receiver.lines()}, OF_PRESET)

    def test_what_the_collector_sent_arrives_under_the_same_names_and_tags(self):
        sent = read(COLLECTORS).splitlines()
        arrived = self.preset_receiver.lines()
        self.assertLessEqual({name_of(line) for line in sent}, {name_of(line) for line in arrived})
        self.assertEqual(tags_of_traffic(arrived), tags_of_traffic(sent))

    def test_dump_shows_what_the_preset_would_send(self):
        done = fedwave.run("dump", "--config", self.preset_once)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({name_of(line) for line in done.stdout.splitlines()}, OF_PRESET)

    def test_only_allowed_series_arrive(self):
        unwanted = ("envoy.", "container.", "up.", "scrape.")
        for point in self.points:
            self.assertFalse(point.name.startswith(unwanted), point)
            self.assertNotIn("destination_principal", point.tags, point)
            if point.name.startswith(("istio.request", "istio.response", "istio.tcp.")):
                self.assertEqual(point.tags["job"], "federate", point)

    def test_every_point_carries_the_cluster_and_the_source(self):
        self.assertEqual({(point.source, point.tags.get("cluster")) for point in self.points},
                         {("istio-prometheus", "mesh-1")})

    def test_the_relay_ends_well_and_the_receiver_refused_nothing(self):
        self.assertEqual(self.relay_exit, 0, self.relay.output())
        self.assertEqual(self.receiver.stop(), 0, self.receiver.output())
        summary = self.receiver.output()
        self.assertRegex(summary, rf"(?m)^points +{len(self.points)}$")
        self.assertRegex(summary, r"(?m)^rejected +0$")
        again = sum(point.timestamp in self.crowded for point in self.points)
        for what in ("duplicates", "conflicts"):  # the same line, one point with two values
            [count] = re.findall(rf"(?m)^{what} +(\d+)$", summary)
            self.assertLessEqual(int(count), again, what)

    def test_a_sample_that_prometheus_repeats_is_sent_once(self):
        seen = set()
        for point in self.points:
            key = (point.name, point.timestamp, tuple(sorted(point.tags.items())))
            if point.timestamp not in self.crowded:
                self.assertNotIn(key, seen)
            seen.add(key)

    def test_values_and_timestamps_are_those_that_prometheus_stored(self):
        for selector, name, tags in COMPARED:
            with self.subTest(series=selector):
                [(_, samples)] = self.prometheus.stored(selector)
                stored = {}
                for at_ms, value in samples.items():
                    stored.setdefault(at_ms // 1000, set()).add(value)
                points = compared(self.lines, name, tags)
                self.assertGreaterEqual(len(points), POINTS_COMPARED_MIN)
                for point in points:
                    self.assertIn(point.timestamp, stored, point)
                    self.assertIn(point.value, stored[point.timestamp], point)


if __name__ == "__main__":
    unittest.main()
