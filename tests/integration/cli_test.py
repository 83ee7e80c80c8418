"""Every command from outside: exit codes, what goes to which stream, and what the messages say."""
import gzip
import json
import os
import re
import signal
import subprocess
import textwrap
import time
import unittest

from support import fedwave, web
from support.case import FedwaveCase
from support.points import parse
from support.processes import free_port

OK, USAGE, UNREADABLE, MALFORMED = 0, 1, 2, 3
COMMANDS = ("run", "dump", "check", "explain", "diff", "top", "spool", "parse", "receive", "demo",
            "completion", "man")
PAGE = 'requests{code="200"} 5 \nrequests{code="500"} 7\nup 1\n'
PAGE_NAMES = ["requests.value", "requests.value", "up.value"]
WITH_ONE_BAD_LINE = "good 1\nbad one two\nalso_good 2\n"
NO_CONTROL_CHARACTERS = re.compile(r"\A[^\x00-\x09\x0b-\x1f\x7f]*\Z")

GOOD_CONFIG = """\
sinks:
- proxyAddress: wavefront-proxy:2878
sources:
  prometheus_sources:
  - url: 'http://prometheus:9090/federate?match[]={job="mesh"}'
"""
BAD_CONFIG = """\
clusterName: mesh-1
flushIntervall: 30s
sinks:
- proxyAddress: wavefront-proxy:2878:1
sources:
  prometheus_sources:
  - url: 'prometheus:9090'
    collection:
      interval: 30
"""
BAD_PLACES = [(2, 1), (4, 17), (7, 10), (9, 17)]  # of the four mistakes in it
STDOUT_CONFIG = "sinks: [{type: stdout}]\nsources:\n  prometheus_sources:\n"
TWO_OF_EACH = """\
sinks:
- {name: left, proxyAddress: 'a:2878', prefix: l}
- {name: right, proxyAddress: 'b:2878', prefix: r}
sources:
  prometheus_sources:
  - {name: one, url: 'http://a/metrics', prefix: 'one.'}
  - {name: two, url: 'http://b/metrics', prefix: 'two.'}
"""


def config_map(config, key="config.yaml"):
    return ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: collector\n"
            f"data:\n  {key}: |\n" + textwrap.indent(config, "    "))


