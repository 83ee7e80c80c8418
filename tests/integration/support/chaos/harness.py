"""The run: sources, a receiver that flaps, one that does not, and a relay killed between them."""
import collections
import contextlib
import json
import os
import signal
import time
from typing import NamedTuple

from support import fedwave
from support.chaos import disk, schedule
from support.chaos.content import CLUSTER, HOST, Content
from support.chaos.ledger import Check, Findings, Ledger
from support.chaos.receiver import Receiver
from support.chaos.sources import Sources, name_of
from support.metrics_page import MetricsPage
from support.processes import http_get, wait_until
from support.relay_case import completed_scrapes, config

SINKS = ("chaotic", "healthy")
DISK_MEBIBYTES = 48
_SPOOL_BYTES = "16MiB"  # of each sink: with the filler away, both fit the disk
_BATCH_POINTS = 64      # so that a scrape is several blocks
_TO_MEMORY = "the spool's directory cannot be used; points wait in memory until it can"
_TO_DISK = "the spool is on disk again"
_DISK_RETURN_S = 60
_SETTLING_S = 2       # for what is under way when the disk has room again, or the scrapes end
_LAST_SCRAPES_S = 1.5  # of the life that ends well
_POLL_S = 0.1


def folder_of(run):
    """Where the log of a life is."""
    return f"run-{run:05}"


class Options(NamedTuple):
    seed: int
    seconds: float
    kills: int | None = None  # the run ends at so many
    patience_s: float = 60    # at the end, without anything more arriving
    has_spool: bool = True
    has_small_disk: bool = False
    say: object = lambda text: None  # told how far it is


class Figures(NamedTuple):
    kills: int
    scrapes: int         # completed: logged as done
    other_scrapes: int   # logged, but of no page: the scrape had failed
    torn_tails: int
    full_disks: int
    full_disks_met: int  # where points had to wait in memory
    moods: dict          # periods of the receiver by kind
    met: dict            # requests by what became of them
    errors: dict         # events of level error by message
    exit_code: int
    readings: int        # of /metrics, in each of which the sums agreed
    findings: Findings
    runs: dict           # the number of the life in which a scrape was completed


