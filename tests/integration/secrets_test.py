"""Whatever happens, no secret of a configuration shows: not in output, not in the process list."""
import base64
import os
import unittest
import urllib.parse

from support import fedwave, web
from support.case import FedwaveCase
from support.processes import free_port

OK, USAGE = 0, 1
# By where they stand. Characters that encodings change, so that a change would not hide one.
SECRETS = {
    "token": "Tok-4b1e+sink/9",
    "token of a file": "Fil-77c2+sink/9",
    "password of proxyUrl": "Sip:3ac8@pw",
    "bearer_token": "Bea-91d0+src/9",
    "bearer_token of a variable": "Env-0f5a+src/9",
    "password": "Bas:c44e pw",
    "password of proxy_url": "Prx:b6f7 @pw",
    "header": "Hdr-5e29+val/9",
    "password of url": "Url:d183@pw",
    "token in the query of url": "Qry-2ad7+par/9",
}
USER = "someone"


def quoted(secret):
    return urllib.parse.quote(SECRETS[secret], safe="")


def disguises(secret):
    """The secret as it is, as it stands in a URL, and as basic auth sends it."""
    basic = base64.b64encode(f"{USER}:{secret}".encode()).decode()
    return {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), basic}


class SecretsCase(FedwaveCase):
    def setUp(self):
        super().setUp()
        self.server = self.web_server({"/good": web.page("up 1\n"), "/bad": web.status(401, "no"),
                                       "/moved": web.redirect("/good"), "/html": web.page(
                                           "<html>", content_type="text/html"),
                                       "/report": web.status(403, "no")})
        self.environment = {"MESH_TOKEN": SECRETS["bearer_token of a variable"]}

    def config(self, path, interval="60s"):
        """Every secret at its place; every source asks for `path`. The interval is for who needs
        more than one scrape: it is the time for each as well."""
        token_file = self.write("token", SECRETS["token of a file"] + "\n")
        url = self.server.url(path)
        with_password = url.replace("//", f"//{USER}:{quoted('password of url')}@")
        dead = f"127.0.0.1:{free_port()}"
        return f"""\
shutdownGrace: 1s
defaultCollectionInterval: {interval}
sinks:
- server: http://{self.server.address}
  token: '{SECRETS["token"]}'
- proxyAddress: {self.server.address}
  tokenFile: {token_file}
- proxyAddress: wavefront-proxy.invalid:2878
  proxyUrl: http://{USER}:{quoted("password of proxyUrl")}@{dead}
sources:
  prometheus_sources:
  - url: {url}
    httpConfig:
      bearer_token: '{SECRETS["bearer_token"]}'
  - url: {url}
    httpConfig:
      bearer_token: ${{MESH_TOKEN}}
  - url: {url}
    httpConfig:
      basic_auth:
        username: {USER}
        password: '{SECRETS["password"]}'
  - url: {url}
    httpConfig:
      proxy_url: 'http://{USER}:{SECRETS["password of proxy_url"]}@{dead}'
  - url: {url}
    httpConfig:
      headers:
        X-Api-Key: '{SECRETS["header"]}'
  - url: {with_password}
  - url: {url}?match[]=up&api_token={quoted("token in the query of url")}&x=y
  - url: http://{USER}:{quoted("password of url")}@{dead}/metrics
"""

    def assert_hidden(self, text, where):
        self.assertTrue(text, where)
        for name, secret in SECRETS.items():
            for disguise in disguises(secret):
                self.assertNotIn(disguise, text, f"{name} shows in {where}")


class SecretsTest(SecretsCase):
    def test_check_shows_none(self):
        path = self.write("relay.yaml", self.config("/good"))
        done = fedwave.run("check", "--config", path, env=self.environment)
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assert_hidden(done.stdout + done.stderr, "check")

    def test_dump_shows_none_whatever_the_answer_is(self):
        for path in self.server.answers:
            for log_format in ("text", "json"):
                with self.subTest(path=path, log_format=log_format):
                    config = self.write("relay.yaml", self.config(path))
                    done = fedwave.run("dump", "--config", config, "--log-level", "debug",
                                       "--log-format", log_format, env=self.environment)
                    self.assert_hidden(done.stdout + done.stderr, "dump")

    def test_run_shows_none_and_sends_all(self):
        for path in ("/good", "/bad"):
            for log_format in ("text", "json"):
                with self.subTest(path=path, log_format=log_format):
                    self.run_with(path, log_format)
        sent = " ".join(str(request.headers) for path in ("/good", "/bad", "/report")
                        for request in self.server.requests(path))
        basic = base64.b64encode(f"{USER}:{SECRETS['password of url']}".encode()).decode()
        for shown in (SECRETS["token"], SECRETS["token of a file"], SECRETS["bearer_token"],
                      SECRETS["bearer_token of a variable"], SECRETS["header"], basic):
            self.assertIn(shown, sent)  # so that the test hides nothing from itself
        tokens = {token for request in self.server.requests("/good")
                  for token in request.parameters("api_token") if request.query}
        self.assertEqual(tokens, {SECRETS["token in the query of url"]})

    def run_with(self, path, log_format):
        before = len(self.server.requests(path))
        relay = self.relay(self.config(path, "2s"), "--log-level", "debug", "--log-format",
                           log_format, env=self.environment)
        self.wait_for(relay, lambda: len(self.server.requests(path)) >= before + 10)
        if path == "/good":
            self.wait_for(relay, lambda: "403" in relay.output())
        with open(f"/proc/{relay.pid}/cmdline", encoding="utf-8") as file:
            self.assert_hidden(file.read(), "the process list")
        self.assertEqual(relay.stop(), OK, relay.output())
        self.assert_hidden(relay.output(), "the log")

    @staticmethod
    def echo(exchange):
        sent = {name: value for name, value in exchange.request.headers.items()
                if name in ("authorization", "x-api-key")}
        exchange.respond(401, f"refused: {sent}\n".encode())

    def test_a_source_that_repeats_what_was_sent_does_not_make_it_show(self):
        self.server.answers["/echo"] = self.echo
        config = self.write("relay.yaml", self.config("/echo"))
        done = fedwave.run("dump", "--config", config, env=self.environment)
        self.assertEqual(done.stderr.count("status 401"), len(self.server.requests("/echo")))
        self.assert_hidden(done.stderr, "dump")

    def test_a_sink_that_repeats_what_was_sent_does_not_make_it_show(self):
        self.server.answers["/report"] = self.echo
        relay = self.relay(self.config("/good", "2s"), env=self.environment)
        self.wait_for(relay, lambda: relay.output().count("HTTP 401") >= 2)
        self.assertEqual(relay.stop(), OK, relay.output())
        self.assert_hidden(relay.output(), "the log")

    def test_curl_cannot_be_made_to_tell(self):
        """Nor do variables of the environment that programs over libcurl listen to."""
        config = self.write("relay.yaml", self.config("/good"))
        done = fedwave.run("dump", "--config", config, env={
            **self.environment, "SSLKEYLOGFILE": os.path.join(self.folder, "keys"),
            "CURL_VERBOSE": "1", "http_proxy": f"http://127.0.0.1:{free_port()}"})
        self.assert_hidden(done.stdout + done.stderr, "dump")
        self.assertIn("up.value", done.stdout)  # the proxy of the environment was not used


