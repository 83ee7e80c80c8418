"""`fedwave run` among servers of every mood: what it asks, delivers, logs and counts."""
import base64
import gzip
import json
import os
import signal
import time
import unittest

from support import web
from support.case import FedwaveCase
from support.points import parse
from support.processes import free_port
from support.web import WebServer

OK = 0
DISTRIBUTION = "!M "
LEVELS = {"debug", "info", "warning", "error"}
# A selector may hold anything that a URL may not.
SELECTORS = ['{job=~"federate|kubernetes-pods"}', '{__name__=~"istio_.+",path!="/a&b=c?#%41 +é"}']


def config(sinks, sources, *top):
    """From lines of YAML: `sinks` and `sources` are lists of flow maps."""
    return "\n".join([*top, "sinks:", *(f"- {sink}" for sink in sinks), "sources:",
                      "  prometheus_sources:", *(f"  - {source}" for source in sources), ""])


def source_of(server, path="/metrics", interval="100ms", more=""):
    return f"{{url: '{server.url(path)}', collection: {{interval: {interval}}}{more}}}"


class Ticks:
    """Answers with a page that is another one at every scrape: the first holds 1, and so on."""

    def __init__(self, more=""):
        self.count = 0
        self._first_s = int(time.time()) - 3600
        self._more = more

    def __call__(self, exchange):
        self.count += 1
        web.page(f"ticks {self.count} {(self._first_s + self.count) * 1000}\n{self._more}")(exchange)

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
        self.assertEqual(sorted(set(self.ticks.seen_in(lines))), list(range(1, self.ticks.count + 1)))
        points = {(point.name, point.timestamp) for point in map(parse, lines)}
        self.assertEqual(len(points), len(set(lines)))


class RequestTest(RelayCase):
    def run_for(self, more, interval="100ms", scrapes=2):
        relay = self.relay(config(["{type: stdout}"],
                                  [source_of(self.server, interval=interval, more=more)]))
        self.wait_for_ticks(relay, scrapes)
        self.stop_well(relay)
        return self.server.requests("/metrics")

    def test_a_request_looks_like_one_of_prometheus(self):
        for request in self.run_for("", interval="700ms"):
            self.assertEqual((request.method, request.body), ("GET", b""))
            self.assertEqual(request.headers["accept"], "text/plain;version=0.0.4")
            self.assertEqual(request.headers["accept-encoding"], "gzip")
            self.assertRegex(request.headers["user-agent"], r"\Afedwave/\d+\.\d+\.\d+")
            self.assertEqual(float(request.headers["x-prometheus-scrape-timeout-seconds"]), 0.7)
            self.assertEqual(request.headers["host"], self.server.address)
            self.assertNotIn("authorization", request.headers)

    def test_one_connection_serves_many_scrapes(self):
        connections = {request.connection for request in self.run_for("", scrapes=5)}
        self.assertEqual(len(connections), 1)

    def test_headers_of_the_configuration_are_sent(self):
        requests = self.run_for(", httpConfig: {headers: {X-Scope-OrgID: mesh, X-Two: 'a: b'}}")
        for request in requests:
            self.assertEqual(request.headers["x-scope-orgid"], "mesh")
            self.assertEqual(request.headers["x-two"], "a: b")

    def test_basic_auth_is_sent_at_once_also_when_it_stands_in_the_url(self):
        expected = "Basic " + base64.b64encode("jo:pä:ss".encode()).decode()
        for request in self.run_for(", httpConfig: {basic_auth: {username: jo, password: 'pä:ss'}}"):
            self.assertEqual(request.headers["authorization"], expected)
        before = len(self.server.requests("/metrics"))
        url = self.server.url("/metrics").replace("//", "//jo:p%C3%A4%3Ass@")
        relay = self.relay(config(["{type: stdout}"], [f"{{url: '{url}'}}"]))
        self.wait_for_ticks(relay, 1)
        self.stop_well(relay)
        self.assertEqual(self.server.requests("/metrics")[before].headers["authorization"], expected)

    def test_a_bearer_token_is_sent(self):
        for request in self.run_for(", httpConfig: {bearer_token: abc123}"):
            self.assertEqual(request.headers["authorization"], "Bearer abc123")

    def test_selectors_arrive_as_they_were_written(self):
        for request in self.run_for(f", match: {json.dumps(SELECTORS, ensure_ascii=False)}"):
            self.assertEqual(request.parameters("match[]"), SELECTORS)

    def test_credentials_do_not_follow_a_redirect_to_another_server(self):
        other = self.web_server({"/metrics": web.page("up 1\n")})
        self.server.answers["/metrics"] = web.redirect(other.url("/metrics"))
        for credentials in ("bearer_token: abc", "basic_auth: {username: jo, password: abc}"):
            before = len(other.requests("/metrics"))
            relay = self.relay(config(["{type: stdout}"], [
                source_of(self.server, more=f", httpConfig: {{{credentials}}}")]))
            self.wait_for(relay, lambda: len(other.requests("/metrics")) > before)
            self.stop_well(relay)
        for request in other.requests("/metrics"):
            self.assertNotIn("authorization", request.headers)


