"""A web server over plain sockets: whatever it is asked, it can answer anything, also nonsense."""
import gzip
import io
import socket
import struct
import threading
import time
import urllib.parse
import urllib.request
from typing import NamedTuple

from support.processes import DEADLINE_S, free_port

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HEAD_BYTES_MAX = 1 << 20
_WHICHEVER = 0  # in the place of a connection's number
_SO_TIMESTAMPNS = 35  # Linux's; the socket module does not name it


class Request(NamedTuple):
    method: str
    path: str
    query: str
    headers: dict    # names in lower case
    body: bytes
    connection: int  # counted from 1, of the server
    at: float        # time.monotonic() when it reached this machine, however late it is read

    def parameters(self, name):
        return urllib.parse.parse_qs(self.query, strict_parsing=True).get(name, [])


class Exchange:
    """One request and the way to answer it. An answer that raises OSError lost its reader."""

    def __init__(self, request, connection, stopped):
        self.request = request
        self.stopped = stopped  # an Event; answers that take their time wait for it
        self.keep_alive = False  # set by answers after which the connection is good for another
        self.connection = connection

    def send(self, data):
        self.connection.sendall(data)

    def respond(self, status, body=b"", content_type=METRICS_TYPE, headers=()):
        """A whole and proper answer."""
        self.send(head(status, [f"Content-Type: {content_type}", f"Content-Length: {len(body)}",
                                *headers]) + body)
        self.keep_alive = True


def head(status, headers):
    return "\r\n".join([f"HTTP/1.1 {status} Any", *headers, "", ""]).encode("latin-1")


# Answers, each a function of the exchange.

def page(text, **keywords):
    body = text if isinstance(text, bytes) else text.encode()
    return lambda exchange: exchange.respond(200, body, **keywords)


def gzip_page(text):
    return page(gzip.compress(text.encode(), mtime=0), headers=["Content-Encoding: gzip"])


def status(code, text="", **keywords):
    body = text if isinstance(text, bytes) else text.encode()
    return lambda exchange: exchange.respond(code, body, **keywords)


def redirect(location):
    return lambda exchange: exchange.respond(302, headers=[f"Location: {location}"])


def raw(*pieces):
    """These bytes, then the end of the connection."""
    def answer(exchange):
        for piece in pieces:
            exchange.send(piece)
    return answer


def nothing(exchange):
    """Keeps the asker waiting until the server is stopped."""
    exchange.stopped.wait()


def take(lines):
    """As a receiver of points that keeps them in a list."""
    def answer(exchange):
        lines.extend(body_of(exchange.request).decode().splitlines())
        exchange.respond(202)
    return answer


def in_turn(*answers):
    """One after the other, the last one from then on.

    Who gives up before the end of an answer comes again by another connection, and gets it again.
    """
    left = list(answers)
    last = None  # the connection that has to come again before the next answer is due

    def answer(exchange):
        nonlocal last
        if last in (_WHICHEVER, exchange.request.connection) and len(left) > 1:
            left.pop(0)
        last = exchange.request.connection
        left[0](exchange)
        if not exchange.keep_alive:
            last = _WHICHEVER
    return answer


def read_whole(requests):
    """Those whose answer was certainly read to its end: the connection served another one."""
    return [request for number, request in enumerate(requests)
            if any(later.connection == request.connection for later in requests[number + 1:])]


class WebServer:
    """Answers by path with what stands in `answers`, which may change at any time."""

    def __init__(self, answers=None, port=0, otherwise=status(404, "no such page")):
        self.answers = dict(answers or {})
        self._otherwise = otherwise
        self.port = port or free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        # Connections inherit it.
        self._listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.address = f"127.0.0.1:{self.port}"
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._requests = []
        self._finished = []
        self._connections = {}
        self._count = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path):
        return f"http://{self.address}{path}"

    def requests(self, path):
        """What was asked for so far, in order."""
        with self._lock:
            return [request for request in self._requests if request.path == path]

    def finished(self, path):
        """The same where the answer went out to its end."""
        with self._lock:
            return [request for request in self._finished if request.path == path]

    def stop(self):
        self._stopped.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # stopped before
        self._listener.close()
        with self._lock:
            for connection in self._connections.values():
                _cut(connection)
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stopped.is_set():
                    connection.close()
                    return
                self._count += 1
                number = self._count
                self._connections[number] = connection
                thread = threading.Thread(target=self._serve, args=(connection, number))
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection, number):
        try:
            arriving = _Arriving(connection)
            received = io.BufferedReader(arriving)
            while request := _read_request(received, arriving, number):
                if not self._answer(request, connection):
                    break
        except OSError:
            pass  # the asker has left
        finally:
            with self._lock:
                del self._connections[number]
            _cut(connection)
            connection.close()

    def _answer(self, request, connection):
        with self._lock:
            self._requests.append(request)
        exchange = Exchange(request, connection, self._stopped)
        self.answers.get(request.path, self._otherwise)(exchange)
        with self._lock:
            self._finished.append(request)
        return exchange.keep_alive and not self._stopped.is_set()


def _cut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was quicker


class _Arriving(io.RawIOBase):
    """What comes in on a connection, and when the kernel had it: whoever reads may be late."""

    def __init__(self, connection):
        super().__init__()
        self.at = 0.0  # time.monotonic() of what was read last
        self._connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        size, stamps, _, _ = self._connection.recvmsg_into([buffer], socket.CMSG_SPACE(16))
        self.at = time.monotonic()
        if stamps:
            seconds, nanoseconds = struct.unpack("qq", stamps[0][2])
            self.at = seconds + nanoseconds / 1e9 - _wall_clock_ahead_s()
        return size


def _wall_clock_ahead_s():
    """Of the monotonic one; both are read until nothing comes between."""
    while True:
        before = time.monotonic()
        wall = time.time()
        if time.monotonic() - before < 0.001:
            return wall - before


def _read_request(received, arriving, number):
    """None when the asker closes instead of asking."""
    line = received.readline(_HEAD_BYTES_MAX).decode("latin-1")
    if not line:
        return None
    at = arriving.at
    method, target, _ = line.split(" ")
    headers = {}
    while (line := received.readline(_HEAD_BYTES_MAX).decode("latin-1").strip()):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = received.read(int(headers.get("content-length", 0)))
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body, number, at)


def body_of(request):
    """As it was before it was compressed."""
    is_gzip = request.headers.get("content-encoding") == "gzip"
    return gzip.decompress(request.body) if is_gzip else request.body


def post(url, body, timeout_s=DEADLINE_S):
    """(status, body) of the answer."""
    request = urllib.request.Request(url, data=body.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        return response.status, response.read()
