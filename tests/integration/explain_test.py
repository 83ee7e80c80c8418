"""`fedwave explain` says of every series what `dump` does with it, and which rule decided where."""
import json
import os
import pty
import re
import subprocess
import unittest

from support import fedwave
from support.case import FedwaveCase
from support.points import parse_distribution
from support.web import page

GOLDEN = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "golden")
PAIRS = sorted(os.listdir(GOLDEN))
ENVIRONMENT = {"POD_NODE_NAME": "node-1"}
OK, USAGE, UNREADABLE = 0, 1, 2

CONFIG = """\
sinks: [{proxyAddress: 'proxy:2878', prefix: mesh}]
sources:
  prometheus_sources:
  - name: istio
    url: 'http://prometheus:9090/federate'
    prefix: 'k8s.'
    filters:
      metricAllowList:
      - 'k8s.requests.*'
      - 'k8s.tcp_sent.*'
      metricDenyList: ['*.bucket.value']
      metricTagDenyList: {code: ['5*']}
"""
PAGE = """\
requests_total{code="200",pod="a"} 1
requests_total{code="200",pod="b"} 2
requests_total{code="500",pod="a"} 3
requests_total{code="404",pod="a"} NaN
requests_bucket{le="1"} 4
tcp_sent_total 5
"""


def without_time(line):
    """A line of dump without its timestamp, or of explain without the word for it."""
    return re.sub(r'^("(?:[^"\\]|\\.)*" \S+) (?:\d+|TIME) ', r"\1 ", line)


def value_of(line):
    return re.match(r'"(?:[^"\\]|\\.)*" (\S+) ', line)[1]


def numbered(text):
    """The page with another number for every sample that has a number."""
    count = 1_000_000  # no page's own

    def number(match):
        nonlocal count
        count += 1
        return f"{match[1]} {count}{match[2] or ''}"
    return re.sub(r"(?m)^([^#\s].*?[}\w]) [-+0-9.e]+( \d+)?$", number, text)


class Pair:
    """A golden pair: its configuration and its latest page."""

    def __init__(self, name):
        self.config = os.path.join(GOLDEN, name, "config.yaml")
        pages = sorted(each for each in os.listdir(os.path.join(GOLDEN, name))
                       if each.endswith(".prom"))
        self.pages = [os.path.join(GOLDEN, name, each) for each in pages]
        with open(self.config, encoding="utf-8") as file:
            self.config_lines = file.read().splitlines()

    def text(self):
        with open(self.pages[-1], encoding="utf-8") as file:
            return file.read()


def explained(config, *options):
    done = fedwave.run("explain", "--config", config, "--format", "json", *options,
                       env=ENVIRONMENT)
    if done.returncode != OK:
        raise AssertionError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def dumped(config, *pages):
    inputs = [option for path in pages for option in ("--input", path)]
    done = fedwave.run("dump", "--config", config, *inputs, env=ENVIRONMENT)
    if done.returncode != OK:
        raise AssertionError(done.stderr)
    return done.stdout.splitlines()


class GoldenTest(FedwaveCase):
    def test_the_lines_are_those_of_dump(self):
        for name in PAIRS:
            with self.subTest(pair=name):
                pair = Pair(name)
                told = [sink["line"] for each in explained(pair.config, "--input", pair.pages[-1])
                        for sink in each["sinks"] if sink["line"] and not sink["distribution"]]
                lines = dumped(pair.config, pair.pages[-1])
                self.assertEqual(sorted(map(without_time, told)), sorted(map(without_time, lines)))

    def test_series_by_series_the_line_is_that_of_dump_and_missing_where_dump_has_none(self):
        kept = dropped = 0
        for name in PAIRS:
            with self.subTest(pair=name):
                pair = Pair(name)
                path = self.write("page.prom", numbered(pair.text()))
                lines = {value_of(line): without_time(line) for line in dumped(pair.config, path)}
                for each in explained(pair.config, "--input", path):
                    [sink] = each["sinks"]
                    if sink["distribution"]:
                        continue
                    line = lines.pop(each["value"], None)
                    self.assertEqual(sink["line"] and without_time(sink["line"]), line, each)
                    self.assertEqual(each["verdict"], "kept" if line else "dropped", each)
                    kept += line is not None
                    dropped += line is None
                self.assertEqual(lines, {})
        self.assertGreater(kept, 100)
        self.assertGreater(dropped, 20)

    def test_a_series_that_goes_into_a_distribution_has_the_name_and_tags_of_it(self):
        pair = Pair("09-convert-histograms")
        series = explained(pair.config, "--input", pair.pages[-1])
        told = {re.sub(r"^!M TIME #COUNT MEAN… ", "", sink["line"]) for each in series
                for sink in each["sinks"] if sink["distribution"]}
        made = [line for line in dumped(pair.config, *pair.pages) if line.startswith("!M")]
        self.assertTrue(made)
        for line in made:
            self.assertTrue(parse_distribution(line).name)
            self.assertIn(line[line.index('"'):], told)

    def test_the_rule_that_decided_stands_where_it_is_said_to_stand(self):
        dropped = 0
        for name in PAIRS:
            pair = Pair(name)
            for each in explained(pair.config, "--input", pair.pages[-1]):
                with self.subTest(pair=name, series=each["series"]):
                    stages = [each["source_stage"], *each["sinks"]]
                    for stage in stages:
                        self.assert_is_in_place(stage["rule"], pair)
                        self.assert_is_in_place(stage["tags_rule"], pair)
                    rules = [stage["decided_by"] for stage in stages if stage["decided_by"]]
                    is_filtered = any("allow_list" in stage["verdict"] or
                                      "deny_list" in stage["verdict"] for stage in stages)
                    self.assertEqual(bool(rules), is_filtered)
                    dropped += is_filtered
        self.assertGreater(dropped, 20)

    def assert_is_in_place(self, rule, pair):
        if rule is None:
            return
        file, line, column = rule["where"].rsplit(":", 2)
        self.assertEqual(file, pair.config)
        text = pair.config_lines[int(line) - 1][int(column) - 1:]
        if rule["pattern"]:
            self.assertTrue(text.lstrip("'\"").startswith(rule["pattern"]), (rule, text))
        else:
            before = "\n".join(pair.config_lines[:int(line)])
            self.assertIn(rule["list"], before)