class DeliveryTest(RelayCase):
    def test_the_first_scrape_does_not_wait_for_the_interval(self):
        receiver = self.receiver("--strict")
        relay = self.relay(config([f"{{proxyAddress: '{receiver.address}'}}"],
                                  [source_of(self.server, interval="1h")]))
        self.wait_for(relay, receiver.lines, "the first point")
        self.stop_well(relay)
        self.assertEqual(self.ticks.count, 1)

    def test_sigterm_ends_with_everything_delivered(self):
        for protocol in ("http", "tcp"):
            with self.subTest(protocol=protocol):
                ticks = self.ticks = self.server.answers["/metrics"] = Ticks()
                receiver = self.receiver("--strict", name=protocol)
                relay = self.relay(config(
                    [f"{{proxyAddress: '{receiver.address}', protocol: {protocol}}}"],
                    [source_of(self.server)]))
                self.wait_for_ticks(relay, 5)
                self.stop_well(relay)
                self.assertEqual(receiver.stop(), OK, receiver.output())
                self.assertEqual(ticks.seen_in(receiver.lines()), list(range(1, ticks.count + 1)))

    def test_points_on_standard_output_are_lines_and_nothing_else(self):
        with open(os.path.join(self.folder, "points"), "wb") as file:
            relay = self.relay(config(["{type: stdout}"], [source_of(self.server)]),
                               "--log-level", "debug", stdout=file)
            self.wait_for_ticks(relay, 3)
            self.stop_well(relay)
        self.assert_all_ticks(self.read("points").splitlines())

    def test_a_reader_of_standard_output_that_leaves_does_not_end_the_relay(self):
        read_end, write_end = os.pipe()
        relay = self.relay(config(["{type: stdout}"], [source_of(self.server)], "shutdownGrace: 1s"),
                           stdout=write_end)
        os.close(write_end)
        with open(read_end, encoding="utf-8") as reader:
            self.assertEqual(parse(reader.readline().rstrip("\n")).name, "ticks.value")
        self.wait_for(relay, lambda: "cannot write to standard output" in relay.output())
        self.wait_for_ticks(relay, 3)
        self.stop_well(relay)

    def test_every_sink_has_its_own_prefix_tags_and_filters(self):
        self.server.answers["/metrics"] = web.page(
            'kept{own="1",shed="x"} 1\nother{own="2",team="labelled"} 2\n')
        left, right = self.receiver("--strict", name="left"), self.receiver("--strict", name="right")
        with open(os.path.join(self.folder, "points"), "wb") as file:
            relay = self.relay(config([
                f"{{proxyAddress: '{left.address}', prefix: left, tags: {{team: a}}, "
                "filters: {metricAllowList: ['kept.*']}}",
                f"{{proxyAddress: '{right.address}', protocol: tcp, prefix: right.mesh, "
                "tags: {team: b, own: ''}, filters: {tagExclude: [shed, cluster]}}",
                "{type: stdout}"], [source_of(self.server, interval="1h")], "clusterName: c"),
                stdout=file)
            self.wait_for(relay, lambda: left.lines() and len(right.lines()) >= 2)
            self.stop_well(relay)

        def shown(lines):
            return sorted((point.name, sorted(point.tags.items())) for point in map(parse, lines))

        self.assertEqual(shown(left.lines()), [
            ("left.kept.value", [("cluster", "c"), ("own", "1"), ("shed", "x"), ("team", "a")])])
        self.assertEqual(shown(right.lines()), [
            ("right.mesh.kept.value", [("team", "b")]), ("right.mesh.other.value", [("team", "b")])])
        self.assertEqual(shown(self.read("points").splitlines()), [
            ("kept.value", [("cluster", "c"), ("own", "1"), ("shed", "x")]),
            ("other.value", [("cluster", "c"), ("own", "2"), ("team", "labelled")])])

    def test_a_sink_that_fails_for_a_while_gets_everything_in_the_end(self):
        lines = []

        def take(exchange):
            body = gzip.decompress(exchange.request.body)
            lines.extend(body.decode().splitlines())

        def take_and_fail(exchange):
            take(exchange)
            exchange.respond(503, b"taken, but not said so")

        # Then the connection ends without an answer, the data taken.
        moods = [take_and_fail, web.status(503), take, web.status(429, headers=["Retry-After: 1"])]

        def sink(exchange):
            if moods:
                moods.pop(0)(exchange)
            else:
                take(exchange)
                exchange.respond(202)

        self.server.answers["/report"] = sink
        relay = self.relay(config([f"{{proxyAddress: '{self.server.address}'}}"],
                                  [source_of(self.server)]))
        self.wait_for(relay, lambda: not moods, "every mood of the sink")
        self.wait_for_ticks(relay, 2)
        self.stop_well(relay)
        self.assert_all_ticks(lines)
        self.assertGreater(len(lines), len(set(lines)))  # it did take some twice

    def test_a_wrong_token_loses_nothing_and_a_rewritten_file_is_read_again(self):
        token = "right-4f1d"
        receiver = self.receiver("--mode", "direct", "--token", token, "--strict")
        token_file = self.write("token", "wrong-77ab\n")
        relay = self.relay(config([f"{{server: 'http://{receiver.address}', tokenFile: {token_file}}}"],
                                  [source_of(self.server)]))
        self.wait_for(relay, lambda: "401" in relay.output(), "the refusal")
        self.wait_for_ticks(relay, 3)
        self.assertEqual(receiver.lines(), [])
        os.rename(self.write("token.new", token + "\n"), token_file)
        self.wait_for(relay, lambda: len(receiver.lines()) >= 4, "what had waited")
        self.stop_well(relay)
        self.assertEqual(receiver.stop(), OK, receiver.output())
        self.assert_all_ticks(receiver.lines())
        for secret in (token, "wrong-77ab"):
            self.assertNotIn(secret, relay.output())


