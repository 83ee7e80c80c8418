"""`fedwave run` tells what it does: the log, each trouble once, and sums that agree."""
import json
import subprocess
import time
import unittest

from support import fedwave, web
from support.processes import free_port
from support.relay_case import LATE, OK, RelayCase, Ticks, config, left_at_the_end, source_of
from support.web import WebServer

DISTRIBUTION = "!M "
USAGE = 1
LEVELS = {"debug", "info", "warning", "error"}


class LogTest(RelayCase):
    def test_every_line_of_a_json_log_is_an_object_with_time_level_and_message(self):
        self.server.answers["/broken"] = web.status(500, b'quote " \\ \xff\xfe \x01\x1b[31m\r\n')
        relay = self.relay(config(["{type: stdout, maxBufferSize: 5}"], [
            source_of(self.server), source_of(self.server, "/broken"),
            f"{{url: 'http://127.0.0.1:{free_port()}/metrics'}}"]),
            "--log-format", "json", "--log-level", "debug", stdout=subprocess.DEVNULL)
        self.wait_for_ticks(relay, 2)
        self.wait_for(relay, lambda: relay.output().count("scrape failed") >= 2)
        self.stop_well(relay)
        with open(relay.output_path, "rb") as file:
            lines = file.read().splitlines()
        self.assertGreater(len(lines), 5)
        self.assert_json_log(lines)

    def test_the_problems_of_a_configuration_are_events_too(self):
        path = self.write("bad.yaml", config(["{proxyAdress: 'a:1'}"],
                                             ["{url: 'http://a/m', x: 1}"]))
        done = fedwave.run("run", "--config", path, "--log-format", "json")
        self.assertEqual(done.returncode, USAGE)
        events = self.assert_json_log(done.stderr.encode().splitlines())
        for place in (f"{path}:2:", f"{path}:5:"):
            self.assertTrue(any(place in str(event) for event in events), events)

    def assert_json_log(self, lines):
        events = []
        for line in lines:
            with self.subTest(line=line):
                event = json.loads(line.decode())
                self.assertRegex(event["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
                self.assertIn(event["level"], LEVELS)
                self.assertTrue(event["message"])
                events.append(event)
        return events

    def told(self, relay, message, *, source=None):
        return [event for event in self.events(relay, message)
                if source is None or event["source"] == source]

    def wait_for_scrapes(self, relay, source, more):
        enough = len(self.told(relay, "scraped", source=source)) + more
        self.wait_for(relay, lambda: len(self.told(relay, "scraped", source=source)) >= enough)

    def test_a_source_that_is_down_is_told_once_and_once_more_when_it_is_back(self):
        port = free_port()
        relay = self.relay(config(["{type: stdout}"], [
            f"{{name: absent, url: 'http://127.0.0.1:{port}/metrics'}}"],
            "defaultCollectionInterval: 1s"), "--log-format", "json", "--log-level", "debug")
        self.wait_for_scrapes(relay, "absent", 4)
        server = WebServer({"/metrics": self.ticks}, port)
        self.addCleanup(server.stop)
        self.wait_for(relay, lambda: self.told(relay, "scraping again"))
        self.wait_for_ticks(relay, 2)
        server.stop()
        self.wait_for(relay, lambda: len(self.told(relay, "scrape failed")) >= 2)
        self.stop_well(relay)
        self.assertEqual(self.news_but_late_ones(relay),
                         ["scrape failed", "scraping again", "scrape failed"])
        levels = {event["level"] for event in self.told(relay, "scrape failed")}
        self.assertEqual(levels, {"warning"})

    def news_but_late_ones(self, relay):
        """As though no scrape had been given up, which is news of its own, and so is what follows."""
        told = []
        is_late = False
        for event in self.events(relay):
            message = event["message"]
            if message not in ("scrape failed", "scraping again"):
                continue
            if LATE in event.get("error", ""):
                is_late = True
                continue
            if not (is_late and told[-1:] == [message]):
                told.append(message)
            is_late = False
        return told

    def test_a_source_that_never_answers_is_told_once(self):
        self.server.answers["/hangs"] = web.nothing
        relay = self.relay(config(["{type: stdout}"], [
            source_of(self.server, "/hangs", "100ms", more=", name: hangs")]),
            "--log-format", "json", "--log-level", "debug")
        self.wait_for_scrapes(relay, "hangs", 10)
        self.stop_well(relay)
        errors = [event["error"] for event in self.told(relay, "scrape failed")]
        self.assertEqual(len(errors), 1, errors)
        self.assertIn("within 100 ms", errors[0])

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
        told = relay.output().count("the page is empty")
        self.assertTrue(1 <= told <= 1 + self.late_scrapes(relay), told)


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
            "shutdownGrace: 10s"), "--log-format", "json")
        for receiver in (whole, part):
            self.wait_for(relay, lambda lines=receiver.lines: self.are_of_both(lines()))
        self.stop_well(relay)
        fates = {(event["source"], event["sink"]): event
                 for event in self.events(relay, "what became of the samples")}
        self.assertEqual(len(fates), 2 * 3)
        self.assert_samples_add_up(relay, fates)
        self.assert_points_add_up(relay, fates, {"whole": whole, "part": part})

    @staticmethod
    def are_of_both(lines):
        """Of several scrapes of either source."""
        return (sum(line.startswith('"ticks.value"') for line in lines) >= 3 and
                any(line.startswith(DISTRIBUTION) for line in lines))

    def assert_samples_add_up(self, relay, fates):
        for fate in fates.values():
            self.assertEqual(fate["read"], sum(fate[what] for what in (
                "filtered", "repeated", "rejected", "converted", "written")), fate)
        sources = {event["source"]: event for event in self.events(relay, "source figures")}
        read = {name: figures["read"] for name, figures in sources.items()}
        good = {name: figures["scrapes"] - self.late_scrapes(relay, name)
                for name, figures in sources.items()}
        self.assertEqual({key: fate["read"] for key, fate in fates.items()},
                         {(source, sink): read[source] for source, sink in fates})
        scrapes = good["mixed"]
        self.assertTrue(self.ticks.count - self.late_scrapes(relay, "mixed") <= scrapes <=
                        self.ticks.count, (scrapes, self.ticks.count))
        self.assertEqual(read["mixed"], 7 * scrapes)
        mixed = fates["mixed", "whole"]
        self.assertEqual([mixed[what] for what in ("filtered", "repeated", "rejected", "written")],
                         [scrapes, scrapes - 1, 2 * scrapes, 3 * scrapes + 1])
        part = fates["mixed", "part"]
        self.assertEqual([part[what] for what in ("filtered", "repeated", "rejected", "written")],
                         [2 * scrapes, scrapes - 1, 3 * scrapes, scrapes + 1])
        typed = fates["typed", "whole"]
        self.assertEqual((typed["converted"], typed["written"]), (typed["read"], 0))
        self.assertEqual(typed["distributions"], good["typed"] - 1)

    def assert_points_add_up(self, relay, fates, receivers):
        sinks = {event["sink"]: event for event in self.events(relay, "sink figures")}
        self.assertEqual(sinks.keys(), {"whole", "part", "dead"})
        for name, figures in sinks.items():
            self.assertEqual(figures["recovered"] + figures["spooled"], sum(
                figures[what] for what in ("delivered", "quarantined", "expired", "waiting")),
                figures)
            self.assertEqual(figures["spooled"], sum(
                fate["written"] + fate["distributions"] for (_, sink), fate in fates.items()
                if sink == name), figures)
        self.assertEqual(left_at_the_end(sinks["dead"]), sinks["dead"]["spooled"])
        self.assertGreater(sinks["dead"]["retries"], 0)
        for name, receiver in receivers.items():
            self.assertEqual(sinks[name]["delivered"], sinks[name]["spooled"])
            self.assertEqual(receiver.stop(), OK, receiver.output())
            self.assertEqual(len(receiver.lines()), sinks[name]["delivered"])
            self.assertTrue(any(line.startswith(DISTRIBUTION) for line in receiver.lines()))


if __name__ == "__main__":
    unittest.main()
