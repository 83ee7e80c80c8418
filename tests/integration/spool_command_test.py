"""`fedwave spool`: what a relay leaves on disk, looked at, checked and delivered by hand."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from support import fedwave
from support.processes import Server, free_port, wait_until
from support.relay_case import RelayCase, Ticks, config, source_of, told_in

OK, USAGE, UNREADABLE, DAMAGED = 0, 1, 2, 3
COMMANDS = ("ls", "cat", "verify", "drain")


def file_contents(folder):
    """{path: bytes} of everything below."""
    contents = {}
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                contents[path] = file.read()
    return contents


class HelpTest(unittest.TestCase):
    def test_every_help_has_examples_and_the_exit_codes(self):
        for command in ((), *((name,) for name in COMMANDS)):
            with self.subTest(command=command):
                done = fedwave.run("spool", *command, "--help")
                self.assertEqual((done.returncode, done.stderr), (OK, ""))
                self.assertRegex(done.stdout,
                                 rf"Examples:\n  fedwave {' '.join(('spool', *command))}\b")
                self.assertIn("Exit codes: 0 ok; 1 ", done.stdout)

    def test_wrong_usage_ends_with_1_and_says_what_is_wrong(self):
        for arguments, said in (((), "(?i)command"),
                                (("bogus",), '"bogus"\nfedwave spool --help'),
                                (("--bogus",), "--bogus"),
                                (("ls",), "DIR"),
                                (("drain", "."), "--config"),
                                (("drain", ".", "--config", "none.yaml"), "none.yaml"),
                                (("drain", ".", "--config", "x", "--for", "5"), "--for.*5s")):
            with self.subTest(arguments=arguments):
                done = fedwave.run("spool", *arguments)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
                self.assertRegex(done.stderr, said)


class SpoolCase(RelayCase):
    def setUp(self):
        super().setUp()
        self.spool = os.path.join(self.folder, "spool")
        self.nobody = f"127.0.0.1:{free_port()}"

    def config_for(self, **sinks):
        """Of sinks by name and address."""
        return config([f"{{name: {name}, proxyAddress: '{address}'}}"
                       for name, address in sinks.items()],
                      [source_of(self.server)], f"spool: {{directory: {self.spool}}}",
                      "shutdownGrace: 100ms")

    def config_file(self, **sinks):
        return self.write("drain.yaml", self.config_for(**sinks))

    def run_relay(self, ticks=2, **sinks):
        """A relay that has put so many scrapes into its spools."""
        relay = self.relay(self.config_for(**sinks))

        def all_spooled():
            spools = [json.loads(line)
                      for line in self.spool_command("ls", "--json").stdout.splitlines()]
            return (len(spools) == len(sinks) and
                    all(each["blocks_waiting"] >= ticks for each in spools))
        self.wait_for(relay, all_spooled, "blocks in the spools")
        return relay

    def stop_well(self, relay):
        """How many points it leaves to each sink."""
        super().stop_well(relay)
        return sum(source["read"] for source in told_in(relay.output(), "source figures"))

    def fill(self, ticks=2, **sinks):
        self.stop_well(self.run_relay(ticks, **sinks))

    def spool_command(self, command, *arguments, directory=None):
        return fedwave.run("spool", command, directory or self.spool, *arguments)

    def lines(self, *arguments):
        done = self.spool_command("cat", *arguments)
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        return done.stdout.splitlines()

    def folder_of(self, sink):
        [folder] = glob.glob(os.path.join(self.spool, f"{sink}-*"))
        return folder

    def segment_of(self, sink):
        return sorted(glob.glob(os.path.join(self.folder_of(sink), "*.blocks")))[0]

    def ls(self):
        done = self.spool_command("ls", "--json")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        return {spool["sink"]: spool for spool in map(json.loads, done.stdout.splitlines())}

    def drain(self, *arguments, directory=None):
        return self.spool_command("drain", "--config", os.path.join(self.folder, "drain.yaml"),
                                  *arguments, directory=directory)


class LookTest(SpoolCase):
    def test_ls_cat_and_verify_look_beside_a_relay_and_change_nothing_after_it(self):
        relay = self.run_relay(edge=self.nobody, west=self.nobody)
        used = self.ls()
        self.assertEqual(set(used), {"edge", "west"})
        for spool in used.values():
            self.assertEqual(spool["in_use_by"], f"process {relay.pid}")
        self.assertEqual(self.spool_command("verify").returncode, OK)
        points = self.stop_well(relay)
        before = file_contents(self.spool)
        left = self.ls()
        table = self.spool_command("ls", "--segments")
        self.assertEqual((table.returncode, table.stderr), (OK, ""))
        for sink, spool in left.items():
            self.assertFalse(spool["in_use"])
            self.assertEqual(spool["points_waiting"], points)
            self.assertRegex(table.stdout, rf"(?m)^{sink} +free +\d+ +{points} ")
            self.assertRegex(table.stdout, rf"(?m)^{sink} +0{{15}}1\.blocks ")
        lines = self.lines()
        seen = self.ticks.seen_in(lines)
        self.assertEqual((len(seen), seen), (2 * points, 2 * sorted(set(seen))))
        good = self.spool_command("verify")
        self.assertEqual((good.returncode, good.stderr), (OK, ""))
        self.assertRegex(good.stdout,
                         rf"\Averified 2 spools: .* {len(lines)} points, .*: all good\n\Z")
        self.assertEqual(file_contents(self.spool), before)

    def test_a_reader_that_leaves_early_does_no_harm(self):
        self.ticks = self.server.answers["/metrics"] = Ticks(
            "".join(f"metric_{number} {number}\n" for number in range(20_000)))
        self.fill(1, edge=self.nobody)
        with subprocess.Popen([fedwave.FEDWAVE, "spool", "cat", self.spool], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertRegex(process.stdout.readline(), r'\A"\S+" ')
            process.stdout.close()
            said = process.stderr.read()
            code = process.wait(timeout=60)
        self.assertIn(code, (OK, USAGE, -signal.SIGPIPE))
        self.assertRegex(said, r"\A(fedwave: [^\n]*\n)?\Z")

    def test_damage_is_named_and_the_rest_is_shown_and_delivered(self):
        self.fill(3, edge=self.nobody)
        whole = self.lines()
        segment = self.segment_of("edge")
        with open(segment, "r+b") as file:
            file.seek(64 + 64)  # the first block's bytes
            file.write(b"rubbish")
        verified = self.spool_command("verify")
        self.assertEqual(verified.returncode, DAMAGED)
        self.assertRegex(verified.stdout,
                         rf"\A{re.escape(segment)}, byte 64: .*checksum.*: 1 point lost\n"
                         r"verified 1 spool: .*: 1 damaged place, 1 point lost\n\Z")
        shown = self.spool_command("cat")
        self.assertEqual(shown.returncode, DAMAGED)
        self.assertEqual(shown.stdout.splitlines(), whole[1:])
        self.assertIn(f"{segment}, byte 64: ", shown.stderr)
        receiver = self.receiver()
        self.config_file(edge=receiver.address)
        drained = self.drain()
        self.assertEqual(drained.returncode, OK, drained.stderr)
        self.assertIn(f"edge: {len(whole) - 1} points delivered, 1 lost in damaged blocks, 0 left",
                      drained.stdout)
        self.assertEqual(receiver.lines(), whole[1:])


class DrainTest(SpoolCase):
    def test_what_waits_is_delivered_once_the_relay_has_gone(self):
        receiver = self.receiver()
        self.config_file(edge=receiver.address, west=receiver.address)
        relay = self.run_relay(edge=self.nobody, west=self.nobody)
        busy = self.drain()
        self.assertEqual((busy.returncode, busy.stdout), (UNREADABLE, ""))
        self.assertEqual(busy.stderr.count(f"is in use by process {relay.pid},"), 2)
        points = self.stop_well(relay)
        self.assertEqual(receiver.lines(), [])
        lines = self.lines()
        done = self.drain()
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        for sink in ("edge", "west"):
            self.assertIn(f"{sink}: {points} points delivered, 0 left\n", done.stdout)
        self.assertCountEqual(receiver.lines(), lines)
        self.assertEqual({spool["points_waiting"] for spool in self.ls().values()}, {0})
        again = self.drain()
        self.assertEqual((again.returncode, again.stderr), (OK, ""))
        self.assertEqual(again.stdout, "edge: nothing waits\nwest: nothing waits\n")

    def test_over_tcp_what_waits_is_delivered_as_well(self):
        self.fill(edge=self.nobody)
        lines = self.lines()
        receiver = self.receiver()
        self.write("drain.yaml", self.config_for(edge=receiver.address).replace(
            "name: edge,", "name: edge, protocol: tcp,"))
        done = self.drain()
        self.assertEqual(done.returncode, OK, done.stderr)
        wait_until(lambda: receiver.lines() == lines, "the lines")

    def test_what_cannot_be_delivered_in_time_or_before_a_signal_stays(self):
        self.fill(edge=self.nobody)
        lines = self.lines()
        path = self.config_file(edge=self.nobody)
        left = f"edge: 0 points delivered, {len(lines)} left; "
        timed = self.drain("--for", "5s")
        self.assertEqual(timed.returncode, UNREADABLE)
        self.assertIn(left, timed.stdout)
        self.assertIn(self.nobody.rpartition(":")[2], timed.stderr)
        for number in (signal.SIGTERM, signal.SIGINT):
            process = Server([fedwave.FEDWAVE, "spool", "drain", self.spool, "--config", path],
                             os.path.join(self.folder, f"drain-{number}.log"))
            self.addCleanup(process.stop)
            process.wait_ready(lambda one=process: "cannot deliver" in one.output())
            process.send_signal(number)
            self.assertEqual(process.wait(), UNREADABLE)
            self.assertIn(left, process.output())
        self.assertEqual(self.lines(), lines)

    def test_a_spool_whose_sink_has_another_name_now_is_named_and_can_be_delivered(self):
        self.fill(old=self.nobody)
        lines = self.lines()
        receiver = self.receiver()
        self.config_file(new=receiver.address)
        folder = self.folder_of("old")
        orphan = self.drain()
        self.assertEqual((orphan.returncode, orphan.stdout), (USAGE, ""))
        self.assertRegex(orphan.stderr, rf'{len(lines)} points in {re.escape(folder)}: .*"old".*'
                                        r'"new".*--sink NAME')
        wrong = self.drain("--sink", "other")
        self.assertEqual((wrong.returncode, wrong.stdout), (USAGE, ""))
        self.assertRegex(wrong.stderr, 'no sink "other"; there is: "new"')
        done = self.drain("--sink", "new", directory=folder + "/")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertIn(f"old to new: {len(lines)} points delivered, 0 left\n", done.stdout)
        self.assertEqual(receiver.lines(), lines)
        self.assertEqual(self.ls()["old"]["points_waiting"], 0)

    def test_sink_goes_with_one_folder(self):
        self.fill(1, edge=self.nobody, west=self.nobody)
        self.config_file(edge=self.nobody)
        done = self.drain("--sink", "edge")
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assertIn(self.folder_of("west"), done.stderr)

    def test_a_spool_that_was_moved_is_delivered_from_where_it_is(self):
        self.fill(edge=self.nobody)
        lines = self.lines()
        moved = os.path.join(self.folder, "elsewhere")
        shutil.move(self.spool, moved)
        receiver = self.receiver()
        self.config_file(edge=receiver.address)
        done = self.drain(directory=moved)
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertEqual(receiver.lines(), lines)
        self.assertFalse(os.path.exists(self.spool))


if __name__ == "__main__":
    unittest.main()
