"""What the relay adds to a download: a real Prometheus federates 100,000 series, curl alone downloads
the page, and the relay scrapes it and delivers its points meanwhile.

They take turns with the same pause before each, so that whatever Prometheus does after a request (its
garbage, its freed memory) meets both alike. The relay's time is that of its log: from the request to the
last line in the spool. As a receiver would stand on another machine, what takes the points here does
not look at them before the turn is over.
"""
import contextlib
import datetime
import os
import re
import statistics
import subprocess
import tempfile
import time
import urllib.parse

import pages
import whole_process
from receivers import HttpReceiver
from report import Row, Table, progress, require, size_name
from support import fedwave, web
from support.processes import Server, free_port, http_get, wait_until
from support.prometheus import BINARY

SERIES, QUICK_SERIES = 100_000, 20_000
ROUNDS, QUICK_ROUNDS = 15, 3
PAUSE_S = 0.5
DEADLINE_S = 120
POLL_S = 0.05  # seldom, to leave the machine to those who are timed
SELECTOR = '{job=~"federate|kubernetes-pods"}'
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


def curl_s(options, address):
    """How long one download takes."""
    headers = [word for header in HEADERS for word in ("-H", header)]
    done = subprocess.run(
        ["curl", "-sSg", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *headers, *options,
         f"http://{address}/federate?" + urllib.parse.urlencode({"match[]": SELECTOR})],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    require(done.returncode == 0 and done.stdout.startswith("200 "), f"curl: {done.stdout}{done.stderr}")
    return float(done.stdout.split()[1])


def start_relay(stack, folder, prometheus, receiver):
    """With an interval in which everybody has his turn."""
    curls_s = sum(curl_s(options, prometheus.address) for options in CURL_OPTIONS.values())
    config = pages.write_config(
        folder, "relay.yaml", sink=receiver.address, server=prometheus.address,
        interval=f"{int(curls_s * 2500 + 4 * PAUSE_S * 1000)}ms", source_options=("repeats: send",))
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


def take_turns(relay, inbox, prometheus, expected, rounds):
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
            times[who] = curl_s(CURL_OPTIONS[who], prometheus.address)
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
        prometheus = start_prometheus(stack, own, page)
        expected = whole_process.expected_lines(page, own)
        receiver = HttpReceiver()
        stack.callback(receiver.stop)
        relay = start_relay(stack, own, prometheus, receiver)
        taken = take_turns(relay, receiver.inbox, prometheus, expected, rounds)
    table = Table(("page", -14), ("downloaded by", -22), ("s, fastest/median/slowest", 25),
                  ("medians to curl's", 17), ("fastest to curl's", 17))
    for who, times in taken.items():
        table.add(f"{size_name(series)} aggregated", who,
                  f"{min(times):.3f}/{statistics.median(times):.3f}/{max(times):.3f}",
                  f"{ratio(taken, who, statistics.median):.3f}", f"{ratio(taken, who, min):.3f}")
    low, _, high = statistics.quantiles(taken[CURL])
    spread = (high - low) / statistics.median(taken[CURL])
    print(f"\nhalf of curl's own downloads are within {spread:.0%}: smaller differences say nothing")
    figures = {f"{name}_{what}": value for who, name in FIGURES.items() for what, value in (
        ("s", statistics.median(taken[who])), ("to_curl", ratio(taken, who, statistics.median)),
        ("fastest_to_curl", ratio(taken, who, min)))
               if who != CURL or what == "s"}
    return [Row(f"{size_name(series)} aggregated", figures, {"rounds": taken, "curl_spread": spread})]
