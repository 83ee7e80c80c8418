"""Delivery by `fedwave run` whatever stands in the way: TLS, tokens that expire, proxies of both
kinds, receivers that die, and every status that a receiver may answer with."""
import base64
import json
import os
import signal
import time
import unittest
import urllib.parse

from support import web
from support.certificates import Authority
from support.fedwave import FEDWAVE
from support.nginx import Nginx, Site
from support.processes import Server, accepts_connections
from support.proxy import HttpProxy, basic
from support.relay_case import OK, RelayCase, Ticks, config, left_at_the_end, source_of

TOKEN = "Tok-58a3+direct/9"
CANNOT = "cannot deliver; the points wait and are tried again"
AGAIN = "delivering again"
ASIDE, BACK = "an endpoint is set aside", "an endpoint is back"
SENT_AGAIN = "sent again what the broken connection may have lost"
QUARANTINED = "the sink refuses points; they are quarantined, the others delivered"
# For those that are meant to work, however busy the machine is.
PATIENCE = ", connectTimeout: 60s, requestTimeout: 60s}"
STARTED_S = int(time.time()) - 60
# Only what a test sets counts, not the proxy of the machine that it runs on.
NO_PROXIES = {name: "" for lower in ("http_proxy", "https_proxy", "no_proxy")
              for name in (lower, lower.upper())}


def constant(name):
    """A line of a page that is the same at every scrape, and so is sent once."""
    return f"{name} 1 {STARTED_S}000\n"


CONSTANTS = "".join(constant(f"constant_{number}") for number in range(20))


class DeliveryCase(RelayCase):
    def start(self, *sinks, env=None, grace="20s"):
        """Who knows that something will wait in vain at the end takes a short grace."""
        patient = [sink.removesuffix("}") + PATIENCE for sink in sinks]
        return self.relay(config(patient, [source_of(self.server)], f"shutdownGrace: {grace}"),
                          "--log-format", "json", "--log-level", "debug",
                          env={**NO_PROXIES, **(env or {})})

    def told(self, relay, message, sink=None):
        return [event for event in self.events(relay, message)
                if sink is None or event["sink"] == sink]

    def wait_for_event(self, relay, message, sink=None):
        return self.wait_for(relay, lambda: self.told(relay, message, sink), message)[0]

    def figures(self, relay, sink):
        [figures] = self.told(relay, "sink figures", sink)
        return figures

    def assert_all_delivered(self, relay, sink="main"):
        figures = self.figures(relay, sink)
        self.assertGreater(figures["spooled"], 0)
        self.assertEqual(figures["delivered"], figures["spooled"], figures)

    def assert_kept_to_the_end(self, relay, sink="main"):
        """Nothing was delivered or given up before the process, and its memory with it, ended."""
        figures = self.figures(relay, sink)
        self.assertGreater(figures["spooled"], 0)
        self.assertEqual((figures["delivered"], figures["quarantined"]), (0, 0))
        self.assertEqual(left_at_the_end(figures), figures["spooled"])
        self.assertIn(figures["expired_by"], ("", f"{figures['expired']} at_end"))

    def assert_hidden(self, relay, secret, user=""):
        """Neither as it is, nor as it stands in URLs and forms, nor as basic auth sends it."""
        text = relay.output()
        for form in (secret, urllib.parse.quote(secret, safe=""), base64_of(secret),
                     base64_of(f"{user}:{secret}")):
            self.assertNotIn(form, text)


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


