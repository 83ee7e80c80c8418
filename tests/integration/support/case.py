"""What tests of the whole program share: a folder of their own, and servers stopped at the end."""
import json
import os
import tempfile
import unittest

from support import fedwave
from support.processes import DEADLINE_S, wait_until
from support.web import WebServer


class FedwaveCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fedwave-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def web_server(self, answers=None, port=0):
        server = WebServer(answers, port)
        self.addCleanup(server.stop)
        return server

    def receiver(self, *options, name="receiver"):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        receiver = fedwave.Receiver(folder, *options)
        self.addCleanup(receiver.stop)
        return receiver

    def relay(self, config, *options, **keywords):
        """`fedwave run` with a configuration given as text, and a log of its own."""
        folder = tempfile.mkdtemp(prefix="relay-", dir=self.folder)
        relay = fedwave.relay(self.write("relay.yaml", config), folder, *options, **keywords)
        self.addCleanup(relay.stop)
        return relay

    def wait_for(self, relay, probe, what="what the test waits for", deadline_s=DEADLINE_S):
        """Until `probe` gives something true; fails at once when the relay ends."""
        def check():
            self.assertTrue(relay.running(), f"the relay ended:\n{relay.output()}")
            return probe()
        return wait_until(check, lambda: f"{what}:\n{relay.output()[-5000:]}", deadline_s)

    def events(self, relay, message=None):
        """The log of a relay that writes JSON; only what is whole so far."""
        lines = relay.output().split("\n")[:-1]
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if message is None or event["message"] == message]
