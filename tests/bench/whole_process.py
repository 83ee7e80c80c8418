#!/usr/bin/python3
"""What a scrape costs, over real sockets: page server -> `fedwave run` -> `fedwave receive`.

Two pages of one mesh are served in turn, so that the first scrape is cold (every series is new) and
the others are warm. Each scrape is first proven right: the lines that the receiver recorded are
those that `fedwave dump --input` makes of the same page. Only then its figures count. The costs are
the relay's alone, in CPU time of all its threads; whatever it does between two scrapes is in them.

The environment names the program: FEDWAVE=build/release/fedwave. See docs/performance.md.
"""
import argparse
import contextlib
import fcntl
import gzip
import json
import math
import os
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

from make_page import BASE_AGE_MS, make_page
from support import fedwave, istio_sample
from support.processes import wait_until
from support.web import WebServer

LABEL_SETS = ("aggregated", "raw")
# What the sink's section of the configuration says for each way to deliver.
WIRES = {"http gzip": "", "http plain": "compress: false", "tcp": "protocol: tcp"}
# A scrape may take no longer than its interval, and the first one takes the longest by far.
PAGE_BYTES_PER_INTERVAL_SECOND = 12_000_000
INTERVAL_S_MIN = 2
DEADLINE_S = 120
POLL_S = 0.005
PIPE_BYTES = 1 << 20

# The sample's metricTagDenyList is left out: it would drop what carries raw labels.
CONFIG = """clusterName: mesh-1
sinks:
- proxyAddress: {sink}
  {wire}
sources:
  prometheus_sources:
  - url: 'http://{server}/federate?match[]={{job=~"federate|kubernetes-pods"}}'
    collection:
      interval: {interval_s}s
    filters:
      metricAllowList:
{allowed}
"""

COLUMNS = (("series", ">8"), ("labels", "<11"), ("wire", "<11"), ("cold CPU s", ">11"),
           ("warm CPU s (min/median/max)", ">28"), ("ns/series", ">10"), ("peak RSS MB", ">12"))


class Page(NamedTuple):
    series: int
    body: bytes      # as it is served
    text_bytes: int
    points: list     # the lines that have to arrive, sorted


class Row(NamedTuple):
    series: int
    labels: str
    wire: str
    points: int           # of one scrape
    page_bytes: int
    served_bytes: int
    cold_cpu_s: float
    warm_cpu_s: list      # of each warm scrape
    warm_median_s: float
    ns_per_series: float  # of the median warm scrape
    rss_bytes: int
    peak_rss_bytes: int


class Wrong(Exception):
    """What is timed is not what it should be; no figures then."""


def require(condition, what):
    if not condition:
        raise Wrong(what)


def config_text(sink, server, wire, page_bytes):
    interval_s = max(INTERVAL_S_MIN, math.ceil(page_bytes / PAGE_BYTES_PER_INTERVAL_SECOND))
    allowed = "\n".join(f"      - '{name}'" for name in istio_sample.metric_allow_list())
    return CONFIG.format(sink=sink, server=server, wire=WIRES[wire], interval_s=interval_s,
                         allowed=allowed)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def sorted_lines(data):
    return sorted(data.splitlines())