class TlsTest(DeliveryCase):
    """Direct ingestion behind nginx, which demands a certificate of the client."""

    def setUp(self):
        super().setUp()
        self.direct = self.receiver("--mode", "direct", "--token", TOKEN, "--strict")
        self.authority = Authority(self.folder)
        certificate, key = self.authority.issue("server", "IP:127.0.0.1")
        self.client = self.authority.issue("client")
        site = Site(certificate, key, self.authority.certificate, behind=self.direct.address)
        self.nginx = Nginx(self.folder, "", {"mutual": site}, {})
        self.addCleanup(self.nginx.stop)

    def sink(self, name, authority, certificate, key):
        files = {"ca_file": authority, "cert_file": certificate, "key_file": key}
        tls = ", ".join(f"{option}: {path}" for option, path in files.items() if path)
        return (f"{{name: {name}, server: 'https://127.0.0.1:{self.nginx.ports['mutual']}', "
                f"token: '{TOKEN}', tls_config: {{{tls}}}}}")

    def test_with_authority_and_client_certificate_everything_arrives(self):
        relay = self.start(self.sink("main", self.authority.certificate, *self.client))
        self.wait_for(relay, lambda: len(self.direct.lines()) >= 5)
        self.stop_well(relay)
        self.assertEqual(self.direct.stop(), OK, self.direct.output())
        self.assert_all_ticks(self.direct.lines(), relay)
        self.assert_all_delivered(relay)
        self.assertEqual(self.figures(relay, "main")["retries"], 0)

    def test_what_is_wrong_with_certificates_is_told_and_the_points_stay(self):
        other = Authority(self.folder, "other")
        trusted = self.authority.certificate
        wrong = {
            "another authority": ((other.certificate, *self.client), "certificate problem"),
            "the system's authorities": ((None, *self.client), "certificate problem"),
            "no client certificate": ((trusted, None, None),
                                      '"400 No required SSL certificate was sent"'),
            "a client of another authority": ((trusted, *other.issue("foreign")),
                                              '"400 The SSL certificate error"'),
        }
        relay = self.start(*(self.sink(name, *files) for name, (files, _) in wrong.items()),
                           grace="1s")
        for name, (_, error) in wrong.items():
            self.assertIn(error, self.wait_for_event(relay, CANNOT, name)["error"])
        self.stop_well(relay)
        for name in wrong:
            with self.subTest(wrong=name):
                self.assert_kept_to_the_end(relay, name)
        self.assertEqual(self.direct.lines(), [])


class CloudServices:
    """Plays VMware Cloud Services: another token with every request, only the newest is good."""

    def __init__(self, name, expires_in_s):
        self.tokens = []
        self.refusals = 0  # by the receiver
        self._name = name
        self._expires_in_s = expires_in_s
        self._valid = None

    def __call__(self, exchange):
        self._valid = f"Acc-{self._name}+{len(self.tokens)}/9"
        self.tokens.append(self._valid)
        answer = {"access_token": self._valid, "token_type": "bearer",
                  "expires_in": self._expires_in_s}
        exchange.respond(200, json.dumps(answer).encode(), content_type="application/json")

    def revoke(self):
        self._valid = None

    def guarding(self, take):
        """A receiver that takes what comes with the newest token."""
        def answer(exchange):
            if exchange.request.headers.get("authorization") == f"Bearer {self._valid}":
                take(exchange)
            else:
                self.refusals += 1
                exchange.respond(401)
        return answer


