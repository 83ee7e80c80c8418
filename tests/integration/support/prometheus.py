"""A real Prometheus over the simulated mesh, wired as the Wavefront Istio integration wires it."""
import json
import os
import urllib.parse

from support.fedwave import SOURCE_ROOT
from support.processes import Server, free_port, http_get

_TEMPLATE = os.path.join(os.path.dirname(__file__), "..", "prometheus", "prometheus.yml.in")
SHIPPED = os.path.join(SOURCE_ROOT, "charts", "prometheus")
RULES = os.path.join(SHIPPED, "istio.rules.yaml")
SCRAPE = os.path.join(SHIPPED, "federate.scrape.yaml")
BINARY = "/usr/bin/prometheus"
PROMTOOL = "/usr/bin/promtool"


class Prometheus(Server):
    def __init__(self, folder, mesh_address):
        self.address = f"127.0.0.1:{free_port()}"
        config = os.path.join(folder, "prometheus.yml")
        with open(_TEMPLATE, encoding="utf-8") as file:
            text = file.read().replace("@RULES@", RULES).replace("@MESH@", mesh_address)
        with open(config, "w", encoding="utf-8") as file:
            file.write(text + shipped_jobs().replace("localhost:9090", self.address))
        super().__init__([BINARY, f"--config.file={config}",
                          f"--web.listen-address={self.address}",
                          f"--storage.tsdb.path={os.path.join(folder, 'tsdb')}"],
                         os.path.join(folder, "prometheus.log"), cwd=folder)
        try:
            self.wait_ready(lambda: http_get(f"http://{self.address}/-/ready")[0] == 200)
        except BaseException:
            self.stop()
            raise

    def stored(self, selector, window="10m"):
        """Every stored sample of the series: [(labels, {timestamp_ms: value})]."""
        query = urllib.parse.urlencode({"query": f"{selector}[{window}]"})
        status, body = http_get(f"http://{self.address}/api/v1/query?{query}")
        if status != 200:
            raise AssertionError(f"Prometheus answers {status} to {selector}: {body!r}")
        return [(series["metric"], {round(t * 1000): float(v) for t, v in series["values"]})
                for series in json.loads(body)["data"]["result"]]


    def crowded_seconds(self):
        """In which a series got two samples, as happens to a Prometheus that was kept waiting. For
        Wavefront, which is told seconds, they are of the same time."""
        crowded = set()
        for _, samples in self.stored('{__name__=~".+"}', "20m"):
            seconds = [at_ms // 1000 for at_ms in samples]
            crowded.update(second for second in seconds if seconds.count(second) > 1)
        return crowded


def shipped_jobs():
    """The items of scrape_configs in the shipped file, indented as they are there."""
    with open(SCRAPE, encoding="utf-8") as file:
        return file.read().partition("\nscrape_configs:\n")[2]
