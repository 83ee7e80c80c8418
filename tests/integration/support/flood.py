"""Everything that a hostile client does to an HTTP port, a thousand connections at a time.

A process of its own, so that what it costs is not taken from the servers of a test:
python3 -m support.flood PORT SECONDS CONNECTIONS
It says at its end, as JSON, how many connections of each kind it has made. On a busy machine it
lasts longer, until there were so many.
"""
import collections
import errno
import json
import random
import resource
import socket
import sys
import time

_OPENED_PER_ROUND_MAX = 10
_ROUND_S = 0.01
_DRIP_S = 0.3
_LONGEST = 5  # times the seconds asked for
_BODY_TO_COME = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n"
_HONEST = b"GET /api/v1/explain?series=up HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client:
    """One connection; `step` sends a little more, as its kind does."""

    def __init__(self, kind, port, source):
        self.kind = kind
        self.due_s = 0
        self._random = source
        self._sent = 0
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        if self.socket.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
            raise OSError("cannot connect")

    def step(self):
        pieces = {
            "silent": b"",
            "slow_header": _HONEST[self._sent:self._sent + 1],
            "slow_body": b"x" if self._sent else _BODY_TO_COME,
            "giant_header": b"x" * 8192 if self._sent else b"GET / HTTP/1.1\r\nX-Giant: ",
            "random_bytes": self._random.randbytes(512),
            # Asks over and over and reads no answer.
            "deaf": _HONEST * 20,
        }
        try:
            self._sent += self.socket.send(pieces[self.kind]) if pieces[self.kind] else 0
        except BlockingIOError:
            pass
        self.due_s = time.monotonic() + _DRIP_S


KINDS = ("silent", "slow_header", "slow_body", "giant_header", "random_bytes", "deaf")


def run(port, seconds, connections):
    source = random.Random(1)
    made = collections.Counter()
    clients = []
    begun = time.monotonic()
    while (spent_s := time.monotonic() - begun) < seconds or (
            sum(made.values()) < connections and spent_s < _LONGEST * seconds):
        for _ in range(min(_OPENED_PER_ROUND_MAX, connections - len(clients))):
            kind = KINDS[sum(made.values()) % len(KINDS)]
            try:
                client = Client(kind, port, source)
            except OSError:
                break
            made[kind] += 1
            clients.append(client)
        kept = []
        for client in clients:
            if _goes_on(client):
                kept.append(client)
            else:
                client.socket.close()
        clients = kept
        time.sleep(_ROUND_S)
    for client in clients:
        client.socket.close()
    return made


def _goes_on(client):
    try:
        if time.monotonic() >= client.due_s:
            client.step()
        if client.kind == "deaf":
            return client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        return client.socket.recv(4096) != b""
    except BlockingIOError:
        return True
    except OSError as error:
        return error.errno == errno.ENOTCONN


def main():
    port, seconds, connections = (int(argument) for argument in sys.argv[1:])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    print(json.dumps(run(port, seconds, connections)))


if __name__ == "__main__":
    main()