class BadConfigTest(SecretsCase):
    SECRET = "Bad-2f6c+cfg/9"
    SINK = ("sinks:\n- {{proxyAddress: 'a:1'}}\nsources:\n  prometheus_sources:\n"
            "  - url: http://a/m\n")
    SOURCE = ("sources:\n  prometheus_sources:\n  - {{url: http://a/m}}\nsinks:\n"
              "- server: https://a.example\n")
    MISTAKES = (
        SINK + "    httpConfig:\n      bearer_token: [{0}]\n",
        SINK + "    httpConfig:\n      bearer_token: \"{0}\\x01\"\n",
        SINK + "    httpConfig:\n      bearer_token: '{0}${{unset'\n",
        SINK + "    httpConfig:\n      bearer_token: '${{NOT_SET_{0}}}'\n",
        SINK + "    httpConfig:\n      bearer_tokn: {0}\n",
        SINK + "    httpConfig: {{bearer_token:{0}}}\n",
        SINK + "    httpConfig: {{bearer_token:{0}, bearer_token:{0}}}\n",
        SINK + "    httpConfig:\n      headers: {{X-Key:{0}}}\n",
        SINK + "    httpConfig:\n      headers: {{Authorization: {0}}}\n",
        SINK + "    httpConfig:\n      proxy_url: 'http://u:12/{0}@proxy:1'\n",
        SINK + "    httpConfig:\n      proxy_url: '{0}'\n",
        SINK + "    httpConfig:\n      proxy_url: 'http://u:{0}@proxy:port'\n",
        SINK + "    httpConfig:\n      proxy_url: {{http: 'http://u:{0}@proxy'}}\n",
        SINK + "    httpConfig:\n      basic_auth: {{username: u, password: {{secret: '{0}'}}}}\n",
        SINK + "    httpConfig:\n      basic_auth: {{username: u, pasword: '{0}'}}\n",
        SINK + "    httpConfig:\n      basic_auth: 'u:{0}'\n",
        SINK + "    httpConfig:\n      headers: {{X-Key: [{0}]}}\n",
        SINK + "    httpConfig:\n      headers: {{X-Key: \"{0}\\n\\x02\"}}\n",
        SINK + "    httpConfig:\n      headers: ['X-Key: {0}']\n",
        SINK + "    httpConfig:\n      bearer_token: '{0}\n",
        SINK + "    httpConfig:\n      bearer_token: @{0}\n",
        SINK + "    httpConfig:\n      bearer_token: *{0}\n",
        SINK.replace("http://a/m", "'http://u:{0}@a b/m'"),
        SINK.replace("http://a/m", "'http://u:{0}@a:x/m'"),
        SINK.replace("http://a/m", "'ftp://u:{0}@a/m'"),
        SINK.replace("http://a/m", "'u:{0}@a/m'"),
        SINK.replace("a:1", "http://u:{0}@a"),
        SINK.replace("a:1", "u:{0}@a"),
        SOURCE + "  tokn: {0}\n",
        SOURCE + "  token: [{0}]\n",
        SOURCE + "  token: '{0}'\n  token: '{0}'\n",
        SOURCE.replace("a.example", "u:{0}@a.example") + "  token: x\n",
        SOURCE + "  token: x\n  proxyUrl: '{0}'\n",
        SOURCE + "  token: x\n  proxyUrl: 'http://u:{0}@a b'\n",
    )

    def test_a_mistake_beside_a_secret_is_told_without_it(self):
        for mistake in self.MISTAKES:
            text = mistake.format(self.SECRET)
            with self.subTest(config=text):
                self.assertIn(self.SECRET, text)
                path = self.write("bad.yaml", text)
                for command in ("check", "dump", "run"):
                    done = fedwave.run(command, "--config", path)
                    self.assertEqual(done.returncode, USAGE, done.stderr)
                    self.assertRegex(done.stderr, r":\d+:\d+: error: ")
                    for disguise in disguises(self.SECRET):
                        self.assertNotIn(disguise, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