class UsageTest(unittest.TestCase):
    def test_every_help_has_examples_and_the_exit_codes(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                done = fedwave.run(command, "--help")
                self.assertEqual((done.returncode, done.stderr), (OK, ""))
                self.assertRegex(done.stdout, rf"Examples:\n.*fedwave {command}\b")
                self.assertRegex(done.stdout, r"\nExit codes: 0 [^;]+; 1 wrong usage")

    def test_the_help_of_all_names_every_command_in_order(self):
        done = fedwave.run("--help")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        listed = re.search(r"\nCommands:\n((?:  .*\n)+)", done.stdout)[1]
        self.assertEqual(tuple(re.findall(r"(?m)^  (\w+) +\S", listed)), COMMANDS)

    def test_the_version_is_one_line_on_standard_output(self):
        done = fedwave.run("--version")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertRegex(done.stdout, r"\Afedwave \d+\.\d+\.\d+\S*\n\Z")

    def test_wrong_usage_ends_with_1_and_says_what_is_wrong(self):
        for arguments, said in (
                ((), "(?i)command"),
                (("bogus",), "bogus"),
                (("run", "--config", "x.yaml", "--lease", ""), "--lease.*empty"),
                (("run", "--config", "x.yaml", "--lease-retry", "2s"), "write --lease NAME as well"),
                (("run", "--confg", "x.yaml"), "--confg; did you mean --config"),
                (("rnu",), "rnu.*did you mean fedwave run"),
                (("--bogus",), "--bogus"),
                (("dump", "--bogus"), "--bogus"),
                (("dump",), "--config"),
                (("dump", "--url"), "--url"),
                (("dump", "--url", "http://x/", "--config", "x.yaml"),
                 "--url.*--config|--config.*--url"),
                (("dump", "--url", "http://x/", "--input", "x.prom"),
                 "--url.*--input|--input.*--url"),
                (("dump", "--url", "prometheus:9090"), "http"),
                (("dump", "--input", "-", "--format", "xml"), "xml.*json"),
                (("dump", "--input", "-", "--interval", "5"), "--interval.*5s|5s.*--interval"),
                (("dump", "--input", "-", "--interval", "0s"), "--interval.*above zero"),
                (("explain", "up"), "--config"),
                (("explain", "--config", "x.yaml", "--format", "table"), "table.*text.*json"),
                (("diff", "old.yaml"), "NEW"),
                (("diff", "old.yaml", "new.yaml", "more.yaml"), "more.yaml"),
                (("diff", "old.yaml", "new.yaml", "--examples", "-1"), "--examples.*-1"),
                (("top", "--sort", "size"), "size.*points.*series.*name"),
                (("top", "--rows", "many"), "--rows.*many"),
                (("top", "--url", "http://x/", "--input", "x.prom"),
                 "--url.*--input|--input.*--url"),
                (("demo", "--seed", "-1"), "--seed.*-1"),
                (("run",), "--config"),
                (("run", "--config", "x.yaml", "--log-level", "loud"), "loud.*debug"),
                (("check",), "--config"),
                (("parse",), "FILE"),
                (("parse", "-", "--format", "xml"), "xml.*text"),
                (("receive", "--answer", "99"), "--answer"),
                (("receive", "--listen", "nonsense"), "nonsense"),
                (("receive", "--token", "a", "--token-file", __file__),
                 "--token and --token-file exclude each other"),
                (("receive", "--mode", "bogus"), "bogus.*proxy")):
            with self.subTest(arguments=arguments):
                done = fedwave.run(*arguments)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
                self.assertRegex(done.stderr, said)

    def test_help_in_the_place_of_a_command_does_what_the_option_does(self):
        for words, option in ((("help",), ("--help",)), (("help", "run"), ("run", "--help")),
                              (("help", "spool", "ls"), ("spool", "ls", "--help"))):
            with self.subTest(words=words):
                done = fedwave.run(*words)
                self.assertEqual((done.returncode, done.stderr), (OK, ""))
                self.assertEqual(done.stdout, fedwave.run(*option).stdout)

    def test_wrong_usage_points_at_the_help_of_the_command(self):
        for arguments, said in (
                (("top", "--bogus"), ".*--bogus.*\nfedwave top --help shows what there is.\n"),
                (("spool", "ls"), "fedwave: ls needs .*DIR.*\nfedwave spool ls --help shows .*\n"),
                (("dump", "--url"), "fedwave: a value is missing: --url URL\n"
                                    "fedwave dump --help shows .*\n"),
                (("dump", "--format"), "fedwave: a value is missing: --format wavefront.json.table\n"
                                       ".*\n"),
                (("check",), "fedwave: check needs --config FILE\n.*\n"),
                (("completion",), "fedwave: completion needs bash.zsh\n.*\n")):
            with self.subTest(arguments=arguments):
                done = fedwave.run(*arguments)
                self.assertEqual(done.returncode, USAGE)
                self.assertRegex(done.stderr, rf"\A{said}\Z")

    def test_where_a_command_is_missing_the_help_lists_them(self):
        for group in ((), ("spool",)):
            done = fedwave.run(*group)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
            self.assertEqual(done.stderr, fedwave.run(*group, "--help").stdout)

    def test_an_answer_that_cannot_be_written_is_told_with_the_reason(self):
        config = os.path.join(fedwave.SOURCE_ROOT, "docs", "istio-sample.yaml")
        for arguments in (("explain", "--config", config, "--format", "json"),
                          ("diff", config, config), ("top", "--config", config, "--rows", "0"),
                          ("dump",), ("dump", "--format", "table"), ("parse", "-")):
            for text in ("up 1\n", "".join(f"up_{number} 1\n" for number in range(2000))):
                with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                    inputs = [] if "parse" in arguments else ["--input", "-"]
                    done = subprocess.run([fedwave.FEDWAVE, *arguments, *inputs], input=text,
                                          stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                          check=False)
                    self.assertEqual(done.returncode, UNREADABLE)
                    self.assertRegex(done.stderr, "(?m)^fedwave: cannot write to standard output: "
                                                  "No space left on device\n\\Z")


class CheckTest(FedwaveCase):
    def check(self, path, **keywords):
        return fedwave.run("check", "--config", path, **keywords)

    def test_a_good_file_is_valid(self):
        path = self.write("good.yaml", GOOD_CONFIG)
        done = self.check(path)
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertEqual(done.stdout, f"{path}: valid: 1 source, 1 sink\n")

    def assert_every_problem_is_placed(self, text, path, places, before=""):
        found = re.findall(rf"(?m)^{before}{re.escape(path)}:(\d+):(\d+): error: \S.*$", text)
        self.assertEqual([(int(line), int(column)) for line, column in found], places, text)

    def test_every_problem_of_a_bad_file_comes_with_its_place(self):
        path = self.write("bad.yaml", BAD_CONFIG)
        done = self.check(path)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assert_every_problem_is_placed(done.stderr, path, BAD_PLACES)
        self.assertIn('did you mean "flushInterval"?', done.stderr)
        self.assertIn("4 errors, 0 warnings", done.stderr)

    def test_dump_and_run_refuse_a_bad_file_in_the_same_words(self):
        path = self.write("bad.yaml", BAD_CONFIG)
        # What `run` says is a log, and its lines begin as those of a log do.
        for command, before in (("dump", ""), ("run", r"\S+Z error +")):
            with self.subTest(command=command):
                done = fedwave.run(command, "--config", path)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
                self.assert_every_problem_is_placed(done.stderr, path, BAD_PLACES, before)

    def test_a_warning_is_told_and_changes_nothing(self):
        path = self.write("warned.yaml", GOOD_CONFIG.replace(
            "\nsources:\n", "\nsources:\n  kubernetes_source:\n    prefix: kubernetes.\n"))
        done = self.check(path)
        self.assertEqual(done.returncode, OK)
        self.assertRegex(done.stderr,
                         rf"\A{re.escape(path)}:4:3: warning: .*kubernetes_source.*\n\Z")
        self.assertEqual(done.stdout, f"{path}: valid: 1 source, 1 sink; 1 warning\n")

    def test_a_config_map_is_read_and_its_problems_have_the_manifests_places(self):
        good = self.check(self.write("map.yaml", config_map(GOOD_CONFIG)))
        self.assertEqual((good.returncode, good.stderr), (OK, ""))
        self.assertIn("valid: 1 source, 1 sink", good.stdout)
        path = self.write("bad-map.yaml", config_map(BAD_CONFIG))
        bad = self.check(path)
        self.assertEqual(bad.returncode, USAGE)
        self.assert_every_problem_is_placed(
            bad.stderr, path, [(line + 6, column + 4) for line, column in BAD_PLACES])

    def test_a_dash_is_standard_input(self):
        good = self.check("-", text_in=GOOD_CONFIG)
        self.assertEqual((good.returncode, good.stderr), (OK, ""))
        self.assertIn("valid: 1 source, 1 sink", good.stdout)
        manifest = self.check("-", text_in=config_map(GOOD_CONFIG))
        self.assertEqual((manifest.returncode, manifest.stderr), (OK, ""))
        bad = self.check("-", text_in=BAD_CONFIG)
        self.assertEqual((bad.returncode, bad.stdout), (USAGE, ""))
        for line, column in BAD_PLACES:
            self.assertRegex(bad.stderr, rf"(?m)^\S+:{line}:{column}: error: ")

    def test_a_file_that_is_not_there_is_named_with_the_reason(self):
        done = self.check(os.path.join(self.folder, "none.yaml"))
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assertRegex(done.stderr, r"none\.yaml: .*No such file or directory")


class ReplicaTest(FedwaveCase):
    def test_a_relay_that_cannot_work_as_a_replica_says_what_to_write(self):
        path = self.write("good.yaml", GOOD_CONFIG)
        cluster = {"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                   "FEDWAVE_SERVICE_ACCOUNT_DIR": self.folder}
        for options, variables, said in (
                (("--lease", "Foo_Bar"), {}, '"Foo_Bar" cannot be the name of a lease'),
                (("--lease", "a", "--lease-duration", "9s"), {},
                 "--lease-duration is 9s and has to be longer than --lease-renew-deadline, which "
                 "is 10s"),
                (("--lease", "a"), {**cluster, "KUBERNETES_SERVICE_PORT": "abc"},
                 'KUBERNETES_SERVICE_PORT is "abc"'),
                (("--lease", "a"), cluster, "automountServiceAccountToken: true"),
                (("--shards", "3", "--shard", "7"), {}, "write --shard 0 to 2"),
                (("--shards", "3"), {"POD_NAME": "fedwave-3"}, 'POD_NAME is "fedwave-3"')):
            with self.subTest(options=options, variables=variables):
                done = fedwave.run("run", "--config", path, "--log-format", "json", *options,
                                   env=variables)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
                event = json.loads(done.stderr.splitlines()[-1])
                self.assertEqual(event["message"], "cannot work as a replica")
                self.assertIn(said, event["error"])


class ParseTest(FedwaveCase):
    TEXT = ('# TYPE a counter\na{b="c\\"d",e=""} 1.5 42\nx NaN\ny +Inf\nz -inf 7\n'
            "half 0.1\nbad one two\n")
    SAMPLES = [
        {"name": "a", "labels": {"b": 'c"d'}, "value": 1.5, "timestamp_ms": 42},
        {"name": "x", "labels": {}, "value": "NaN", "timestamp_ms": None},
        {"name": "y", "labels": {}, "value": "+Inf", "timestamp_ms": None},
        {"name": "z", "labels": {}, "value": "-Inf", "timestamp_ms": 7},
        {"name": "half", "labels": {}, "value": 0.1, "timestamp_ms": None}]

    def assert_parsed(self, done, code):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], self.SAMPLES)
        self.assertRegex(done.stderr, r"\Aline 7: \S.*\n\Z")

    def test_a_file_becomes_one_object_a_sample_and_bad_lines_are_told(self):
        path = self.write("page.prom", self.TEXT)
        self.assert_parsed(fedwave.run("parse", path), OK)
        self.assert_parsed(fedwave.run("parse", path, "--format", "text"), OK)

    def test_a_dash_is_standard_input(self):
        self.assert_parsed(fedwave.run("parse", "-", text_in=self.TEXT), OK)

    def test_strict_ends_with_3_where_a_line_is_malformed(self):
        self.assert_parsed(fedwave.run("parse", "--strict", "-", text_in=self.TEXT), MALFORMED)
        good = fedwave.run("parse", "--strict", "-", text_in="a 1\n")
        self.assertEqual((good.returncode, good.stderr), (OK, ""))

    def test_a_file_that_is_not_there_ends_with_2(self):
        done = fedwave.run("parse", os.path.join(self.folder, "none.prom"))
        self.assertEqual((done.returncode, done.stdout), (UNREADABLE, ""))
        self.assertRegex(done.stderr, r"none\.prom: No such file or directory")


