"""The binary under test, in each of its roles."""
import os
import re
import subprocess
import sys

from support.processes import DEADLINE_S, Server, accepts_connections, free_port

FEDWAVE = os.environ["FEDWAVE"]
SOURCE_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def has_sanitizers():
    """Whether the binary was built with sanitizers, which need memory and time of their own."""
    cache = os.path.join(os.environ["FEDWAVE_BUILD"], "CMakeCache.txt")
    with open(cache, encoding="utf-8") as file:
        return re.search(r"^FEDWAVE_SANITIZE:\w+=\S", file.read(), re.MULTILINE) is not None


def environment(variables):
    """Ours with `variables` besides."""
    return {**os.environ, **(variables or {})}


def run(*arguments, timeout_s=2 * DEADLINE_S, text_in="", env=None):
    """A command that ends by itself; a CompletedProcess with text output."""
    return subprocess.run([FEDWAVE, *arguments], input=text_in, capture_output=True,
                          encoding="utf-8", errors="backslashreplace", timeout=timeout_s,
                          check=False, env=environment(env))


# A process of its own, because what is measured of a child begins with its parent's size.
_MEASURE = """import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                      timeout=float(sys.argv[1])).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def run_measured(*arguments, timeout_s):
    """A command whose output does not matter: (exit code, peak memory in bytes, standard error)."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, str(timeout_s), FEDWAVE, *arguments],
                          capture_output=True, text=True, check=False)
    return done.returncode, int(done.stdout or 0) * 1024, done.stderr


def relay(config_path, folder, *options, env=None, stdout=None):
    """`fedwave run`; it is up to the caller to see that it works."""
    return Server([FEDWAVE, "run", "--config", config_path, *options],
                  os.path.join(folder, "relay.log"), env=environment(env), stdout=stdout)


class Listening(Server):
    """A command that writes its port to a file; the port stays its own should it be stopped."""

    def __init__(self, command, folder):
        port_file = os.path.join(folder, f"{command[0]}.port")
        super().__init__([FEDWAVE, *command, "--listen", f"127.0.0.1:{free_port()}",
                          "--port-file", port_file], os.path.join(folder, f"{command[0]}.log"))

        def port():
            try:
                with open(port_file, encoding="ascii") as file:
                    number = int(file.read() or 0)
            except FileNotFoundError:
                return 0
            return number if number and accepts_connections(number) else 0
        try:
            self.port = self.wait_ready(port)
        except BaseException:
            self.stop()
            raise
        self.address = f"127.0.0.1:{self.port}"


class Receiver(Listening):
    """`fedwave receive`: takes what a Wavefront proxy takes and keeps the lines it accepted."""

    def __init__(self, folder, *options):
        self.record_path = os.path.join(folder, "points.txt")
        super().__init__(["receive", "--record", self.record_path, *options], folder)

    def lines(self):
        """The complete lines accepted so far."""
        try:
            with open(self.record_path, encoding="utf-8") as file:
                return [line[:-1] for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []


def simulated_mesh(folder, lifetime="20m"):
    """`fedwave demo`, for its /federate and /metrics."""
    return Listening(["demo", "--for", lifetime], folder)