class ExplainCase(FedwaveCase):
    def explain(self, *arguments, config=CONFIG, text=PAGE, code=OK):
        self.config_path = self.write("mesh.yaml", config)
        options = ["--input", self.write("page.prom", text)] if text is not None else []
        done = fedwave.run("explain", "--config", self.config_path, *options, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn("\x1b", done.stdout)
        return done

    def place(self, line, column):
        return f"{self.config_path}:{line}:{column}"


class NameTest(ExplainCase):
    def test_a_name_stands_for_all_its_series_grouped_by_their_fate(self):
        for name in ("requests_total", "k8s.requests.total.value", "requests.total.value",
                     "mesh.k8s.requests.total.value", "REQUESTS_TOTAL", "K8S.Requests.total.value"):
            with self.subTest(name=name):
                out = self.explain(name).stdout
                self.assertIn("and 1 more like it", out)
                self.assertIn(f'metricTagDenyList of code "5*" at {self.place(12, 34)}', out)
                self.assertIn("not a number", out)
                self.assertEqual(out.count("requests_total{"), 3)

    def test_counts_of_the_groups_are_in_the_json_as_well(self):
        done = self.explain("requests_total", "--format", "json")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([each["series_count"] for each in told], [2, 1, 1])

    def test_a_name_on_no_page_is_told_with_the_nearest(self):
        out = self.explain("request_total", "tcp.sent.totl.value", "nothing_like_it_at_all").stdout
        self.assertRegex(out, r"request_total\n.*no series of the page has this name.*\n +requests_total")
        self.assertIn("    tcp.sent.total.value\n", out)
        self.assertIn("nor one like it", out)

    def test_without_a_page_a_name_is_taken_for_an_untyped_series_without_labels(self):
        for name in ("requests_total", "requests.total.value", "mesh.k8s.requests.total.value"):
            with self.subTest(name=name):
                out = self.explain(name, text=None).stdout
                self.assertTrue(out.startswith("requests_total\n"), out)
                self.assertIn(f'kept by metricAllowList "k8s.requests.*" at {self.place(9, 9)}', out)
                self.assertIn('"mesh.k8s.requests.total.value" VALUE TIME', out)
                self.assertRegex(out, r"assumed .*untyped")
                self.assertIn("may decide otherwise", out)

    def test_the_names_type_comes_from_the_page(self):
        typed = "# TYPE requests_total counter\n" + PAGE
        out = self.explain('requests_total{code="201"}', text=typed).stdout
        self.assertIn("k8s.requests.total.counter", out)
        self.assertIn("counter", out)

    def test_the_hint_is_there_where_a_pattern_nearly_matches(self):
        out = self.explain("tcp_sent_total").stdout
        self.assertIn('"k8s.tcp.sent.*" would match k8s.tcp.sent.total.value; '
                      'you wrote "k8s.tcp_sent.*": patterns see the dotted name', out)


class SeriesTest(ExplainCase):
    def test_a_series_as_text_is_explained_with_and_without_value_and_time(self):
        for text, value in (('requests_total{code="200"}', "VALUE"),
                            ('requests_total{code="200"} 7', "7"),
                            ('  requests_total{code="200"} 1.5e3 1767225600000 ', "1500"),
                            ('{"requests_total",code="200"}', "VALUE")):
            with self.subTest(text=text):
                out = self.explain(text, text=None).stdout
                self.assertIn(f'line      "mesh.k8s.requests.total.value" {value} TIME source=', out)
                self.assertIn('"code"="200"', out)

    def test_labels_that_are_left_out_come_from_the_page(self):
        out = self.explain('requests_total{pod="a"}').stdout
        self.assertEqual(sorted(re.findall(r"(?m)^requests_total.*", out)),
                         ['requests_total{code="200",pod="a"}', 'requests_total{code="404",pod="a"}',
                          'requests_total{code="500",pod="a"}'])
        self.assertIn(f'metricTagDenyList of code "5*" at {self.place(12, 34)}', out)
        self.assertNotIn("note", out)
        out = self.explain('requests_total{code="200"} 7').stdout
        self.assertIn("and 1 more like it", out)
        self.assertIn('"mesh.k8s.requests.total.value" 7 TIME', out)
        told = json.loads(self.explain('requests_total{pod="b"}', "--format", "json").stdout)
        self.assertEqual((told["series"], told["series_count"]),
                         ('requests_total{code="200",pod="b"}', 1))

    def test_a_series_that_the_page_does_not_have_is_explained_as_written_with_a_note(self):
        out = self.explain('requests_total{pod="c"}').stdout
        self.assertIn("kept by", out)
        self.assertRegex(out, r"note +no such series is on the page.*\n"
                              r" +labels that are left out may decide otherwise\n")
        told = self.explain('requests_total{pod="c"}', "--format", "json").stdout
        self.assertIsNone(json.loads(told)["series_count"])

    def test_without_a_page_left_out_labels_are_told_of_where_a_list_looks_at_tags(self):
        note = "labels that are left out may decide otherwise"
        self.assertIn(note, self.explain('requests_total{pod="a"}', text=None).stdout)
        calm = CONFIG.replace("      metricTagDenyList: {code: ['5*']}\n", "")
        self.assertNotIn(note, self.explain('requests_total{pod="a"}', config=calm, text=None).stdout)
        self.assertNotIn(note, self.explain('requests_total{pod="c"}', config=calm).stdout)

    def test_what_is_no_series_is_told_why_and_ends_with_1(self):
        for text, why in (('requests_total{code=200}', "quote"),
                          ('requests_total{code="200"', "end|close|brace"),
                          ('requests_total{code="200"} many', "number"),
                          ('two words', "number"),
                          ("", "name")):
            with self.subTest(text=text):
                done = self.explain(text, text=None, code=USAGE)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, rf'(?m)^fedwave: ".*" is no series: .*({why})')

    def test_beside_another_question_a_malformed_one_spoils_nothing(self):
        done = self.explain("bad{", "requests_total", text=None)
        self.assertIn("is no series", done.stderr)
        self.assertIn("kept by", done.stdout)

    def test_tags_beyond_the_limit_are_named(self):
        labels = ",".join(f'label_{number:02}="{number}"' for number in range(25))
        out = self.explain(f"requests_total{{{labels}}}", text=None).stdout
        self.assertRegex(out, r'- label_\d\d="\d+"  .*(too many|more than 20 tags)')


