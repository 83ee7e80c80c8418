"""A stand-in for the API server of Kubernetes, for Leases, over TLS.

It does with Leases what the real one does: versions and conflicts, validation, tokens, managed
fields that are kept. Each client has a service account of its own (a folder with token, namespace
and ca.crt), so a test can let things go wrong for one of them or for all, and read afterwards who
held the lease and when.
"""
import copy
import datetime
import email.utils
import http.server
import json
import os
import re
import socket
import ssl
import threading
import time
import uuid
from typing import NamedTuple

from support.certificates import Authority

NAMESPACE = "mesh"
_LEASES = re.compile(r"/apis/coordination\.k8s\.io/v1/namespaces/([^/]+)/leases(?:/([^/]+))?")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_VERBS = {"GET": "get", "POST": "create", "PUT": "update"}
_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound",
            409: "Conflict", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
            503: "ServiceUnavailable"}


class Held(NamedTuple):
    """One successful write of the lease."""
    at: float     # time.monotonic()
    holder: str   # from then on; "" for nobody
    client: str   # whose request it was; "" for the test's own hand


class Trouble:
    """What happens to requests instead of an answer; it ends after `requests` of them.

    kind: "status"; "hang" (not carried out), "lose" (carried out, and then silence), "drop" (the
    connection ends), "delay".
    """

    def __init__(self, kind, client=None, verb=None, requests=None, status=0, seconds=0.0):
        self.kind = kind
        self.status = status
        self.seconds = seconds
        self._client = client
        self._verb = verb
        self._left = requests

    def strikes(self, client, verb):
        if self._left == 0 or self._client not in (None, client) or self._verb not in (None, verb):
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def micro_time(offset_s=0.0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Leases:
    """The objects, versioned."""

    def __init__(self):
        self._lock = threading.Lock()
        self._objects = {}
        self._version = 1000
        self._history = []

    def get(self, key):
        with self._lock:
            return copy.deepcopy(self._found(key))

    def create(self, key, lease, client, manager):
        _validate(lease, key)
        with self._lock:
            if key in self._objects:
                raise Refused(409, f'leases "{key[1]}" already exists')
            lease["metadata"].update(uid=str(uuid.uuid4()),
                                     creationTimestamp=micro_time()[:19] + "Z")
            return self._store(key, lease, client, manager)

    def update(self, key, lease, client, manager):
        _validate(lease, key)
        version = lease["metadata"].get("resourceVersion")
        if not version:
            raise Refused(422, "metadata.resourceVersion: must be specified for an update")
        with self._lock:
            found = self._found(key)
            if lease["metadata"].get("uid", found["metadata"]["uid"]) != found["metadata"]["uid"]:
                raise Refused(409, "Precondition failed: UID in precondition differs")
            if version != found["metadata"]["resourceVersion"]:
                raise Refused(409, "the object has been modified; please apply your changes to the "
                                   "latest version and try again")
            return self._store(key, lease, client, manager)

    def edit(self, key, spec):
        """By hand, whatever the version is; made where it is missing."""
        with self._lock:
            lease = self._objects.get(key) or {
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": key[1], "namespace": key[0], "uid": str(uuid.uuid4())}}
            return self._store(key, {**lease, "spec": spec}, "", "kubectl-edit")

    def delete(self, key):
        with self._lock:
            if self._objects.pop(key, None) is not None:
                self._history.append(Held(time.monotonic(), "", ""))

    def history(self):
        with self._lock:
            return list(self._history)

    def _found(self, key):
        if key not in self._objects:
            raise Refused(404, f'leases.coordination.k8s.io "{key[1]}" not found')
        return self._objects[key]

    def _store(self, key, lease, client, manager):
        self._version += 1
        lease = copy.deepcopy(lease)
        lease["metadata"]["resourceVersion"] = str(self._version)
        lease["metadata"]["managedFields"] = [
            {"manager": manager, "operation": "Update", "apiVersion": "coordination.k8s.io/v1",
             "time": micro_time()[:19] + "Z", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:spec": {f"f:{name}": {} for name in lease.get("spec") or {}}}}]
        self._objects[key] = lease
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        self._history.append(Held(time.monotonic(), holder, client))
        return copy.deepcopy(lease)


def _validate(lease, key):
    if not isinstance(lease, dict) or lease.get("kind") != "Lease":
        raise Refused(400, "the object is not a Lease")
    metadata = lease.get("metadata") or {}
    if (metadata.get("namespace", key[0]), metadata.get("name")) != key:
        raise Refused(400, "the name of the object does not match the name on the URL")
    spec = lease.get("spec") or {}
    for name in ("acquireTime", "renewTime"):
        text = spec.get(name)
        if text is not None and not _MICRO_TIME.fullmatch(text):
            raise Refused(400, f'parsing time "{text}" as "2006-01-02T15:04:05.000000Z07:00"')
    for name, least in (("leaseDurationSeconds", 1), ("leaseTransitions", 0)):
        number = spec.get(name)
        if number is not None and (not isinstance(number, int) or number < least):
            raise Refused(422, f"spec.{name}: Invalid value: {number}")


class Account:
    """The files of one client's service account, replaced as kubelet does."""

    def __init__(self, folder, client):
        self.folder = folder
        self.client = client
        self.token = ""
        os.mkdir(folder)
        self._write("namespace", NAMESPACE)
        self.rotate_token()

    def rotate_token(self):
        """The one from before is good no longer."""
        self.token = f"{self.client}-{uuid.uuid4()}"
        self._write("token", self.token)

    def write_authority(self, certificate):
        with open(certificate, encoding="ascii") as file:
            self._write("ca.crt", file.read())

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + ".new", path)


class KubeApi:
    def __init__(self, folder):
        self._folder = folder
        self._accounts = {}
        self._troubles = []
        self._lock = threading.Lock()
        self._connections = set()
        self._requests = []
        self._stopped = threading.Event()
        self._authorities = 0
        self._context = None
        self._certificate = None
        self.leases = Leases()
        self.date_offset_s = 0.0  # of what the server says the time is
        self.rotate_authority()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self):
        self._stopped.set()
        self._server.shutdown()
        self._thread.join()
        self.cut_connections()
        self._server.server_close()

    # --- clients --------------------------------------------------------------------------------

    def account(self, client):
        if client not in self._accounts:
            account = Account(os.path.join(self._folder, f"account-{client}"), client)
            account.write_authority(self._certificate)
            with self._lock:
                self._accounts[client] = account
        return self._accounts[client]

    def environment(self, client, uid="1"):
        """Of the pod `client`; the identity in the lease is CLIENT_UID."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port),
                "FEDWAVE_SERVICE_ACCOUNT_DIR": self.account(client).folder, "POD_NAME": client,
                "POD_NAMESPACE": NAMESPACE, "POD_UID": uid}

    def requests(self, client=None):
        """(client, verb, User-Agent) of each so far."""
        with self._lock:
            return [request for request in self._requests if client in (None, request[0])]

    # --- the lease ------------------------------------------------------------------------------

    def lease(self, name="fedwave"):
        """None while there is none."""
        try:
            return self.leases.get((NAMESPACE, name))
        except Refused:
            return None

    def holder(self, name="fedwave"):
        lease = self.lease(name) or {}
        return (lease.get("spec") or {}).get("holderIdentity") or ""

    def edit_lease(self, spec, name="fedwave"):
        return self.leases.edit((NAMESPACE, name), spec)

    def give_to(self, holder, duration_s=15, offset_s=0.0, name="fedwave"):
        """To somebody else, whose clock is `offset_s` off."""
        now = micro_time(offset_s)
        return self.edit_lease({"holderIdentity": holder, "leaseDurationSeconds": duration_s,
                                "acquireTime": now, "renewTime": now, "leaseTransitions": 7}, name)

    def delete_lease(self, name="fedwave"):
        self.leases.delete((NAMESPACE, name))

    def history(self):
        """Every write so far, as Held."""
        return self.leases.history()

    # --- trouble --------------------------------------------------------------------------------

    def trouble(self, kind, **keywords):
        """As Trouble; it can be ended early with end_trouble(what this returns)."""
        trouble = Trouble(kind, **keywords)
        with self._lock:
            self._troubles.append(trouble)
        return trouble

    def end_trouble(self, trouble=None):
        with self._lock:
            self._troubles = [each for each in self._troubles if trouble not in (None, each)]

    def rotate_authority(self):
        """A new authority and a certificate by it; open connections end."""
        self._authorities += 1
        authority = Authority(self._folder, f"authority-{self._authorities}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(f"api-{self._authorities}", "IP:127.0.0.1"))
        self._context, self._certificate = context, authority.certificate
        for account in self._accounts.values():
            account.write_authority(authority.certificate)
        self.cut_connections()

    def cut_connections(self):
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other end was quicker

    # --- for the handler ------------------------------------------------------------------------

    def secured(self, connection):
        connection.settimeout(60)
        secured = self._context.wrap_socket(connection, server_side=True)
        with self._lock:
            self._connections.add(secured)
        return secured

    def forget(self, connection):
        with self._lock:
            self._connections.discard(connection)

    def client_of(self, authorization):
        with self._lock:
            for account in self._accounts.values():
                if authorization == f"Bearer {account.token}":
                    return account.client
        return ""

    def trouble_for(self, client, verb, user_agent):
        with self._lock:
            self._requests.append((client, verb, user_agent))
            return next((each for each in self._troubles if each.strikes(client, verb)), None)

    def hang(self, trouble):
        """Until the trouble is over, or the server."""
        while not self._stopped.wait(0.05):
            with self._lock:
                if trouble not in self._troubles:
                    return

    def wait(self, seconds):
        self._stopped.wait(seconds)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Clients may go away at any time, also in the middle of a handshake."""


class _Gone(Exception):
    """The connection ends without an answer."""


def _handler_of(api):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            self.request = api.secured(self.request)
            super().setup()

        def finish(self):
            api.forget(self.request)
            super().finish()
            self.request.close()

        def log_message(self, *_):
            pass

        def date_time_string(self, timestamp=None):
            return email.utils.formatdate((timestamp or time.time()) + api.date_offset_s,
                                          usegmt=True)

        def do_GET(self):
            self._answer()

        def do_POST(self):
            self._answer()

        def do_PUT(self):
            self._answer()

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            verb = _VERBS[self.command]
            client = api.client_of(self.headers.get("Authorization", ""))
            manager = self.headers.get("User-Agent", "")
            try:
                self._respond(*self._result(client, verb, body, manager))
            except _Gone:
                self.close_connection = True

        def _result(self, client, verb, body, manager):
            trouble = api.trouble_for(client, verb, manager)
            try:
                if trouble is None:
                    return self._carry_out(client, body, manager)
                if trouble.kind == "status":
                    raise Refused(trouble.status, "as the test wants it")
                if trouble.kind == "delay":
                    api.wait(trouble.seconds)
                    return self._carry_out(client, body, manager)
                if trouble.kind == "lose":
                    self._carry_out(client, body, manager)
                if trouble.kind in ("lose", "hang"):
                    api.hang(trouble)
                raise _Gone
            except Refused as refused:
                return refused.status, {"kind": "Status", "apiVersion": "v1", "metadata": {},
                                        "status": "Failure", "message": str(refused),
                                        "reason": _REASONS[refused.status], "code": refused.status}

        def _carry_out(self, client, body, manager):
            if not client:
                raise Refused(401, "Unauthorized")
            match = _LEASES.fullmatch(self.path)
            if not match or (match[2] is None) != (self.command == "POST"):
                raise Refused(404, "the server could not find the requested resource")
            if self.command == "GET":
                return 200, api.leases.get((match[1], match[2]))
            try:
                lease = json.loads(body)
            except ValueError as error:
                raise Refused(400, f"the object cannot be read: {error}") from error
            manager = manager.split("/")[0]
            if self.command == "PUT":
                return 200, api.leases.update((match[1], match[2]), lease, client, manager)
            key = match[1], (lease.get("metadata") or {}).get("name")
            return 201, api.leases.create(key, lease, client, manager)

        def _respond(self, status, answer):
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler
