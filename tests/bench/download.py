"""What the relay adds to a download: the page of 100,000 series that a real Prometheus has federated
is replayed to curl alone and to the relay, which scrapes it and delivers its points meanwhile.

Prometheus's own time differs by ±30% from one request to the next (its garbage, its freed memory),
which would hide what is looked for. So its answer is recorded, every piece with the time at which it
came, and a server sends the same pieces at the same times to whoever asks: what Prometheus does meets
both alike. Nor does Prometheus take processor time from the relay then, as it would not in a cluster.

They take turns with the same pause before each. The relay's time is that of its log: from the request
to the last line in the spool. As a receiver would stand on another machine, what takes the points here
does not look at them before the turn is over.
"""
import contextlib
import datetime
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.parse
from typing import NamedTuple

import pages
import whole_process
from receivers import PIECE_BYTES, HttpReceiver
from report import Row, Table, progress, require, size_name
from support import fedwave, web
from support.processes import Server, free_port, http_get, wait_until
from support.prometheus import BINARY

SERIES, QUICK_SERIES = 100_000, 20_000
RECORDINGS = 7
ROUNDS, QUICK_ROUNDS = 15, 3
PAUSE_S = 0.5
DEADLINE_S = 120
POLL_S = 0.05  # seldom, to leave the machine to those who are timed
SELECTOR = '{job=~"federate|kubernetes-pods"}'
TARGET = "/federate?" + urllib.parse.urlencode({"match[]": SELECTOR})
# The page's points are an hour old, and it is scraped once only.
LOOK_BACK = "1d"
CONFIG = """scrape_configs:
- job_name: page
  honor_labels: true
  scrape_interval: 15s
  scrape_timeout: 15s
  metrics_path: /federate
  static_configs:
  - targets: ['{address}']
"""
HEADERS = ("Accept: text/plain;version=0.0.4", "Accept-Encoding: gzip",  # as the relay sends them
           "X-Prometheus-Scrape-Timeout-Seconds: 10")
LAST_CHUNK = b"\r\n0\r\n\r\n"
CURL, UNZIPPING_CURL, RELAY, DELIVERED = ("curl", "curl that unzips", "relay, to the spool",
                                          "relay, to the receiver")
FIGURES = {CURL: "curl", UNZIPPING_CURL: "unzipping_curl", RELAY: "relay", DELIVERED: "delivered"}
CURL_OPTIONS = {CURL: (), UNZIPPING_CURL: ("--compressed",)}


class Prometheus(Server):
    def __init__(self, folder, source):
        self.address = f"127.0.0.1:{free_port()}"
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(address=source))
        super().__init__([BINARY, f"--config.file={config}", f"--web.listen-address={self.address}",
                          f"--query.lookback-delta={LOOK_BACK}",
                          f"--storage.tsdb.path={os.path.join(folder, 'tsdb')}"],
                         os.path.join(folder, "prometheus.log"), cwd=folder)

    def series(self):
        query = urllib.parse.urlencode({"query": f"count({SELECTOR})"})
        _, body = http_get(f"http://{self.address}/api/v1/query?{query}", timeout_s=60)
        found = re.search(rb'"value":\[[^,]+,"(\d+)"\]', body)
        return int(found[1]) if found else 0


def start_prometheus(stack, folder, page):
    """One that has scraped the page, and never will again."""
    source = web.WebServer({"/federate": web.in_turn(
        lambda exchange: whole_process.send_page(exchange, page), web.status(503))})
    stack.callback(source.stop)
    prometheus = stack.enter_context(Prometheus(folder, source.address))
    prometheus.wait_ready(lambda: prometheus.series() == page.series, DEADLINE_S)
    return prometheus


class Recording(NamedTuple):
    """An answer as it came, headers and chunks and all."""
    pieces: list  # (seconds since the request was sent, bytes)

    @property
    def seconds(self):
        return self.pieces[-1][0]

    def __str__(self):
        size = sum(len(piece) for _, piece in self.pieces)
        return (f"{size / 1e6:.2f} MB in {len(self.pieces)} pieces, the first after "
                f"{self.pieces[0][0]:.3f} s, the last after {self.seconds:.3f} s")


def record_answer(address):
    request = "\r\n".join([f"GET {TARGET} HTTP/1.1", f"Host: {address}", *HEADERS, "", ""]).encode()
    host, _, port = address.partition(":")
    pieces, tail = [], b""
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        begun_s = time.monotonic()
        connection.sendall(request)
        while tail != LAST_CHUNK:
            piece = connection.recv(PIECE_BYTES)
            pieces.append((time.monotonic() - begun_s, piece))
            require(piece, "Prometheus ended its answer early")
            tail = (tail + piece[-len(LAST_CHUNK):])[-len(LAST_CHUNK):]
    head = pieces[0][1].partition(b"\r\n\r\n")[0]
    require(head.startswith(b"HTTP/1.1 200 ") and b"Content-Encoding: gzip" in head,
            f"Prometheus answers {head!r}")
    return Recording(pieces)


