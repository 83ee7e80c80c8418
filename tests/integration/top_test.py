"""`fedwave top`: what metrics and tags cost, from files, from sources, on a terminal."""
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import fedwave
from support.case import FedwaveCase
from support.processes import DEADLINE_S, wait_until
from support.web import in_turn, page, status

OK, USAGE, UNREADABLE = 0, 1, 2

LATE = b"no complete answer within"

CONFIG = """\
sinks: [{proxyAddress: 'proxy:2878', prefix: mesh}]
sources:
  prometheus_sources:
  - name: istio
    url: 'http://prometheus:9090/federate'
    collection: {interval: 10s}
    filters:
      metricAllowList: ['requests.*', 'tcp.*']
      metricTagDenyList: {code: ['5*']}
"""


def page_at(time_ms, changed=True):
    """Six series; without `changed` those of requests_total stay as they were a minute before."""
    other_ms = time_ms if changed else time_ms - 60_000
    return (f'requests_total{{code="200",pod="a"}} 1 {other_ms}\n'
            f'requests_total{{code="201",pod="a"}} 1 {other_ms}\n'
            f'requests_total{{code="202",pod="b"}} 1 {other_ms}\n'
            f'requests_total{{code="500",pod="b"}} 1 {other_ms}\n'
            f'tcp_sent_total{{pod="c"}} 1 {time_ms}\n'
            f'up 1 {time_ms}\n')


