"""The shell commands of a document, and a place where they work as they stand.

Fences are read like this:

    ```sh            runs: bash -euo pipefail, one block after the other in one folder
    ```sh cluster    needs a cluster: bash only reads it, and what `helm install|upgrade|template` would
                     render from charts/… is rendered
    ```sh docker     needs docker: bash only reads it
    ```sh terminal   goes on until it is stopped, or for hours: bash only reads it
    ```yaml NAME     is written to NAME, for the blocks that follow

Any other fence is only looked at; `bash`, `shell` and `console` are refused, so that none slips through.

The folder has charts/ and docs/ of this repository, and beside them collector.yaml (a configuration of the
collector), configmap.yaml (the same as its ConfigMap) and page.prom (a page of /federate). `fedwave` is in
the PATH. localhost:9090 answers as Istio's Prometheus does, localhost:9464 is the status page of a relay that
runs with /etc/fedwave/config.yaml and has its spool in /var/lib/fedwave/spool; commands are given the places
that stand for these. What a block leaves in the background is ended with it.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from typing import NamedTuple

from support import fedwave
from support.chart import render
from support.files import write_below
from support.processes import http_get, wait_until

BLOCK_TIMEOUT_S = 120
NOT_RUN = (("cluster",), ("docker",), ("terminal",))
_DATA = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "golden", "01-istio-federated")
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_CONFIG = """clusterName: mesh-1
sinks:
- {{name: wavefront, proxyAddress: '{receiver}'}}
sources:
  prometheus_sources:
  - name: istio
    url: 'http://{mesh}/federate?match[]={{job=~"federate|kubernetes-pods"}}'
    collection: {{interval: 1s}}
spool: {{directory: '{spool}'}}
"""
# Stands in for helm: renders what `helm template` would, and knows no cluster.
_HELM = """#!{python}
import os, sys
arguments = sys.argv[1:]
if arguments[:1] != ["template"]:
    sys.exit("helm: only `template` runs without a cluster; mark the block: ```sh cluster")
positional = [place for place in (1, 2) if not arguments[place].startswith("-")]
if len(positional) != 2:
    sys.exit("helm: `helm template RELEASE CHART …` is needed")
os.execv("{render}", ["{render}", "--release", arguments[1], "--chart", arguments[2], *arguments[3:]])
"""


class Block(NamedTuple):
    line: int
    language: str   # what stands behind the fence, in words
    words: tuple
    text: str


def blocks(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [Block(text.count("\n", 0, match.start()) + 1, *_split(match[2]),
                  textwrap.dedent(match[3])) for match in _FENCE.finditer(text)]


def images(manifests):
    """What the containers of a text of manifests run."""
    return set(re.findall(r"^[ -]*image: [\"']?([^\s\"']+)", manifests, re.MULTILINE))


def _split(info):
    language, *words = info.split() or [""]
    return language, tuple(words)


def helm_commands(text):
    """The commands of a block that render the chart of this repository, as `helm template` ones."""
    whole = re.sub(r"\\\n\s*", " ", text)
    found = re.findall(r"^helm (?:install|upgrade --install|upgrade|template) (\S+ \S*charts/\S+.*)$",
                       whole, re.MULTILINE)
    dropped = re.compile(r"\s--(?:create-namespace|wait|atomic|install|dry-run\S*)\b")
    return [f"helm template {dropped.sub('', command)}" for command in found]


class Workplace:
    """A folder and servers in which the commands of documents run."""

    def __init__(self, folder):
        self.folder = folder
        self._servers = []
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for server in reversed(self._servers):
            server.stop()

    def run(self, script):
        """A CompletedProcess; whatever the block left in the background is ended."""
        for place, stand_in in self._places:
            script = re.sub(place, stand_in, script)
        # A file, because a pipe would stay open as long as anything in the background has it.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=self.folder,
                                       env=self._environment, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            trouble = ""
            try:
                process.wait(BLOCK_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                trouble = f"\nstill running after {BLOCK_TIMEOUT_S} s"
            self._end_group(process.pid)
            process.wait()
            output.seek(0)
            return subprocess.CompletedProcess(script, process.returncode, output.read() + trouble)

    @staticmethod
    def _end_group(group):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing was left

    def write(self, name, text):
        return write_below(self.folder, name, text)

    def _start(self):
        for name in ("charts", "docs"):
            shutil.copytree(os.path.join(fedwave.SOURCE_ROOT, name), os.path.join(self.folder, name))
        self._fill_path()
        mesh = self._add(fedwave.simulated_mesh(self.folder))
        receiver = self._add(fedwave.Receiver(self.folder))
        spool = os.path.join(self.folder, "var", "spool")
        config = self.write("etc/config.yaml", _CONFIG.format(receiver=receiver.address, spool=spool,
                                                              mesh=mesh.address))
        status = self._add_relay(config)
        self._places = ((r"\b(?:localhost|127\.0\.0\.1):9090\b", mesh.address),
                        (r"\b(?:localhost|127\.0\.0\.1):9464\b", status),
                        (r"/var/lib/fedwave/spool\b", spool),
                        (r"/etc/fedwave\b", os.path.dirname(config)))
        self._fill_folder(mesh.address)
        wait_until(receiver.lines, "the relay delivers")

    def _fill_path(self):
        os.mkdir(os.path.join(self.folder, "bin"))
        os.symlink(fedwave.FEDWAVE, os.path.join(self.folder, "bin", "fedwave"))
        helm = _HELM.format(python=sys.executable, render=os.path.abspath(render.__file__))
        os.chmod(self.write("bin/helm", helm), 0o755)
        path = f"{os.path.join(self.folder, 'bin')}:{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path}

    def _fill_folder(self, mesh):
        with open(os.path.join(_DATA, "config.yaml"), encoding="utf-8") as file:
            collector = file.read()
        self.write("collector.yaml", collector)
        self.write("configmap.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: collector-config}\n"
                   f"data:\n  config.yaml: |\n{textwrap.indent(collector, '    ')}")
        status, page = http_get(f"http://{mesh}/federate?match[]=%7Bjob!=%22%22%7D")
        if status != 200:
            raise AssertionError(f"the mesh answers {status}")
        self.write("page.prom", page.decode())

    def _add(self, server):
        self._servers.append(server)
        return server

    def _add_relay(self, config):
        port_file = os.path.join(self.folder, "status.port")
        relay = self._add(fedwave.relay(config, self.folder, "--listen", "127.0.0.1:0",
                                        "--port-file", port_file))

        def address():
            if not os.path.exists(port_file):
                return None
            with open(port_file, encoding="ascii") as file:
                port = file.read().strip()
            return port and f"127.0.0.1:{port}"
        return relay.wait_ready(address)