class Chaos:
    """One run in a folder of its own, which holds every log and the spool when it is over."""

    def __init__(self, folder, options):
        self._folder = folder
        self._options = options
        self._spool = os.path.join(folder, "spool")
        self._token_file = os.path.join(folder, "token")
        self._content = Content(options.seed)
        self._sources = Sources(self._content)
        self._ledgers = {sink: Ledger(self._content) for sink in SINKS}
        self._chaotic = Receiver(self._ledgers["chaotic"], refuses_poison=True,
                                 write_token=self._write_token)
        self._healthy = Receiver(self._ledgers["healthy"])
        self._check = Check(self._content, **self._ledgers)
        self._relay = None
        self._port_file = ""
        self._run = 0
        self._kills = 0
        self._completed = {}  # scrape -> run
        self._strays = 0
        self._errors = collections.Counter()
        self._torn_tails = 0
        self._full_disks = 0
        self._full_disks_met = 0
        self._readings = 0

    def run(self):
        """The figures. Whatever ends the relay other than we do is an AssertionError."""
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._sources.stop)
            cleanup.callback(self._healthy.stop)
            cleanup.callback(self._chaotic.stop)
            cleanup.callback(self._stop_relay)
            self._chaotic.begin(schedule.moods(self._options.seed))
            self._kill_over_and_over()
            exit_code = self._end_well()
            return Figures(self._kills, len(self._completed), self._strays, self._torn_tails,
                           self._full_disks, self._full_disks_met, dict(self._chaotic.periods),
                           dict(self._chaotic.met), dict(self._errors), exit_code, self._readings,
                           self._check.findings(self._completed, self._quarantine()),
                           self._completed)

    def _kill_over_and_over(self):
        end = time.monotonic() + self._options.seconds
        for life in schedule.lives(self._options.seed, SINKS):
            if time.monotonic() > end or self._kills == self._options.kills:
                return
            self._start()
            self._live(life.seconds)
            if life.full_s and self._options.has_small_disk:
                self._fill_disk(life.full_s)
            self._kill()
            if life.torn and self._options.has_spool:
                self._tear(life.torn)

    def _end_well(self):
        """The receiver behaves, and nothing new comes: everything has to arrive."""
        self._chaotic.calm()
        self._start()
        self._live(_LAST_SCRAPES_S)
        self._sources.pause()
        self._live(_SETTLING_S)
        self._note_scrapes()
        self._wait_for_the_rest()
        exit_code = self._relay.stop()
        self._note_errors()
        return exit_code

    def _wait_for_the_rest(self):
        pending = list(self._completed)
        fewest, since = None, time.monotonic()
        while time.monotonic() - since < self._options.patience_s:
            self._see_it_running()
            places, _ = self._check.places_in_quarantine(self._quarantine())
            pending = [scrape for scrape in pending if self._check.missing([scrape], places)]
            missing = len(self._check.missing(pending, places))
            if missing == 0:
                return
            if fewest is None or missing < fewest:
                fewest, since = missing, time.monotonic()
                self._options.say(f"{missing} points are still to come")
            time.sleep(5 * _POLL_S)

    # One life of the relay.

    def _start(self):
        self._run += 1
        folder = os.path.join(self._folder, folder_of(self._run))
        os.mkdir(folder)
        path = os.path.join(folder, "relay.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._config())
        self._port_file = os.path.join(folder, "port")
        self._relay = fedwave.relay(path, folder, "--log-level", "debug", "--log-format", "json",
                                    "--listen", "127.0.0.1:0", "--port-file", self._port_file)

    def _config(self):
        spool = [f"spool: {{directory: '{self._spool}', bytes: {_SPOOL_BYTES}, sync: block}}"]
        times = "requestTimeout: 1s, connectTimeout: 1s"
        return config(
            [f"{{name: chaotic, server: 'http://{self._chaotic.address}', {times}, "
             f"tokenFile: '{self._token_file}', batchSize: {_BATCH_POINTS}}}",
             f"{{name: healthy, proxyAddress: '{self._healthy.address}', {times}}}"],
            [f"{{name: {name_of(origin)}, url: '{self._sources.url(origin, self._run)}', "
             f"source: {HOST}, collection: {{interval: 1s}}}}" for origin in self._content.origins],
            f"clusterName: {CLUSTER}", "shutdownGrace: 5s",
            *(spool if self._options.has_spool else []))

    def _live(self, seconds):
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            self._see_it_running()
            self._read_metrics()
            time.sleep(min(left_s, _POLL_S))

    def _read_metrics(self):
        """Whatever is going on: what was read and what became of it are the same sum."""
        try:
            with open(self._port_file, encoding="ascii") as file:
                port = int(file.read())
        except FileNotFoundError:
            return  # it is just starting
        status, page = http_get(f"http://127.0.0.1:{port}/metrics")
        if status != 200:
            raise AssertionError(f"/metrics answers {status}: {page[:500]}")
        if differing := MetricsPage(page.decode()).sums_that_differ():
            raise AssertionError(f"the sums do not agree: {differing}")
        self._readings += 1

    def _see_it_running(self):
        if not self._relay.running():
            raise AssertionError(f"fedwave ended by itself with {self._relay.wait()}:\n"
                                 f"{self._relay.output()[-5000:]}")

    def _kill(self):
        self._see_it_running()
        self._relay.send_signal(signal.SIGKILL)
        self._relay.wait()
        self._relay.stop()
        self._kills += 1
        self._note_scrapes()
        self._note_errors()
        self._options.say(f"{self._kills} kills, {len(self._completed)} scrapes completed")

    def _stop_relay(self):
        if self._relay:
            self._relay.stop()

    def _events(self):
        """The log of this life; only what is whole."""
        lines = self._relay.output().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _note_scrapes(self):
        """Once in a life, when nothing more is scraped in it."""
        events = self._events()
        good = list(completed_scrapes(events))
        completed, strays = self._sources.completed(self._run, good)
        self._completed.update(dict.fromkeys(completed, self._run))
        ended = sum(event["message"] == "scraped" for event in events)
        self._strays += ended - len(good) + strays

    def _note_errors(self):
        """Once in a life, when it is over."""
        self._errors.update(event["message"] for event in self._events()
                            if event["level"] == "error")

    # The disk.

    def _fill_disk(self, seconds):
        """Points wait in memory meanwhile, and die with the process: so it must not die now."""
        filler = disk.Filler(self._spool)
        self._full_disks += 1
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            filler.fill()
            self._see_it_running()
            time.sleep(_POLL_S)
        filler.remove()
        time.sleep(_SETTLING_S)
        self._full_disks_met += any(event["message"] == _TO_MEMORY for event in self._events())
        wait_until(lambda: not self._sinks_in_memory(),
                   lambda: f"the spool back on disk:\n{self._relay.output()[-5000:]}",
                   _DISK_RETURN_S)

    def _sinks_in_memory(self):
        self._see_it_running()
        in_memory = {}
        for event in self._events():
            if event["message"] in (_TO_MEMORY, _TO_DISK):
                in_memory[event["sink"]] = event["message"] == _TO_MEMORY
        return any(in_memory.values())

    def _tear(self, torn):
        folder = self._sink_folder(torn.sink)
        if folder and disk.tear(folder, torn):
            self._torn_tails += 1

    def _sink_folder(self, sink):
        return disk.sink_folders(self._spool).get(sink) if self._options.has_spool else None

    def _quarantine(self):
        folder = self._sink_folder("chaotic")
        return disk.quarantined_lines(folder) if folder else []

    def _write_token(self, token):
        """As kubelet does: the old content or the new, nothing between."""
        with open(self._token_file + ".new", "w", encoding="ascii") as file:
            file.write(token)
        os.rename(self._token_file + ".new", self._token_file)
