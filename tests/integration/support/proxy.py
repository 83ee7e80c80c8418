"""An HTTP proxy of an office: it alone knows where names lead, and it may ask for a password."""
import base64
import socket
import threading

from support import web

_PIECE_BYTES = 1 << 16


class HttpProxy(web.WebServer):
    """`routes` says to which port of this machine "host:port" leads. `credentials`, "user:password"
    or empty for everybody, may change at any time."""

    def __init__(self, routes, credentials=""):
        self.credentials = credentials
        self._routes = routes
        super().__init__(otherwise=self._pass_on)

    def _pass_on(self, exchange):
        shown = exchange.request.headers.get("proxy-authorization", "nothing")
        if self.credentials and shown != basic(self.credentials):
            # Says what came, to see that nobody repeats it.
            exchange.respond(407, f"no way in with {shown}".encode(),
                             headers=['Proxy-Authenticate: Basic realm="office"'])
        elif exchange.request.method == "CONNECT":
            self._tunnel(exchange)
        else:
            self._forward(exchange)

    def _tunnel(self, exchange):
        with self._connected(exchange.request.path) as target:
            exchange.send(web.head(200, []))
            back = threading.Thread(target=_pump, args=(target, exchange.connection))
            back.start()
            _pump(exchange.connection, target)
            back.join()

    def _forward(self, exchange):
        """One request, http://host:port/path, of which the target sees /path."""
        request = exchange.request
        authority, _, path = request.path.removeprefix("http://").partition("/")
        headers = [f"{name}: {value}" for name, value in request.headers.items()
                   if not name.startswith(("proxy-", "connection"))]
        with self._connected(authority) as target:
            target.sendall("\r\n".join([f"{request.method} /{path}?{request.query} HTTP/1.1",
                                        *headers, "Connection: close", "", ""]).encode("latin-1"))
            target.sendall(request.body)
            _pump(target, exchange.connection)

    def _connected(self, authority):
        return socket.create_connection(("127.0.0.1", self._routes[authority]))


def basic(credentials):
    """The header's value."""
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def _pump(source, target):
    """Until one of them ends, which the other is told."""
    try:
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # both ends are about to close
