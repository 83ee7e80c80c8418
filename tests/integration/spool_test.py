"""The spool of `fedwave run`: what is in it survives every way for a process to end."""
import contextlib
import glob
import gzip
import os
import shutil
import signal
import subprocess
import unittest

from support import web
from support.processes import free_port
from support.relay_case import OK, RelayCase, completed_scrapes, config, source_of

SEGMENTS = "spool/*/*.blocks"


class SpoolCase(RelayCase):
    def setUp(self):
        super().setUp()
        self.directory = os.path.join(self.folder, "spool")
        self.port = free_port()  # where the receiver is, when it is there

    def sink(self, more="", sync="block"):
        return (f"{{proxyAddress: '127.0.0.1:{self.port}', name: main, "
                f"spool: {{directory: {self.directory}, sync: {sync}}}{more}}}")

    def start(self, *sinks, env=None, top=("shutdownGrace: 20s",)):
        return self.relay(config(sinks or [self.sink()], [source_of(self.server)], *top),
                          "--log-format", "json", "--log-level", "debug", env=env)

    def receive(self):
        """A receiver at last; what it has taken is in `lines`."""
        lines = []

        def take(exchange):
            lines.extend(gzip.decompress(exchange.request.body).decode().splitlines())
            exchange.respond(202)

        self.web_server({"/report": take}, self.port)
        return lines

    def wait_for_event(self, relay, message):
        return self.wait_for(relay, lambda: self.events(relay, message), message)[0]

    def completed(self, relay):
        return len(list(completed_scrapes(self.events(relay))))

    def wait_for_scrapes(self, relay, more=3):
        """Until so many more are in the spool: each is a block with one point."""
        enough = self.completed(relay) + more
        self.wait_for(relay, lambda: self.completed(relay) >= enough, f"{more} scrapes")

    def figures(self, relay, sink="main"):
        [figures] = [event for event in self.events(relay, "sink figures") if event["sink"] == sink]
        self.assertEqual(figures["recovered"] + figures["spooled"],
                         sum(figures[what] for what in ("delivered", "quarantined", "expired",
                                                        "waiting")), figures)
        return figures

    def assert_all_read(self, lines, *relays, lost=0):
        """What the relays have read has arrived. (A page of a scrape that timed out is not read.)"""
        read = sum(event["read"] for relay in relays
                   for event in self.events(relay, "source figures"))
        self.assertEqual(len(set(self.ticks.seen_in(lines))), read - lost)
        self.assertEqual(len(set(lines)), read - lost)


class EndOfTheProcessTest(SpoolCase):
    def test_what_was_told_to_be_spooled_survives_a_sigkill_at_once(self):
        """The first scrape of each life is told, killed, and there in the end."""
        relays = []
        for _ in range(5):
            relay = self.start()
            relays.append(relay)
            event = self.wait_for_event(relay, "spooled")
            relay.send_signal(signal.SIGKILL)
            relay.wait()
            self.assertEqual((event["sink"], event["where"]), ("main", "disk"))
        lines = self.receive()
        relay = self.start()
        relays.append(relay)
        recovered = self.wait_for_event(relay, "the spool has points from before")
        self.assertGreaterEqual(recovered["points"], 5)
        self.wait_for(relay, lambda: len(set(self.ticks.seen_in(lines))) >= 6)
        self.stop_well(relay)
        # A page that was asked for by a process on its way out was never told to be spooled.
        told = sum(map(self.completed, relays))
        self.assertGreaterEqual(len(set(self.ticks.seen_in(lines))), told)
        self.assertEqual(self.figures(relay)["waiting"], 0)

    def test_sigterm_leaves_on_disk_what_the_sink_did_not_take(self):
        relay = self.start()
        self.wait_for_scrapes(relay)
        self.stop_well(relay)
        figures = self.figures(relay)
        self.assertEqual((figures["delivered"], figures["expired"]), (0, 0))
        self.assertEqual(figures["waiting"], figures["spooled"])
        [left] = self.events(relay, "points are left in the spool for the next start")
        self.assertEqual(left["points"], figures["waiting"])
        lines = self.receive()
        second = self.start()
        self.wait_for_scrapes(second)
        self.stop_well(second)
        self.assertEqual(self.figures(second)["recovered"], left["points"])
        self.assert_all_read(lines, relay, second)

    def test_sigterm_does_not_wait_for_a_sink_that_is_away(self):
        """Else this would last ten minutes."""
        relay = self.start(top=("shutdownGrace: 10m",))
        self.wait_for_event(relay, "spooled")
        self.stop_well(relay)
        self.assertGreater(self.figures(relay)["waiting"], 0)

    def test_sigterm_does_not_wait_for_a_sink_that_hangs_either(self):
        hanging = self.web_server({"/report": web.nothing}, self.port)
        relay = self.start(self.sink(", requestTimeout: 1s"),
                           top=("shutdownGrace: 10m",))
        self.wait_for_event(relay, "cannot deliver; the points wait and are tried again")
        self.assertTrue(hanging.requests("/report"))
        self.stop_well(relay)
        self.assertEqual(self.figures(relay)["expired"], 0)

    def test_sigterm_delivers_to_a_sink_that_is_there(self):
        lines = self.receive()
        relay = self.start()
        self.wait_for_scrapes(relay)
        self.stop_well(relay)
        self.assertEqual(self.figures(relay)["waiting"], 0)
        self.assert_all_read(lines, relay)


