"""Nothing that is spooled is lost, whatever fails: a short run, and that its checks can fail."""
import gzip
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import unittest

from support import fedwave
from support.case import FedwaveCase
from support.chaos import disk, schedule
from support.chaos.content import CLUSTER, HOST, POISON, Content, Place, Scrape
from support.chaos.ledger import Check, Ledger
from support.chaos.receiver import Receiver
from support.chaos.schedule import Mood, TornTail
from support.processes import DEADLINE_S, wait_until
from support.relay_case import OK, config

RUN = os.path.join(fedwave.SOURCE_ROOT, "tests", "chaos", "run.py")
LOSSES, NOT_PROVEN = 1, 2
SEED = 1
BUSY_SEED = 138  # within fifteen seconds every fault, eleven lives, a full disk, five torn tails


class ScheduleTest(unittest.TestCase):
    @staticmethod
    def plan(seed):
        return (list(itertools.islice(schedule.moods(seed), 200)),
                list(itertools.islice(schedule.lives(seed, ("chaotic", "healthy")), 200)))

    def test_a_seed_is_a_plan(self):
        self.assertEqual(self.plan(7), self.plan(7))
        for one, other in zip(self.plan(7), self.plan(8)):
            self.assertNotEqual(one, other)

    def test_every_fault_has_its_turn(self):
        moods, lives = self.plan(SEED)
        faults = [mood.kind for mood in moods if mood.kind != schedule.OK]
        self.assertEqual(set(faults[:len(schedule.FAULTS)]), set(schedule.FAULTS))
        self.assertGreater(len(moods), len(faults))
        self.assertTrue({401, 403, 406, 429, 500, 503} <= {mood.status for mood in moods})
        self.assertEqual({mood.retry_after for mood in moods}, {False, True})
        self.assertEqual({life.torn.is_copy for life in lives if life.torn}, {False, True})
        self.assertGreater(sum(life.full_s > 0 for life in lives), 5)


class ContentTest(FedwaveCase):
    def test_the_relay_makes_of_a_page_what_is_expected_of_it(self):
        content = Content(SEED)
        scrape = poisoned(content)
        path = self.write("relay.yaml", config(
            ["{type: stdout}"], [f"{{url: 'http://127.0.0.1/', source: {HOST}}}"],
            f"clusterName: {CLUSTER}"))
        done = fedwave.run("dump", "--config", path, "--input",
                           self.write("page", content.page(scrape)))
        self.assertEqual(done.returncode, OK, done.stderr)
        ledger = Ledger(content)
        ledger.take(done.stdout.splitlines())
        self.assertEqual(ledger.foreign, [])
        self.assertEqual(ledger.missing(scrape, content.series_of(scrape)), [])
        self.assertEqual(dict(ledger.lines()), lines_of(content, scrape))


def poisoned(content):
    return next(scrape for scrape in (Scrape(0, number) for number in itertools.count())
                if POISON in content.series_of(scrape))


def line_of(point):
    tags = "".join(f' "{key}"="{value}"' for key, value in point.tags.items())
    return f'"{point.name}" {point.value:.12g} {point.timestamp} source="{point.source}"{tags}'


def lines_of(content, scrape):
    places = (Place(scrape, series) for series in content.series_of(scrape))
    return {place: line_of(content.point(place)) for place in places}


