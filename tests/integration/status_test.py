"""The status server of a running relay: what it answers, to whom, and what floods do to it."""
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import time
import unittest
import urllib.parse

from support import fedwave, web
from support.certificates import Authority
from support.metrics_page import MetricsPage
from support.processes import http_get, http_post
from support.relay_case import OK, RelayCase, Ticks, config, source_of

KEPT = 'istio_requests_total{app="web"} 3\nistio_requests_total{app="noisy"} 4\n'
FILTERS = (", name: mesh, filters: {metricAllowList: ['ticks.*', 'istio.*'],"
           " metricTagDenyList: {app: [noisy]}}")
API = ("status", "history", "sources", "sinks", "series", "tags", "explain?series=ticks")
PATHS = ("/", "/metrics", "/targets", "/config", "/assets/page.css", "/assets/page.js",
         "/assets/chart.js", *(f"/api/v1/{name}" for name in API))
PROBES = ("/-/healthy", "/-/ready")
MEBIBYTE = 1 << 20


def basic(credentials):
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


class StatusCase(RelayCase):
    def serve(self, *top, interval="10s", timeout="8s", more=FILTERS, sink="{type: stdout}"):
        """A relay whose status server is known by its port. Its scrapes have a lot of time: one that
        was missed is a problem for the next ten minutes."""
        port_file = os.path.join(self.folder, "status.port")
        source = source_of(self.server, interval=interval, more=more, timeout=timeout)
        relay = self.relay(config([sink], [source], *top),
                           "--listen", "127.0.0.1:0", "--port-file", port_file,
                           "--config-reload", "off",
                           stdout=subprocess.DEVNULL)

        def port():
            try:
                with open(port_file, encoding="ascii") as file:
                    return int(file.read() or 0)
            except FileNotFoundError:
                return 0
        self.port = self.wait_for(relay, port, "the status server")
        return relay

    def url(self, path, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def get(self, path, headers=None, **keywords):
        return http_get(self.url(path), headers, **keywords)

    def status_of(self, path, headers=None):
        return self.get(path, headers)[0]

    def api(self, path):
        status, body = self.get(f"/api/v1/{path}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def wait_until_well(self, relay):
        """What the status says then."""
        def status():
            status = self.api("status")
            return status["health"]["level"] == "ok" and status
        return self.wait_for(relay, status, "all is well")

    def wait_for_scrapes(self, relay, count):
        def scrapes():
            return self.api("sources")["sources"][0]["scrapes"] >= count
        self.wait_for(relay, scrapes, f"{count} scrapes")


class EndpointsTest(StatusCase):
    def setUp(self):
        super().setUp()
        self.ticks = self.server.answers["/metrics"] = Ticks(KEPT)

    def test_all_there_is_answers_and_tells_the_truth(self):
        relay = self.serve()
        self.wait_for_scrapes(relay, 2)
        self.wait_until_well(relay)
        for path in (*PATHS, *PROBES):
            with self.subTest(path=path):
                self.assertEqual(self.status_of(path), 200)
        status = self.wait_until_well(relay)
        self.assertEqual(status["health"], {"level": "ok", "problems": [], "notes": []})
        self.assertEqual((status["config"]["file"], status["config"]["current"]),
                         (os.path.join(self.folder, "relay.yaml"), True))
        self.assertEqual((status["election"]["state"], status["shard"]),
                         ("off", {"ordinal": 0, "count": 1}))
        self.assertEqual(status["pid"], relay.pid)
        self.assertEqual(status["series"], 3)
        source = self.wait_for(relay, self.source_that_is_up)
        self.assertEqual(source["name"], "mesh")
        # A busy machine may keep a scrape waiting for too long; there is no other failure.
        self.assertEqual(source["failures"], source["failures_by"].get("timeout", 0))
        self.assertEqual(source["last_samples"], 3)
        [counts] = source["sinks"]
        self.assertEqual(source["read"], counts["filtered"] + counts["repeated"] +
                         counts["rejected"] + counts["converted"] + counts["written"])
        self.assertGreater(counts["filtered_by"]["source_tag_deny_list"], 0)
        [sink] = self.api("sinks")["sinks"]
        self.assertEqual(sink["kind"], "stdout")
        self.assertEqual(sink["spooled"], sink["delivered"] + sink["waiting"])
        target = self.wait_for(relay, self.target_that_is_up)
        self.assertEqual(target["labels"]["job"], "mesh")
        series = self.api("series?q=requests")
        [metric] = series["metrics"]
        self.assertEqual((metric["series"], metric["kept"], metric["dropped"]), (2, 1, 1))
        self.assertIn("cluster", [row["key"] for row in self.api("tags")["tags"]])
        self.stop_well(relay)

    def source_that_is_up(self):
        [source] = self.api("sources")["sources"]
        return source["up"] and source

    def target_that_is_up(self):
        [target] = json.loads(self.get("/targets")[1])["data"]["activeTargets"]
        return target["health"] == "up" and target

    def test_why_names_the_rule_and_its_place(self):
        relay = self.serve()
        self.wait_for_scrapes(relay, 1)
        text = urllib.parse.quote('istio_requests_total{app="noisy"}')
        self.wait_for(relay, lambda: self.api("series")["surveyed_ms"], "a survey")
        [why] = self.api(f"explain?series={text}")["explanations"]
        self.assertEqual(why["verdict"], "dropped")
        rule = why["source_stage"]["tags_rule"]
        self.assertEqual((rule["list"], rule["pattern"], rule["tag_key"]),
                         ("metricTagDenyList", "noisy", "app"))
        path, line, column = re.fullmatch(r"(.*):(\d+):(\d+)", rule["where"]).groups()
        with open(os.path.join(self.folder, "relay.yaml"), encoding="utf-8") as file:
            written = file.read().split("\n")[int(line) - 1]
        self.assertTrue(path.endswith("relay.yaml"))
        self.assertTrue(written[int(column) - 1:].startswith("noisy"), (written, column))
        by_name = self.api("explain?series=istio.requests.total.value")
        self.assertEqual([one["verdict"] for one in by_name["explanations"]], ["kept", "dropped"])
        self.stop_well(relay)

    def test_why_is_careful_with_what_it_does_not_know(self):
        relay = self.serve("clusterName: mesh")
        self.wait_for_scrapes(relay, 1)
        self.wait_for(relay, lambda: self.api("series")["surveyed_ms"], "a survey")

        def why(text):
            return self.api("explain?series=" + urllib.parse.quote(text))
        part = why('istio_requests_total{code="503"}')
        self.assertEqual([one["series_count"] for one in part["explanations"]], [None])
        self.assertIn("of the 2 known series of this name 1 is sent, 1 dropped", part["note"])
        typo = why('istio_request_total{app="web"}')
        self.assertEqual(typo["matched_by"], "none")
        self.assertTrue(all(one["hypothetical"] for one in typo["explanations"]))
        self.assertIn("istio_requests_total", typo["note"])
        pattern = why("istio_req*")
        self.assertEqual((pattern["matched_by"], pattern["explanations"]), ("pattern", []))
        self.assertIn('"istio.req*" would match 1 name', pattern["note"])
        status, body = self.get("/api/v1/series?limt=3")
        self.assertEqual(status, 400)
        self.assertIn("limit", json.loads(body)["error"])
        self.stop_well(relay)

    def test_a_source_that_fails_is_told_of_and_the_probes_do_not_care(self):
        self.server.answers["/metrics"] = web.status(503)
        relay = self.serve()
        def problem():
            health = self.api("status")["health"]
            return health["level"] == "error" and next(
                (each for each in health["problems"] if "503" in each["what"]), None)
        self.assertEqual(self.wait_for(relay, problem, "an error")["source"], "mesh")
        for path in PROBES:
            self.assertEqual(self.status_of(path), 200)
        self.stop_well(relay)


class ReloadTest(StatusCase):
    def edit(self, old, new):
        self.write("relay.yaml", self.read("relay.yaml").replace(old, new))
        status, body = http_post(self.url("/-/reload"))
        return status, body.decode()

    def metric(self, name, **labels):
        return MetricsPage(self.get("/metrics")[1].decode()).total(name, **labels)

    def test_an_edit_is_answered_with_what_it_changed_and_shows_everywhere(self):
        relay = self.serve()
        self.wait_for_scrapes(relay, 1)
        [before] = self.api("sources")["sources"]
        first = self.api("status")["config"]
        self.assertEqual(self.edit("none", "none")[0], 200)
        self.assertEqual(self.api("status")["config"]["reloads"]["unchanged"], 1)
        status, text = self.edit("- {url", f"- {{name: new, url: '{self.server.url('/new')}'}}\n"
                                 "  - {url")
        self.assertEqual(status, 200, text)
        self.assertIn("new", text)
        self.assertEqual([source["name"] for source in self.api("sources")["sources"]],
                         ["new", "mesh"])
        self.assertGreaterEqual(self.api("sources")["sources"][1]["read"], before["read"])
        self.assertEqual([source["name"] for source in self.api("history")["sources"]],
                         ["new", "mesh"])
        self.assertEqual(self.status_of("/api/v1/series?source=new"), 200)
        self.assertIn(b'name: "new"', self.get("/config")[1])
        config = self.api("status")["config"]
        self.assertNotEqual(config["hash"], first["hash"])
        self.assertIn("new", config["last_change"])
        self.assertEqual(self.metric("fedwave_config_reloads_total", result="applied"), 1)
        self.assertEqual(self.metric("fedwave_config_info", hash=config["hash"]), 1)
        self.stop_well(relay)

    def test_a_bad_edit_is_refused_with_every_problem_and_everything_goes_on(self):
        relay = self.serve()
        self.wait_for_scrapes(relay, 1)
        good = self.read("relay.yaml")
        status, text = self.edit("metricAllowList", "metricAlowList")
        self.assertEqual(status, 400, text)
        place = r"relay\.yaml:\d+:\d+: error: .*metricAlowList.*metricAllowList"
        self.assertRegex(text, place)
        self.assertEqual(self.status_of("/-/ready"), 200)
        def only_a_warning():
            state = self.api("status")
            return state["health"]["level"] == "warning" and state
        state = self.wait_for(relay, only_a_warning)
        self.assertFalse(state["config"]["current"])
        self.assertRegex(state["config"]["problems"][0], place)
        [problem] = state["health"]["problems"]
        self.assertEqual(problem["level"], "warning")
        self.assertRegex(problem["what"], place)
        self.assertRegex(problem["advice"], r"the configuration from \d\d:\d\d UTC goes on")
        self.assertEqual(self.metric("fedwave_config_last_reload_successful"), 0)
        self.assertEqual(self.metric("fedwave_config_reloads_total", result="refused"), 1)
        self.wait_for_ticks(relay, 1)
        self.write("relay.yaml", good)
        self.assertEqual(http_post(self.url("/-/reload"))[0], 200)
        self.assertEqual(self.wait_until_well(relay)["health"]["problems"], [])
        self.assertEqual(self.metric("fedwave_config_last_reload_successful"), 1)
        self.stop_well(relay)


class AccessTest(StatusCase):
    def check_locked(self, good, bad):
        for path in PATHS:
            with self.subTest(path=path):
                self.assertEqual(self.status_of(path), 401)
                self.assertEqual(self.status_of(path, bad), 401)
                self.assertEqual(self.status_of(path, good), 200)
        for path in PROBES:
            self.assertEqual(self.status_of(path), 200)

    def test_a_bearer_token_locks_all_but_the_probes(self):
        relay = self.serve("status: {bearer_token: t0ken}")
        self.check_locked({"Authorization": "Bearer t0ken"}, {"Authorization": "Bearer t0k"})
        self.assertNotIn(b"t0ken", self.get("/config", {"Authorization": "Bearer t0ken"})[1])
        self.stop_well(relay)
        self.assertNotIn("t0ken", relay.output())

    def test_basic_auth_locks_all_but_the_probes(self):
        password = self.write("password", "s3cret\n")
        relay = self.serve(
            f"status: {{basic_auth: {{username: jo, password_file: '{password}'}}}}")
        self.check_locked(basic("jo:s3cret"), basic("jo:other"))
        self.write("password", "changed\n")
        self.assertEqual(self.status_of("/metrics", basic("jo:changed")), 200)
        self.assertEqual(self.status_of("/metrics", basic("jo:s3cret")), 401)
        self.stop_well(relay)

    def test_with_tls_only_the_probes_answer_in_plain(self):
        authority = Authority(self.folder)
        certificate, key = authority.issue("fedwave", "IP:127.0.0.1")
        relay = self.serve(
            f"status: {{tls_config: {{cert_file: '{certificate}', key_file: '{key}'}}}}")
        for path in (*PATHS, *PROBES):
            with self.subTest(path=path):
                self.assertEqual(
                    http_get(self.url(path, "https"), ca_file=authority.certificate)[0], 200)
        for path in PATHS:
            status, body = self.get(path)
            self.assertEqual(status, 403)
            self.assertIn(b"https://", body)
        for path in PROBES:
            self.assertEqual(self.status_of(path), 200)
        self.stop_well(relay)

    def test_another_name_for_this_machine_is_refused(self):
        relay = self.serve()
        self.assertEqual(self.status_of("/api/v1/status", {"Host": "evil.example"}), 421)
        self.assertEqual(self.status_of("/api/v1/status", {"Host": "localhost:1"}), 200)
        self.stop_well(relay)


class FloodTest(StatusCase):
    FLOOD_S = 15
    CONNECTIONS = 1000
    PROBE_S = 5
    ATTEMPTS = 5

    def probe_until(self, flood):
        """Each probe answers, for as long as the flood lasts: how many attempts each has taken.

        Who is slow to ask loses his connection in the crowd, as may happen on a busy machine.
        """
        attempts = []
        while flood.poll() is None:
            for path in PROBES:
                answers = []
                while (not answers or answers[-1][0] != 200) and len(answers) < self.ATTEMPTS:
                    answers.append(self.get(path, timeout_s=self.PROBE_S))
                self.assertEqual(answers[-1][0], 200, (answers, attempts))
                attempts.append(len(answers))
            time.sleep(0.1)
        return attempts

    def figures(self):
        [source] = self.api("sources")["sources"]
        [sink] = self.api("sinks")["sinks"]
        return source, sink

    def test_a_thousand_hostile_connections_cost_the_data_path_nothing(self):
        self.ticks = self.server.answers["/metrics"] = Ticks("".join(
            f'istio_requests_total{{pod="{number}"}} {number}\n' for number in range(500)))
        receiver = self.receiver("--strict")
        sink = (f"{{proxyAddress: '{receiver.address}', connectTimeout: 60s, "
                "requestTimeout: 60s}")
        relay = self.serve(interval="1s", timeout="1s", sink=sink)
        self.wait_for_scrapes(relay, 3)
        before, _ = self.figures()
        memory_before = relay.peak_memory_bytes()
        with subprocess.Popen(
                [sys.executable, "-m", "support.flood", str(self.port), str(self.FLOOD_S),
                 str(self.CONNECTIONS)],
                stdout=subprocess.PIPE, text=True, cwd=os.path.dirname(__file__)) as flood:
            try:
                attempts = self.probe_until(flood)
            finally:
                flood.kill()
            made = json.loads(flood.stdout.read())
        self.assertGreaterEqual(sum(made.values()), self.CONNECTIONS, made)
        self.assertEqual(statistics.median(attempts), 1, attempts)
        after, sink = self.figures()
        # Of a second each: a busy machine may spoil some of them, the flood must not.
        scrapes, late = (after[what] - before[what] for what in ("scrapes", "failures"))
        self.assertGreater(scrapes, self.FLOOD_S / 2)
        self.assertLess(late, scrapes / 3, after["failures_by"])
        self.assertEqual(after["failures"], after["failures_by"].get("timeout", 0))
        self.assertEqual(after["read"], (after["scrapes"] - after["failures"]) * 501)
        self.assertEqual((sink["retries"], sink["expired"], sink["quarantined"]), (0, 0, 0))
        self.assertEqual(self.status_of("/"), 200)
        if not fedwave.has_sanitizers():
            grown = relay.peak_memory_bytes() - memory_before
            self.assertLess(grown, 32 * MEBIBYTE, f"{grown / MEBIBYTE:.1f} MiB")
        self.stop_well(relay)
        self.assertEqual(receiver.stop(), OK, receiver.output())
        self.assert_ticks(receiver.lines(), self.late_scrapes(relay))
        seen = self.ticks.seen_in(receiver.lines())
        self.assertEqual(seen, sorted(set(seen)))


if __name__ == "__main__":
    unittest.main()