class CloudServicesTest(DeliveryCase):
    API_PATH = "/csp/gateway/am/api/auth/api-tokens/authorize"
    CLIENT_PATH = "/csp/gateway/am/api/auth/authorize"
    API_TOKEN = "Api-61d7+csp/9&x=y"
    CLIENT_ID, CLIENT_SECRET, ORG_ID = "mesh-client", "Sec-e02b+csp/9&x=y", "org/1 & co"

    def start_both(self, grace="20s"):
        """Sinks "api" and "client", each with a receiver at a path of its own."""
        ways = {"api": f"apiToken: '{self.API_TOKEN}'",
                "client": f"clientId: {self.CLIENT_ID}, clientSecret: '${{CSP_CLIENT_SECRET}}', "
                          f"orgId: '{self.ORG_ID}'"}
        return self.start(*(
            f"{{name: {name}, server: '{self.server.url('/' + name)}', "
            f"cloudServices: {{url: 'http://{self.server.address}', {way}}}}}"
            for name, way in ways.items()), env={"CSP_CLIENT_SECRET": self.CLIENT_SECRET},
            grace=grace)

    def assert_no_secret_shows(self, relay):
        self.assert_hidden(relay, self.API_TOKEN)
        self.assert_hidden(relay, self.CLIENT_SECRET, self.CLIENT_ID)

    def test_tokens_are_renewed_before_they_expire_and_when_they_are_refused(self):
        services = {"api": CloudServices("api", 2), "client": CloudServices("client", 1799)}
        taken = {name: [] for name in services}
        self.server.answers.update({self.API_PATH: services["api"],
                                    self.CLIENT_PATH: services["client"]})
        for name, lines in taken.items():
            self.server.answers[f"/{name}/report"] = services[name].guarding(web.take(lines))
        relay = self.start_both()
        self.wait_for(relay, lambda: all(taken.values()), "points of both")
        # Cloud Services are asked no more than once in some seconds.
        self.wait_for(relay, lambda: len(services["api"].tokens) > 1, "the next token")
        services["client"].revoke()
        self.wait_for(relay, lambda: len(services["client"].tokens) > 1, "the next token")
        self.wait_for_ticks(relay, 3)
        self.stop_well(relay)
        self.assertEqual(services["api"].refusals, 0)
        self.assertGreater(services["client"].refusals, 0)
        for name, lines in taken.items():
            self.assert_all_ticks(lines, relay)
            self.assert_all_delivered(relay, name)
            for token in services[name].tokens:
                self.assert_hidden(relay, token)
        self.assert_no_secret_shows(relay)
        self.assert_requests_are_right(self.server.requests(self.API_PATH),
                                       {"api_token": [self.API_TOKEN], "grant_type": ["api_token"]},
                                       None)
        self.assert_requests_are_right(self.server.requests(self.CLIENT_PATH),
                                       {"grant_type": ["client_credentials"],
                                        "orgId": [self.ORG_ID]},
                                       basic(f"{self.CLIENT_ID}:{self.CLIENT_SECRET}"))

    def assert_requests_are_right(self, requests, form, authorization):
        self.assertTrue(requests)
        for request in requests:
            self.assertEqual(request.method, "POST")
            self.assertEqual(request.headers["content-type"], "application/x-www-form-urlencoded")
            self.assertEqual(request.headers["accept"], "application/json")
            sent = urllib.parse.parse_qs(request.body.decode(), strict_parsing=True)
            self.assertEqual(sent, form)
            self.assertEqual(request.headers.get("authorization"), authorization)

    def test_refused_credentials_are_an_alarm_that_does_not_repeat_them(self):
        def refuse(exchange):
            request = exchange.request
            said = f"refused: {request.body.decode()} {request.headers.get('authorization')}"
            exchange.respond(400, said.encode())

        self.server.answers.update({self.API_PATH: refuse, self.CLIENT_PATH: refuse})
        relay = self.start_both(grace="1s")
        for sink, advice in (("api", "is the API token right"), ("client", "are the client's id")):
            event = self.wait_for_event(relay, CANNOT, sink)
            self.assertEqual(event["level"], "error")
            self.assertIn(f"HTTP 400; {advice}", event["error"])
        self.stop_well(relay)
        for sink in ("api", "client"):
            self.assertEqual(self.server.requests(f"/{sink}/report"), [])
            self.assert_kept_to_the_end(relay, sink)
        self.assert_no_secret_shows(relay)