class CheckTest(unittest.TestCase):
    """Each kind of failure is found, and is the only one."""

    def setUp(self):
        self.content = Content(SEED)
        self.scrape = poisoned(self.content)
        lines = lines_of(self.content, self.scrape)
        self.poison = lines[Place(self.scrape, POISON)]
        self.good = [line for line in lines.values() if line != self.poison]

    def findings(self, chaotic=None, healthy=None, quarantine=None):
        """Of what should be, but for what is given."""
        ledgers = {"chaotic": Ledger(self.content), "healthy": Ledger(self.content)}
        ledgers["chaotic"].take(self.good if chaotic is None else chaotic)
        ledgers["healthy"].take([*self.good, self.poison] if healthy is None else healthy)
        return Check(self.content, **ledgers).findings(
            [self.scrape], [self.poison] if quarantine is None else quarantine)

    def assert_only(self, findings, kind, count=1):
        failures = {name: len(getattr(findings, name))
                    for name in ("lost", "wrong", "different", "misjudged")}
        self.assertEqual(failures, {**dict.fromkeys(failures, 0), kind: count}, findings)
        self.assertFalse(findings.ok)

    def test_what_is_as_it_should_be_passes(self):
        findings = self.findings()
        self.assertTrue(findings.ok, findings)
        self.assertEqual(findings.expected, 2 * (len(self.good) + 1))
        self.assertEqual((findings.quarantined, findings.identical), (1, 0))

    def test_the_same_line_again_passes_and_is_counted(self):
        findings = self.findings(chaotic=[*self.good, self.good[3], self.good[3]])
        self.assertTrue(findings.ok, findings)
        self.assertEqual(findings.identical, 2)

    def test_a_point_that_is_missing_is_found(self):
        self.assert_only(self.findings(chaotic=self.good[:-1]), "lost")
        self.assert_only(self.findings(healthy=[*self.good[1:], self.poison]), "lost")
        self.assert_only(self.findings(chaotic=[]), "lost", len(self.good))

    def test_poison_belongs_into_quarantine_and_to_the_healthy(self):
        self.assert_only(self.findings(quarantine=[]), "lost")
        self.assert_only(self.findings(healthy=self.good), "lost")

    def test_another_value_is_found(self):
        changed = self.good[5].replace(" ", " 1", 1)
        self.assert_only(self.findings(chaotic=[*self.good[:5], changed, *self.good[6:]]), "wrong")

    def test_another_time_is_found_twice(self):
        second = str(self.content.point(Place(self.scrape, 5)).timestamp)
        for other in ("1", str(int(second) + 1)):
            with self.subTest(time=other):
                moved = self.good[5].replace(second, other)
                findings = self.findings(chaotic=[*self.good[:5], moved, *self.good[6:]])
                self.assertEqual((len(findings.lost), len(findings.wrong)), (1, 1), findings)

    def test_what_no_page_had_is_found(self):
        for line in ("no point", self.good[0].replace('"series"="0"', '"series"="999"'),
                     self.good[0].replace(' "origin"="0"', "")):
            with self.subTest(line=line):
                self.assert_only(self.findings(chaotic=[*self.good, line]), "wrong")

    def test_a_duplicate_that_is_another_line_is_found(self):
        other_value = self.good[2].replace(" ", " 1", 1)
        tag = f' "cluster"="{CLUSTER}"'
        other_order = self.good[2].replace(tag, "") + tag
        for other in (other_value, other_order):
            with self.subTest(line=other):
                self.assert_only(self.findings(chaotic=[*self.good, other]), "different")

    def test_a_good_line_in_quarantine_is_found(self):
        for line in (self.good[0], self.poison.replace(" ", " 1", 1), self.poison[:20]):
            with self.subTest(line=line):
                self.assert_only(self.findings(quarantine=[self.poison, line]), "misjudged")


