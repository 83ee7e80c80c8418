"""Replicas that elect a leader through an API server of Kubernetes: who scrapes when the leader
ends, crashes, freezes or cannot reach the server, and that two never do."""
import collections
import itertools
import os
import random
import signal
import statistics
import threading
import time
import unittest
from typing import NamedTuple

from support import fedwave, web
from support.case import FedwaveCase
from support.kube_api import KubeApi
from support.points import parse
from support.processes import DEADLINE_S, wait_until
from support.relay_case import OK, config, source_of

SHORT = ("--lease-duration", "1500ms", "--lease-renew-deadline", "1s", "--lease-retry", "200ms")
SHORT_RENEW_S = 1.0
# For leaders that are to stay: longer than a busy machine keeps any process waiting.
STEADY = ("--lease-duration", "40s", "--lease-renew-deadline", "30s", "--lease-retry", "200ms")
STEADY_RENEW_S = 30.0
# A replica asks whether it leads, and its request arrives: what may lie between on a busy machine.
SLACK_S = 0.9
TAKEOVER_S = {"SIGTERM": 5, "SIGKILL": 25}
ATTEMPTS = 3  # at a figure that a busy machine can spoil
SERIES = 20
CHANGES = 100
SOON_S = 20  # of a pod's grace of 30
NOT_GIVEN_BACK = "the lease could not be given back; another relay takes over when it has run out"
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Scrape(NamedTuple):
    at: float    # time.monotonic() when the request arrived
    relay: str
    number: int  # counted over all relays; every value on the page
    connection: int


class Source:
    """A page whose values tell which scrape saw it, and who it was."""

    def __init__(self):
        self._lock = threading.Lock()
        self._scrapes = []
        self._first_s = int(time.time()) - 3600

    def __call__(self, exchange):
        request = exchange.request
        with self._lock:
            number = len(self._scrapes) + 1
            self._scrapes.append(Scrape(request.at, request.headers["x-relay"], number,
                                        request.connection))
        time_ms = self._first_s * 1000 + number * 10
        series = (f'load{{part="{i}"}} {number} {time_ms}\n' for i in range(SERIES))
        web.page("".join(series))(exchange)

    def scrapes(self):
        with self._lock:
            return list(self._scrapes)

    def after(self, at, but_not_by=None):
        return [each for each in self.scrapes() if each.at > at and each.relay != but_not_by]