class TroubleWithTheDiskTest(SpoolCase):
    def test_two_relays_do_not_share_a_directory(self):
        first = self.start()
        self.wait_for_event(first, "spooled")
        second = self.start()
        trouble = self.wait_for_event(
            second, "the spool's directory cannot be used; points wait in memory until it can")
        self.assertIn(f"in use by process {first.pid}", trouble["error"])
        self.assertEqual(self.wait_for_event(second, "spooled")["where"], "memory")
        self.stop_well(first)
        moved = self.wait_for_event(second, "the spool is on disk again")
        self.assertGreater(moved["points_moved"], 0)
        self.stop_well(second)
        figures = self.figures(second)
        self.assertEqual((figures["expired"], figures["waiting"]),
                         (0, figures["recovered"] + figures["spooled"]))

    def test_a_directory_that_is_deleted_costs_nothing(self):
        relay = self.start()
        self.wait_for_scrapes(relay)
        # By one step, because the relay goes on writing there.
        os.rename(self.directory, self.directory + "-gone")
        shutil.rmtree(self.directory + "-gone", ignore_errors=True)
        self.wait_for_event(relay, "the spool is on disk again")
        self.wait_for_scrapes(relay)
        lines = self.receive()
        self.wait_for(relay, lambda: lines)
        self.stop_well(relay)
        self.assertEqual(self.figures(relay)["expired"], 0)
        self.assert_all_read(lines, relay)

    def test_a_directory_that_cannot_be_made_is_told_and_memory_does(self):
        self.directory = os.path.join(self.write("a-file", ""), "spool")
        lines = self.receive()
        relay = self.start()
        trouble = self.wait_for_event(
            relay, "the spool's directory cannot be used; points wait in memory until it can")
        self.assertIn("a-file", trouble["directory"])
        self.wait_for(relay, lambda: lines)
        self.stop_well(relay)
        self.assert_all_read(lines, relay)

    def test_a_torn_end_costs_nothing_that_was_whole(self):
        relay = self.start()
        self.wait_for_scrapes(relay)
        self.stop_well(relay)
        [segment] = glob.glob(os.path.join(self.folder, SEGMENTS))
        with open(segment, "rb+") as file:
            content = file.read()
            file.write(content[64:64 + 100])  # the beginning of a block
        lines = self.receive()
        second = self.start()
        torn = self.wait_for_event(second,
                                   "the spool has damaged places, or a block that was never finished")
        self.assertEqual((torn["bytes"], torn["points"], torn["level"]), (100, 0, "warning"))
        self.wait_for(second, lambda: lines)
        self.stop_well(second)
        self.assert_all_read(lines, relay, second)

    def test_a_flipped_bit_costs_its_block_and_is_told(self):
        relay = self.start()
        self.wait_for_scrapes(relay)
        self.stop_well(relay)
        [segment] = glob.glob(os.path.join(self.folder, SEGMENTS))
        with open(segment, "rb+") as file:
            file.seek(64 + 64 + 5)  # in the first block's bytes
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 4]))
        verify = subprocess.run([os.environ["FEDWAVE"], "spool", "verify", self.directory],
                                capture_output=True, text=True, check=False)
        self.assertEqual(verify.returncode, 3, verify)
        lines = self.receive()
        second = self.start()
        damaged = self.wait_for_event(second, "blocks in the spool are damaged")
        self.assertEqual((damaged["points"], damaged["level"]), (1, "error"))
        self.stop_well(second)
        figures = self.figures(second)
        self.assertEqual((figures["expired"], figures["expired_by"]), (1, "1 damaged"))
        self.assert_all_read(lines, relay, second, lost=1)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_a_full_disk_is_told_points_wait_in_memory_and_return(self):
        os.mkdir(self.directory)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.directory],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"no mount here: {done.stderr}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.directory], check=False)
        relay = self.start()
        tight = "the disk has less room than the spools in the directory may take: write a smaller " \
                "spool.bytes, or give it a larger disk"
        self.assertEqual(self.wait_for_event(relay, tight)["spool_bytes"], 1 << 30)
        self.wait_for_event(relay, "spooled")
        filler = os.path.join(self.directory, "filler")
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)  # until it is full, as it is meant to be
        trouble = self.wait_for_event(
            relay, "the spool's directory cannot be used; points wait in memory until it can")
        self.assertIn("No space left", trouble["error"])
        self.wait_for_scrapes(relay)
        os.remove(filler)
        moved = self.wait_for_event(relay, "the spool is on disk again")
        self.assertGreaterEqual(moved["points_moved"], 3)
        spooled = self.completed(relay)
        relay.send_signal(signal.SIGKILL)
        relay.wait()
        lines = self.receive()
        second = self.start()
        recovered = self.wait_for_event(second, "the spool has points from before")
        self.assertGreaterEqual(recovered["points"], spooled)
        self.stop_well(second)
        self.assertGreaterEqual(len(set(self.ticks.seen_in(lines))), recovered["points"])