class SeveralProxiesTest(DeliveryCase):
    def test_three_share_the_work_and_one_that_was_away_takes_part_again(self):
        shares = [[], [], []]
        servers = [self.web_server({"/report": web.take(share)}) for share in shares]
        relay = self.start(f"{{name: main, proxyAddress: {[s.address for s in servers]}}}")
        self.wait_for(relay, lambda: all(len(share) > 1 for share in shares), "points of all three")
        servers[1].stop()
        self.assertEqual(self.wait_for_event(relay, ASIDE)["endpoint"], servers[1].address)
        sizes = [len(share) for share in shares]
        self.wait_for(relay, lambda: all(len(shares[i]) >= sizes[i] + 3 for i in (0, 2)),
                      "more points of those that are left")
        self.assertEqual(len(shares[1]), sizes[1])
        self.web_server({"/report": web.take(shares[1])}, servers[1].port)
        self.assertEqual(self.wait_for_event(relay, BACK)["endpoint"], servers[1].address)
        self.wait_for(relay, lambda: len(shares[1]) > sizes[1] + 1, "points of it again")
        self.stop_well(relay)
        self.assert_all_ticks(sum(shares, []), relay)
        self.assert_all_delivered(relay)
        self.assertEqual((len(self.told(relay, ASIDE)), len(self.told(relay, BACK))), (1, 1))
        self.assertEqual(self.told(relay, CANNOT), [])

    def test_over_tcp_what_a_killed_receiver_had_not_read_is_sent_again_when_it_is_back(self):
        first, other = (self.receiver("--strict", name=name) for name in ("first", "other"))
        relay = self.start(f"{{name: main, protocol: tcp, "
                           f"proxyAddress: ['{first.address}', '{other.address}']}}")
        self.wait_for(relay, lambda: first.lines() and other.lines(), "points of both")
        # Stopped first, so that it dies with points that its kernel has acknowledged unread.
        first.send_signal(signal.SIGSTOP)
        before = len(other.lines())
        self.wait_for(relay, lambda: len(other.lines()) >= before + 5, "turns of both")
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.assertEqual(self.wait_for_event(relay, ASIDE)["endpoint"], first.address)
        again = self.receiver_again(first)
        self.assertGreater(self.wait_for_event(relay, SENT_AGAIN)["points"], 0)
        self.stop_well(relay)
        for receiver in (other, again):
            self.assertEqual(receiver.stop(), OK, receiver.output())
        lines = first.lines() + other.lines() + lines_of(again.record_path)
        self.assert_all_ticks(lines, relay)
        self.assertGreater(len(lines), len(set(lines)))  # what it had read is sent again as well

    def receiver_again(self, gone):
        """At the address of one that is gone, with a record of its own."""
        record = gone.record_path + ".again"
        receiver = Server([FEDWAVE, "receive", "--strict", "--listen", gone.address,
                           "--record", record], record + ".log")
        self.addCleanup(receiver.stop)
        receiver.wait_ready(lambda: accepts_connections(gone.port))
        receiver.record_path = record
        return receiver


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


class HttpProxyTest(DeliveryCase):
    """The HTTP proxy of the environment; the name that points go to is known to nobody else."""
    NAME = "receive.test"
    USER, PASSWORD = "office", "Prx-9c4e+env/9@:"

    def setUp(self):
        super().setUp()
        self.direct = self.receiver("--mode", "direct", "--token", TOKEN, "--strict")
        self.place = f"{self.NAME}:{self.direct.port}"

    def proxy(self, routes, credentials=""):
        proxy = HttpProxy(routes, credentials)
        self.addCleanup(proxy.stop)
        return proxy

    def environment(self, name, proxy, **more):
        password = urllib.parse.quote(self.PASSWORD, safe="")
        return {name: f"http://{self.USER}:{password}@{proxy.address}", **more}

    def start_to(self, url, env, more="", **keywords):
        return self.start(f"{{name: main, server: '{url}', token: '{TOKEN}'{more}}}", env=env,
                          **keywords)

    def assert_all_arrived(self, relay, receiver):
        self.wait_for(relay, lambda: len(receiver.lines()) >= 5)
        self.stop_well(relay)
        self.assertEqual(receiver.stop(), OK, receiver.output())
        self.assert_all_ticks(receiver.lines(), relay)
        self.assert_all_delivered(relay)
        self.assert_no_password_shows(relay)

    def assert_no_password_shows(self, relay):
        self.assert_hidden(relay, self.PASSWORD, self.USER)
        self.assert_hidden(relay, TOKEN)

    def test_http_goes_by_http_proxy(self):
        proxy = self.proxy({self.place: self.direct.port}, f"{self.USER}:{self.PASSWORD}")
        relay = self.start_to(f"http://{self.place}", self.environment("HTTP_PROXY", proxy))
        self.assert_all_arrived(relay, self.direct)
        methods = {request.method for request in proxy.requests(f"http://{self.place}/report")}
        self.assertEqual(methods, {"POST"})

    def test_https_goes_through_a_tunnel_of_https_proxy(self):
        authority = Authority(self.folder)
        site = Site(*authority.issue("named", f"DNS:{self.NAME}"), behind=self.direct.address)
        nginx = Nginx(self.folder, "", {"named": site}, {})
        self.addCleanup(nginx.stop)
        proxy = self.proxy({f"{self.NAME}:443": nginx.ports["named"]},
                           f"{self.USER}:{self.PASSWORD}")
        relay = self.start_to(f"https://{self.NAME}", self.environment("HTTPS_PROXY", proxy),
                              f", tls_config: {{ca_file: {authority.certificate}}}")
        self.assert_all_arrived(relay, self.direct)
        methods = {request.method for request in proxy.requests(f"{self.NAME}:443")}
        self.assertEqual(methods, {"CONNECT"})

    def test_no_proxy_names_exceptions(self):
        # An address of this machine that is not among those that never take a proxy.
        place = f"0.0.0.0:{self.direct.port}"
        proxy = self.proxy({place: self.direct.port})
        taken = self.start_to(f"http://{place}", self.environment("HTTP_PROXY", proxy))
        self.wait_for(taken, lambda: proxy.requests(f"http://{place}/report"), "the proxy's turn")
        self.stop_well(taken)
        before = len(proxy.requests(f"http://{place}/report"))
        self.ticks = self.server.answers["/metrics"] = Ticks()
        arrived = len(self.direct.lines())
        relay = self.start_to(f"http://{place}", self.environment(
            "HTTP_PROXY", proxy, NO_PROXY="example.org, 0.0.0.0/8"))
        self.wait_for(relay, lambda: len(self.direct.lines()) >= arrived + 3)
        self.stop_well(relay)
        self.assert_all_ticks(self.direct.lines()[arrived:], relay)
        self.assertEqual(len(proxy.requests(f"http://{place}/report")), before)

    def test_a_proxy_that_wants_other_credentials_is_an_alarm_that_names_it(self):
        proxy = self.proxy({self.place: self.direct.port}, f"{self.USER}:another")
        relay = self.start_to(f"http://{self.place}", self.environment("HTTP_PROXY", proxy))
        event = self.wait_for_event(relay, CANNOT)
        self.assertEqual(event["level"], "error")
        self.assertIn("HTTP 407; the HTTP proxy in between wants other credentials", event["error"])
        proxy.credentials = f"{self.USER}:{self.PASSWORD}"
        self.wait_for_event(relay, AGAIN)
        self.assert_all_arrived(relay, self.direct)
        self.assertRegex(self.figures(relay, "main")["retries_by"], r"\A\d+ http_407\Z")

    def test_a_tunnel_that_wants_other_credentials_is_the_same_alarm(self):
        proxy = self.proxy({}, f"{self.USER}:another")
        relay = self.start_to(f"https://{self.NAME}", self.environment("HTTPS_PROXY", proxy),
                              grace="1s")
        event = self.wait_for_event(relay, CANNOT)
        self.assertEqual(event["level"], "error")
        self.assertIn("HTTP 407; the HTTP proxy in between wants other credentials", event["error"])
        self.stop_well(relay)
        self.assert_kept_to_the_end(relay)
        self.assert_no_password_shows(relay)


