"""What `fedwave run` says of itself at /metrics, while everything around it fails."""
import itertools
import json
import os
import re
import subprocess
import time
import unittest

from support import fedwave, web
from support.kube_api import KubeApi
from support.metrics_page import MetricsPage
from support.processes import DEADLINE_S, accepts_connections, free_port, http_get, http_post
from support.prometheus import PROMTOOL
from support.relay_case import OK, RelayCase, Ticks, config, source_of

TABLES = os.path.join(fedwave.SOURCE_ROOT, "docs", "own-metrics.md")
NASTY = 'mesh "a" \\ é'
STARTED_S = int(time.time()) - 60
MIXED = (f"constant 1 {STARTED_S}000\nnot_a_number NaN\ninfinite +Inf\nbad line here\n"
         "denied_everywhere 1\ndenied_by_one 2\nname_that_is_too_long_for_one 3\npoison 4\n")
HISTOGRAM = ('# TYPE lat histogram\nlat_bucket{{le="1"}} {0}\nlat_bucket{{le="+Inf"}} {1}\n'
             "lat_sum {1}\nlat_count {1}\n")
READINGS = 200


def in_rotation(*answers):
    turns = itertools.cycle(answers)
    return lambda exchange: next(turns)(exchange)


class OwnMetricsTest(RelayCase):
    def setUp(self):
        super().setUp()
        self.ticks = self.server.answers["/metrics"] = Ticks(MIXED)
        self.observed = 0
        self.server.answers["/histograms"] = self.histograms
        self.server.answers["/broken"] = in_rotation(web.status(500), web.page("up 1\n"))

    def histograms(self, exchange):
        self.observed += 100
        web.page(HISTOGRAM.format(self.observed, 2 * self.observed))(exchange)

    def start(self, sinks, interval):
        sources = [
            source_of(self.server, interval=interval, more=f", name: {json.dumps(NASTY)}, "
                      "filters: {metricDenyList: ['denied.everywhere.*']}"),
            source_of(self.server, "/histograms", interval,
                      ", name: typed, convertHistograms: true"),
            source_of(self.server, "/broken", interval, ", name: broken")]
        path = self.write("relay.yaml", config(sinks, sources, "shutdownGrace: 1s"))
        relay = fedwave.Listening(["run", "--config", path, "--log-format", "json"], self.folder)
        self.addCleanup(relay.stop)
        return relay

    def text_of(self, relay):
        status, body = http_get(f"http://{relay.address}/metrics")
        self.assertEqual(status, 200, body)
        return body.decode()

    def page(self, relay):
        return MetricsPage(self.text_of(relay))

    def failing_receiver(self):
        """Takes points most of the time, but never those with poison."""
        taken = []
        take = web.take(taken)
        moody = in_rotation(take, take, web.status(503, "away"), take, take,
                            web.status(429, "less"), take, take, web.status(500))

        def answer(exchange):
            if b'"poison' in web.body_of(exchange.request):
                exchange.respond(400, b"poison")
            else:
                moody(exchange)
        return self.web_server({"/report": answer}), taken

    def test_promtool_has_nothing_to_say_about_the_page(self):
        sink = f"{{name: {json.dumps(NASTY)}, proxyAddress: '127.0.0.1:{free_port()}'}}"
        relay = self.start([sink], "200ms")
        self.wait_for(relay, lambda: self.page(relay).total("fedwave_sink_trouble") == 1)
        text = self.text_of(relay)
        self.assert_promtool_is_silent(text)
        page = MetricsPage(text)
        self.assertEqual(page.values("fedwave_scrapes_total", "source"), [NASTY, "typed", "broken"])
        self.assertEqual(page.values("fedwave_sink_info", "sink"), [NASTY])

    def test_promtool_has_nothing_to_say_about_that_of_replicas(self):
        os.mkdir(os.path.join(self.folder, "api"))
        api = KubeApi(os.path.join(self.folder, "api"))
        self.addCleanup(api.close)
        path = self.write("relay.yaml", config(["{type: stdout}"], [source_of(
            self.server, "/metrics?match[]=a&match[]=b",
            more=", name: split, splitMatches: true")]))
        for options, shards in ((("--lease", "fedwave"), 1),
                                (("--shards", "3", "--shard", "2"), 3)):
            with self.subTest(options=options):
                self.check_replica(path, options, shards, api.environment("fedwave-0"))

    def check_replica(self, path, options, shards, env):
        port = free_port()
        relay = fedwave.relay(path, self.folder, "--listen", f"127.0.0.1:{port}", *options, env=env)
        relay.address = f"127.0.0.1:{port}"
        self.addCleanup(relay.stop)
        self.wait_for(relay, lambda: accepts_connections(port), "the status server")
        self.wait_for(relay, lambda: self.page(relay).total("fedwave_leader") == 1, "a leader")
        self.assert_promtool_is_silent(self.text_of(relay))
        page = self.page(relay)
        self.assertEqual(page.total("fedwave_shards"), shards)
        self.assertEqual(page.values("fedwave_job_info", "match"), ["a", "b"])

    def assert_promtool_is_silent(self, text):
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_the_documentation_names_what_there_is(self):
        relay = self.start(["{type: stdout}"], "1s")
        with open(TABLES, encoding="utf-8") as file:
            documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", file.read(), re.MULTILINE))
        self.assertEqual(self.page(relay).types, documented)

    def test_the_sums_agree_at_every_reading(self):
        receiver, taken = self.failing_receiver()
        relay = self.start([
            f"{{name: failing, proxyAddress: '{receiver.address}', batchSize: 5}}",
            f"{{name: part, proxyAddress: '{receiver.address}', limits: {{name: 20}}, "
            "filters: {metricDenyList: ['denied.by.one.*', 'poison.*']}}",
            f"{{name: dead, proxyAddress: '127.0.0.1:{free_port()}'}}"], "500ms")
        before = MetricsPage("")
        for _ in range(READINGS):
            before = self.assert_sound(self.page(relay), before)
        self.wait_for(relay, lambda: self.has_seen_everything(self.page(relay)),
                      "every kind of trouble", 2 * DEADLINE_S)
        self.assert_sound(self.page(relay), before)
        self.assertTrue(taken)
        self.assertEqual(relay.stop(), OK, relay.output())

    def test_the_sums_agree_while_sources_and_sinks_come_and_go(self):
        receiver, _ = self.failing_receiver()
        sinks = [f"{{name: one, proxyAddress: '{receiver.address}'}}",
                 f"{{name: dead, proxyAddress: '127.0.0.1:{free_port()}'}}",
                 f"{{name: two, proxyAddress: '{receiver.address}', batchSize: 5}}"]
        sources = [source_of(self.server, interval="500ms", more=", name: ticks"),
                   source_of(self.server, "/histograms", "500ms",
                             ", name: typed, convertHistograms: true")]
        path = self.write("relay.yaml", config(sinks[:1], sources[:1]))
        relay = fedwave.Listening(["run", "--config", path, "--log-format", "json"], self.folder)
        self.addCleanup(relay.stop)
        leaving = 0
        for chosen in itertools.islice(itertools.cycle(
                [(sinks, sources), (sinks[1:], sources[::-1]), (sinks[::2], sources[1:])]), 12):
            self.write("relay.yaml", config(*chosen))
            status, text = http_post(f"http://{relay.address}/-/reload")
            self.assertEqual(status, 200, text)
            for _ in range(5):
                page = self.page(relay)
                self.assertEqual(page.sums_that_differ(), [])
                leaving += page.total("fedwave_sink_leaving_points")
            if sinks[1] in chosen[0]:
                self.wait_for(relay, lambda: self.has_work_in_hand(self.page(relay)))
        self.assertGreater(leaving, 0, "points of the dead sink have waited")
        self.assertGreater(page.total("fedwave_samples_before_total"), 0)
        self.assertEqual(page.total("fedwave_config_reloads_total", result="applied"), 12)

    @staticmethod
    def has_work_in_hand(page):
        return (page.total("fedwave_sink_waiting_points", sink="dead") and
                page.total("fedwave_samples_read_total", source="typed"))

    def assert_sound(self, page, before):
        self.assertEqual(page.sums_that_differ(), [])
        counters = page.counters()
        fallen = {series: (value, counters.get(series)) for series, value in
                  before.counters().items() if counters.get(series, -1) < value}
        self.assertEqual(fallen, {})
        return page

    @staticmethod
    def has_seen_everything(page):
        """Whether every term of the sums is there that needs neither a full disk nor an end."""
        counted = [page.total(f"fedwave_samples_{fate}_total") for fate in
                   ("filtered", "repeated", "rejected", "converted", "written")]
        delivered = [page.total(f"fedwave_sink_points_{what}_total", sink="failing")
                     for what in ("delivered", "quarantined")]
        causes = [page.total("fedwave_sink_retries_total", cause=cause)
                  for cause in ("http_503", "http_429", "unreachable")]
        return all([*counted, *delivered, *causes, page.total("fedwave_lines_malformed_total"),
                    page.total("fedwave_scrape_failures_total", code="http_status"),
                    page.total("fedwave_sink_waiting_points", sink="dead")])


if __name__ == "__main__":
    unittest.main()
