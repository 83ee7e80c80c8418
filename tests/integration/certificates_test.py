"""Certificates of a mesh: they come late, one after the other, are exchanged, wrong or too old, and
the relay lives through all of it."""
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from support import fedwave
from support.case import FedwaveCase
from support.certificates import Authority
from support.metrics_page import MetricsPage
from support.nginx import Nginx, Site
from support.processes import http_get

TOKENS = {"relay": "relay-2f61c0de87"}
PROMETHEUS = "spiffe://cluster.local/ns/istio-system/sa/prometheus"
STRANGER = "spiffe://cluster.local/ns/default/sa/stranger"
FILES = ("root-cert.pem", "cert-chain.pem", "key.pem")
# So that what works again soon does so because it was tried again soon.
LONG_INTERVAL = "10m"
RECOVERY_S = 30
SLACK_S = 30  # what a busy machine may add
ROTATIONS = 10
SOURCES = 4
REFUSALS = 12
ENDED_BY_CLIENT = 499  # nginx's own


def waiting_for(paths):
    *others, last = paths
    listed = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    return f"waiting for certificates: {listed} not there yet"


class UnwillingServer:
    """Demands a certificate over TLS 1.3, and closes at once where it does not like what it gets."""

    def __init__(self, certificate, key, client_ca):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.load_cert_chain(certificate, key)
        self._context.load_verify_locations(client_ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # stopped
            with contextlib.suppress(OSError), connection:
                self._context.wrap_socket(connection, server_side=True).close()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class CertificatesTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        self.mounted = os.path.join(self.folder, "istio-certs")
        os.mkdir(self.mounted)
        self.authority = Authority(self.folder)

    def serve(self, identity=PROMETHEUS):
        """nginx, which demands a certificate and shows one of this identity itself."""
        pair = self.authority.issue("server", f"URI:{identity}")
        site = Site(*pair, client_ca=self.authority.certificate)
        self.nginx = Nginx(self.folder, self.write("page.prom", "# TYPE a untyped\na 1\n"),
                           {"mutual": site}, TOKENS)
        self.addCleanup(self.nginx.stop)

    def arrive(self, name, source):
        """A file is there from one moment to the next, as Istio's agent writes it."""
        path = os.path.join(self.mounted, name)
        shutil.copy(source, path + ".new")
        os.replace(path + ".new", path)

    def arrive_all(self, authority, certificate, key):
        for name, source in zip(FILES, (authority, certificate, key)):
            self.arrive(name, source)

    def start(self, interval=LONG_INTERVAL, sources=1):
        root, chain, key = (os.path.join(self.mounted, name) for name in FILES)
        lines = ["sinks: [{type: stdout}]", f"defaultCollectionInterval: {interval}",
                 "sources:", "  prometheus_sources:"]
        for number in range(sources):
            lines += [f"  - name: mesh-{number}", f"    url: '{self.nginx.url('mutual')}'",
                      "    httpConfig:", f"      bearer_token: {TOKENS['relay']}",
                      "      tls_config:", f"        ca_file: {root}",
                      f"        cert_file: {chain}", f"        key_file: {key}",
                      f"        serverIdentities: {PROMETHEUS}"]
        port_file = os.path.join(tempfile.mkdtemp(dir=self.folder), "status.port")
        relay = self.relay("\n".join(lines) + "\n", "--listen", "127.0.0.1:0",
                           "--port-file", port_file, stdout=subprocess.DEVNULL)

        def port():
            return os.path.exists(port_file) and int(self.read(port_file) or 0)
        self.port = self.wait_for(relay, port, "the status server")
        return relay

    def get(self, path):
        status, body = http_get(f"http://127.0.0.1:{self.port}{path}")
        self.assertEqual(status, 200, body)
        return body.decode()

    def sources(self):
        return json.loads(self.get("/api/v1/sources"))["sources"]

    def wait_for_error(self, relay, *words):
        """Until the status says so; each state has to show within its time."""
        def is_told():
            error = self.sources()[0]["last_error"]
            return all(word in error for word in words)
        self.wait_for(relay, is_told, f"the error {words}", RECOVERY_S + SLACK_S)

    def wait_for_page(self, relay):
        self.wait_for(relay, lambda: all(source["up"] for source in self.sources()),
                      "a scrape that works", RECOVERY_S + SLACK_S)
        self.wait_for(relay, lambda: "scraping again" in relay.output(), "the news of it")

    def failures(self, code):
        page = MetricsPage(self.get("/metrics"))
        return page.total("fedwave_scrape_failures_total", code=code)

    def test_each_file_may_come_late_in_any_order(self):
        self.serve()
        certificate, key = self.authority.issue("client")
        content = dict(zip(FILES, (self.authority.certificate, certificate, key)))
        for order in (("root-cert.pem", "key.pem", "cert-chain.pem"),
                      ("cert-chain.pem", "key.pem", "root-cert.pem"),
                      ("root-cert.pem", "cert-chain.pem", "key.pem")):
            with self.subTest(order=order):
                for name in os.listdir(self.mounted):
                    os.remove(os.path.join(self.mounted, name))
                before = len(self.nginx.requests("mutual"))
                relay = self.start()
                for number, name in enumerate(order):
                    missing = [os.path.join(self.mounted, file) for file in FILES
                               if file in order[number:]]
                    self.wait_for_error(relay, waiting_for(missing))
                    self.assertEqual(self.nginx.requests("mutual")[before:], [])
                    self.arrive(name, content[name])
                self.assertGreater(self.failures("not_ready"), 0)
                self.wait_for(relay, lambda: "waiting for certificates" in relay.output())
                self.wait_for_page(relay)
                self.assertEqual(relay.stop(), 0, relay.output())

    def test_a_key_of_another_certificate_is_never_shown(self):
        self.serve()
        certificate, key = self.authority.issue("client")
        _, other_key = self.authority.issue("other")
        self.arrive_all(self.authority.certificate, certificate, other_key)
        relay = self.start()
        self.wait_for_error(relay, "key.pem does not belong to the first certificate in")
        self.assertGreater(self.failures("tls"), 0)
        self.arrive("key.pem", key)
        self.wait_for_page(relay)
        serials = {request.serial for request in self.nginx.requests("mutual")}
        self.assertEqual(serials, {self.authority.serial(certificate)})

    def test_rotation_under_load_fails_no_scrape_and_never_shows_a_wrong_pair(self):
        self.serve()
        pairs = [self.authority.issue(f"client-{number}") for number in range(ROTATIONS + 1)]
        serials = [self.authority.serial(certificate) for certificate, _ in pairs]
        self.arrive_all(self.authority.certificate, *pairs[0])
        relay = self.start(interval="1s", sources=SOURCES)

        def requests_with(serial):
            return [seen for seen in self.nginx.requests("mutual") if seen.serial == serial]

        def wait_for_requests(serial, more):
            enough = len(requests_with(serial)) + more
            self.wait_for(relay, lambda: len(requests_with(serial)) >= enough,
                          f"{more} more requests with {serial}")

        def wait_for_each_source(serial):
            """Each has made a connection of its own with this pair."""
            self.wait_for(relay, lambda: len({seen.connection for seen in requests_with(serial)}) >=
                          SOURCES, f"all sources with {serial}")

        wait_for_each_source(serials[0])
        for number in range(1, ROTATIONS + 1):
            parts = list(zip(FILES[1:], pairs[number]))
            first, second = parts if number % 2 else reversed(parts)
            self.arrive(*first)
            wait_for_requests(serials[number - 1], SOURCES)  # with the old pair as ever
            self.arrive(*second)
            wait_for_each_source(serials[number])
            wait_for_requests(serials[number], SOURCES)
        # Within the time that a scrape has here, a busy machine may not get its answer.
        failures = [source["failures_by"] for source in self.sources()]
        late = sum(by.pop("timeout", 0) for by in failures)
        self.assertEqual(failures, [{}] * SOURCES)
        requests = self.nginx.requests("mutual")
        self.assertEqual({seen.status for seen in requests} - {ENDED_BY_CLIENT}, {200})
        self.assertEqual({seen.serial for seen in requests}, set(serials))
        # Each source makes one connection for each pair, and keeps it until there is another one.
        connections = len({seen.connection for seen in requests})
        self.assertGreaterEqual(connections, SOURCES * len(pairs))
        self.assertLessEqual(connections, SOURCES * len(pairs) + late)
        self.assertEqual(relay.stop(), 0, relay.output())
        self.assertIn("the old pair stays in use", relay.output())
        self.assertIn("the new TLS certificate is in use", relay.output())

    def test_what_has_expired_is_told_and_replaced_while_it_runs(self):
        self.serve()
        certificate, key = self.authority.issue("client")
        old_certificate, old_key = self.authority.issue("old-client", days=-1)
        self.arrive_all(self.authority.expired(), old_certificate, old_key)
        relay = self.start()
        self.wait_for_error(relay, "cert-chain.pem was good until 2")
        self.arrive("cert-chain.pem", certificate)
        self.arrive("key.pem", key)
        self.wait_for_error(relay, "certificate has expired (CN=Test authority ca, good until 2",
                            "root-cert.pem")
        self.assertGreater(self.failures("tls"), 0)
        self.arrive("root-cert.pem", self.authority.certificate)
        self.wait_for_page(relay)
        self.assertEqual(relay.stop(), 0, relay.output())

    def test_a_new_pair_that_has_expired_leaves_the_old_one_in_use(self):
        self.serve()
        pairs = [self.authority.issue("client"), self.authority.issue("late", days=-1),
                 self.authority.issue("renewed")]
        serials = [self.authority.serial(certificate) for certificate, _ in pairs]
        self.arrive_all(self.authority.certificate, *pairs[0])
        relay = self.start(interval="1s")

        def wait_for_requests(serial, more):
            def count():
                return sum(seen.serial == serial for seen in self.nginx.requests("mutual"))
            enough = count() + more
            self.wait_for(relay, lambda: count() >= enough, f"{more} more requests with {serial}")

        def arrive(number):
            for name, source in zip(FILES[1:], pairs[number]):
                self.arrive(name, source)

        wait_for_requests(serials[0], 1)
        arrive(1)
        self.wait_for(relay, lambda: "cert-chain.pem was good until 2" in relay.output(),
                      "what is wrong with the new pair")
        wait_for_requests(serials[0], 3)
        self.assertNotIn("the new TLS certificate is in use", relay.output())
        arrive(2)
        wait_for_requests(serials[2], 1)
        self.assertEqual({source["failures_by"].get("tls", 0) for source in self.sources()}, {0})
        self.assertEqual(relay.stop(), 0, relay.output())
        self.assertEqual(relay.output().count("cert-chain.pem was good until 2"), 1)
        self.assertEqual(relay.output().count("the new TLS certificate is in use"), 1)

    def test_a_server_that_refuses_us_is_quoted_however_quickly_it_is_gone(self):
        server = UnwillingServer(*self.authority.issue("server", "IP:127.0.0.1"),
                                 self.authority.certificate)
        self.addCleanup(server.stop)
        certificate, key = Authority(self.folder, "other").issue("stranger")
        rows = (([], '"certificate required" (116); it may want a client certificate'),
                ([f"cert_file: {certificate}", f"key_file: {key}"],
                 f'"unknown CA" (48); it may not like the certificate in {certificate}'))
        for pair, reason in rows:
            config = self.write("refused.yaml", "\n".join([
                "sinks: [{type: stdout}]", "sources:", "  prometheus_sources:",
                f"  - url: https://127.0.0.1:{server.port}/federate", "    httpConfig:",
                "      tls_config:",
                *(f"        {line}" for line in (f"ca_file: {self.authority.certificate}", *pair))]))
            for _ in range(REFUSALS):
                done = fedwave.run("dump", "--config", config)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"the server ended the connection with the TLS alert {reason}",
                              done.stderr)

    def test_a_server_with_another_identity_gets_no_token(self):
        self.serve(STRANGER)
        self.arrive_all(self.authority.certificate, *self.authority.issue("client"))
        relay = self.start()
        self.wait_for_error(relay, f"is for {STRANGER}", f"has only {PROMETHEUS}")
        self.wait_for(relay, lambda: STRANGER in relay.output())
        self.assertGreater(self.failures("tls"), 0)
        self.assertEqual(self.nginx.requests("mutual"), [])
        self.authority.issue("server", f"URI:{PROMETHEUS}")
        self.nginx.send_signal(signal.SIGHUP)
        self.wait_for_page(relay)
        self.assertEqual(relay.stop(), 0, relay.output())


if __name__ == "__main__":
    unittest.main()
