"""Receivers that cost next to nothing while a relay is timed: they take the points and look at them
when they are asked. `fedwave receive` checks every line, which takes longer than the relay does.
"""
import contextlib
import socket
import threading
import time

from support import web

PIECE_BYTES = 1 << 20


class Lines:
    """Lines that come in pieces, in any order, remembered as their number and the sum of their hashes."""

    def __init__(self):
        self.count = 0
        self._sum = 0
        self._rest = b""

    def add(self, piece):
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        self._sum += sum(map(hash, lines))
        self.count += len(lines)

    def __eq__(self, other):
        return (self.count, self._sum, self._rest) == (other.count, other._sum, other._rest)


class Inbox:
    """What has been received since the last take(); filled by the receiver's threads, emptied by the
    one that asks."""

    def __init__(self, text_of=bytes):
        self._text_of = text_of
        self._lock = threading.Lock()
        self._pieces = []
        self._lines = Lines()
        self.last_s = 0.0  # when something came last, by the wall clock

    def put(self, piece):
        with self._lock:
            self._pieces.append(piece)
            self.last_s = time.time()

    def count(self):
        """Of the lines so far."""
        with self._lock:
            pieces, self._pieces = self._pieces, []
        for piece in pieces:
            self._lines.add(self._text_of(piece))
        return self._lines.count

    def take(self):
        self.count()
        lines, self._lines = self._lines, Lines()
        return lines


class HttpReceiver(web.WebServer):
    def __init__(self):
        self.inbox = Inbox(web.body_of)
        super().__init__(otherwise=self._take)

    def _take(self, exchange):
        self.inbox.put(exchange.request)
        exchange.respond(202)


class TcpReceiver:
    def __init__(self):
        self.inbox = Inbox()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        """One connection at a time, as the relay has it."""
        with contextlib.suppress(OSError):  # stopped
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    while piece := connection.recv(PIECE_BYTES):
                        self.inbox.put(piece)

    def stop(self):
        """After the relay, whose connection would keep the thread."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
