"""`fedwave diff` says of two configurations what two dumps differ in."""
import json
import os
import re
import subprocess
import sys
import unittest
from collections import Counter

from support import fedwave
from support.case import FedwaveCase
from support.web import page

SAMPLE = os.path.join(fedwave.SOURCE_ROOT, "docs", "istio-sample.yaml")
GOLDEN_PAGE = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "golden", "01-istio-federated",
                           "scrape-0.prom")
MAKE_PAGE = os.path.join(fedwave.SOURCE_ROOT, "tests", "bench", "make_page.py")
REMOVED = "istio.tcp.*"
OK, USAGE, UNREADABLE, DIFFERENT = 0, 1, 2, 4

CONFIG = """\
sinks: [{proxyAddress: 'proxy:2878'}]
sources:
  prometheus_sources:
  - name: istio
    url: 'http://prometheus:9090/federate'
    collection: {interval: 10s}
    filters:
      metricAllowList: ['requests.*', 'tcp.*']
"""
PAGE = """\
requests_total{code="200",pod="a"} 1
requests_total{code="500",pod="b"} 2
tcp_sent_total{pod="a"} 3
tcp_lost_total NaN
up 1
"""


def without_value_and_time(line):
    return re.sub(r'^("(?:[^"\\]|\\.)*") \S+ \d+ ', r"\1 ", line)


class TwoDumpsTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        with open(SAMPLE, encoding="utf-8") as file:
            text = file.read()
        line = f"      - '{REMOVED}'\n"
        self.assertIn(line, text)
        self.line_number = text[:text.index(line)].count("\n") + 1
        self.without_it = self.write("new.yaml", text.replace(line, ""))

    def dumped(self, config, path):
        done = fedwave.run("dump", "--config", config, "--input", path)
        self.assertEqual(done.returncode, OK, done.stderr)
        return Counter(map(without_value_and_time, done.stdout.splitlines()))

    def check_against_two_dumps(self, path):
        before, after = self.dumped(SAMPLE, path), self.dumped(self.without_it, path)
        for old, new, gone, come in ((SAMPLE, self.without_it, before - after, after - before),
                                     (self.without_it, SAMPLE, after - before, before - after)):
            done = fedwave.run("diff", old, new, "--input", path, "--all", "--format", "json")
            self.assertEqual(done.returncode, DIFFERENT, done.stderr)
            found = json.loads(done.stdout)
            changed = [(change["what"], series) for change in found["changes"]
                       for series in change["series"]]
            self.assertEqual(Counter(series["old"] for what, series in changed
                                     if what == "dropped"), gone)
            self.assertEqual(Counter(series["new"] for what, series in changed if what == "added"),
                             come)
            self.assertEqual({what for what, _ in changed}, {"dropped"} if gone else {"added"})
            self.assertEqual(found["dropped"] + found["added"], len(changed))
            self.assertAlmostEqual(found["new_points_per_s"] - found["old_points_per_s"],
                                   (found["added"] - found["dropped"]) / 60)
            for change in found["changes"]:
                self.assertIn(f'metricAllowList "{REMOVED}" at {SAMPLE}:{self.line_number}:',
                              change["kept_by"])
        return sum((before - after).values())

    def test_on_a_golden_page(self):
        self.assertGreater(self.check_against_two_dumps(GOLDEN_PAGE), 0)

    def test_on_a_page_of_a_whole_mesh(self):
        path = os.path.join(self.folder, "mesh.prom")
        with open(path, "wb") as file:
            subprocess.run([sys.executable, MAKE_PAGE, "--series", "20000"], stdout=file, check=True)
        self.assertGreater(self.check_against_two_dumps(path), 100)

    def test_a_configuration_is_the_same_as_itself(self):
        done = fedwave.run("diff", SAMPLE, SAMPLE, "--input", GOLDEN_PAGE)
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"\Aof [\d,]+ series none differs; [\d.,]+ points/s\n\Z")