def record(folder, page):
    """The answer of median duration; Prometheus is gone afterwards."""
    with contextlib.ExitStack() as stack:
        prometheus = start_prometheus(stack, folder, page)
        recordings = []
        for number in range(1, RECORDINGS + 1):
            progress(f"download: recording {number}")
            time.sleep(PAUSE_S)
            recordings.append(record_answer(prometheus.address))
    return sorted(recordings, key=lambda recording: recording.seconds)[RECORDINGS // 2]


def replay(recording):
    """An answer of a web server: every piece at its time, or at once when the reader is behind."""
    def answer(exchange):
        begun_s = time.monotonic()
        exchange.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for after_s, piece in recording.pieces:
            ahead_s = begun_s + after_s - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
            exchange.send(piece)
        exchange.keep_alive = True
    return answer


def curl_s(options, address):
    """How long one download takes."""
    headers = [word for header in HEADERS for word in ("-H", header)]
    done = subprocess.run(
        ["curl", "-sSg", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *headers, *options,
         f"http://{address}{TARGET}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    require(done.returncode == 0 and done.stdout.startswith("200 "), f"curl: {done.stdout}{done.stderr}")
    return float(done.stdout.split()[1])


def start_relay(stack, folder, server, receiver, download_s):
    """With an interval in which everybody has his turn, and one turn's time to spare."""
    turns = len(CURL_OPTIONS) + 2
    config = pages.write_config(
        folder, "relay.yaml", sink=receiver.address, server=server.address,
        interval=f"{int(turns * (download_s + PAUSE_S) * 1000)}ms", source_options=("repeats: send",))
    return stack.enter_context(fedwave.relay(config, folder, "--log-level", "debug",
                                             "--log-format", "json"))


def relay_turn(relay, inbox, number, expected):
    """The relay's scrape of that number: (seconds, seconds until all is delivered, its start)."""
    event = whole_process.wait_for_scrape(relay, number, lambda: True, POLL_S)
    seconds = event["duration_ms"] / 1000
    start_s = datetime.datetime.fromisoformat(event["time"]).timestamp() - seconds
    time.sleep(PAUSE_S)  # to look at the lines is no part of it
    wait_until(lambda: inbox.count() >= expected.count, f"the points of scrape {number}", DEADLINE_S)
    require(inbox.take() == expected, f"scrape {number} delivered other points than fedwave dump has")
    return seconds, inbox.last_s - start_s, start_s


def take_turns(relay, inbox, server, expected, rounds):
    """{who: [seconds]} without the first round, which is cold, and those in which a curl and the relay
    got into each other's way."""
    good, number, curls_end_s = [], 0, 0.0
    while len(good) <= rounds:
        number += 1
        require(number <= 3 * rounds, "the relay's interval is too short for the turns of curl")
        progress(f"download: round {number}")
        relay_s, delivered_s, start_s = relay_turn(relay, inbox, number, expected)
        alone = start_s > curls_end_s
        times = {RELAY: relay_s, DELIVERED: delivered_s}
        for who in sorted(CURL_OPTIONS, reverse=number % 2):
            times[who] = curl_s(CURL_OPTIONS[who], server.address)
            time.sleep(PAUSE_S)
        curls_end_s = time.time()
        if alone:
            good.append(times)
        elif len(good) > 1:
            good.pop()  # whose curl was disturbed
    return {who: [times[who] for times in good[1:]] for who in FIGURES}


def ratio(taken, who, of):
    return of(taken[who]) / of(taken[CURL])


def run(options, folder):
    series, rounds = (QUICK_SERIES, QUICK_ROUNDS) if options.quick else (SERIES, ROUNDS)
    progress("download: Prometheus scrapes the page")
    with pages.page(folder, series, "aggregated", pages.base_ms_now()) as page, \
            tempfile.TemporaryDirectory(dir=folder) as own, contextlib.ExitStack() as stack:
        recording = record(own, page)
        expected = whole_process.expected_lines(page, own)
        server = web.WebServer({"/federate": replay(recording)})
        stack.callback(server.stop)
        receiver = HttpReceiver()
        stack.callback(receiver.stop)
        relay = start_relay(stack, own, server, receiver, recording.seconds)
        taken = take_turns(relay, receiver.inbox, server, expected, rounds)
    table = Table(("page", -14), ("downloaded by", -22), ("s, fastest/median/slowest", 25),
                  ("medians to curl's", 17), ("fastest to curl's", 17))
    for who, times in taken.items():
        table.add(f"{size_name(series)} aggregated", who,
                  f"{min(times):.3f}/{statistics.median(times):.3f}/{max(times):.3f}",
                  f"{ratio(taken, who, statistics.median):.3f}", f"{ratio(taken, who, min):.3f}")
    low, _, high = statistics.quantiles(taken[CURL])
    spread = (high - low) / statistics.median(taken[CURL])
    print(f"\nreplayed: {recording}")
    print(f"half of curl's own downloads are within {spread:.2%}: smaller differences say nothing")
    figures = {f"{name}_{what}": value for who, name in FIGURES.items() for what, value in (
        ("s", statistics.median(taken[who])), ("to_curl", ratio(taken, who, statistics.median)),
        ("fastest_to_curl", ratio(taken, who, min)))
               if who != CURL or what == "s"}
    return [Row(f"{size_name(series)} aggregated", figures, {"rounds": taken, "curl_spread": spread,
                                                          "recorded_s": recording.seconds})]
