"""A configuration that is edited while the relay works with it."""
import collections
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

from support import fedwave, web
from support.config_map import ConfigMap
from support.metrics_page import MetricsPage
from support.points import parse
from support.processes import DEADLINE_S, free_port, http_get
from support.relay_case import OK, RelayCase, Ticks, config, source_of, told_in

EDITS = 50
BROKEN_EVERY = 5
LOAD_SERIES = 2000
LOAD = "".join(f'load{{i="{i}",text="{"x" * 40}"}} {i}\n' for i in range(LOAD_SERIES))
# The same sample in every scrape: sent once, whatever the configuration is meanwhile.
REPEATED_MS = (int(time.time()) - 7200) * 1000
REPEATED = f'repeated{{i="1"}} 5 {REPEATED_MS}\n'


class ReloadCase(RelayCase):
    """A relay whose configuration lies in a ConfigMap's folder."""

    def setUp(self):
        super().setUp()
        self.lines = []
        self.sink = self.web_server({"/report": web.take(self.lines)})

    def serve(self, text, *options, env=None):
        self.map = ConfigMap(os.path.join(self.folder, "map"), {"config.yaml": text})
        port_file = os.path.join(self.folder, "status.port")
        relay = fedwave.relay(self.map.path("config.yaml"), self.folder, "--listen", "127.0.0.1:0",
                              "--port-file", port_file, *options, env=env,
                              stdout=subprocess.DEVNULL)
        self.addCleanup(relay.stop)
        self.port = int(self.wait_for(
            relay, lambda: os.path.exists(port_file) and self.read("status.port"), "the status page"))
        return relay

    def edit(self, text):
        self.map.write({"config.yaml": text})

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def metrics(self):
        return MetricsPage(http_get(self.url("/metrics"))[1].decode())

    def reloads(self, result):
        return int(self.metrics().total("fedwave_config_reloads_total", result=result))

    def is_current(self):
        return self.metrics().total("fedwave_config_last_reload_successful") == 1

    def post_reload(self):
        """(status, text) of POST /-/reload."""
        request = urllib.request.Request(self.url("/-/reload"), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def proxy(self, server=None, more=""):
        return (f"{{proxyAddress: '{(server or self.sink).url('/report')}', name: out, "
                f"connectTimeout: 60s, requestTimeout: 60s{more}}}")

    def wait_for_waiting(self, relay, points, sink):
        """Until so many points of a sink cannot be delivered; how many it is then."""
        def waiting():
            count = self.metrics().total("fedwave_sink_waiting_points", sink=sink)
            return count if count >= points else 0
        return self.wait_for(relay, waiting, f"{points} points that wait")


def connections(server, path):
    return len({request.connection for request in server.requests(path)})


class UnderLoadTest(ReloadCase):
    """Fifty edits by symlink swap, every fifth of them broken."""

    def setUp(self):
        super().setUp()
        self.ticks = self.server.answers["/metrics"] = Ticks(LOAD + REPEATED)
        self.other = self.web_server()
        self.other_ticks = self.other.answers["/metrics"] = Ticks(LOAD + REPEATED)

    def text(self, number):
        """Of every edit another one; the first source and the sink are always the same."""
        changing = (f", name: changing, tags: {{part: changing}}, filters: {{metricDenyList: ['no.such.{number}.*']}}"
                    if number % 2 else ", name: changing, tags: {part: changing}")
        sources = [source_of(self.server, interval="1s", more=", name: steady, tags: {part: steady}"),
                   source_of(self.other, interval="1s", more=changing)]
        if number % 3 == 0:
            sources.append(source_of(self.other, path="/third", interval="1s",
                                     more=", name: third, tags: {part: third}"))
        return config([self.proxy()], sources, f"# edit {number}")

    def broken(self, number):
        good = self.text(number)
        return [good.replace("sinks:", "sinks: ["), "", good.replace("prometheus_sources", "nothing"),
                good.replace("interval: 1s", "interval: soon"),
                good.replace("tags: {part", "tgas: {part")][number // BROKEN_EVERY % 5]

    def make_it_look(self, relay, number):
        """Most edits are pointed out, so that the test need not wait for the watch's second."""
        if number % 10 == 3 or number % 10 == 5:
            return
        if number % 2:
            relay.send_signal(signal.SIGHUP)
        else:
            self.post_reload()

    def test_fifty_edits_lose_nothing_double_nothing_and_keep_the_connections(self):
        self.other.answers["/third"] = web.page("third 1\n")
        relay = self.serve(self.text(0))
        pid = relay.pid
        self.wait_for_ticks(relay, 2)
        good = bad = 0
        for number in range(1, EDITS + 1):
            is_broken = number % BROKEN_EVERY == 0
            self.edit(self.broken(number) if is_broken else self.text(number))
            self.make_it_look(relay, number)
            good, bad = good + (not is_broken), bad + is_broken
            self.wait_for(relay, lambda: (self.reloads("applied"), self.reloads("refused")) >=
                          (good, bad) and self.is_current() != is_broken, f"edit {number}")
            self.assertEqual((self.reloads("applied"), self.reloads("refused")), (good, bad))
        self.wait_for_ticks(relay, 2)
        page = self.metrics()
        self.assertEqual(page.sums_that_differ(), [])
        self.assertEqual(relay.pid, pid)
        self.assertTrue(relay.running())
        self.stop_well(relay)
        # A scrape that is given up, as happens on a busy machine, takes its connection along.
        late = {name: self.late_scrapes(relay, name) for name in ("steady", "changing")}
        self.assert_complete_once("steady", self.ticks, late["steady"])
        self.assert_complete_once("changing", self.other_ticks, late["changing"])
        self.assertLessEqual(connections(self.server, "/metrics"), 1 + late["steady"],
                             "the unchanged source kept its connection")
        self.assertEqual(connections(self.sink, "/report"), 1,
                         "the unchanged sink kept its connection")
        self.assertLessEqual(connections(self.other, "/metrics"), 1 + late["changing"],
                             "the edited source kept its connection too")
        print(f"{good} edits applied, {bad} refused; {self.ticks.count} and "
              f"{self.other_ticks.count} scrapes, {len(self.lines)} points", flush=True)

    def assert_complete_once(self, part, ticks, late):
        lines = [line for line in self.lines if f'"part"="{part}"' in line]
        counts = collections.Counter(lines)
        seen = sorted(int(point.value) for point in map(parse, counts) if point.name == "ticks.value")
        self.assertLessEqual(set(seen), set(range(1, ticks.count + 1)), part)
        self.assertGreaterEqual(len(seen), ticks.count - late, f"{part}: every scrape's own sample")
        for name in ("ticks.value", "repeated.value"):
            doubled = {line: count for line, count in counts.items()
                       if count > 1 and line.startswith(f'"{name}"')}
            self.assertEqual(doubled, {}, part)
        load = collections.Counter(parse(line).tags["i"] for line in lines
                                   if line.startswith('"load.value"'))
        self.assertEqual(len(load), LOAD_SERIES, f"{part}: the load")
        self.assertGreaterEqual(min(load.values()), ticks.count - late, f"{part}: the load")
        self.assertLessEqual(max(load.values()), ticks.count, f"{part}: the load")


class EditTest(ReloadCase):
    """One edit at a time, and what it does."""

    def base(self, more="", sinks=None):
        return config(sinks or [self.proxy()], [source_of(self.server, more=more)])

    def test_a_bad_edit_says_where_and_the_one_from_before_goes_on(self):
        relay = self.serve(self.base(), "--log-format", "json")
        self.wait_for_ticks(relay, 1)
        self.edit(self.base(more=", filters: {metricAllowList: ['[']}"))
        status, text = self.post_reload()
        self.assertEqual(status, 400, text)
        self.assertRegex(text, r"config\.yaml:5:\d+: error: ")
        self.assertFalse(self.is_current())
        self.assertEqual(http_get(self.url("/-/ready"))[0], 200)
        self.wait_for_ticks(relay, 2)
        self.assertRegex(relay.output(), r"config\.yaml:5:\d+: error: ")
        state = json.loads(http_get(self.url("/api/v1/status"))[1])
        self.assertIn("config.yaml:5:", json.dumps(state))
        self.edit(self.base())
        self.assertEqual(self.post_reload()[0], 200)
        self.assertTrue(self.is_current())
        self.assertEqual(self.reloads("applied"), 0)
        self.stop_well(relay)

    def test_the_directory_is_watched_without_being_asked(self):
        relay = self.serve(self.base(), "--config-reload", "1h")
        self.wait_for_ticks(relay, 1)
        self.edit(self.base(more=", tags: {edited: 'yes'}"))
        self.wait_for(relay, lambda: self.reloads("applied") == 1)
        self.wait_for(relay, lambda: any('"edited"="yes"' in line for line in self.lines))
        self.stop_well(relay)
        self.assert_all_ticks(self.lines, relay)

    def test_without_a_watch_only_who_asks_is_answered(self):
        relay = self.serve(self.base(), "--config-reload", "off")
        self.wait_for_ticks(relay, 1)
        self.edit(self.base(more=", tags: {edited: 'yes'}"))
        self.wait_for_ticks(relay, 3)
        self.assertEqual(self.reloads("applied"), 0)
        relay.send_signal(signal.SIGHUP)
        self.wait_for(relay, lambda: self.reloads("applied") == 1)
        status, text = self.post_reload()
        self.assertEqual((status, "not changed" in text), (200, True), text)
        self.stop_well(relay)

    def test_a_file_that_goes_away_changes_nothing(self):
        relay = self.serve(self.base())
        self.wait_for_ticks(relay, 1)
        os.unlink(self.map.path("config.yaml"))
        status, text = self.post_reload()
        self.assertEqual(status, 400, text)
        self.assertIn("config.yaml", text)
        self.wait_for_ticks(relay, 2)
        self.stop_well(relay)
        self.assert_all_ticks(self.lines, relay)

    def test_an_edit_that_was_refused_for_want_of_another_file_is_tried_again(self):
        password = os.path.join(self.folder, "password")
        relay = self.serve(self.base(), "--config-reload", "1s")
        self.wait_for_ticks(relay, 1)
        self.edit(self.base(more=f", httpConfig: {{basic_auth: {{username: jo, password_file: '{password}'}}}}"))
        self.wait_for(relay, lambda: not self.is_current())
        self.wait_for(relay, lambda: "does not exist" in relay.output())
        self.wait_for_ticks(relay, 2)
        self.assertEqual(self.reloads("refused"), 1, "the same refusal is told once")
        self.write("password", "secret")
        self.wait_for(relay, self.is_current)
        self.stop_well(relay)

    def test_a_pipe_in_the_place_of_the_file_holds_up_nobody(self):
        relay = self.serve(self.base())
        self.wait_for_ticks(relay, 1)
        path = self.map.path("config.yaml")
        os.unlink(path)
        os.mkfifo(path)
        status, text = self.post_reload()
        self.assertEqual((status, "not a regular file" in text), (400, True), text)
        self.wait_for_ticks(relay, 2)
        self.stop_well(relay)

    def test_a_sink_moves_and_takes_what_waits_along(self):
        self.sink.answers["/report"] = web.status(503)
        relay = self.serve(self.base())
        waiting = self.wait_for_waiting(relay, 2, "out")
        other = self.web_server({"/report": web.take(self.lines)})
        self.edit(self.base(sinks=[self.proxy(other)]))
        self.assertEqual(self.post_reload()[0], 200)
        self.wait_for(relay, lambda: len(self.ticks.seen_in(self.lines)) >= waiting,
                      "what had waited")
        self.wait_for_ticks(relay, 1)
        self.stop_well(relay)
        self.assert_all_ticks(self.lines, relay)

    def test_a_sink_that_is_taken_out_delivers_what_waits_before_it_goes(self):
        late = []
        old = self.web_server({"/report": web.status(503)})
        relay = self.serve(self.base(sinks=[
            self.proxy(), f"{{proxyAddress: '{old.url('/report')}', name: old}}"]))
        waiting = self.wait_for_waiting(relay, 2, "old")
        self.edit(self.base())
        self.assertEqual(self.post_reload()[0], 200)
        old.answers["/report"] = web.take(late)
        # Its figures are told when it goes: no later ones have them.
        told = self.wait_for(relay, lambda: [each for each in told_in(relay.output(), "sink figures")
                                             if each["sink"] == "old"])[0]
        self.assertIn("before an edit took it out", relay.output())
        self.assertGreaterEqual(len(set(self.ticks.seen_in(late))), waiting)
        self.assertEqual((told["spooled"], told["waiting"]), (told["delivered"], 0))
        self.assertEqual(self.metrics().sums_that_differ(), [])
        self.stop_well(relay)
        self.assert_all_ticks(self.lines, relay)

    def test_a_source_that_is_taken_out_leaves_its_figures_in_the_log(self):
        other = Ticks()
        gone = self.web_server({"/metrics": other})
        both = config([self.proxy()], [source_of(self.server), source_of(gone, more=", name: gone")])
        relay = self.serve(both)
        self.wait_for(relay, lambda: other.count >= 2)
        self.edit(self.base())
        self.assertEqual(self.post_reload()[0], 200)
        self.wait_for(relay, lambda: list(told_in(relay.output(), "source figures")))
        self.stop_well(relay)
        output = relay.output()
        fates = list(told_in(output, "what became of the samples"))
        self.assertEqual({fate["source"] == "gone" for fate in fates}, {True, False})
        spooled = sum(sink["spooled"] for sink in told_in(output, "sink figures"))
        self.assertEqual(sum(fate["written"] for fate in fates), spooled)

    def test_a_new_sink_begins_with_what_comes_and_the_sums_agree(self):
        relay = self.serve(self.base())
        self.wait_for(relay, lambda: self.lines)
        second = []
        other = self.web_server({"/report": web.take(second)})
        self.edit(self.base(sinks=[self.proxy(), f"{{proxyAddress: '{other.url('/report')}', name: second}}"]))
        self.assertEqual(self.post_reload()[0], 200)
        self.wait_for(relay, lambda: self.ticks.seen_in(second))
        self.assertEqual(self.metrics().sums_that_differ(), [])
        self.stop_well(relay)
        self.assert_all_ticks(self.lines, relay)
        self.assertNotIn(self.ticks.seen_in(self.lines)[0], self.ticks.seen_in(second))



class StatusPageTest(ReloadCase):
    """The page's address is in the file here, and not on the command line."""

    def setUp(self):
        super().setUp()
        self.server = self.web_server({"/metrics": web.page("up 1\n")})
        self.port_file = os.path.join(self.folder, "status.port")

    def text(self, listen, more=""):
        return (config([self.proxy()], [source_of(self.server)])
                + f"status: {{listen: '{listen}'{more}}}\n")

    def serve_at(self, listen):
        relay = self.relay(self.text(listen), "--port-file", self.port_file)
        self.port = int(self.wait_for(
            relay, lambda: os.path.exists(self.port_file) and self.read("status.port"), "the page"))
        return relay

    def is_served_at(self, address, port):
        return http_get(f"http://{address}:{port}/-/ready")[0] == 200

    def edit(self, text):
        self.write("relay.yaml", text)

    def test_it_moves_with_its_address(self):
        relay = self.serve_at("127.0.0.1:0")
        self.edit(self.text("127.0.0.2:0"))
        self.assertEqual(self.post_reload()[0], 200)
        self.wait_for(relay, lambda: int(self.read("status.port")) != self.port, "another port")
        self.assertTrue(self.is_served_at("127.0.0.2", int(self.read("status.port"))))
        self.wait_for(relay, lambda: not self.is_served_at("127.0.0.1", self.port))
        self.stop_well(relay)

    def test_it_moves_to_another_address_of_the_same_port(self):
        relay = self.serve_at("127.0.0.1:0")
        self.edit(self.text(f"127.0.0.2:{self.port}"))
        self.assertEqual(self.post_reload()[0], 200)
        self.wait_for(relay, lambda: self.is_served_at("127.0.0.2", self.port))
        self.wait_for(relay, lambda: not self.is_served_at("127.0.0.1", self.port))
        self.stop_well(relay)

    def test_an_edit_that_cannot_be_served_is_refused_until_it_can(self):
        relay = self.serve_at("127.0.0.1:0")
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            for text in (self.text(f"127.0.0.1:{taken}"),
                         self.text(f"192.0.2.1:{self.port}"),  # nobody's, for documentation
                         self.text("127.0.0.1:0", ", tls_config: {cert_file: /dev/null, "
                                                  "key_file: /dev/null}")):
                self.edit(text)
                status, said = self.post_reload()
                self.assertEqual(status, 400, said)
                self.assertIn("cannot be put in force now", said)
                self.assertTrue(self.is_served_at("127.0.0.1", self.port))
                self.assertFalse(self.is_current())
            self.edit(self.text(f"127.0.0.1:{taken}"))
            self.assertEqual(self.post_reload()[0], 400)
        self.assertEqual(self.post_reload()[0], 200)
        self.wait_for(relay, lambda: self.is_served_at("127.0.0.1", taken))
        self.port = taken
        self.assertTrue(self.is_current())
        self.stop_well(relay)

    def test_the_end_may_come_while_the_page_is_about_to_move(self):
        """The edit waits for a receiver that does not answer; by then the new page is served."""
        release = threading.Event()
        self.addCleanup(release.set)
        self.sink.answers["/report"] = lambda _: release.wait()
        relay = self.serve_at("127.0.0.1:0")
        self.wait_for(relay, lambda: self.sink.requests("/report"), "a delivery")
        moved = free_port()
        self.edit(self.text(f"127.0.0.1:{moved}").replace("connectTimeout: 60s",
                                                          "connectTimeout: 50s"))
        relay.send_signal(signal.SIGHUP)
        self.wait_for(relay, lambda: self.is_served_at("127.0.0.1", moved))
        relay.send_signal(signal.SIGTERM)
        while relay.running():
            self.is_served_at("127.0.0.1", moved)
        self.assertEqual(relay.stop(), OK, relay.output())

    def test_the_command_line_beats_an_edit(self):
        relay = self.serve(self.text("127.0.0.1:1"))
        self.map.write({"config.yaml": self.text("127.0.0.1:2")})
        status, said = self.post_reload()
        self.assertEqual((status, "nothing that matters" in said), (200, True), said)
        self.assertTrue(self.is_served_at("127.0.0.1", self.port))
        self.stop_well(relay)


if __name__ == "__main__":
    unittest.main()
