"""Answers that want to harm whoever reads them, for a WebServer."""
import random
import struct
import zlib

from support import web

METRICS = ["Content-Type: text/plain; version=0.0.4"]
_PIECE_BYTES = 1 << 18


def _forever(exchange, piece):
    while not exchange.stopped.is_set():
        exchange.send(piece)


def gzip_bomb(inflated_mebibytes):
    """A gzip stream of a thousandth of what it inflates to, made of one piece over and over."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = deflater.compress(b"x" * (1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    bomb = (b"\x1f\x8b\x08\x00" + struct.pack("<L", 0) + b"\x00\xff" + piece * inflated_mebibytes +
            deflater.flush() + bytes(8))
    return web.page(bomb, headers=["Content-Encoding: gzip"])


def endless_line(exchange):
    exchange.send(web.head(200, METRICS) + b'endless{label="')
    _forever(exchange, b"x" * _PIECE_BYTES)


def endless_body(exchange):
    exchange.send(web.head(200, METRICS))
    _forever(exchange, b'endless{label="x"} 1\n' * (_PIECE_BYTES // 21))


def endless_headers(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    _forever(exchange, b"X-More: %s\r\n" % (b"x" * 1000))


def slow_drip(exchange):
    """A byte a second."""
    exchange.send(web.head(200, [*METRICS, "Content-Length: 1000000"]))
    while not exchange.stopped.wait(1):
        exchange.send(b"x")


def million_labels():
    labels = ",".join(f'l{number}="x"' for number in range(1_000_000))
    return web.page(f"wide{{{labels}}} 1\nnarrow 2\n")


def random_bytes():
    return web.page(random.Random(1).randbytes(1_000_000))


def many_families(families=10_000):
    """Ten thousand families, others at every scrape."""
    scrapes = 0

    def answer(exchange):
        nonlocal scrapes
        scrapes += 1
        web.page("".join(f"# TYPE f{scrapes}_{number} counter\nf{scrapes}_{number} 1\n"
                         for number in range(families)))(exchange)
    return answer


def content_length(text):
    """A page whose length is said to be `text`, and the end of the connection."""
    return web.raw(web.head(200, [*METRICS, f"Content-Length: {text}"]), b"short 1\n")