class StatusTest(DeliveryCase):
    # What the log has to say, and how loudly.
    ADVICE = {
        301: ("error", "leads to another address"),
        302: ("error", "leads to another address"),
        401: ("error", "the token is missing, wrong"),
        403: ("error", "the token is missing, wrong"),
        404: ("error", "is this the address of a Wavefront"),
        405: ("error", "is this the address of a Wavefront"),
        406: ("warning", "the receiver asks for less"),
        408: ("warning", "HTTP 408"),
        410: ("error", "is this the address of a Wavefront"),
        429: ("warning", "the receiver asks for less"),
        500: ("warning", "HTTP 500"),
        503: ("warning", "HTTP 503"),
    }
    POISON = "poison.value"

    def sink(self, name, more=""):
        """A proxy at a path of its own."""
        return f"{{name: '{name}', proxyAddress: '{self.server.url(f'/{name}')}'{more}}}"

    def test_whatever_the_status_the_points_wait_and_arrive(self):
        taken = {}
        for status in self.ADVICE:
            lines = taken[str(status)] = []
            refuse = web.status(status, headers=[f"Location: {self.server.url('/elsewhere')}"])
            self.server.answers[f"/{status}"] = web.in_turn(refuse, refuse, web.take(lines))
        relay = self.start(*map(self.sink, taken))
        self.wait_for(relay, lambda: len(self.told(relay, AGAIN)) >= len(taken), "all of them well")
        self.stop_well(relay)
        self.assertEqual(self.server.requests("/elsewhere"), [])
        for status, (level, advice) in self.ADVICE.items():
            with self.subTest(status=status):
                self.assert_all_ticks(taken[str(status)], relay)
                self.assert_all_delivered(relay, str(status))
                self.assertEqual(self.figures(relay, str(status))["retries_by"],
                                 f"2 http_{status}")
                [event] = self.told(relay, CANNOT, str(status))
                self.assertEqual(event["level"], level)
                self.assertIn(advice, event["error"])

    def test_nobody_is_asked_sooner_than_retry_after_says(self):
        taken = {name: [] for name in ("well", "404", "406", "429", "503")}
        for name, lines in taken.items():
            take = web.take(lines)
            self.server.answers[f"/{name}"] = take if name == "well" else web.in_turn(
                web.status(int(name), headers=["Retry-After: 200"]), take)
        relay = self.start(*map(self.sink, taken), grace="1s")
        self.wait_for(relay, lambda: len(self.told(relay, CANNOT)) == len(taken) - 1)
        enough = len(taken["well"]) + 5
        self.wait_for(relay, lambda: len(taken["well"]) >= enough, "time for everybody")
        for name in taken:
            if name != "well":
                self.assertEqual(len(self.server.requests(f"/{name}")), 1, name)
        self.stop_well(relay)

    def test_a_request_that_is_too_large_is_sent_in_parts(self):
        taken, refused = [], []

        def answer(exchange):
            lines = web.body_of(exchange.request).count(b"\n")
            if lines > 3:
                refused.append(lines)
                exchange.respond(413)
            else:
                web.take(taken)(exchange)

        self.ticks = self.server.answers["/metrics"] = Ticks(CONSTANTS)
        self.server.answers["/narrow"] = answer
        relay = self.start(self.sink("narrow"))
        self.wait_for(relay, lambda: len(taken) >= CONSTANTS.count("\n") + 3)
        self.stop_well(relay)
        self.assertGreater(max(refused), CONSTANTS.count("\n"))
        self.assert_all_ticks(taken, relay)
        self.assertEqual(len(taken), len(set(taken)))  # a part that was taken is not sent again
        self.assert_each_constant_once(taken)
        self.assert_all_delivered(relay, "narrow")
        self.assertEqual(self.figures(relay, "narrow")["retries"], 0)

    def assert_each_constant_once(self, lines):
        ticks = len(self.ticks.seen_in(lines))
        self.assertEqual(len(lines), ticks + CONSTANTS.count("\n"))

    def refusing(self, lines):
        """A receiver that takes nothing that comes with poison, and names it."""
        def answer(exchange):
            text = web.body_of(exchange.request).decode()
            if self.POISON in text:
                exchange.respond(400, b"bad point " + self.POISON.encode())
            else:
                web.take(lines)(exchange)
        return answer

    def test_a_line_that_is_refused_is_quarantined_and_the_others_arrive(self):
        self.ticks = self.server.answers["/metrics"] = Ticks(CONSTANTS + constant("poison"))
        taken = {"disk": [], "memory": []}
        for name, lines in taken.items():
            self.server.answers[f"/{name}"] = self.refusing(lines)
        relay = self.start(
            self.sink("memory"),
            self.sink("disk", f", spool: {{directory: {os.path.join(self.folder, 'spool')}}}"))
        for lines in taken.values():
            self.wait_for(relay, lambda lines=lines: len(lines) >= CONSTANTS.count("\n") + 3)
        self.stop_well(relay)
        told = {}
        for name, lines in taken.items():
            with self.subTest(spool=name):
                self.assert_all_ticks(lines, relay)
                self.assert_each_constant_once(lines)
                figures = self.figures(relay, name)
                self.assertEqual((figures["quarantined"], figures["quarantined_by"]),
                                 (1, "1 http_400"))
                self.assertEqual(figures["delivered"], figures["spooled"] - 1)
                [told[name]] = self.told(relay, QUARANTINED, name)
                self.assertEqual((told[name]["level"], told[name]["points"]), ("error", 1))
                self.assertIn(f"bad point {self.POISON}", told[name]["answer"])
        self.assertTrue(told["memory"]["first_line"].startswith(f'"{self.POISON}" 1 '))
        why, line = self.read(told["disk"]["file"]).splitlines()
        self.assertRegex(why, rf'\A# \S+Z HTTP 400 "bad point {self.POISON}"\Z')
        self.assertEqual(line, told["memory"]["first_line"])


if __name__ == "__main__":
    unittest.main()