class ReceiverTest(unittest.TestCase):
    """Each mood does what its name says."""

    def setUp(self):
        self.content = Content(SEED)
        self.scrape = poisoned(self.content)
        lines = lines_of(self.content, self.scrape)
        self.poison = lines.pop(Place(self.scrape, POISON))
        self.lines = list(lines.values())[:10]
        self.make_receiver()

    def make_receiver(self):
        self.tokens = []
        self.ledger = Ledger(self.content)
        self.receiver = Receiver(self.ledger, refuses_poison=True, write_token=self.tokens.append)
        self.addCleanup(self.receiver.stop)

    def taken(self):
        return len(self.ledger.lines())

    def enter(self, mood):
        before = self.receiver.periods[mood.kind]
        self.receiver.begin(iter([mood]))
        wait_until(lambda: self.receiver.periods[mood.kind] > before, mood.kind, every_s=0.01)

    def post(self, lines, token=None, timeout_s=DEADLINE_S):
        """The head of the answer; "" for the end of the connection without one."""
        body = gzip.compress("".join(f"{line}\n" for line in lines).encode())
        head = (f"POST /report?f=wavefront HTTP/1.1\r\nAuthorization: Bearer "
                f"{token or self.tokens[-1]}\r\nContent-Encoding: gzip\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.receiver.port), timeout_s) as connection:
            connection.sendall(head.encode() + body)
            return connection.recv(1000).decode()

    def assert_status(self, answer, status):
        self.assertEqual(answer.split(" ")[1:2], [str(status)], answer)

    def test_a_good_mood_takes_everything_but_poison_and_wrong_tokens(self):
        self.assert_status(self.post(self.lines, token="other"), 401)
        self.assert_status(self.post([*self.lines, self.poison]), 400)
        self.assertEqual(self.taken(), 0)
        self.assert_status(self.post(self.lines), 202)
        self.assertEqual(self.taken(), len(self.lines))

    def test_moods_that_answer(self):
        for mood, status, takes in (
                (Mood(schedule.SLOW_DOWN, 60, status=406), 406, False),
                (Mood(schedule.SLOW_DOWN, 60, status=429, retry_after=True), 429, False),
                (Mood(schedule.FAILS, 60, status=503), 503, False),
                (Mood(schedule.TOO_LARGE, 60, lines_max=9), 413, False),
                (Mood(schedule.TOO_LARGE, 60, lines_max=10), 202, True),
                (Mood(schedule.TAKES_AND_FAILS, 60), 500, True)):
            with self.subTest(mood=mood):
                self.make_receiver()
                self.enter(mood)
                answer = self.post(self.lines)
                self.assert_status(answer, status)
                self.assertEqual("Retry-After: 1" in answer, mood.retry_after)
                self.assertEqual(self.taken(), len(self.lines) if takes else 0)

    def test_moods_that_end_the_connection(self):
        for kind, error, takes in ((schedule.TAKES_AND_CUTS, None, True),
                                   (schedule.TAKES_AND_RESETS, ConnectionResetError, True),
                                   (schedule.RESETS, ConnectionResetError, False)):
            with self.subTest(mood=kind):
                self.make_receiver()
                self.enter(Mood(kind, 60))
                if error:
                    self.assertRaises(error, self.post, self.lines)
                else:
                    self.assertEqual(self.post(self.lines), "")
                self.assertEqual(self.taken(), len(self.lines) if takes else 0)
                self.assertEqual(self.receiver.met, {kind: 1})

    def test_one_that_hangs_answers_nobody_and_takes_nothing(self):
        self.enter(Mood(schedule.HANGS, 60))
        self.assertRaises(TimeoutError, self.post, self.lines, timeout_s=0.3)
        self.assertEqual(self.taken(), 0)

    def test_one_that_refuses_is_back_on_the_same_port(self):
        self.enter(Mood(schedule.REFUSES, 60))
        wait_until(self.refused, "refusal", every_s=0.01)
        self.receiver.calm()
        self.assert_status(self.post(self.lines), 202)

    def refused(self):
        try:
            self.post(self.lines)
        except ConnectionRefusedError:
            return True
        except OSError:
            pass  # cut off while it was closing
        return False

    def test_a_revoked_token_is_no_good_and_the_new_one_is_told_later(self):
        self.enter(Mood(schedule.REVOKES, 60, status=403))
        self.assertEqual(len(self.tokens), 1)
        wait_until(lambda: self.post([self.lines[0]]).split(" ")[1] == "403", "403", every_s=0.01)
        self.receiver.calm()
        self.assertEqual(len(self.tokens), 2)
        self.assert_status(self.post(self.lines, token=self.tokens[0]), 401)
        self.assert_status(self.post(self.lines), 202)


class DiskTest(FedwaveCase):
    HEADER, RECORD, BODY = b"H" * 64, b"FWB1" + bytes(8), b"body" * 10

    def segment(self, name):
        record = self.RECORD + struct.pack("<I", len(self.BODY)) + bytes(48) + self.BODY
        return self.write(name, self.HEADER + record), record

    def test_a_torn_tail_is_a_part_of_a_record_or_garbage_behind_the_newest_segment(self):
        for share in (0, 0.4, 0.999999):
            for is_copy in (False, True):
                with self.subTest(share=share, is_copy=is_copy):
                    old, _ = self.segment("0000000000000001.blocks")
                    new, record = self.segment("000000000000000a.blocks")
                    size = len(self.HEADER) + len(record)
                    torn = TornTail("chaotic", is_copy, share, b"garbage")
                    self.assertTrue(disk.tear(self.folder, torn))
                    self.assertEqual(os.stat(old).st_size, size)
                    with open(new, "rb") as file:
                        tail = file.read()[size:]
                    self.assertTrue(0 < len(tail) < len(record))
                    self.assertTrue(record.startswith(tail) if is_copy else tail == b"garbage")

    def test_there_is_nothing_to_tear_where_there_is_no_segment(self):
        self.write("position", b"x")
        self.assertFalse(disk.tear(self.folder, TornTail("chaotic", False, 0.5, b"x")))


class RunTest(FedwaveCase):
    def chaos(self, *options, env=None):
        """(exit code, figures, what it printed)"""
        path = os.path.join(self.folder, "figures.json")
        done = subprocess.run([sys.executable, RUN, "--json", path, *options], check=False,
                              capture_output=True, text=True,
                              env=fedwave.environment(env))
        output = done.stdout + done.stderr
        self.assertTrue(os.path.exists(path), output)
        return done.returncode, json.loads(self.read("figures.json")), output

    def test_nothing_is_lost(self):
        for minutes in (0.25, 1, 3):  # a machine with little time for us gets more
            code, figures, output = self.chaos("--minutes", str(minutes), "--seed", str(BUSY_SEED))
            print(output)
            self.assertIn(code, (OK, NOT_PROVEN), output)
            idle = [what for what, count in self.deeds(figures).items() if not count]
            if not idle:
                return
        self.fail(f"too little happened: no {idle}\n{output}")

    @staticmethod
    def deeds(figures):
        """What a run has to have gone through; something false for what it has not."""
        deeds = {"kills": figures["kills"] >= 4, "scrapes": figures["scrapes"] > 10,
                 "readings": figures["readings"] > 20, "torn_tails": figures["torn_tails"],
                 "quarantined": figures["findings"]["quarantined"],
                 "met": len(figures["met"]) > 5}
        if figures["may_mount"]:
            deeds["full_disks_met"] = figures["full_disks_met"]
        return deeds

    def test_without_a_spool_on_disk_the_losses_are_found(self):
        for kills in (3, 15):  # where a life is over before anything was read, nothing is lost
            code, figures, output = self.chaos(
                "--no-spool", "--kills", str(kills), "--patience", "2", "--seed", str(SEED),
                env={"TMPDIR": self.folder})
            if code not in (OK, NOT_PROVEN):
                break
        self.assertEqual(code, LOSSES, output)
        self.assertGreater(len(figures["findings"]["lost"]), 0)
        self.assertEqual(figures["findings"]["wrong"], [])
        self.assertIn("lost: chaotic: origin", output)


if __name__ == "__main__":
    unittest.main()
