"""Servers as child processes: started, waited for by polling, stopped by their own pid."""
import atexit
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

POLL_S = 0.1
# What takes so long does not come any more, however busy the machine is.
DEADLINE_S = 60
# Below those that the kernel gives to outgoing connections: one of them could take a port while
# nobody listens on it, or even be connected to itself.
_PORTS = range(20000, 32000)


def wait_until(probe, what, deadline_s=DEADLINE_S, every_s=POLL_S):
    """Polls until `probe` returns something true and returns it; fails with `what` after that."""
    end = time.monotonic() + deadline_s
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what}: not within {deadline_s} s")
        time.sleep(every_s)


def free_port():
    """One that nobody listens on, and that no other test is given while this process lives."""
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0fedwave-test-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            claim.close()
            continue
        atexit.register(claim.close)
        return port
    raise AssertionError("no port is free")


def accepts_connections(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S):
            return True
    except OSError:
        return False


def http_get(url, headers=None, timeout_s=DEADLINE_S, ca_file=None, method="GET"):
    """(status, body); (0, reason) while nobody answers."""
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s, context=context) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError as error:
        return 0, str(error).encode()


def http_post(url, **keywords):
    return http_get(url, method="POST", **keywords)


class Server:
    """A child process whose output goes to a file; to be used with `with` or addCleanup(stop).

    `stdout`, an open file or a descriptor, takes standard output apart from the rest.
    """

    def __init__(self, command, output_path, cwd=None, env=None, stdout=None):
        self.name = os.path.basename(command[0])
        self.output_path = output_path
        self._output = open(output_path, "ab")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output if stdout is None else stdout,
            stderr=self._output if stdout is not None else subprocess.STDOUT, cwd=cwd, env=env)

    @property
    def pid(self):
        return self._process.pid

    def output(self):
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def peak_memory_bytes(self):
        """The most memory that the running process has had resident so far."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            [kibibytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", file.read(), re.MULTILINE)
        return int(kibibytes) * 1024

    def running(self):
        return self._process.poll() is None

    def wait_ready(self, probe, deadline_s=DEADLINE_S):
        """Polls `probe`; a process that ends instead is reported with what it wrote."""
        def check():
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self._process.returncode}:\n"
                                     f"{self.output()}")
            return probe()
        return wait_until(check, lambda: f"{self.name} is not ready:\n{self.output()}", deadline_s)

    def send_signal(self, number):
        self._process.send_signal(number)

    def wait(self, timeout_s=DEADLINE_S):
        """The exit code of a process that ends by itself."""
        return self._process.wait(timeout=timeout_s)

    def insist(self, number):
        """Sends the signal until the process ends; the exit code.

        Of two that come together the second may be taken for the same word, so one may not do.
        """
        def is_over():
            if self.running():
                self.send_signal(number)
            return not self.running()
        wait_until(is_over, lambda: f"the end of {self.name}:\n{self.output()}", every_s=0.2)
        return self.wait()

    def stop(self, timeout_s=DEADLINE_S):
        """SIGTERM, and SIGKILL should that not do; the exit code."""
        if self.running():
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()
        return self._process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
