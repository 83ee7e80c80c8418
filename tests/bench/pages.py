"""Pages in files, and the configuration that the relay reads them with."""
import contextlib
import gzip
import os
import shutil
import time
from typing import NamedTuple

from make_page import BASE_AGE_MS, write_page
from support import istio_sample

LABEL_SETS = ("aggregated", "raw")
SEED = 1
_GZIP_LEVEL = 6  # as Prometheus has it
_CHUNK_BYTES = 1 << 20

# The sample's metricTagDenyList is left out: it would drop what carries raw labels.
_CONFIG = """clusterName: mesh-1
spool: {{memoryBytes: 16MiB}}
sinks:
- proxyAddress: {sink}
  {wire}
sources:
  prometheus_sources:
  - url: 'http://{server}/federate?match[]={{job=~"federate|kubernetes-pods"}}'
    collection:
      interval: {interval}
{more}    filters:
      metricAllowList:
{allowed}
"""


class Page(NamedTuple):
    path: str
    series: int
    text_bytes: int
    served: str = "plain"  # or gzip: what the file is

    @property
    def file_bytes(self):
        return os.path.getsize(self.path)


def base_ms_now():
    """A time for scrape 0 at which no point is too old."""
    return int(time.time() * 1000) - BASE_AGE_MS


@contextlib.contextmanager
def page(folder, series, labels, base_ms, scrape=0):
    """A page in the folder for as long as the context lasts; large ones are a gigabyte."""
    path = os.path.join(folder, f"{series}-{labels}-{scrape}.prom")
    try:
        with open(path, "w", encoding="ascii") as file:
            count = write_page(file, series, scrape, labels == "raw", SEED, base_ms)
        yield Page(path, count, os.path.getsize(path))
    finally:
        _remove(path)


@contextlib.contextmanager
def gzipped(plain):
    path = plain.path + ".gz"
    try:
        with open(plain.path, "rb") as source, gzip.open(path, "wb", compresslevel=_GZIP_LEVEL) as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)
        yield plain._replace(path=path, served="gzip")
    finally:
        _remove(path)


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def config_text(sink="sink:2878", server="source", wire="", interval="1m", source_options=()):
    """`wire`: more of the sink's section; `source_options`: lines for the source's."""
    allowed = "\n".join(f"      - '{name}'" for name in istio_sample.metric_allow_list())
    more = "".join(f"    {line}\n" for line in source_options)
    return _CONFIG.format(sink=sink, server=server, wire=wire, interval=interval, allowed=allowed,
                          more=more)


def write_config(folder, name, **keywords):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(config_text(**keywords))
    return path