class ColourTest(ExplainCase):
    def on_a_terminal(self, variables):
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run([fedwave.FEDWAVE, "explain", "--config",
                                   self.write("mesh.yaml", CONFIG), "up"], stdin=theirs,
                                  stdout=theirs, stderr=theirs, timeout=60, check=False,
                                  env=fedwave.environment(variables))
            self.assertEqual(done.returncode, OK)
            return os.read(ours, 65536).decode()
        finally:
            os.close(ours)
            os.close(theirs)

    def test_a_terminal_gets_colours_unless_it_wants_none(self):
        self.assertIn("\x1b[31mdropped", self.on_a_terminal({"NO_COLOR": ""}))
        plain = self.on_a_terminal({"NO_COLOR": "1"})
        self.assertIn("dropped", plain)
        self.assertNotIn("\x1b", plain)


class PatternTest(ExplainCase):
    def test_a_pattern_is_told_what_it_matches_as_written_and_with_dots(self):
        out = self.explain("k8s.requests.*", "*tcp_sent*").stdout
        self.assertIn("a pattern that matches 2 names", out)
        self.assertIn("    k8s.requests.total.value\n", out)
        self.assertRegex(out, r'\*tcp_sent\*\n  a pattern: it matches no name of source "istio"\n'
                              r'  hint      "\*tcp\.sent\*" would match 1 name: patterns see the '
                              r'dotted name\n    k8s\.tcp\.sent\.total\.value\n')

    def test_without_a_page_a_pattern_gets_its_dots(self):
        out = self.explain("istio_tcp.*", text=None).stdout
        self.assertIn('patterns see the dotted name: "istio.tcp.*"', out)

    def test_alternatives_are_a_pattern_and_labels_are_not(self):
        done = self.explain("k8s.{requests,tcp}.*", "--format", "json")
        told = json.loads(done.stdout)
        self.assertEqual(told["pattern"], "k8s.{requests,tcp}.*")
        self.assertEqual(len(told["matches"]), 3)


