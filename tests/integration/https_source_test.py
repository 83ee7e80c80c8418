"""Sources behind TLS and a bearer token, served by nginx with an authority of our own."""
import os
import tempfile
import time
import unittest

from support import fedwave
from support.certificates import Authority
from support.nginx import Nginx, Site
from support.points import parse
from support.processes import wait_until

SCRAPED_S = int(time.time()) - 60
PAGE = f"""# TYPE istio_requests_total untyped
istio_requests_total{{app="reviews",response_code="200"}} 4711 {SCRAPED_S}000
istio_requests_total{{app="ratings",response_code="503"}} 12 {SCRAPED_S}000
# TYPE pilot_services untyped
pilot_services{{app="istiod"}} 14
"""
TOKENS = {"first": "first-6b1f0c5e9d", "second": "second-a94e77d210"}
WRONG_TOKEN = "wrong-03c5d8f1be"
SOURCE_UNREADABLE = 2


class HttpsSourceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="fedwave-https-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.authority = Authority(cls.folder)
        server = cls.authority.issue("server", "IP:127.0.0.1")
        named = cls.authority.issue("named", "DNS:prometheus.istio-system.svc")
        cls.client = cls.authority.issue("client")
        page = cls.write("page.prom", PAGE)
        cls.nginx = Nginx(cls.folder, page,
                          {"plain": Site(*server), "named": Site(*named),
                           "mutual": Site(*server, client_ca=cls.authority.certificate)}, TOKENS)
        cls.addClassCleanup(cls.nginx.stop)

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def config(self, site, tls=(), token=TOKENS["first"], sink="127.0.0.1:2878", interval="60s"):
        """A configuration with the token in a file; `tls` are lines of tls_config."""
        token_file = self.write("token", token + "\n")
        lines = ["flushInterval: 5s", f"defaultCollectionInterval: {interval}",
                 "sinks:", f"- proxyAddress: {sink}",
                 "sources:", "  prometheus_sources:", f"  - url: '{self.nginx.url(site)}'",
                 "    httpConfig:", f"      bearer_token_file: {token_file}"]
        if tls:
            lines += ["      tls_config:", *(f"        {line}" for line in tls)]
        return self.write("relay.yaml", "\n".join(lines) + "\n")

    def trusted(self):
        return f"ca_file: {self.authority.certificate}"

    def dump(self, *arguments, **keywords):
        done = fedwave.run("dump", "--config", self.config(*arguments, **keywords))
        self.assert_no_token(done.stderr)
        self.assert_no_token(done.stdout)
        return done

    def assert_no_token(self, text):
        for token in (*TOKENS.values(), WRONG_TOKEN):
            self.assertNotIn(token, text)

    def assert_page_delivered(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        points = [parse(line) for line in done.stdout.splitlines()]
        found = {(point.name, point.tags.get("app"), point.value) for point in points}
        self.assertEqual(found, {("istio.requests.total.value", "reviews", 4711.0),
                                 ("istio.requests.total.value", "ratings", 12.0),
                                 ("pilot.services.value", "istiod", 14.0)})

    def assert_unreadable(self, done, pattern):
        self.assertEqual(done.returncode, SOURCE_UNREADABLE, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, pattern)

    def test_an_own_authority_and_a_token_file_give_the_page_compressed(self):
        before = len(self.nginx.requests("plain"))
        self.assert_page_delivered(self.dump("plain", [self.trusted()]))
        # nginx writes its log after the answer.
        [request] = wait_until(lambda: self.nginx.requests("plain")[before:], "a logged request")
        self.assertEqual((request.status, request.bearer, request.encoding), (200, "first", "gzip"))

    def test_an_unknown_authority_is_refused_and_the_message_names_the_certificate(self):
        before = len(self.nginx.requests("plain"))
        self.assert_unreadable(self.dump("plain"), "certificate problem")
        self.assertEqual(self.nginx.requests("plain")[before:], [],
                         "the token was sent to a server that was not verified")

    def test_a_wrong_token_is_reported_with_the_status(self):
        self.assert_unreadable(self.dump("plain", [self.trusted()], token=WRONG_TOKEN),
                               r"status 401\b")

    def test_skipping_the_verification_needs_no_authority(self):
        self.assert_page_delivered(self.dump("plain", ["insecure_skip_verify: true"]))
        self.assert_page_delivered(self.dump("named", ["insecure_skip_verify: true"]))

    def test_a_certificate_for_another_name_needs_server_name(self):
        self.assert_unreadable(self.dump("named", [self.trusted()]),
                               r"certificate .*'127\.0\.0\.1'")
        self.assert_unreadable(
            self.dump("named", [self.trusted(), "server_name: someone.else.svc"]),
            r"certificate .*'someone\.else\.svc'")
        self.assert_page_delivered(
            self.dump("named", [self.trusted(), "server_name: prometheus.istio-system.svc"]))

    def test_a_client_certificate_is_shown_where_it_is_demanded(self):
        self.assert_unreadable(self.dump("mutual", [self.trusted()]), r"status 400\b")
        certificate, key = self.client
        self.assert_page_delivered(self.dump(
            "mutual", [self.trusted(), f"cert_file: {certificate}", f"key_file: {key}"]))

    def test_a_key_of_another_certificate_is_refused_by_name(self):
        certificate, _ = self.client
        _, other_key = self.authority.issue("other")
        done = self.dump(
            "mutual", [self.trusted(), f"cert_file: {certificate}", f"key_file: {other_key}"])
        self.assert_unreadable(done, rf"key in {other_key} does not belong .* {certificate} ")

    def test_a_rewritten_token_file_is_picked_up_without_a_restart(self):
        receiver = fedwave.Receiver(self.folder)
        self.addCleanup(receiver.stop)
        config = self.config("plain", [self.trusted()], sink=receiver.address, interval="1s")
        relay = fedwave.relay(config, self.folder)
        self.addCleanup(relay.stop)
        before = len(self.nginx.requests("plain"))

        def bearers():
            self.assertTrue(relay.running(), relay.output())
            return [request.bearer for request in self.nginx.requests("plain")[before:]]

        wait_until(lambda: "first" in bearers(), relay.output)
        self.write("token", WRONG_TOKEN)
        wait_until(lambda: "nobody" in bearers(), relay.output)
        wait_until(lambda: "status 401" in relay.output(), relay.output)
        self.write("token", TOKENS["second"] + "\n")
        wait_until(lambda: "second" in bearers(), relay.output)
        # The series without a timestamp gives a new point with every scrape that succeeds.
        arrived = len(receiver.lines())
        wait_until(lambda: len(receiver.lines()) > arrived, relay.output)
        self.assertEqual(relay.stop(), 0, relay.output())
        self.assert_no_token(relay.output())
        self.assert_no_token("\n".join(receiver.lines()))


if __name__ == "__main__":
    unittest.main()