class DiffCase(FedwaveCase):
    def diff(self, new, *options, old=CONFIG, text=PAGE, code=DIFFERENT):
        self.old_path = self.write("old.yaml", old)
        self.new_path = self.write("new.yaml", new)
        inputs = ["--input", self.write("page.prom", text)] if text is not None else []
        done = fedwave.run("diff", self.old_path, self.new_path, *inputs, *options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("\x1b", done.stdout)
        return done.stdout


class SeriesTest(DiffCase):
    def test_dropped_series_are_told_with_the_rules_of_both_sides(self):
        out = self.diff(CONFIG.replace("'requests.*', ", ""))
        self.assertIn("dropped 2 series, -0.20 points/s\n", out)
        self.assertIn("NEW: no pattern of the source's metricAllowList matches the name "
                      f"(metricAllowList at {self.new_path}:8:25)\n"
                      f'OLD: kept by metricAllowList "requests.*" at {self.old_path}:8:25', out)
        self.assertRegex(out, r"(?m)^ +2 +-0\.20  requests_total  requests\.total\.value$")
        self.assertRegex(out, r'(?m)^- "requests\.total\.value" source="\S+" .*"code"="200" "pod"="a"$')
        self.assertIn("of 5 series 0 added, 2 dropped, 0 renamed, 0 retagged; "
                      "0.30 -> 0.10 points/s (-0.20)\n", out)

    def test_added_renamed_and_retagged_series_are_told_apart(self):
        added = self.diff(CONFIG.replace("'tcp.*'", "'tcp.*', 'up.value'"))
        self.assertRegex(added, r'(?m)^\+ "up\.value" ')
        self.assertIn("0 dropped", added)
        renamed = self.diff(CONFIG.replace("2878'", "2878', prefix: mesh"))
        self.assertIn("tcp.sent.total.value -> mesh.tcp.sent.total.value", renamed)
        self.assertRegex(renamed, r'(?m)^~ "tcp\.sent.*\n  "mesh\.tcp\.sent')
        retagged = self.diff("clusterName: other\n" +
                             CONFIG.replace("filters:", "filters:\n      tagExclude: [pod]"))
        self.assertIn('tags gone: "pod"; other values of "cluster"', retagged)
        self.assertIn("0 added, 0 dropped, 0 renamed, 3 retagged", retagged)

    def test_examples_are_few_and_all_is_all(self):
        new = CONFIG.replace("'requests.*', ", "")
        self.assertEqual(len(re.findall(r"(?m)^- ", self.diff(new, "--examples", "1"))), 1)
        self.assertEqual(len(re.findall(r"(?m)^- ", self.diff(new, "--examples", "0"))), 0)
        self.assertEqual(len(re.findall(r"(?m)^- ", self.diff(new, "--examples", "0", "--all"))), 2)

    def test_a_series_without_a_value_that_could_be_sent_is_counted_apart(self):
        out = self.diff(CONFIG.replace(", 'tcp.*'", ""))
        self.assertIn("besides, 1 series would differ if there were a value to send", out)
        self.assertIn("1 dropped", out)


class SettingsTest(DiffCase):
    def test_what_no_series_shows_is_listed(self):
        for before, after, told in (
                ("interval: 10s", "interval: 30s", "interval 10s -> 30s"),
                ("/federate'", "/federate?match[]={job=\"a\"}'", 'match[] {job="a"} is new'),
                ("http://prometheus:", "http://other:",
                 "URL http://prometheus:9090/federate -> http://other:9090/federate"),
                ("proxy:2878", "proxy:2879", "address http://proxy:2878/report -> http://proxy:2879/report"),
                ("- name: istio", "- name: mesh", "name istio -> mesh"),
                ("    filters:", "    honorTimestamps: false\n    filters:",
                 "honorTimestamps true -> false")):
            with self.subTest(told=told):
                new = CONFIG.replace(before, after)
                self.assertNotEqual(new, CONFIG)
                self.assertIn(told, self.diff(new))

    def test_another_interval_is_told_in_points_per_second(self):
        out = self.diff(CONFIG.replace("interval: 10s", "interval: 5s"))
        self.assertIn("of 5 series none differs; 0.30 -> 0.60 points/s (+0.30)", out)

    def test_another_token_is_told_and_not_shown(self):
        direct = CONFIG.replace("proxyAddress: 'proxy:2878'",
                                "server: 'https://x.wavefront.com', token: first-secret")
        for options in ((), ("--format", "json")):
            out = self.diff(direct.replace("first-secret", "other-secret"), *options, old=direct)
            self.assertIn("another token", out)
            self.assertNotIn("secret", out)

    def test_new_and_gone_sources_and_sinks_take_their_series_along(self):
        two_sinks = CONFIG.replace("}]\n", "}, {name: second, proxyAddress: 'b:2878'}]\n", 1)
        out = self.diff(two_sinks)
        self.assertIn('sink "second" is new', out)
        self.assertIn("OLD: there is no such sink", out)
        self.assertIn("3 added", out)
        two_sources = CONFIG + "  - {name: second, url: 'http://b/metrics', prefix: 'b.'}\n"
        out = self.diff(CONFIG, old=two_sources)
        self.assertIn('source "second" is gone', out)
        self.assertIn("NEW: there is no such source", out)
        self.assertIn("4 dropped", out)


class LiveTest(DiffCase):
    def test_a_page_of_both_is_scraped_once(self):
        server = self.web_server({"/federate": page(PAGE)})
        config = CONFIG.replace("prometheus:9090", server.address)
        out = self.diff(config.replace(", 'tcp.*'", ""), old=config, text=None)
        self.assertIn("1 dropped", out)
        self.assertEqual(len(server.requests("/federate")), 1)

    def test_where_urls_differ_a_series_of_one_page_alone_counts(self):
        server = self.web_server({"/federate": page(PAGE), "/other": page(PAGE + "tcp_new 1\n")})
        config = CONFIG.replace("prometheus:9090", server.address)
        out = self.diff(config.replace("/federate", "/other"), old=config, text=None)
        self.assertIn("OLD: the page of its URL does not have them", out)
        self.assertIn("1 added, 0 dropped", out)

    def test_half_a_page_is_no_difference(self):
        server = self.web_server({"/federate": page(PAGE)})
        config = CONFIG.replace("prometheus:9090", server.address)
        out = self.diff(config.replace("/federate", "/nothing"), old=config, text=None,
                        code=UNREADABLE)
        self.assertEqual(out, "")

    def test_a_configuration_with_mistakes_ends_with_1(self):
        self.diff("sinks: 5\n", code=USAGE)


if __name__ == "__main__":
    unittest.main()
