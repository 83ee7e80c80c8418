"""gzip both ways: pages as zlib and its users write them, and what the relay writes as zlib and
gzip(1) read it."""
import shutil
import struct
import subprocess
import unittest
import zlib

from support import fedwave, gzip_streams, web
from support.case import FedwaveCase
from support.relay_case import OK, RelayCase, Ticks, config, source_of

UNREADABLE = 2
GZIP_ENCODED = ["Content-Encoding: gzip"]
LINES = [f'requests_{number % 50}{{pod="pod-{number // 50}",path="/{number ** 7 % 9973}"}} '
         f"{number ** 3}\n" for number in range(5000)]
TEXT = "".join(LINES).encode()
GZIP_MEMBER_BYTES = 60_000  # much as bgzip does it
OS_UNKNOWN = 255
OS_UNIX = 3


class PageTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        self.server = self.web_server()

    def dump(self, answer):
        """Without the time, which is that of the scrape."""
        self.server.answers["/metrics"] = answer
        done = fedwave.run("dump", "--url", self.server.url("/metrics"))
        points = [line.split(" ") for line in done.stdout.splitlines()]
        return done, [(point[:2], point[3:]) for point in points]

    def dump_gzip(self, stream):
        return self.dump(web.page(stream, headers=GZIP_ENCODED))

    def test_a_page_is_the_same_however_zlib_compressed_it(self):
        done, expected = self.dump(web.page(TEXT))
        self.assertEqual((done.returncode, len(expected)), (OK, len(LINES)), done.stderr)
        streams = gzip_streams.single_members(TEXT)
        streams["members"] = b"".join(gzip_streams.members(TEXT, GZIP_MEMBER_BYTES))
        streams["many members"] = b"".join(gzip_streams.members(TEXT))
        for name, stream in streams.items():
            with self.subTest(name):
                done, points = self.dump_gzip(stream)
                self.assertEqual((done.returncode, done.stderr), (OK, ""))
                self.assertEqual(points, expected)

    def test_members_that_arrive_one_by_one_and_cut_within_their_headers_are_one_page(self):
        _, expected = self.dump(web.page(TEXT))
        stream = b"".join(gzip_streams.members(TEXT, GZIP_MEMBER_BYTES))
        starts = [at for at in range(len(stream)) if stream.startswith(b"\x1f\x8b\x08", at)]
        cuts = sorted({0, len(stream), *(start + into for start in starts for into in (1, 11, 17))})
        pieces = [stream[start:end] for start, end in zip(cuts, cuts[1:])]
        head = web.head(200, [f"Content-Type: {web.METRICS_TYPE}",
                              "Transfer-Encoding: chunked", *GZIP_ENCODED])
        chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b"")]
        done, points = self.dump(web.raw(head, *chunks))
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertEqual(points, expected)

    def test_what_follows_the_stream_is_an_error_and_the_page_is_kept(self):
        _, expected = self.dump(web.page(TEXT))
        for tail in (bytes(512), b"# and more text, as it is"):
            done, points = self.dump_gzip(gzip_streams.member(TEXT) + tail)
            self.assertEqual(done.returncode, UNREADABLE)
            self.assertRegex(done.stderr, r"what follows its end is not another gzip stream")
            self.assertEqual(points, expected)


class BlockTest(RelayCase):
    def test_every_block_is_one_whole_gzip_stream_for_zlib_and_for_gzip(self):
        self.server.answers["/metrics"] = self.ticks = Ticks(TEXT.decode())
        lines = []
        self.server.answers["/report"] = web.take(lines)
        relay = self.relay(config([f"{{proxyAddress: '{self.server.address}'}}"],
                                  [source_of(self.server)]))
        self.wait_for(relay, lambda: len(self.server.finished("/report")) >= 3, "three blocks")
        self.stop_well(relay)
        requests = self.server.finished("/report")
        for request in requests:
            self.assertEqual(request.headers["content-encoding"], "gzip")
            self.assert_sane(request.body)
        self.assert_ticks(lines, self.late_scrapes(relay))
        seen = self.ticks.seen_in(lines)
        self.assertEqual(len(seen), len(set(seen)))

    def assert_sane(self, stream):
        magic, method, flags, written_s, _, system = struct.unpack("<HBBLBB", stream[:10])
        self.assertEqual((magic, method, flags, written_s), (0x8B1F, zlib.DEFLATED, 0, 0))
        self.assertIn(system, (OS_UNKNOWN, OS_UNIX))
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        text = inflater.decompress(stream)
        self.assertTrue(inflater.eof)
        self.assertEqual(inflater.unused_data, b"")
        self.assertTrue(text.endswith(b"\n"))
        self.assertLess(len(stream), len(text) / 3)
        done = subprocess.run([shutil.which("gzip"), "-t"], input=stream, capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
