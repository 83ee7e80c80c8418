"""What a scrape costs, over real sockets: page server -> `fedwave run` -> receiver.

Two pages of one mesh are served in turn, so that the first scrape is cold (every series is new) and
the others are warm. Each scrape is proven right before its figures count: the lines that have arrived
are those that `fedwave dump --input` makes of the same page. The costs are the relay's alone, in CPU
time of all its threads; whatever it does between two scrapes is in them.
"""
import contextlib
import json
import math
import os
import queue
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

import pages
from receivers import PIECE_BYTES, HttpReceiver, Lines, TcpReceiver
from report import Row, Table, Wrong, progress, require, size_name
from support import fedwave, web
from support.processes import wait_until

# What the sink's section of the configuration says for each way to deliver, and who receives.
WIRES = {"http gzip": ("", HttpReceiver), "http plain": ("compress: false", HttpReceiver),
         "tcp": ("protocol: tcp", TcpReceiver)}
# A scrape may take no longer than its interval, and the first one takes the longest by far.
PAGE_BYTES_PER_INTERVAL_SECOND = 20_000_000
INTERVAL_S_MIN = 2
PAGE_BYTES_PER_SECOND = 60_000_000
DEADLINE_S = 120
POLL_S = 0.005
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Mesh(NamedTuple):
    series: int
    labels: str
    warm: int    # scrapes
    ways: tuple  # (how the page is served, how points are delivered)


_WAYS = (("plain", "http plain"), ("plain", "tcp"), ("gzip", "http gzip"))
MESHES = (Mesh(100_000, "aggregated", 7, _WAYS), Mesh(100_000, "raw", 5, _WAYS),
          Mesh(1_000_000, "aggregated", 3, _WAYS[1:]))
QUICK_MESHES = (Mesh(20_000, "aggregated", 3, _WAYS), Mesh(20_000, "raw", 3, _WAYS))


class PageServer(web.WebServer):
    """Keeps whoever asks waiting until it is given a page to serve; None sends them away."""

    def __init__(self):
        self._pages = queue.SimpleQueue()
        super().__init__({"/federate": self._respond})

    def give(self, page):
        self._pages.put(page)

    def _respond(self, exchange):
        page = self._pages.get()
        if page is None:
            self.give(None)  # for the next who asks
        else:
            send_page(exchange, page)

    def stop(self):
        self.give(None)
        super().stop()


