"""A Wavefront that keeps what it accepts and, with a schedule of moods, is as bad as one can be."""
import collections
import gzip
import socket
import struct
import threading
from typing import NamedTuple

from support import web
from support.chaos import schedule
from support.chaos.content import is_poison
from support.chaos.schedule import Mood
from support.processes import free_port

ACCEPTED = 202
_HEAD_BYTES_MAX = 1 << 16
_CALM = Mood(schedule.OK, 0)


def _listen(port):
    return socket.create_server(("127.0.0.1", port), backlog=128)


class Request(NamedTuple):
    headers: dict  # names in lower case
    body: bytes

    def lines(self):
        body = self.body
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return body.decode().splitlines()


class Receiver:
    """Accepts into `ledger`. A token is asked for where there is a write_token(text).

    It is all well until begin(moods), and again after calm().
    """

    def __init__(self, ledger, refuses_poison=False, write_token=None):
        self.ledger = ledger
        self.met = collections.Counter()      # requests by what became of them
        self.periods = collections.Counter()  # moods by kind
        self._refuses_poison = refuses_poison
        self._write_token = write_token
        self._tokens = 0
        self._lock = threading.Lock()
        self._connections = set()
        self._stopping = threading.Event()
        self._calming = threading.Event()
        self._mood = _CALM
        self._moods_thread = None
        self._renew_token()
        self._tell_token()
        self.port = free_port()
        self._listener = None
        self._open()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def begin(self, moods):
        self._moods_thread = threading.Thread(target=self._live, args=(moods,))
        self._moods_thread.start()

    def calm(self):
        self._calming.set()
        if self._moods_thread:
            self._moods_thread.join()
            self._moods_thread = None

    def stop(self):
        self.calm()
        self._stopping.set()
        self._close()

    # The moods, one after the other, in a thread of their own.

    def _live(self, moods):
        for mood in moods:
            if self._calming.is_set():
                return
            self._enter(mood)
            self._calming.wait(mood.seconds)
            self._leave(mood)

    def _enter(self, mood):
        self._mood = mood
        self.periods[mood.kind] += 1
        if mood.kind == schedule.REFUSES:
            self._close()
        elif mood.kind == schedule.REVOKES:
            self._renew_token()

    def _leave(self, mood):
        if mood.kind == schedule.REFUSES:
            self._open()
        elif mood.kind == schedule.REVOKES:
            self._tell_token()
        self._mood = _CALM

    def _renew_token(self):
        self._tokens += 1

    def _tell_token(self):
        if self._write_token:
            self._write_token(self._token)

    @property
    def _token(self):
        return f"token-{self._tokens}"

    # The listener and its connections.

    def _open(self):
        self._listener = _listen(self.port)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _close(self):
        """Whoever comes is refused, whoever is there is cut off."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # closed before
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other end was quicker

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        received = connection.makefile("rb")
        try:
            while self._exchange(connection, received):
                pass
        except OSError:
            pass  # the sender has left
        finally:
            with self._lock:
                self._connections.discard(connection)
            received.close()
            connection.close()

    # One request.

    def _exchange(self, connection, received):
        """False once the connection is of no more use."""
        headers = _read_head(received)
        if headers is None or self._stopping.is_set():
            return False
        mood = self._mood
        if mood.kind == schedule.REFUSES:
            return False  # had been accepted just before
        length = int(headers["content-length"])
        if mood.kind == schedule.RESETS:
            received.read(length // 2)
            self._count(mood.kind)
            return _reset(connection)
        body = received.read(length)
        if len(body) < length:
            return False
        request = Request(headers, body)
        if mood.kind == schedule.HANGS:
            self._count(mood.kind)
            received.read(1)  # until the sender gives up
            return False
        if mood.kind in (schedule.SLOW_DOWN, schedule.FAILS):
            self._count(f"{mood.status}{' Retry-After' if mood.retry_after else ''}")
            return _answer(connection, mood.status, ["Retry-After: 1"] if mood.retry_after else [])
        return self._judge(connection, mood, request)

    def _judge(self, connection, mood, request):
        status = self._take(mood, request)
        if status == ACCEPTED and mood.kind == schedule.TAKES_AND_CUTS:
            self._count(mood.kind)
            return False
        if status == ACCEPTED and mood.kind == schedule.TAKES_AND_RESETS:
            self._count(mood.kind)
            return _reset(connection)
        if status == ACCEPTED and mood.kind == schedule.TAKES_AND_FAILS:
            self._count(mood.kind)
            return _answer(connection, 500)
        self._count(str(status))
        return _answer(connection, status)

    def _take(self, mood, request):
        """The status; the lines are taken all or none."""
        if self._write_token and request.headers.get("authorization") != f"Bearer {self._token}":
            return mood.status if mood.kind == schedule.REVOKES else 401
        lines = request.lines()
        if mood.kind == schedule.TOO_LARGE and len(lines) > mood.lines_max:
            return 413
        if self._refuses_poison and any(map(is_poison, lines)):
            return 400
        self.ledger.take(lines)
        return ACCEPTED

    def _count(self, what):
        with self._lock:
            self.met[what] += 1


def _read_head(received):
    """None when there is no further request."""
    if not received.readline(_HEAD_BYTES_MAX):
        return None
    headers = {}
    while (line := received.readline(_HEAD_BYTES_MAX).decode("latin-1").strip()):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers if "content-length" in headers else None  # else it was cut off


def _answer(connection, status, headers=()):
    connection.sendall(web.head(status, ["Content-Length: 0", *headers]))
    return True


def _reset(connection):
    """The close that follows will be a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