class SignalTest(RelayCase):
    def test_a_second_signal_ends_at_once_what_waits_for_a_sink_that_hangs(self):
        self.server.answers["/report"] = web.nothing
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(signal=number):
                before = len(self.server.requests("/report"))
                relay = self.relay(config(
                    [f"{{proxyAddress: '{self.server.address}', requestTimeout: 10m}}"],
                    [source_of(self.server)], "shutdownGrace: 10m"))
                self.wait_for(relay, lambda: len(self.server.requests("/report")) > before)
                relay.send_signal(number)
                self.wait_for(relay, lambda: "stopping" in relay.output())
                relay.send_signal(number)
                self.assertEqual(relay.wait(), code)

    def test_the_grace_ends_the_wait_for_a_sink_that_hangs(self):
        self.server.answers["/report"] = web.nothing
        relay = self.relay(config(
            [f"{{proxyAddress: '{self.server.address}', requestTimeout: 10m}}"],
            [source_of(self.server)], "shutdownGrace: 1s"), "--log-format", "json")
        self.wait_for(relay, lambda: self.server.requests("/report"))
        self.stop_well(relay)
        [figures] = self.events(relay, "sink figures")
        self.assertGreater(figures["expired"], 0)

    def test_sighup_does_not_end_it(self):
        relay = self.relay(config(["{type: stdout}"], [source_of(self.server)]))
        self.wait_for_ticks(relay, 1)
        relay.send_signal(signal.SIGHUP)
        self.wait_for_ticks(relay, 3)
        self.stop_well(relay)