class WholePageTest(ExplainCase):
    def test_dropped_series_are_grouped_by_rule_and_metric(self):
        out = self.explain("--dropped").stdout
        self.assertIn('source "istio": 6 series, 2 kept, 4 dropped', out)
        for what in ("1 series of 1 metric: the source's metricDenyList matches the name\n"
                     f'by metricDenyList "*.bucket.value" at {self.place(11, 24)}\n',
                     "the source's metricTagDenyList matches a tag\n"
                     f'by metricTagDenyList of code "5*" at {self.place(12, 34)}\n',
                     "no pattern of the source's metricAllowList matches the name\n",
                     "the value is not a number"):
            self.assertIn(what, out)
        self.assertRegex(out, r'(?m)^ +1  requests_bucket  requests_bucket\{le="1"\}$')
        self.assertIn('hint: "k8s.tcp.sent.*" would match', out)
        self.assertNotIn('pod="b"', out)

    def test_dropped_series_are_one_object_each(self):
        done = self.explain("--dropped", "--format", "json")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([each["series"] for each in told],
                         ['requests_total{code="500",pod="a"}', 'requests_total{code="404",pod="a"}',
                          'requests_bucket{le="1"}', "tcp_sent_total"])

    def test_the_summary_has_a_row_for_every_rule(self):
        out = self.explain().stdout
        self.assertRegex(out, r'(?m)^ +2 +1  kept +metricAllowList "k8s\.requests\.\*" at ')
        self.assertRegex(out, r"(?m)^ +1 +1  dropped  the source's metricTagDenyList")
        self.assertIn("--dropped lists", out)

    def test_a_hint_is_shown_once_for_all_its_metrics(self):
        out = self.explain("--dropped", text=PAGE + "tcp_sent_more 1\ntcp_sent_most 1\n").stdout
        self.assertEqual(out.count("hint:"), 1, out)

    def test_a_misspelt_key_of_a_tag_list_is_told_once(self):
        config = CONFIG.replace("{code: ", "{cdoe: ")
        for arguments in (("--dropped",), ("requests_total", "up")):
            done = self.explain(*arguments, config=config)
            self.assertEqual(re.findall("(?m)^.* no series has .*$", done.stderr),
                             ['fedwave: source "istio": metricTagDenyList at '
                              f'{self.place(12, 34)}: no series has the tag "cdoe"; the nearest is '
                              "code"])
        self.assertNotIn("no series has", self.explain("--dropped").stderr)

    def test_warnings_of_the_configuration_are_one_line(self):
        config = CONFIG + "  kubernetes_source: {prefix: kubernetes.}\n  systemd_source: {}\n"
        done = self.explain("up", config=config)
        self.assertEqual(done.stderr, f"fedwave: 3 warnings in {self.config_path}; `fedwave check "
                                      f"--config {self.config_path}` shows them\n")

    def test_questions_that_nobody_can_answer_end_with_1(self):
        for arguments in ((), ("--dropped",)):
            done = self.explain(*arguments, text=None, code=USAGE)
            self.assertIn("--input FILE", done.stderr)
        self.explain("--dropped", "up", code=USAGE)
        self.explain("--live", code=USAGE)

    def test_a_missing_page_ends_with_2(self):
        done = self.explain("--input", os.path.join(self.folder, "none.prom"), "up", text=None,
                            code=UNREADABLE)
        self.assertIn("none.prom", done.stderr)

    def test_live_pages_are_scraped_with_what_the_source_says(self):
        server = self.web_server({"/federate": page(PAGE)})
        config = CONFIG.replace("prometheus:9090", server.address)
        out = self.explain("--live", "requests_total", config=config, text=None).stdout
        self.assertIn("and 1 more like it", out)
        server.stop()
        self.explain("--live", "requests_total", config=config, text=None, code=UNREADABLE)

    def test_one_sink_of_several_can_be_asked_about(self):
        config = CONFIG.replace("prefix: mesh}]", "prefix: mesh}, {name: other, proxyAddress: "
                                "'b:2878', filters: {metricDenyList: ['*']}}]")
        both = self.explain("requests_total", config=config).stdout
        one = self.explain("requests_total", "--sink", "other", config=config).stdout
        self.assertIn("mesh.k8s.requests", both)
        self.assertNotIn("mesh.k8s.requests", one)
        self.assertIn("the sink's metricDenyList matches the name", one)


if __name__ == "__main__":
    unittest.main()