class IsolationTest(SpoolCase):
    def test_a_sink_that_hangs_holds_up_neither_scraping_nor_the_other_sink(self):
        lines = self.receive()
        hanging = self.web_server({"/report": web.nothing})
        relay = self.start(self.sink(", connectTimeout: 60s, requestTimeout: 60s"),
                           f"{{proxyAddress: '{hanging.address}', name: hangs, connectTimeout: 60s, "
                           f"requestTimeout: 10m, spool: {{directory: {self.directory}}}}}",
                           top=("shutdownGrace: 10s",))
        self.wait_for(relay, lambda: hanging.requests("/report"))
        begin = len(lines)
        self.wait_for(relay, lambda: len(lines) >= begin + 5)
        self.stop_well(relay)
        self.assert_all_read(lines, relay)
        good, stuck = self.figures(relay), self.figures(relay, "hangs")
        self.assertEqual((good["waiting"], good["retries"]), (0, 0))
        self.assertEqual((stuck["delivered"], stuck["waiting"]), (0, stuck["spooled"]))
        self.assertEqual(stuck["spooled"], good["spooled"])


class OrphanTest(SpoolCase):
    def test_a_sink_that_was_renamed_leaves_a_spool_that_is_named_and_can_be_drained(self):
        relay = self.start()
        self.wait_for_scrapes(relay)
        self.stop_well(relay)
        waiting = self.figures(relay)["waiting"]
        lines = self.receive()
        renamed = config([self.sink().replace("name: main", "name: renamed")],
                         [source_of(self.server)])
        second = self.relay(renamed, "--log-format", "json")
        [orphan] = self.wait_for(second, lambda: [
            event for event in self.events(second) if event["message"].startswith(
                "points wait in the spool of a sink that the configuration does not have")])
        self.assertEqual((orphan["sink"], orphan["points"]), ("main", waiting))
        drained = subprocess.run(
            [os.environ["FEDWAVE"], "spool", "drain", orphan["folder"], "--config",
             self.write("renamed.yaml", renamed), "--sink", "renamed"],
            capture_output=True, text=True, check=False)
        self.assertEqual(drained.returncode, OK, drained)
        self.stop_well(second)
        self.assert_all_read(lines, relay, second)


if __name__ == "__main__":
    unittest.main()