class LogTest(RelayCase):
    def test_every_line_of_a_json_log_is_an_object_with_time_level_and_message(self):
        self.server.answers["/broken"] = web.status(500, b'quote " \\ \xff\xfe \x01\x1b[31m\r\n')
        relay = self.relay(config(["{type: stdout, maxBufferSize: 5}"], [
            source_of(self.server), source_of(self.server, "/broken"),
            f"{{url: 'http://127.0.0.1:{free_port()}/metrics'}}"]),
            "--log-format", "json", "--log-level", "debug")
        self.wait_for_ticks(relay, 2)
        self.wait_for(relay, lambda: relay.output().count("scrape failed") >= 2)
        self.stop_well(relay)
        with open(relay.output_path, "rb") as file:
            lines = [line for line in file.read().splitlines() if not line.startswith(b'"ticks.value"')]
        self.assertGreater(len(lines), 5)
        for line in lines:
            try:
                event = json.loads(line.decode())
            except ValueError as error:
                self.fail(f"{error}: {line}")
            self.assertRegex(event["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
            self.assertIn(event["level"], LEVELS)
            self.assertTrue(event["message"])

    def told(self, relay, message, *, source=None):
        return [event for event in self.events(relay, message)
                if source is None or event["source"] == source]

    def wait_for_scrapes(self, relay, source, more):
        enough = len(self.told(relay, "scraped", source=source)) + more
        self.wait_for(relay, lambda: len(self.told(relay, "scraped", source=source)) >= enough)

    def test_a_source_that_is_down_is_told_once_and_once_more_when_it_is_back(self):
        port = free_port()
        relay = self.relay(config(["{type: stdout}"], [
            f"{{name: absent, url: 'http://127.0.0.1:{port}/metrics', collection: {{interval: 100ms}}}}"]),
            "--log-format", "json", "--log-level", "debug")
        self.wait_for_scrapes(relay, "absent", 20)
        server = WebServer({"/metrics": self.ticks}, port)
        self.addCleanup(server.stop)
        self.wait_for(relay, lambda: self.told(relay, "scraping again"))
        self.wait_for_ticks(relay, 3)
        server.stop()
        self.wait_for(relay, lambda: len(self.told(relay, "scrape failed")) >= 2)
        self.stop_well(relay)
        told = [event["message"] for event in self.events(relay)
                if event["message"] in ("scrape failed", "scraping again")]
        self.assertEqual(told, ["scrape failed", "scraping again", "scrape failed"])
        self.assertEqual({event["level"] for event in self.told(relay, "scrape failed")}, {"warning"})

    def test_a_source_that_never_answers_is_told_once(self):
        self.server.answers["/hangs"] = web.nothing
        relay = self.relay(config(["{type: stdout}"], [
            source_of(self.server, "/hangs", more=", name: hangs")]),
            "--log-format", "json", "--log-level", "debug")
        self.wait_for_scrapes(relay, "hangs", 10)
        self.stop_well(relay)
        [failure] = self.told(relay, "scrape failed")
        self.assertIn("within 100 ms", failure["error"])

    def test_a_sink_that_is_away_is_told_once_and_once_more_when_it_is_back(self):
        refusals = []

        def refuse(exchange):
            refusals.append(exchange.request)
            exchange.respond(503, f"no room for request {len(refusals)}".encode())

        self.server.answers["/report"] = refuse
        relay = self.relay(config([f"{{proxyAddress: '{self.server.address}'}}"],
                                  [source_of(self.server)]), "--log-format", "json")
        self.wait_for(relay, lambda: len(refusals) >= 3)
        self.server.answers["/report"] = web.status(202)
        self.wait_for(relay, lambda: self.told(relay, "delivering again"))
        self.stop_well(relay)
        told = [event["message"] for event in self.events(relay)
                if event["message"].startswith(("cannot deliver", "delivering"))]
        self.assertEqual(len(told), 2, told)

    def test_an_empty_page_is_told_once(self):
        self.server.answers["/empty"] = web.page("")
        relay = self.relay(config(["{type: stdout}"], [
            source_of(self.server, "/empty", more=", name: empty")]),
            "--log-format", "json", "--log-level", "debug")
        self.wait_for_scrapes(relay, "empty", 4)
        self.stop_well(relay)
        self.assertEqual(relay.output().count("the page is empty"), 1)


class AccountTest(RelayCase):
    HISTOGRAM = ('# TYPE lat histogram\nlat_bucket{{le="1"}} {0}\nlat_bucket{{le="+Inf"}} {1}\n'
                 "lat_sum {1}\nlat_count {1}\n")
    MIXED = ("constant 1 {seconds}000\nnot_a_number NaN\ninfinite +Inf\nbad line here\n"
             "denied_everywhere 1\ndenied_by_one 2\nname_that_is_too_long_for_one 3\n")

    def setUp(self):
        super().setUp()
        self.ticks = self.server.answers["/metrics"] = Ticks(
            self.MIXED.format(seconds=int(time.time()) - 60))
        self.observed = 0
        self.server.answers["/histograms"] = self.histograms

    def histograms(self, exchange):
        self.observed += 100
        web.page(self.HISTOGRAM.format(self.observed, 2 * self.observed))(exchange)

    def test_sums_agree(self):
        whole, part = (self.receiver("--strict", name=name) for name in ("whole", "part"))
        relay = self.relay(config(
            [f"{{name: whole, proxyAddress: '{whole.address}'}}",
             f"{{name: part, proxyAddress: '{part.address}', limits: {{name: 20}}, "
             "filters: {metricDenyList: ['denied.by.one.*']}}",
             f"{{name: dead, proxyAddress: '127.0.0.1:{free_port()}'}}"],
            [source_of(self.server, more=", name: mixed, "
                       "filters: {metricDenyList: ['denied.everywhere.*']}"),
             source_of(self.server, "/histograms", more=", name: typed, convertHistograms: true")],
            "shutdownGrace: 2s"), "--log-format", "json")
        self.wait_for_ticks(relay, 4)
        self.wait_for(relay, lambda: self.observed >= 400)
        self.stop_well(relay)
        fates = {(event["source"], event["sink"]): event
                 for event in self.events(relay, "what became of the samples")}
        self.assertEqual(len(fates), 2 * 3)
        self.assert_samples_add_up(relay, fates)
        self.assert_points_add_up(relay, fates, {"whole": whole, "part": part})

    def assert_samples_add_up(self, relay, fates):
        for fate in fates.values():
            self.assertEqual(fate["read"], sum(fate[what] for what in (
                "filtered", "repeated", "rejected", "converted", "written")), fate)
        read = {event["source"]: event["read"] for event in self.events(relay, "source figures")}
        self.assertEqual({key: fate["read"] for key, fate in fates.items()},
                         {(source, sink): read[source] for source, sink in fates})
        scrapes = self.ticks.count
        self.assertEqual(read["mixed"], 7 * scrapes)
        mixed = fates["mixed", "whole"]
        self.assertEqual([mixed[what] for what in ("filtered", "repeated", "rejected", "written")],
                         [scrapes, scrapes - 1, 2 * scrapes, 3 * scrapes + 1])
        part = fates["mixed", "part"]
        self.assertEqual([part[what] for what in ("filtered", "repeated", "rejected", "written")],
                         [2 * scrapes, scrapes - 1, 3 * scrapes, scrapes + 1])
        typed = fates["typed", "whole"]
        self.assertEqual((typed["converted"], typed["written"]), (typed["read"], 0))
        self.assertEqual(typed["distributions"], self.observed // 100 - 1)

    def assert_points_add_up(self, relay, fates, receivers):
        sinks = {event["sink"]: event for event in self.events(relay, "sink figures")}
        self.assertEqual(sinks.keys(), {"whole", "part", "dead"})
        for name, figures in sinks.items():
            self.assertEqual(figures["spooled"], sum(figures[what] for what in (
                "delivered", "refused", "expired", "waiting")), figures)
            self.assertEqual(figures["spooled"], sum(
                fate["written"] + fate["distributions"] for (_, sink), fate in fates.items()
                if sink == name), figures)
        self.assertEqual(sinks["dead"]["expired"], sinks["dead"]["spooled"])
        self.assertGreater(sinks["dead"]["retries"], 0)
        for name, receiver in receivers.items():
            self.assertEqual(sinks[name]["delivered"], sinks[name]["spooled"])
            self.assertEqual(receiver.stop(), OK, receiver.output())
            self.assertEqual(len(receiver.lines()), sinks[name]["delivered"])
            self.assertTrue(any(line.startswith(DISTRIBUTION) for line in receiver.lines()))


if __name__ == "__main__":
    unittest.main()