class TopCase(FedwaveCase):
    def setUp(self):
        super().setUp()
        now_ms = int(time.time()) * 1000
        self.page = page_at(now_ms - 60_000)
        self.next_page = page_at(now_ms, changed=False)

    def top(self, *options, code=OK, inputs=None):
        files = self.inputs(inputs or [self.page])
        done = fedwave.run("top", "--config", self.write("mesh.yaml", CONFIG), *files, *options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn("\x1b", done.stdout)
        return done.stdout

    def inputs(self, pages):
        return [option for number, text in enumerate(pages)
                for option in ("--input", self.write(f"page-{number}.prom", text))]

    def rows(self, *options, inputs=None):
        return json.loads(self.top("--format", "json", *options, inputs=inputs))


class TableTest(TopCase):
    def test_metrics_tags_and_the_sum(self):
        self.assertEqual(self.top().splitlines(), [
            "METRIC          IN WAVEFRONT               SERIES  KEPT  DROPPED  POINTS/S  SHARE",
            "requests_total  mesh.requests.total.value       4     3        1      0.30    75%",
            "tcp_sent_total  mesh.tcp.sent.total.value       1     1        0      0.10    25%",
            "up              -                               1     0        1      0.00     0%",
            "",
            "TAG      VALUES  SERIES  POINTS/S",
            "code          3       3      0.30",
            "pod           3       4      0.40",
            "cluster       1       4      0.40",
            "",
            "4 of 6 series kept (67%): at most 0.40 points/s, 34,560 a day, 1.0 million a month",
            "at most: what only comes again is sent once, which --watch or another --input shows"])

    def test_json_says_the_same(self):
        told = self.rows()
        self.assertEqual((told["series"], told["kept"], told["dropped"]), (6, 4, 2))
        self.assertAlmostEqual(told["points_per_s"], 0.4)
        self.assertEqual([(each["metric"], each["kept"], each["dropped"])
                          for each in told["metrics"]],
                         [("requests_total", 3, 1), ("tcp_sent_total", 1, 0), ("up", 0, 1)])
        self.assertEqual(told["tags"][0]["key"], "code")

    def test_rows_are_limited_and_the_rest_is_told(self):
        out = self.top("--rows", "1")
        self.assertIn("and 2 more metrics (--rows 0 shows all)", out)
        self.assertIn("and 2 more tags", out)
        self.assertEqual(len(self.rows("--rows", "1")["metrics"]), 1)
        self.assertEqual(len(self.rows("--rows", "0")["metrics"]), 3)

    def test_sorting(self):
        def names(*options, inputs=None):
            return [each["metric"] for each in self.rows(*options, inputs=inputs)["metrics"]]
        text = 'up{x="1"} 1\nup{x="2"} 1\ntcp_b 1\ntcp_a 1\ntcp_a{x="1"} 1\ntcp_a{x="2"} 1\n'
        self.assertEqual(names(inputs=[text]), ["tcp_a", "tcp_b", "up"])
        self.assertEqual(names("--sort", "series", inputs=[text]), ["tcp_a", "up", "tcp_b"])
        self.assertEqual(names("--sort", "name", inputs=[text]), ["tcp_a", "tcp_b", "up"])

    def test_a_repeated_sample_costs_nothing_once_two_scrapes_show_it(self):
        told = self.rows(inputs=[self.page, self.next_page])
        self.assertEqual((told["samples_written"], told["samples_repeated"]), (1, 3))
        self.assertAlmostEqual(told["points_per_s"], 0.1)
        self.assertEqual(told["points_per_s_is"], "measured")
        out = self.top(inputs=[self.page, self.next_page])
        self.assertNotIn("at most", out)
        self.assertIn("75% of the kept samples came again with the same time", out)

    def test_new_samples_are_divided_by_the_time_between_the_first_scrape_and_the_last(self):
        pages = [self.page, self.next_page, self.next_page]
        self.assertAlmostEqual(self.rows(inputs=pages)["points_per_s"], 1 / 20)
        self.assertAlmostEqual(self.rows("--interval", "30s", inputs=pages)["points_per_s"], 1 / 60)

    def test_no_series_costs_more_than_a_point_an_interval_of_the_source(self):
        for pages in ([self.page], [self.page.replace("000\n", "\n"), page_at(5)] * 2):
            told = self.rows("--interval", "1s", inputs=pages)
            self.assertAlmostEqual(told["points_per_s"], 4 / 10)

    def test_the_same_page_twice_says_nothing_about_its_cost(self):
        told = self.rows(inputs=[self.page, self.page])
        self.assertEqual((told["points_per_s"], told["points_per_s_is"]), (None, "unknown"))
        out = self.top(inputs=[self.page, self.page])
        self.assertIn("points/s unknown", out)
        self.assertNotIn("0.00", out)

    def test_without_a_configuration_everything_is_kept(self):
        done = fedwave.run("top", *self.inputs([self.page]), "--format", "json")
        told = json.loads(done.stdout)
        self.assertEqual((done.returncode, told["kept"], told["dropped"]), (OK, 6, 0))

    def test_what_cannot_be_done_is_told(self):
        done = fedwave.run("top")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("--config FILE", done.stderr)
        done = fedwave.run("top", "--url", "http://127.0.0.1:1/metrics", "--watch")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("terminal", done.stderr)
        self.top("--watch", code=USAGE)
        self.top("--input", os.path.join(self.folder, "none.prom"), code=UNREADABLE)


class LiveTest(TopCase):
    def test_a_source_is_scraped(self):
        server = self.web_server({"/metrics": page(self.page)})
        done = fedwave.run("top", "--url", server.url("/metrics"), "--format", "json")
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(json.loads(done.stdout)["kept"], 6)
        server.stop()
        done = fedwave.run("top", "--url", server.url("/metrics"))
        self.assertEqual(done.returncode, UNREADABLE)

    def test_on_a_terminal_long_names_are_cut_to_its_width(self):
        name = "istio_request_duration_milliseconds_bucket_of_the_mesh"
        path = self.write("page.prom", f"{name} 1\n")
        for columns, is_cut in ((80, True), (200, False)):
            ours, theirs = pty.openpty()
            self.addCleanup(os.close, ours)
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            with subprocess.Popen([fedwave.FEDWAVE, "top", "--input", path], stdin=theirs,
                                  stdout=theirs, stderr=subprocess.DEVNULL) as process:
                os.close(theirs)
                self.assertEqual(process.wait(timeout=DEADLINE_S), OK)
            table = os.read(ours, 65536).decode().split("\r\n\r\n")[0].split("\r\n")
            self.assertEqual(name not in table[1], is_cut, table)
            self.assertLessEqual(max(map(len, table)), columns)

    def test_on_a_terminal_it_is_drawn_again_and_again_until_it_is_interrupted(self):
        for interval in ("500ms", "5s", "20s"):  # the time for a scrape as well
            shown = self.watch_until_503(interval)
            if LATE not in shown:
                break
        self.assertNotIn(LATE, shown)
        self.assertGreaterEqual(shown.count(b"\x1b[H\x1b[J"), 2)
        # A scrape without anything new changes the average, and leaves no frame without a cost.
        self.assertEqual(shown.count(b": at most 0.10 points/s"), 1)
        self.assertGreaterEqual(shown.count(b": 0.10 points/s"), 2)
        self.assertNotIn(b"0.00 points/s", shown)

    def watch_until_503(self, interval):
        """All that it has drawn by then."""
        server = self.web_server({"/metrics": in_turn(page(self.page), page(self.next_page),
                                                      page(self.next_page), status(503))})
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([fedwave.FEDWAVE, "top", "--url", server.url("/metrics"),
                                    "--watch", "--interval", interval],
                                   stdin=theirs, stdout=theirs, stderr=theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(theirs)
        shown = b""

        def shows(text):
            nonlocal shown
            shown += os.read(ours, 65536)
            return text in shown
        for text in (b"of the kept samples came again", b"HTTP status 503"):
            wait_until(lambda text=text: shows(text) or LATE in shown, lambda: shown)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=DEADLINE_S), -signal.SIGINT)
        return shown


if __name__ == "__main__":
    unittest.main()
