"""The image: its Dockerfile against the tree, and the program as the first process of a container,
with a root that cannot be written."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from support import fedwave, web
from support.case import FedwaveCase
from support.processes import DEADLINE_S, Server, wait_until
from support.relay_case import OK, RelayCase, Ticks, config, source_of

ROOT = fedwave.SOURCE_ROOT
BUILD_SCRIPT = os.path.join(ROOT, "charts", "image", "build.sh")
CONFIG_PATH = "/etc/fedwave/config.yaml"


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def instructions():
    """(name, arguments) of each, continued lines joined, comments left out."""
    lines = [line for line in text_of("Dockerfile").split("\n") if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.split("\n") if line]


def of_runtime(name):
    """The arguments of the last stage's only instruction of this name."""
    last_stage = [place for place, (word, _) in enumerate(instructions()) if word == "FROM"][-1]
    [arguments] = [rest for word, rest in instructions()[last_stage:] if word == name]
    return arguments


def not_ignored():
    """What .dockerignore, a list of exceptions, lets through."""
    lines = [line for line in text_of(".dockerignore").split("\n") if line and line[0] != "#"]
    assert lines[0] == "*" and all(line[0] == "!" for line in lines[1:]), lines
    return [line[1:] for line in lines[1:]]


class DockerfileTest(FedwaveCase):
    def test_it_runs_as_nobody_in_particular_and_without_a_shell(self):
        user, group = of_runtime("USER").split(":")
        self.assertTrue(int(user) > 0 and int(group) > 0)
        self.assertEqual(json.loads(of_runtime("ENTRYPOINT")), ["/usr/bin/fedwave"])
        self.assertIn(CONFIG_PATH, json.loads(of_runtime("CMD")))
        self.assertEqual(of_runtime("STOPSIGNAL"), "SIGTERM")
        self.assertEqual(of_runtime("EXPOSE"), "9464")

    def test_the_labels_are_those_that_registries_show(self):
        labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"',
                                 of_runtime("LABEL")))
        self.assertEqual(set(labels), {"title", "description", "version", "revision", "created",
                                       "source", "vendor"})
        [description] = re.findall(r'DESCRIPTION "(.*)"', text_of("CMakeLists.txt"))
        self.assertEqual(labels["description"], description)

    def test_what_is_sent_to_the_builder_is_all_that_cmake_needs(self):
        sent = os.path.join(self.folder, "sent")
        for path in not_ignored():
            here, there = os.path.join(ROOT, path), os.path.join(sent, path)
            os.makedirs(os.path.dirname(there), exist_ok=True)
            (shutil.copytree if os.path.isdir(here) else shutil.copy2)(here, there)
        for word, rest in instructions():
            if word == "COPY" and not rest.startswith("--from="):
                self.assertTrue(os.path.exists(os.path.join(sent, rest.split()[0])), rest)
        done = subprocess.run(
            ["cmake", "-S", sent, "-B", os.path.join(self.folder, "build"), "-G", "Ninja",
             "-DFEDWAVE_TESTS=OFF"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_installs_what_dev_installs_for_a_build(self):
        [listed] = re.findall(r"^BUILD_PACKAGES=\(([^)]*)\)", text_of("dev"), re.MULTILINE)
        for target in ("amd64", "arm64"):
            with self.subTest(target=target):
                packages = subprocess.run(
                    [BUILD_SCRIPT, "list"], env=fedwave.environment({"TARGETARCH": target}),
                    capture_output=True, text=True, check=True).stdout.split()
                names = [package.removesuffix(":" + target) for package in packages]
                self.assertLessEqual(set(listed.split()), set(names))
                self.assertIn("libssl-dev:" + target, packages)
                self.assertIn("cmake", packages)

    def test_there_is_no_image_for_another_architecture(self):
        done = subprocess.run([BUILD_SCRIPT, "list"], env=fedwave.environment({"TARGETARCH": "arm"}),
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("only for amd64 and arm64", done.stderr)


class FirstProcess(Server):
    """The image's command as process 1 of its own namespaces; only `folder` can be written.

    Signals go to that process, not to the one that waits for it outside.
    """

    IN_NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork",
                     "--kill-child", "--mount-proc", "sh", "-c",
                     'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"']

    def __init__(self, config_path, folder, *options):
        words = [config_path if word == CONFIG_PATH else word
                 for word in json.loads(of_runtime("CMD"))]
        super().__init__([*self.IN_NAMESPACES, folder, fedwave.FEDWAVE, *words, *options],
                         os.path.join(folder, "relay.log"))

    def inner_pid(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return int(file.read() or 0)

    def send_signal(self, number):
        pid = self.inner_pid()
        if pid:  # else it has just ended
            os.kill(pid, number)

    def stop(self, timeout_s=DEADLINE_S):
        if self.running() and self.inner_pid():
            self.send_signal(signal.SIGTERM)
            try:
                self.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.send_signal(signal.SIGKILL)
                self.wait()
        return super().stop()


def refusal():
    """Why there can be no such process here; empty when there can."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*FirstProcess.IN_NAMESPACES, folder, "true"], capture_output=True,
                              text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@unittest.skipIf(refusal(), f"no namespaces here: {refusal()}")
class FirstProcessTest(RelayCase):
    def start(self, sinks, *top):
        config_path = self.write("config.yaml", config(
            sinks, [source_of(self.server)], *top))
        relay = FirstProcess(config_path, self.folder)
        self.addCleanup(relay.stop)
        self.wait_for_ticks(relay, 1)
        return relay

    def test_it_is_process_1_and_can_write_nothing_but_its_spool(self):
        spool = os.path.join(self.folder, "spool")
        relay = self.start(["{type: stdout}"], f"spool: {{directory: {spool}}}")
        with open(f"/proc/{relay.inner_pid()}/status", encoding="ascii") as file:
            [numbers] = re.findall(r"^NSpid:\s+(.*)$", file.read(), re.MULTILINE)
        self.assertEqual(numbers.split()[-1], "1")
        with open(f"/proc/{relay.inner_pid()}/mountinfo", encoding="ascii") as file:
            options = {line.split()[4]: line.split()[5] for line in file}
        self.assertIn("ro", options["/"].split(","))
        self.assertNotIn("ro", options[self.folder].split(","))
        self.stop_well(relay)
        self.assertTrue(os.listdir(spool))

    def test_a_word_to_stop_ends_it_in_good_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.ticks = self.server.answers["/metrics"] = Ticks()
                receiver = self.receiver("--strict", name=number.name)
                relay = self.start([f"{{proxyAddress: {receiver.address}}}"])
                relay.send_signal(number)
                self.assertEqual(relay.wait(), OK, relay.output())
                self.assert_all_ticks(receiver.lines(), relay)

    def test_other_signals_do_not_end_it(self):
        relay = self.start(["{type: stdout}"])
        for number in (signal.SIGHUP, signal.SIGPIPE):
            relay.send_signal(number)
            self.wait_for_ticks(relay, 2)
        self.stop_well(relay)

    def test_the_second_word_ends_at_once_what_waits_for_a_sink_that_hangs(self):
        self.server.answers["/report"] = web.nothing
        relay = self.start([f"{{proxyAddress: '{self.server.address}', requestTimeout: 10m}}"],
                           "shutdownGrace: 10m")
        self.wait_for(relay, lambda: self.server.requests("/report"))
        relay.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in relay.output(), relay.output)
        self.assertEqual(relay.insist(signal.SIGTERM), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