class DumpInputTest(FedwaveCase):
    def dump(self, *arguments, **keywords):
        return fedwave.run("dump", *arguments, **keywords)

    def names(self, done):
        return [parse(line).name for line in done.stdout.splitlines()]

    def test_a_page_from_a_file_or_standard_input_plain_or_gzip(self):
        plain = self.write("page.prom", PAGE)
        packed = self.write("page.prom.gz", gzip.compress(PAGE.encode()))
        for done in (self.dump("--input", plain), self.dump("--input", packed),
                     self.dump("--input", "-", text_in=PAGE)):
            self.assertEqual((done.returncode, done.stderr), (OK, ""))
            self.assertEqual(self.names(done), PAGE_NAMES)

    def test_a_missing_file_ends_with_2_and_is_named_with_the_reason(self):
        done = self.dump("--input", os.path.join(self.folder, "none.prom"))
        self.assertEqual((done.returncode, done.stdout), (UNREADABLE, ""))
        self.assertRegex(done.stderr, r"none\.prom: .*No such file or directory")

    def test_a_gzip_file_that_is_cut_ends_with_2(self):
        path = self.write("cut.gz", gzip.compress(PAGE.encode())[:-9])
        done = self.dump("--input", path)
        self.assertEqual(done.returncode, UNREADABLE)
        self.assertRegex(done.stderr, r"cut\.gz: .*gzip")

    def test_strict_ends_with_3_where_a_line_is_malformed_and_the_others_are_printed(self):
        for options, code in (((), OK), (("--strict",), MALFORMED)):
            done = self.dump("--input", "-", *options, text_in=WITH_ONE_BAD_LINE)
            self.assertEqual(done.returncode, code)
            self.assertEqual(self.names(done), ["good.value", "also.good.value"])
            self.assertRegex(done.stderr, r"(?m)^line 2: \S.*bad one two")
        good = self.dump("--input", "-", "--strict", text_in=PAGE)
        self.assertEqual((good.returncode, good.stderr), (OK, ""))

    def test_a_sample_repeated_in_a_later_input_is_printed_once(self):
        then, now = ((int(time.time()) - ago) * 1000 for ago in (120, 60))
        first = self.write("0.prom", f"same 1 {then}\nmoved 1 {then}\nbare 1\n")
        later = self.write("1.prom", f"same 1 {then}\nmoved 2 {now}\nbare 1\n")
        done = self.dump("--input", first, "--input", later, "--interval", "60s")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        points = [parse(line) for line in done.stdout.splitlines()]
        self.assertEqual([(point.name, point.value) for point in points],
                         [("same.value", 1), ("moved.value", 1), ("bare.value", 1),
                          ("moved.value", 2), ("bare.value", 1)])
        bare = [point.timestamp for point in points if point.name == "bare.value"]
        self.assertEqual(bare[1] - bare[0], 60)

    def test_source_and_sink_choose_by_name(self):
        config = self.write("two.yaml", TWO_OF_EACH)
        base = ("--config", config, "--input", "-")
        for options, names in (((), ["l.one.up.value"]),
                               (("--source", "two"), ["l.two.up.value"]),
                               (("--sink", "right", "--source", "one"), ["r.one.up.value"])):
            done = self.dump(*base, *options, text_in="up 1\n")
            self.assertEqual(done.returncode, OK, done.stderr)
            self.assertEqual(self.names(done)[:1], names)
        for options in (("--source", "three"), ("--sink", "middle")):
            done = self.dump(*base, *options, text_in="up 1\n")
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
            self.assertIn(f'"{options[1]}"', done.stderr)
            for known in ("one", "two") if options[0] == "--source" else ("left", "right"):
                self.assertIn(known, done.stderr)  # what there is to choose from

    def test_every_source_is_dumped_from_the_input(self):
        page = self.write("page.prom", "up 1\n")
        done = self.dump("--config", self.write("two.yaml", TWO_OF_EACH), "--input", page)
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(self.names(done), ["l.one.up.value", "l.two.up.value"])
        self.assertIn('"left"', done.stderr)  # which of the sinks is shown

    def test_the_page_on_standard_input_is_dumped_for_every_source(self):
        done = self.dump("--config", self.write("two.yaml", TWO_OF_EACH), "--input", "-",
                         text_in="up 1\n")
        self.assertEqual(self.names(done), ["l.one.up.value", "l.two.up.value"])

    def test_a_page_of_which_nothing_is_left_is_explained(self):
        config = self.write("none.yaml", GOOD_CONFIG +
                            "    filters:\n      metricAllowList: ['nothing']\n")
        done = self.dump("--config", config, "--input", "-", text_in=PAGE)
        self.assertEqual((done.returncode, done.stdout), (OK, ""))
        self.assertRegex(done.stderr, r"3 samples.*3 dropped by filters")

    def test_a_reader_that_leaves_early_does_no_harm(self):
        path = self.write("long.prom", "".join(f"metric_{n} {n}\n" for n in range(200_000)))
        with subprocess.Popen([fedwave.FEDWAVE, "dump", "--input", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            self.assertEqual(parse(process.stdout.readline().rstrip("\n")).name, "metric.0.value")
            process.stdout.close()
            said = process.stderr.read()
            code = process.wait(timeout=60)
        self.assertIn(code, (OK, USAGE, -signal.SIGPIPE))
        self.assertRegex(said, r"\A(fedwave: [^\n]*\n)?\Z")


class DumpUrlTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        self.server = self.web_server()

    def dump(self, answer):
        self.server.answers["/metrics"] = answer
        return fedwave.run("dump", "--url", self.server.url("/metrics"))

    def assert_dumped(self, done):
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertEqual([parse(line).name for line in done.stdout.splitlines()], PAGE_NAMES)

    def assert_unreadable(self, done, said, names=()):
        self.assertEqual(done.returncode, UNREADABLE, done.stderr)
        self.assertRegex(done.stderr, said)
        self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
        self.assertRegex(done.stderr, re.escape(self.server.address))
        self.assertEqual([parse(line).name for line in done.stdout.splitlines()], list(names))

    def test_a_page_is_dumped_whole_chunked_compressed_or_until_the_connection_ends(self):
        half = len(PAGE) // 2
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                          for part in (PAGE[:half].encode(), PAGE[half:].encode(), b""))
        for answer in (web.page(PAGE), web.gzip_page(PAGE),
                       web.raw(web.head(200, ["Content-Type: text/plain",
                                              "Transfer-Encoding: chunked"]), chunks),
                       web.raw(web.head(200, ["Content-Type: text/plain"]), PAGE.encode())):
            self.assert_dumped(self.dump(answer))

    def test_an_unreachable_url_is_told_with_host_and_reason(self):
        port = free_port()
        done = fedwave.run("dump", "--url", f"http://127.0.0.1:{port}/metrics")
        self.assertEqual((done.returncode, done.stdout), (UNREADABLE, ""))
        self.assertRegex(done.stderr, rf"127\.0\.0\.1.*{port}.*(?i:connect)")
        self.assertEqual(done.stderr.count(f"http://127.0.0.1:{port}/metrics"), 1)
        done = fedwave.run("dump", "--url", "http://no-such-host.invalid/metrics")
        self.assertEqual((done.returncode, done.stdout), (UNREADABLE, ""))
        self.assertRegex(done.stderr, r"resolve.*no-such-host\.invalid")

    def test_a_status_that_is_not_200_is_told_with_the_servers_words(self):
        for code in (400, 401, 403, 404, 500, 503):
            with self.subTest(status=code):
                done = self.dump(web.status(code, f"because of {code}\nmore\n"))
                self.assert_unreadable(done, rf"status {code}\b.*because of {code}")
                self.assertNotIn("more", done.stderr)

    def test_a_web_page_is_not_taken_for_metrics(self):
        page = "<html><head><title>Sign in</title></head></html>"
        done = self.dump(web.page(page, content_type="text/html; charset=utf-8"))
        self.assert_unreadable(done, r"text/html.*not metrics")
        # Also where the server does not say that it is one.
        done = self.dump(web.page(page, content_type="text/plain"))
        self.assertEqual(done.returncode, UNREADABLE)

    def test_other_formats_are_refused_by_name(self):
        for content_type, said in (("application/json", "JSON"),
                                   ("application/openmetrics-text; version=1.0.0", "0\\.0\\.4"),
                                   ("application/vnd.google.protobuf", "0\\.0\\.4")):
            self.assert_unreadable(self.dump(web.page(PAGE, content_type=content_type)), said)

    def test_a_page_that_is_cut_is_an_error_and_what_was_complete_is_kept(self):
        cut = (PAGE + "cut_off{le=").encode()
        length = web.head(200, ["Content-Type: text/plain", f"Content-Length: {len(cut) + 100}"])
        chunked = web.head(200, ["Content-Type: text/plain", "Transfer-Encoding: chunked"])
        chunk = b"%x\r\n%s\r\n" % (len(cut), cut)
        for what, answer in (("Content-Length", web.raw(length, cut)),
                             ("no last chunk", web.raw(chunked, chunk)),
                             ("half a chunk", web.raw(chunked, chunk, b"ff\r\nhalf"))):
            with self.subTest(cut=what):
                self.assert_unreadable(self.dump(answer), r"(?i)clos|end", PAGE_NAMES)
        with self.subTest(cut="gzip"):
            packed = gzip.compress(cut)[:-8]  # without its checksum and length
            done = self.dump(web.page(packed, headers=["Content-Encoding: gzip"]))
            self.assert_unreadable(done, r"gzip stream ends before its end", PAGE_NAMES)

    def test_half_of_a_gzip_page_gives_the_lines_of_that_half(self):
        names = [f"metric.{number}.value" for number in range(20_000)]
        packed = gzip.compress("".join(f"metric_{n} {n * n}\n" for n in range(20_000)).encode())
        done = self.dump(web.page(packed[:len(packed) // 2], headers=["Content-Encoding: gzip"]))
        kept = len(done.stdout.splitlines())
        self.assertTrue(5_000 < kept < 15_000, kept)
        self.assert_unreadable(done, r"gzip stream ends before its end", names[:kept])

    def test_a_gzip_page_that_is_damaged_is_an_error(self):
        packed = bytearray(gzip.compress(PAGE.encode()))
        packed[-6] ^= 0xFF
        done = self.dump(web.page(bytes(packed), headers=["Content-Encoding: gzip"]))
        self.assertEqual(done.returncode, UNREADABLE)
        self.assertRegex(done.stderr, "gzip.*(checksum|damaged)")
        done = self.dump(web.page(PAGE, headers=["Content-Encoding: gzip"]))
        self.assert_unreadable(done, "gzip")

    def test_an_encoding_that_was_not_offered_is_refused(self):
        done = self.dump(web.page(PAGE, headers=["Content-Encoding: br"]))
        self.assert_unreadable(done, '"br"')

    def test_a_redirect_is_followed_unless_the_configuration_says_no(self):
        self.server.answers["/there"] = web.page(PAGE)
        self.assert_dumped(self.dump(web.redirect("/there")))
        config = self.write("stay.yaml", STDOUT_CONFIG + f"  - url: {self.server.url('/metrics')}\n"
                            "    httpConfig: {follow_redirects: false}\n")
        self.assert_unreadable(fedwave.run("dump", "--config", config), r"status 302\b")
        self.assertEqual(len(self.server.requests("/there")), 1)

    def test_one_source_that_fails_does_not_keep_the_others_from_being_dumped(self):
        self.server.answers.update({"/good": web.page(PAGE), "/bad": web.status(500)})
        sources = "".join(f"  - url: {self.server.url(path)}\n" for path in ("/bad", "/good"))
        config = self.write("both.yaml", STDOUT_CONFIG + sources)
        self.assert_unreadable(fedwave.run("dump", "--config", config), r"/bad.*500", PAGE_NAMES)

    def test_what_a_server_says_cannot_reach_into_the_terminal(self):
        for answer in (web.status(500, b"\x1b[31mred\x07\xff\xfe\r\n"),
                       web.page(PAGE, content_type="text/html\x1b[31m"),
                       web.page(PAGE, headers=["Content-Encoding: \x1b[31mbr"]),
                       web.redirect("http://\x1b[31m/")):
            with self.subTest():
                done = self.dump(answer)
                self.assertEqual(done.returncode, UNREADABLE)
                self.assertRegex(done.stderr, NO_CONTROL_CHARACTERS)


class ReceiveTest(FedwaveCase):
    def test_strict_ends_with_3_where_a_line_was_refused(self):
        for line, code in (('"a.b" 1 source="s"\n', OK), ('"a b" 1 source="s"\n', MALFORMED)):
            receiver = self.receiver("--strict", name=f"receiver-{code}")
            status, _ = web.post(f"http://{receiver.address}/report", line)
            self.assertEqual(status, 202)
            self.assertEqual(receiver.stop(), code, receiver.output())

    def test_it_ends_by_itself_after_the_time_given(self):
        done = fedwave.run("receive", "--listen", "127.0.0.1:0", "--for", "100ms")
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^points +0$")

    def test_a_port_that_is_taken_is_told(self):
        server = self.web_server()
        done = fedwave.run("receive", "--listen", server.address)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assertRegex(done.stderr, rf"{server.port}.*in use|in use.*{server.port}")


class DemoTest(unittest.TestCase):
    def test_it_ends_by_itself_and_sums_up(self):
        summary = r"(?m)^(\d+) points received, (\d+) metrics, 0 rejected$"
        for lifetime in ("2s", "20s", "60s"):  # a busy machine needs longer for the first points
            done = fedwave.run("demo", "--for", lifetime, "--interval", "1s")
            self.assertEqual(done.returncode, OK, done.stderr)
            self.assertRegex(done.stdout, summary)
            points, metrics = map(int, re.search(summary, done.stdout).groups())
            if points:
                break
        self.assertGreater(points, 0)
        self.assertGreater(metrics, 0)


if __name__ == "__main__":
    unittest.main()