def send_page(exchange, page):
    """Not faster than PAGE_BYTES_PER_SECOND of text: no Prometheus answers with a gigabyte a second, and
    what the receiver cannot take as fast as it comes has no room in a spool of 16 MB."""
    headers = [f"Content-Type: {web.METRICS_TYPE}", f"Content-Length: {page.file_bytes}"]
    if page.served == "gzip":
        headers.append("Content-Encoding: gzip")
    with open(page.path, "rb") as file:
        exchange.send(web.head(200, headers))
        begun, sent, length = time.monotonic(), 0, page.file_bytes
        text_per_byte = page.text_bytes / length
        while sent < length:
            sent += exchange.connection.sendfile(file, sent, PIECE_BYTES // 4)
            ahead_s = begun + sent * text_per_byte / PAGE_BYTES_PER_SECOND - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
    exchange.keep_alive = True


def expected_lines(page, folder):
    """What the page should turn into."""
    config = pages.write_config(folder, "dump.yaml")
    lines = Lines()
    with tempfile.TemporaryFile() as said, \
            subprocess.Popen([fedwave.FEDWAVE, "dump", "--config", config, "--input", page.path],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said) as dump:
        while piece := dump.stdout.read(PIECE_BYTES):
            lines.add(piece)
        if dump.wait() != 0:
            said.seek(0)
            raise Wrong(f"fedwave dump failed:\n{said.read().decode()}")
    return lines


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


def user_and_system_s(pid):
    """As the kernel divides the time: in ticks, so good only over many of them."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) * TICK_S, int(fields[12]) * TICK_S


def events(relay):
    """The relay's log so far, as objects."""
    return [json.loads(line) for line in relay.output().split("\n")[:-1]]


def wait_for_scrape(relay, number, all_arrived, poll_s=POLL_S):
    """Until the relay has logged its scrape `number` and the receiver has all of it; the event."""
    def probe():
        require(relay.running(), f"the relay ended:\n{relay.output()}")
        log = events(relay)
        require(all(event["level"] in ("debug", "info") for event in log),
                f"the relay complains:\n{relay.output()}")
        scrapes = [event for event in log if event["message"] == "scraped"]
        return len(scrapes) == number and all_arrived() and scrapes[-1]
    return wait_until(probe, lambda: f"scrape {number} has not arrived; the relay says:\n{relay.output()}",
                      DEADLINE_S, poll_s)


def check_scrape(event, number, page, lines, expected):
    require(event["samples"] == page.series and event["malformed"] == 0, f"wrong samples: {event}")
    require(event["new_series"] == (page.series if number == 1 else 0),
            f"a cold scrape knows no series, a warm one all: {event}")
    require(lines == expected, f"scrape {number} delivered other points than fedwave dump has")


def measure_scrapes(relay, inbox, server, prepared, warm):
    """CPU seconds of each scrape, the first of which contains the start of the program, and the
    system's share of the others."""
    costs = []
    before = 0.0
    for number in range(1, 2 + warm):
        page, expected = prepared[(number - 1) % len(prepared)]
        server.give(page)
        event = wait_for_scrape(relay, number, lambda: inbox.count() >= expected.count)
        after = settled_cpu_s(relay.pid)
        costs.append(after - before)
        before = after
        check_scrape(event, number, page, inbox.take(), expected)
        if number == 1:
            cold_split = user_and_system_s(relay.pid)
    user_s, system_s = (now - then for now, then in zip(user_and_system_s(relay.pid), cold_split))
    return costs, system_s / (user_s + system_s or TICK_S)


def measure(mesh, wire, prepared, parent):
    page = prepared[0][0]
    with tempfile.TemporaryDirectory(dir=parent) as folder, contextlib.ExitStack() as stack:
        wire_text, receiver_kind = WIRES[wire]
        receiver = receiver_kind()
        stack.callback(receiver.stop)
        server = PageServer()
        stack.callback(server.stop)
        interval_s = max(INTERVAL_S_MIN, math.ceil(page.text_bytes / PAGE_BYTES_PER_INTERVAL_SECOND))
        config = pages.write_config(folder, "relay.yaml", sink=receiver.address, server=server.address,
                                    wire=wire_text, interval=f"{interval_s}s")
        relay = stack.enter_context(fedwave.relay(config, folder, "--log-level", "debug",
                                                  "--log-format", "json"))
        stack.callback(server.give, None)  # a relay that waits for a page would end late
        (cold, *warm), system_share = measure_scrapes(relay, receiver.inbox, server, prepared, mesh.warm)
        peak = relay.peak_memory_bytes()
        server.give(None)
        require(relay.stop() == 0, f"the relay failed:\n{relay.output()}")
        require(receiver.inbox.count() == 0, "more points arrived than there were")
    figures = {"cold_cpu_s": cold, "warm_cpu_s": statistics.median(warm), "peak_rss_mb": peak / 1e6}
    details = {"series": page.series, "points": prepared[0][1].count, "text_bytes": page.text_bytes,
               "served_bytes": page.file_bytes, "warm_cpu_s": warm, "warm_system_share": system_share}
    return Row(f"{size_name(mesh.series)} {mesh.labels} {page.served} -> {wire}", figures, details)


def add_to(table, mesh, served, wire, row):
    warm, details = row.figures["warm_cpu_s"], row.details
    table.add(size_name(mesh.series), mesh.labels, served, wire, f"{row.figures['cold_cpu_s']:.3f}",
              "/".join(f"{cost:.3f}" for cost in
                       (min(details["warm_cpu_s"]), warm, max(details["warm_cpu_s"]))),
              f"{details['warm_system_share']:.0%}", f"{warm / details['series'] * 1e9:.0f}",
              f"{row.figures['peak_rss_mb']:.0f}")


def run(options, folder):
    rows = []
    table = Table(("series", 6), ("labels", -10), ("page", -5), ("delivered", -10), ("cold CPU s", 10),
                  ("warm CPU s, min/median/max", 26), ("system", 6), ("ns/series", 9),
                  ("peak RSS MB", 11))
    base_ms = pages.base_ms_now()
    for mesh in QUICK_MESHES if options.quick else MESHES:
        with contextlib.ExitStack() as stack:
            progress(f"process: pages of {size_name(mesh.series)} {mesh.labels} series")
            plain = [stack.enter_context(pages.page(folder, mesh.series, mesh.labels, base_ms, scrape))
                     for scrape in (0, 1)]
            expected = [expected_lines(page, folder) for page in plain]
            served = {"plain": plain,
                      "gzip": [stack.enter_context(pages.gzipped(page)) for page in plain]}
            for encoding, wire in mesh.ways:
                progress(f"process: {size_name(mesh.series)} {mesh.labels}, {encoding} to {wire}")
                rows.append(measure(mesh, wire, list(zip(served[encoding], expected)), folder))
                add_to(table, mesh, encoding, wire, rows[-1])
    return rows
