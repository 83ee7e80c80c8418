"""gzip streams as zlib and those who use it write them.

`python3 -m support.gzip_streams`, run in tests/integration, writes tests/data/gzip anew: the
streams of a small text that the unit tests cut and damage at every byte.
"""
import os
import struct
import zlib

FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT = 1, 2, 4, 8, 16
MEMBER_BYTES = 200
FLUSH_BYTES = 150
UNIX = 3
WRITTEN_S = 1_600_000_000
DATA = os.path.join(os.path.dirname(__file__), "..", "..", "data", "gzip")


def deflated(data, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, window_bits=15, memory=8,
             flush=None):
    """With `flush`, flushed that way every so many bytes, as a server does that streams."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -window_bits, memory, strategy)
    if flush is None:
        return deflater.compress(data) + deflater.flush()
    pieces = (data[at:at + FLUSH_BYTES] for at in range(0, len(data), FLUSH_BYTES))
    return b"".join(deflater.compress(piece) + deflater.flush(flush)
                    for piece in pieces) + deflater.flush()


def member(data, flags=0, fields=b"", **how):
    header = struct.pack("<BBBBLBB", 0x1F, 0x8B, zlib.DEFLATED, flags, WRITTEN_S, 0, UNIX) + fields
    if flags & FHCRC:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return header + deflated(data, **how) + struct.pack("<LL", zlib.crc32(data), len(data))


def extra(identifier, data):
    """FEXTRA with one field in it."""
    field = identifier + struct.pack("<H", len(data)) + data
    return struct.pack("<H", len(field)) + field


def members(data, size=MEMBER_BYTES):
    """Small ones whose headers hold what a header can hold, each with an empty one behind it."""
    kinds = [(0, b""), (FNAME, b"page.prom\0"), (FEXTRA, extra(b"BC", b"\x1b\x00")), (FHCRC, b""),
             (FTEXT | FCOMMENT, b"a comment\0"),
             (FEXTRA | FNAME | FCOMMENT | FHCRC, extra(b"ap", b"") + b"n\0c\0")]
    return [stream for number, at in enumerate(range(0, len(data), size))
            for stream in (member(data[at:at + size], *kinds[number % len(kinds)]), member(b""))]


def single_members(data):
    """By name."""
    fields = extra(b"BC", b"\x00\x01") + b"page.prom\0" + b"all that a header can hold\0"
    return {
        **{f"level_{level}": member(data, level=level) for level in range(10)},
        "filtered": member(data, strategy=zlib.Z_FILTERED),
        "fixed": member(data, strategy=zlib.Z_FIXED),
        "huffman_only": member(data, strategy=zlib.Z_HUFFMAN_ONLY),
        "run_length": member(data, strategy=zlib.Z_RLE),
        "small_window": member(data, window_bits=9, memory=1),
        "much_memory": member(data, level=9, memory=9),
        "flushed": member(data, flush=zlib.Z_SYNC_FLUSH),
        "fully_flushed": member(data, flush=zlib.Z_FULL_FLUSH),
        "all_fields": member(data, FTEXT | FHCRC | FEXTRA | FNAME | FCOMMENT, fields),
    }


def main():
    lines = [f'istio_requests_total{{app="app-{number % 7}",code="{200 + number % 3 * 150}"}} '
             f"{number ** 5 % 99991}\n" for number in range(25)]
    text = "".join(lines).encode()
    streams = {**single_members(text), "members": b"".join(members(text))}
    for name, content in [("text.prom", text), *((f"{n}.gz", s) for n, s in streams.items())]:
        with open(os.path.join(DATA, name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
