"""`fedwave run` among servers of every mood: what it asks, delivers, and how it ends."""
import base64
import gzip
import json
import os
import signal
import unittest

from support import web
from support.points import parse
from support.relay_case import OK, RelayCase, Ticks, config, left_at_the_end, source_of

# A selector may hold anything that a URL may not.
SELECTORS = ['{job=~"federate|kubernetes-pods"}', '{__name__=~"istio_.+",path!="/a&b=c?#%41 +é"}']


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
        relay = self.relay(config(["{type: stdout}"], [source_of(self.server, interval="2s")]))
        self.wait_for_ticks(relay, 3)
        self.stop_well(relay)
        connections = {request.connection for request in self.server.requests("/metrics")}
        # One that is given up takes its connection along.
        self.assertLessEqual(len(connections), 1 + self.late_scrapes(relay))

    def test_headers_of_the_configuration_are_sent(self):
        requests = self.run_for(", httpConfig: {headers: {X-Scope-OrgID: mesh, X-Two: 'a: b'}}")
        for request in requests:
            self.assertEqual(request.headers["x-scope-orgid"], "mesh")
            self.assertEqual(request.headers["x-two"], "a: b")

    def test_basic_auth_is_sent_at_once_also_when_it_stands_in_the_url(self):
        expected = "Basic " + base64.b64encode("jo:pä:ss".encode()).decode()
        more = ", httpConfig: {basic_auth: {username: jo, password: 'pä:ss'}}"
        for request in self.run_for(more):
            self.assertEqual(request.headers["authorization"], expected)
        before = len(self.server.requests("/metrics"))
        url = self.server.url("/metrics").replace("//", "//jo:p%C3%A4%3Ass@")
        relay = self.relay(config(["{type: stdout}"], [f"{{url: '{url}'}}"]))
        self.wait_for_ticks(relay, 1)
        self.stop_well(relay)
        request = self.server.requests("/metrics")[before]
        self.assertEqual(request.headers["authorization"], expected)

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
                                  [source_of(self.server, interval="24h")]))
        self.wait_for(relay, receiver.lines, "the first point")
        self.stop_well(relay)
        self.assertEqual(self.ticks.count, 1)

    def test_sigterm_ends_with_everything_delivered(self):
        for protocol in ("http", "tcp"):
            with self.subTest(protocol=protocol):
                self.ticks = self.server.answers["/metrics"] = Ticks()
                receiver = self.receiver("--strict", name=protocol)
                relay = self.relay(config(
                    [f"{{proxyAddress: '{receiver.address}', protocol: {protocol}}}"],
                    [source_of(self.server)]))
                self.wait_for_ticks(relay, 3)
                self.stop_well(relay)
                self.assertEqual(receiver.stop(), OK, receiver.output())
                self.assert_all_ticks(receiver.lines(), relay)
                seen = self.ticks.seen_in(receiver.lines())
                self.assertEqual(seen, sorted(set(seen)))

    def test_points_on_standard_output_are_lines_and_nothing_else(self):
        with open(os.path.join(self.folder, "points"), "wb") as file:
            relay = self.relay(config(["{type: stdout}"], [source_of(self.server)]),
                               "--log-level", "debug", stdout=file)
            self.wait_for_ticks(relay, 3)
            self.stop_well(relay)
        self.assert_all_ticks(self.read("points").splitlines(), relay)

    def test_a_reader_of_standard_output_that_leaves_does_not_end_the_relay(self):
        read_end, write_end = os.pipe()
        relay = self.relay(config(["{type: stdout}"], [source_of(self.server)],
                                  "shutdownGrace: 1s"), stdout=write_end)
        os.close(write_end)
        with open(read_end, encoding="utf-8") as reader:
            self.assertEqual(parse(reader.readline().rstrip("\n")).name, "ticks.value")
        self.wait_for(relay, lambda: "cannot write to standard output" in relay.output())
        self.wait_for_ticks(relay, 3)
        self.stop_well(relay)

    def test_every_sink_has_its_own_prefix_tags_and_filters(self):
        self.server.answers["/metrics"] = web.page(
            'kept{own="1",shed="x"} 1\nother{own="2",team="labelled"} 2\n')
        left, right = (self.receiver("--strict", name=name) for name in ("left", "right"))
        with open(os.path.join(self.folder, "points"), "wb") as file:
            relay = self.relay(config([
                f"{{proxyAddress: '{left.address}', prefix: left, tags: {{team: a}}, "
                "filters: {metricAllowList: ['kept.*']}}",
                f"{{proxyAddress: '{right.address}', protocol: tcp, prefix: right.mesh, "
                "tags: {team: b, own: ''}, filters: {tagExclude: [shed, cluster]}}",
                "{type: stdout}"], [source_of(self.server, interval="24h")], "clusterName: c"),
                stdout=file)
            self.wait_for(relay, lambda: left.lines() and len(right.lines()) >= 2)
            self.stop_well(relay)

        def shown(lines):
            return sorted((point.name, sorted(point.tags.items())) for point in map(parse, lines))

        self.assertEqual(shown(left.lines()), [
            ("left.kept.value", [("cluster", "c"), ("own", "1"), ("shed", "x"), ("team", "a")])])
        self.assertEqual(shown(right.lines()), [
            ("right.mesh.kept.value", [("team", "b")]),
            ("right.mesh.other.value", [("team", "b")])])
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
        self.assert_all_ticks(lines, relay)
        self.assertGreater(len(lines), len(set(lines)))  # it did take some twice

    def test_a_wrong_token_loses_nothing_and_a_rewritten_file_is_read_again(self):
        token = "right-4f1d"
        receiver = self.receiver("--mode", "direct", "--token", token, "--strict")
        token_file = self.write("token", "wrong-77ab\n")
        relay = self.relay(config(
            [f"{{server: 'http://{receiver.address}', tokenFile: {token_file}}}"],
            [source_of(self.server)]))
        self.wait_for(relay, lambda: "401" in relay.output(), "the refusal")
        self.wait_for_ticks(relay, 3)
        self.assertEqual(receiver.lines(), [])
        os.rename(self.write("token.new", token + "\n"), token_file)
        self.wait_for(relay, lambda: len(receiver.lines()) >= 4, "what had waited")
        self.stop_well(relay)
        self.assertEqual(receiver.stop(), OK, receiver.output())
        self.assert_all_ticks(receiver.lines(), relay)
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
                self.assertEqual(relay.insist(number), code)

    def test_the_grace_ends_the_wait_for_a_sink_that_hangs(self):
        self.server.answers["/report"] = web.nothing
        relay = self.relay(config(
            [f"{{proxyAddress: '{self.server.address}', requestTimeout: 10m}}"],
            [source_of(self.server)], "shutdownGrace: 1s"), "--log-format", "json")
        self.wait_for(relay, lambda: self.server.requests("/report"))
        self.stop_well(relay)
        [figures] = self.events(relay, "sink figures")
        self.assertGreater(figures["spooled"], 0)
        self.assertEqual(figures["spooled"], left_at_the_end(figures))

    def test_sighup_does_not_end_it(self):
        relay = self.relay(config(["{type: stdout}"], [source_of(self.server, interval="100ms")]))
        self.wait_for_ticks(relay, 1)
        relay.send_signal(signal.SIGHUP)
        self.wait_for_ticks(relay, 3)
        self.stop_well(relay)


if __name__ == "__main__":
    unittest.main()