def prepare_page(options, scrape, raw, base_ms, folder):
    """A page, and what it should turn into."""
    text = make_page(options.series, scrape, raw, options.seed, base_ms)
    plain = text.encode()
    page_path = write(folder, "page.prom", text)
    config_path = write(folder, "dump.yaml", config_text("sink:2878", "source", "tcp", len(plain)))
    dump = subprocess.run([fedwave.FEDWAVE, "dump", "--config", config_path, "--input", page_path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    series = sum(not line.startswith("#") for line in text.splitlines())
    body = gzip.compress(plain, compresslevel=6) if options.page == "gzip" else plain
    return Page(series, body, len(plain), sorted_lines(dump.stdout))


class PageServer(WebServer):
    """Keeps whoever asks waiting until it is given a page to serve; None sends them away."""

    def __init__(self, encoding):
        self._pages = queue.SimpleQueue()
        self._headers = ["Content-Encoding: gzip"] if encoding == "gzip" else []
        super().__init__({"/federate": self._respond})

    def give(self, page):
        self._pages.put(page)

    def _respond(self, exchange):
        page = self._pages.get()
        if page is None:
            self.give(None)  # for the next who asks
        else:
            exchange.respond(200, page.body, headers=self._headers)

    def stop(self):
        self.give(None)
        super().stop()


class Record:
    """What the receiver records, through a pipe: the lines are counted as they come."""

    def __init__(self, path):
        os.mkfifo(path)
        self._lock = threading.Lock()
        self._pieces = []
        self._count = 0
        threading.Thread(target=self._read, args=(path,), daemon=True).start()

    def _read(self, path):
        with open(path, "rb", buffering=0) as pipe:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            while piece := pipe.read(PIPE_BYTES):
                with self._lock:
                    self._pieces.append(piece)
                    self._count += piece.count(b"\n")

    def count(self):
        """Of the lines since the last take()."""
        with self._lock:
            return self._count

    def take(self):
        with self._lock:
            pieces, self._pieces, self._count = self._pieces, [], 0
        return b"".join(pieces)


def cpu_s(pid):
    """CPU time of all threads of a process, also those that have ended, in seconds."""
    # What clock_getcpuclockid(3) answers, which Python does not offer.
    return time.clock_gettime(~pid << 3 | 2)


def settled_cpu_s(pid):
    """The same, once the process has come to rest."""
    before = cpu_s(pid)
    while True:
        time.sleep(4 * POLL_S)
        now = cpu_s(pid)
        if now - before < 100e-6:
            return now
        before = now


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def events(relay):
    """The relay's log so far, as objects."""
    return [json.loads(line) for line in relay.output().split("\n")[:-1]]


def wait_for_scrape(relay, record, number, page):
    """Until the relay has logged its scrape `number` and the receiver has all of it."""
    def probe():
        require(relay.running(), f"the relay ended:\n{relay.output()}")
        log = events(relay)
        require(all(event["level"] in ("debug", "info") for event in log),
                f"the relay complains:\n{relay.output()}")
        scrapes = [event for event in log if event["message"] == "scraped"]
        return len(scrapes) == number and record.count() >= len(page.points) and scrapes[-1]
    return wait_until(probe, lambda: f"{record.count()} of {len(page.points)} points arrived; "
                      f"the relay says:\n{relay.output()}", DEADLINE_S, POLL_S)


def check_scrape(event, number, page, lines):
    require(event["samples"] == page.series and event["malformed"] == 0, f"wrong samples: {event}")
    require(event["new_series"] == (page.series if number == 1 else 0),
            f"a cold scrape knows no series, a warm one all: {event}")
    require(sorted_lines(lines) == page.points,
            f"scrape {number} delivered other points than fedwave dump has")


def measure_scrapes(relay, record, server, pages, count):
    """CPU seconds of each of `count` scrapes; the first contains the start of the program."""
    costs = []
    before = 0.0
    for number in range(1, count + 1):
        page = pages[(number - 1) % len(pages)]
        server.give(page)
        event = wait_for_scrape(relay, record, number, page)
        after = settled_cpu_s(relay.pid)
        costs.append(after - before)
        before = after
        check_scrape(event, number, page, record.take())
    return costs


def check_summary(receiver, points):
    require(receiver.stop() == 0, f"the receiver failed:\n{receiver.output()}")
    summary = json.loads(receiver.output().splitlines()[-1])
    require(summary["rejected_total"] == 0 and summary["points"] == points,
            f"{points} points were sent; the receiver says {summary}")


def measure(labels, wire, pages, options, parent):
    with tempfile.TemporaryDirectory(dir=parent) as folder, contextlib.ExitStack() as stack:
        record = Record(os.path.join(folder, "points.txt"))
        receiver = stack.enter_context(fedwave.Receiver(folder, "--json", "--strict"))
        server = PageServer(options.page)
        stack.callback(server.stop)
        config = config_text(receiver.address, server.address, wire, pages[0].text_bytes)
        relay = stack.enter_context(fedwave.relay(write(folder, "relay.yaml", config), folder,
                                                  "--log-level", "debug", "--log-format", "json"))
        stack.callback(server.give, None)  # a relay that waits for a page would end late
        cold, *warm = measure_scrapes(relay, record, server, pages, 1 + options.warm)
        rss, peak = resident_bytes(relay.pid), relay.peak_memory_bytes()
        server.give(None)
        require(relay.stop() == 0, f"the relay failed:\n{relay.output()}")
        points = [len(pages[i % len(pages)].points) for i in range(1 + options.warm)]
        check_summary(receiver, sum(points))
    median = statistics.median(warm)
    return Row(pages[0].series, labels, wire, points[0], pages[0].text_bytes, len(pages[0].body), cold,
               warm, median, median / pages[0].series * 1e9, rss, peak)


def table_line(cells):
    return "".join(f"{cell:{form}} " for (_, form), cell in zip(COLUMNS, cells)).rstrip()


def row_line(row):
    warm = "/".join(f"{cost:.3f}" for cost in
                    (min(row.warm_cpu_s), row.warm_median_s, max(row.warm_cpu_s)))
    return table_line((row.series, row.labels, row.wire, f"{row.cold_cpu_s:.3f}", warm,
                       f"{row.ns_per_series:.0f}", f"{row.peak_rss_bytes / 1e6:.0f}"))


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown"


def parse_options():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Times scrapes of a made-up mesh.")
    parser.add_argument("--series", type=int, default=100_000, metavar="N", help="about so many")
    parser.add_argument("--quick", action="store_true", help="20000 series, 3 warm scrapes")
    parser.add_argument("--page", choices=("gzip", "plain"), default="gzip",
                        help="how the page is served (default: gzip, as Prometheus does)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    options.warm = 5
    if options.quick:
        options.series, options.warm = 20_000, 3
    return options


def main():
    options = parse_options()
    version = subprocess.run([fedwave.FEDWAVE, "--version"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.strip()
    print(f"{version} on {cpu_model()}; page served as {options.page}, "
          f"{options.warm} warm scrapes each", flush=True)
    print(table_line([title for title, _ in COLUMNS]), flush=True)
    rows = []
    base_ms = int(time.time() * 1000) - BASE_AGE_MS
    with tempfile.TemporaryDirectory(prefix="fedwave-bench-") as folder:
        for labels in LABEL_SETS:
            pages = [prepare_page(options, scrape, labels == "raw", base_ms, folder)
                     for scrape in (0, 1)]
            for wire in WIRES:
                rows.append(measure(labels, wire, pages, options, folder))
                print(row_line(rows[-1]), flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"fedwave": version, "cpu": cpu_model(), "page": options.page,
                       "rows": [row._asdict() for row in rows]}, file, indent=1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that our processes end with us
    try:
        main()
    except (Wrong, AssertionError) as error:
        raise SystemExit(f"bench: {error}") from None