class ElectionCase(FedwaveCase):
    lease_options = SHORT
    interval = "100ms"

    def setUp(self):
        super().setUp()
        self.api = KubeApi(self._new_folder("api"))
        self.addCleanup(self.api.close)
        self.source = Source()
        self.pages = self.web_server({"/metrics": self.source})
        self.sink = self.receiver()
        self.relays = {}
        self._uids = itertools.count(1)

    def _new_folder(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        return path

    def free_lease(self):
        """As a leader leaves it that ends in order, so that nobody has to wait."""
        self.api.edit_lease({"holderIdentity": "", "leaseDurationSeconds": 1})

    def start(self, name, env=None):
        spool = os.path.join(self.folder, f"spool-{name}")
        sink = f"{{proxyAddress: '{self.sink.address}', name: main, spool: {{directory: {spool}}}}}"
        named = f", tags: {{relay: {name}}}, httpConfig: {{headers: {{X-Relay: {name}}}}}"
        text = config([sink], [source_of(self.pages, interval=self.interval, more=named)])
        folder = os.path.join(self.folder, f"relay-{name}")
        os.makedirs(folder, exist_ok=True)
        pod = self.api.environment(name, uid=str(next(self._uids)))
        relay = fedwave.relay(self.write(f"{name}.yaml", text), folder, "--listen", "off",
                              "--lease", "fedwave", *self.lease_options, "--log-format", "json",
                              env={**pod, **(env or {})})
        self.addCleanup(relay.stop)
        self.relays[name] = relay
        return relay

    def wait(self, probe, what):
        return wait_until(probe, lambda: f"{what}:\n{self._logs()}", 2 * DEADLINE_S, every_s=0.05)

    def _logs(self):
        return "\n".join(f"--- {name}\n{relay.output()[-3000:]}"
                         for name, relay in self.relays.items())

    def next_scrape(self, at, but_not_by=None):
        return self.wait(lambda: self.source.after(at, but_not_by), "a scrape")[0]

    def leader(self):
        """The relay that scraped last and still has the lease."""
        def probe():
            name = self.api.holder().split("_")[0]
            scrapes = self.source.scrapes()
            return name if name in self.relays and scrapes and scrapes[-1].relay == name else None
        return self.wait(probe, "a leader that scrapes")

    def kill(self, name):
        self.relays[name].send_signal(signal.SIGKILL)
        self.relays[name].wait()

    def stop_all(self):
        for name, relay in self.relays.items():
            # One that was started just now may not take signals yet.
            self.wait(lambda relay=relay: f'"pid":{relay.pid},' in relay.output() or
                      not relay.running(), f"{name} at work")
            self.assertEqual(relay.stop(), OK, f"{name}: {relay.output()[-3000:]}")

    # --- what has to be true of every record ---------------------------------------------------

    def history(self):
        """Every time that a relay has taken or renewed the lease."""
        return [held for held in self.api.history() if held.holder.split("_")[0] in self.relays]

    def assert_one_leader_at_a_time(self, renew_s=SHORT_RENEW_S):
        """No scrape after another relay took the lease, none without a renewal shortly before."""
        history = self.history()
        for scrape in self.source.scrapes():
            before = [held for held in history if held.at <= scrape.at]
            self.assertTrue(before, f"{scrape}: nobody has had the lease yet")
            last = before[-1]
            self.assertEqual(last.holder.split("_")[0], scrape.relay,
                             f"{scrape} while the lease is another one's: {before[-3:]}")
            self.assertLess(scrape.at - last.at, renew_s + SLACK_S, f"{scrape} long after {last}")

    def assert_delivered(self):
        """Every value that was scraped arrived, by the relay that scraped it, and nothing else.

        Of the last scrape of a connection as much as was read: a term or a relay may have ended in
        the middle of it, or it was given up.
        """
        scrapes = self.source.scrapes()
        read = {each.number for each in web.read_whole(scrapes)}
        may_miss = {scrape.number for scrape in scrapes} - read
        lines = collections.Counter(
            (int(point.value), point.tags["relay"])
            for point in map(parse, set(self.sink.lines())) if point.name == "load.value")
        expected = {(scrape.number, scrape.relay): SERIES for scrape in self.source.scrapes()
                    if scrape.number not in may_miss or lines[scrape.number, scrape.relay]}
        for key in expected:
            if key[0] in may_miss:
                expected[key] = min(SERIES, lines[key])  # as far as it was read
        missing = {key: (lines[key], count) for key, count in expected.items()
                   if lines[key] != count}
        self.assertEqual(missing, {})
        self.assertEqual(set(lines) - set(expected), set())
        delivered = sum(number * count for (number, _), count in lines.items())
        self.assertEqual(delivered, sum(number * count for (number, _), count in expected.items()))


class TakeoverTest(ElectionCase):
    """With the times that are the default."""
    lease_options = ()
    interval = "1s"

    def test_another_one_takes_over_within_5_s_of_sigterm_and_25_s_of_sigkill(self):
        self.free_lease()
        for name in "abc":
            self.start(name)
        for how, limit_s in TAKEOVER_S.items():
            took = []
            while len(took) < ATTEMPTS and (not took or took[-1] >= limit_s):
                took.append(self.takeover_s(getattr(signal, how)))
            print(f"\nfrom {how} to the next leader's scrape: {took[-1]:.1f} s", end="")
            self.assertLess(took[-1], limit_s, f"{took}\n{self._logs()}")
        print()
        self.assert_one_leader_at_a_time(renew_s=10)

    def takeover_s(self, number):
        """From a signal to the leader to the first scrape by another one."""
        leader = self.leader()
        at = time.monotonic()
        self.relays[leader].send_signal(number)
        scrape = self.next_scrape(at, but_not_by=leader)
        self.relays[leader].wait()
        self.start(leader)
        return scrape.at - at


class FaultTest(ElectionCase):
    def test_without_a_lease_one_is_made_and_taken_by_one(self):
        for name in "ab":
            self.start(name)
        self.leader()
        lease = self.api.lease()
        self.assertRegex(lease["spec"]["holderIdentity"], r"\A[ab]_\d+\Z")
        self.assertEqual(lease["spec"]["leaseDurationSeconds"], 2)
        self.assertTrue(lease["metadata"]["managedFields"])
        for name, relay in self.relays.items():
            told = "standing by until the lease is ours"
            [event, *_] = self.wait(lambda relay=relay, told=told: self.events(relay, told), told)
            self.assertEqual(event["lease"], "mesh/fedwave")
            self.assertRegex(event["identity"], rf"\A{name}_\d+\Z")
        for client, _, user_agent in self.api.requests():
            self.assertIn(client, self.relays)
            self.assertRegex(user_agent, r"\Afedwave/\d+\.\d+\.\d+\Z")
        self.stop_all()
        if not any(self.events(relay, NOT_GIVEN_BACK) for relay in self.relays.values()):
            self.assertEqual(self.api.holder(), "")
        self.assert_one_leader_at_a_time()
        self.assert_delivered()

    def test_a_frozen_leader_scrapes_again_only_when_it_leads_again(self):
        self.free_lease()
        for name in "ab":
            self.start(name)
        leader = self.leader()
        self.relays[leader].send_signal(signal.SIGSTOP)
        at = time.monotonic()
        self.next_scrape(at + 0.1, but_not_by=leader)
        time.sleep(max(0.0, at + 5 - time.monotonic()))
        self.relays[leader].send_signal(signal.SIGCONT)
        woken = time.monotonic()
        self.wait(lambda: len(self.source.after(woken)) >= 10, "ten more scrapes")
        again = [held.at for held in self.history() if held.at > woken and held.client == leader]
        for scrape in self.source.after(woken):
            if scrape.relay == leader:
                self.assertTrue(again and scrape.at > again[0], scrape)
        told = "this relay lost the lease; it stops scraping"
        self.wait(lambda: self.events(self.relays[leader], told), told)
        self.stop_all()
        self.assert_one_leader_at_a_time()

    def test_a_leader_frozen_for_less_than_the_lease_renews_it_before_it_scrapes(self):
        self.free_lease()
        self.start("a")
        self.leader()
        for _ in range(5):
            self.relays["a"].send_signal(signal.SIGSTOP)
            time.sleep(1.6)
            self.relays["a"].send_signal(signal.SIGCONT)
            self.next_scrape(time.monotonic())
        self.stop_all()
        self.assert_one_leader_at_a_time()

    def test_a_role_that_is_missing_is_told_with_what_to_do_and_counts_once_it_is_there(self):
        self.free_lease()
        forbidden = self.api.trouble("status", status=403)
        relay = self.start("a")

        def troubles():
            told = "cannot ask for the lease; this relay scrapes nothing meanwhile"
            return [event["error"] for event in self.events(relay, told)]
        [error, *_] = self.wait(lambda: [each for each in troubles() if "may not get" in each],
                                "the trouble")
        self.assertIn("may not get leases in namespace mesh", error)
        self.assertIn("resources [leases], verbs [get, update, create]", error)
        self.wait(lambda: len(self.api.requests("a")) > 4, "more attempts")
        self.assertEqual(self.source.scrapes(), [])
        self.api.end_trouble(forbidden)
        self.leader()
        # Once, unless another trouble came between.
        self.assertEqual([one for one, two in zip(troubles(), troubles()[1:]) if one == two], [])
        self.stop_all()

    def test_a_leader_ends_soon_although_the_server_hangs(self):
        self.free_lease()
        relay = self.start("a")
        self.leader()
        self.api.trouble("hang")
        at = time.monotonic()
        self.assertEqual(relay.stop(), OK, relay.output())
        self.assertLess(time.monotonic() - at, SOON_S)
        self.assertTrue(self.events(relay, NOT_GIVEN_BACK))
        self.assert_delivered()

    def test_outside_of_a_cluster_the_relay_works_alone_and_says_so(self):
        relay = self.start("a", env={"KUBERNETES_SERVICE_HOST": ""})
        self.next_scrape(0)
        self.assertIn("there is no election: the relay works alone", relay.output())
        self.assertEqual(self.api.requests(), [])


class SteadyTest(ElectionCase):
    """What must not cost a leader its lead."""
    lease_options = STEADY

    def assert_leads_on(self, leader, at):
        """It goes on renewing the lease and scraping, and nobody else does."""
        self.wait(lambda: len([held for held in self.history() if held.at > at]) >= 3, "renewals")
        renewed = self.history()[-1].at
        self.wait(lambda: len(self.source.after(renewed)) >= 3, "scrapes")
        self.assertEqual({held.client for held in self.history() if held.at > at}, {leader})
        self.assertEqual({scrape.relay for scrape in self.source.after(at)}, {leader})

    def test_tokens_and_authorities_that_are_replaced_cost_no_leader_its_lead(self):
        self.free_lease()
        for name in "ab":
            self.start(name)
        leader = self.leader()
        for replace in (self.api.account(leader).rotate_token, self.api.rotate_authority,
                        self.api.account(leader).rotate_token, self.api.cut_connections):
            replace()
            self.assert_leads_on(leader, time.monotonic())
        self.stop_all()
        self.assert_one_leader_at_a_time(STEADY_RENEW_S)
        self.assert_delivered()

    def test_a_leader_whose_lease_is_deleted_makes_it_again_and_goes_on(self):
        self.free_lease()
        for name in "ab":
            self.start(name)
        leader = self.leader()
        for _ in range(3):
            self.api.delete_lease()
            self.assert_leads_on(leader, time.monotonic())
        self.stop_all()
        self.assert_one_leader_at_a_time(STEADY_RENEW_S)


class ManyChangesTest(ElectionCase):
    """The leader is forced to change a hundred times, in every way."""

    # One of each, and as many orderly ends besides as it takes.
    FORCED = ("killed", "intruder", "frozen", "hangs", "answers_lost", "refused", "deleted")

    def setUp(self):
        super().setUp()
        self.random = random.Random(6)
        # Clocks an hour apart; libfaketime does not go with sanitizers.
        self.has_skew = os.path.exists(FAKETIME) and not fedwave.has_sanitizers()
        self.took = collections.defaultdict(list)

    def clock_of(self, name):
        hours = "abc".index(name)
        if not self.has_skew or hours == 0:
            return {}
        return {"LD_PRELOAD": FAKETIME, "FAKETIME": f"+{hours}h",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def test_never_do_two_lead_over_a_hundred_forced_changes(self):
        self.free_lease()
        for name in "abc":
            self.start(name, self.clock_of(name))
        plan = [kind for kind in self.FORCED for _ in range(5)]
        plan += ["terminated"] * (CHANGES - len(plan))
        self.random.shuffle(plan)
        begun = time.monotonic()
        for kind in plan:
            self.force(kind)
        self.api.end_trouble()
        self.leader()
        spent_s = time.monotonic() - begun
        self.stop_all()
        self.report(spent_s)
        self.assert_one_leader_at_a_time()
        self.assert_delivered()

    def force(self, kind):
        leader = self.leader()
        self.small_trouble()
        at = time.monotonic()
        getattr(self, f"force_{kind}")(leader)
        scrape = self.wait_for_new_term(at, leader, kind)
        self.took[kind].append(scrape.at - at)
        self.api.end_trouble()
        self.put_right(leader, kind)

    def small_trouble(self):
        """One request of anybody goes wrong."""
        kind = self.random.choice(["status", "drop", "delay", "none"])
        if kind == "status":
            self.api.trouble(kind, requests=1, status=self.random.choice([401, 409, 429, 500, 503]))
        elif kind != "none":
            self.api.trouble(kind, requests=1, seconds=0.3)
        self.api.date_offset_s = self.random.choice([-3600, 0, 3600])

    def wait_for_new_term(self, at, leader, kind):
        """The first scrape of whoever leads next: another one, but for a holder who is nobody."""
        if kind != "intruder":
            return self.next_scrape(at, but_not_by=leader)

        def probe():
            taken = [held for held in self.api.history() if held.at > at and held.client]
            return taken and self.source.after(taken[0].at)
        return self.wait(probe, "a new term")[0]

    def put_right(self, leader, kind):
        if kind == "frozen":
            self.relays[leader].send_signal(signal.SIGCONT)
        if not self.relays[leader].running():
            self.start(leader, self.clock_of(leader))

    def force_terminated(self, leader):
        self.relays[leader].send_signal(signal.SIGTERM)
        self.assertEqual(self.relays[leader].wait(), OK)

    def force_killed(self, leader):
        self.kill(leader)

    def force_frozen(self, leader):
        self.relays[leader].send_signal(signal.SIGSTOP)

    def force_intruder(self, _):
        self.api.give_to("intruder", duration_s=2, offset_s=self.random.choice([-3600, 3600]))

    def force_hangs(self, leader):
        self.api.trouble("hang", client=leader)

    def force_answers_lost(self, leader):
        self.api.trouble("lose", client=leader, requests=2)
        self.api.trouble("status", status=503, client=leader)

    def force_refused(self, leader):
        self.api.trouble("status", client=leader,
                         status=self.random.choice([401, 403, 429, 500, 503]))

    def force_deleted(self, leader):
        self.api.delete_lease()
        self.api.trouble("drop", client=leader)

    def report(self, spent_s):
        scrapes = self.source.scrapes()
        gaps = sorted(two.at - one.at for one, two in zip(scrapes, scrapes[1:]))
        print(f"\n{sum(map(len, self.took.values()))} forced changes in {spent_s:.0f} s"
              f"{', clocks an hour apart' if self.has_skew else ''}: {len(scrapes)} scrapes, "
              f"{len(set(self.sink.lines()))} points, longest gap {gaps[-1]:.1f} s; from the event "
              "to the next term's first scrape (median, longest):")
        for kind, times in sorted(self.took.items()):
            print(f"  {kind:<13} {len(times):3}  {statistics.median(times):5.2f} s "
                  f"{max(times):6.2f} s")


if __name__ == "__main__":
    unittest.main()
