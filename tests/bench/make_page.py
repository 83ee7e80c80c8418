#!/usr/bin/python3
"""Makes the page that /federate of an Istio mesh's Prometheus answers with, for benches.

A page is a function of its arguments: the same seed gives the same series, and scrape K is the page
a minute after scrape K-1, with counters that have grown. Series are labelled as the recording rules
of the Wavefront Istio integration leave them (about 10 labels), or, raw, as the sidecars report them
(about 30). How the series are spread over the metrics follows tests/data/golden.
"""
import argparse
import math
import random
import statistics
import sys
import time
from functools import partial
from typing import NamedTuple

INTERVAL_S = 60            # between two scrapes
UPTIME_S = 3 * 24 * 3600   # of every counter, at scrape 0
BASE_AGE_MS = 3_600_000    # how long ago scrape 0 was, unless told

ISTIOD_PODS = 3
PODS_PER_FLOW = 7 / 9
FLOW_SERIES = 5 + 3 * (20 + 6 + 2)

APPS = ("cart", "catalogue", "checkout", "currency", "details", "email", "frontend", "payment",
        "productpage", "ratings", "recommendation", "reviews", "search", "shipping", "stock", "users")
VERSIONS = ("v1", "v2", "v3")
CODES = (("200", "-"), ("200", "-"), ("200", "-"), ("404", "-"), ("503", "UH"), ("0", "DC"))
REPORTERS = ("destination", "source")

BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000,
          1800000, 3600000)
BOUND_TEXTS = tuple(str(bound) for bound in BOUNDS) + ("+Inf",)
HISTOGRAMS = ("istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes")
QUANTILES = (("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999))
TCP_TOTALS = ("istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total",
              "istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total")

PILOT_BOUND_TEXTS = ("0.1", "0.5", "1", "3", "5", "10", "20", "30", "+Inf")
PILOT_HISTOGRAMS = ("pilot_proxy_convergence_time_bucket", "pilot_proxy_queue_time_bucket")
PILOT_TOTALS = (
    "citadel_server_csr_count", "citadel_server_csr_sign_error_count",
    "citadel_server_success_cert_issuance_count", "galley_validation_config_delete_error",
    "galley_validation_config_load", "galley_validation_config_load_error",
    "galley_validation_config_update_error", "galley_validation_config_updates",
    "galley_validation_failed", "galley_validation_http_error", "galley_validation_passed",
    "pilot_conflict_inbound_listener", "pilot_conflict_outbound_listener_http_over_current_tcp",
    "pilot_conflict_outbound_listener_tcp_over_current_http",
    "pilot_conflict_outbound_listener_tcp_over_current_tcp", "pilot_services",
    "pilot_total_xds_internal_errors", "pilot_total_xds_rejects", "pilot_virt_services",
    "pilot_xds_cds_reject", "pilot_xds_eds_reject", "pilot_xds_lds_reject",
    "pilot_xds_push_context_errors", "pilot_xds_rds_reject", "pilot_xds_write_timeout",
    "sidecar_injection_requests_total")
PUSH_TYPES = ("cds", "eds", "lds", "rds")
# Of every pod; the last three are what an allow list is there to drop.
PROCESS_METRICS = (
    "go_goroutines", "go_memstats_alloc_bytes", "go_memstats_heap_alloc_bytes",
    "go_memstats_heap_inuse_bytes", "go_memstats_heap_sys_bytes", "go_memstats_stack_inuse_bytes",
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
    "container_cpu_usage_seconds_total", "envoy_cluster_upstream_cx_total",
    "envoy_server_memory_allocated")


class Pod(NamedTuple):
    app: str
    version: str
    namespace: str
    name: str
    template_hash: str
    address: str
    offset_ms: int  # of its scrapes within the interval

    @property
    def workload(self):
        return f"{self.app}-{self.version}"


class Histogram(NamedTuple):
    mean: float
    shares: tuple     # of the observations up to each bound, +Inf included
    quantiles: tuple  # one for each of QUANTILES


class Flow(NamedTuple):
    """Requests from one workload to another, as one of the two reports them."""
    source: Pod
    destination: Pod
    reporter: str
    code: str
    flags: str
    per_second: float
    phase: float
    histograms: tuple  # one for each of HISTOGRAMS

    @property
    def reporting_pod(self):
        return self.source if self.reporter == "source" else self.destination


class Mesh(NamedTuple):
    pods: list
    istiods: list
    flows: list


def go_number(value):
    """As Prometheus prints it: the shortest digits, with an exponent from a million on."""
    text = repr(float(value))
    if text.endswith(".0"):
        text = text[:-2]
    if "e" in text or abs(value) < 1e6:
        return text
    whole, _, fraction = text.partition(".")
    digits = (whole + fraction).rstrip("0")
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{mantissa}e+{len(whole) - 1:02d}"


def make_pod(chance, app, version, namespace, index):
    template_hash = f"{chance.getrandbits(40):010x}"
    return Pod(app, version, namespace, f"{app}-{version}-{template_hash}-{chance.getrandbits(20):05x}",
               template_hash, f"10.{index >> 14}.{index >> 7 & 127}.{2 + (index & 127)}:15020",
               chance.randrange(15_000))


def make_histogram(chance, median):
    spread = statistics.NormalDist(math.log(median * chance.uniform(0.3, 3)), chance.uniform(0.5, 1.2))
    return Histogram(mean=math.exp(spread.mean + spread.variance / 2),
                     shares=tuple(spread.cdf(math.log(bound)) for bound in BOUNDS) + (1.0,),
                     quantiles=tuple(math.exp(spread.inv_cdf(q)) for _, q in QUANTILES))


def make_mesh(series, seed):
    chance = random.Random(seed)
    istiod_series = (len(PILOT_TOTALS) + len(PILOT_HISTOGRAMS) * len(PILOT_BOUND_TEXTS) +
                     len(PUSH_TYPES) + 1 + len(PROCESS_METRICS))
    per_flow = FLOW_SERIES + PODS_PER_FLOW * len(PROCESS_METRICS)
    flow_count = max(1, round((series - ISTIOD_PODS * istiod_series) / per_flow))
    pods = []
    for index in range(max(2, round(flow_count * PODS_PER_FLOW))):
        team, place = divmod(index, len(APPS) * len(VERSIONS))
        pods.append(make_pod(chance, APPS[place % len(APPS)], VERSIONS[place // len(APPS)],
                             f"team-{team:02d}", index))
    istiods = [make_pod(chance, "istiod", "1-20-3", "istio-system", len(pods) + i)
               for i in range(ISTIOD_PODS)]
    flows, known = [], set()
    while len(flows) < flow_count:
        source, destination = chance.sample(pods, 2)
        reporter, (code, flags) = chance.choice(REPORTERS), chance.choice(CODES)
        key = (source.name, destination.name, reporter, code)
        if key in known:
            continue
        known.add(key)
        flows.append(Flow(source, destination, reporter, code, flags,
                          per_second=10 ** chance.uniform(-3, 2), phase=chance.uniform(0, 6),
                          histograms=tuple(make_histogram(chance, median) for median in (20, 500, 2000))))
    return Mesh(pods, istiods, flows)


def label_text(labels):
    return ",".join(f'{name}="{labels[name]}"' for name in sorted(labels))


def pod_labels(pod):
    return {"app": pod.app, "instance": pod.address, "job": "kubernetes-pods",
            "kubernetes_namespace": pod.namespace, "kubernetes_pod_name": pod.name}


def aggregated_labels(flow):
    return {"app": flow.reporting_pod.app, "job": "federate", "reporter": flow.reporter,
            "response_code": flow.code, "response_flags": flow.flags,
            "source_workload": flow.source.workload,
            "source_workload_namespace": flow.source.namespace,
            "destination_workload": flow.destination.workload,
            "destination_workload_namespace": flow.destination.namespace}


def raw_labels(flow):
    pod, destination = flow.reporting_pod, flow.destination
    labels = {**aggregated_labels(flow), **pod_labels(pod)}
    for end, peer in (("source", flow.source), ("destination", destination)):
        labels.update({
            f"{end}_app": peer.app, f"{end}_canonical_service": peer.app,
            f"{end}_canonical_revision": peer.version, f"{end}_version": peer.version,
            f"{end}_cluster": "Kubernetes",
            f"{end}_principal": f"spiffe://cluster.local/ns/{peer.namespace}/sa/{peer.app}"})
    labels.update({
        "connection_security_policy": "mutual_tls" if flow.reporter == "destination" else "unknown",
        "destination_service": f"{destination.app}.{destination.namespace}.svc.cluster.local",
        "destination_service_name": destination.app,
        "destination_service_namespace": destination.namespace,
        "pod_template_hash": pod.template_hash, "request_protocol": "http",
        "security_istio_io_tlsMode": "istio", "service_istio_io_canonical_name": pod.app,
        "service_istio_io_canonical_revision": pod.version, "version": pod.version})
    return labels


class Moment(NamedTuple):
    """When a page is scraped."""
    scrape: int
    base_ms: int

    @property
    def time_ms(self):
        return self.base_ms + self.scrape * INTERVAL_S * 1000

    @property
    def uptime_s(self):
        return UPTIME_S + self.scrape * INTERVAL_S


class FlowLines:
    """The labels of a flow's lines and the numbers that its values come from."""

    def __init__(self, flow, moment, raw):
        labels = raw_labels(flow) if raw else aggregated_labels(flow)
        # Prometheus appends an empty instance where a series has none, after the sorted labels.
        end = "" if raw else ',instance=""'
        self.plain = label_text(labels) + end
        self._before_bound, _, self._after_bound = (
            label_text({**labels, "le": "@"}) + end).partition("@")
        # Rules are evaluated together; pods are scraped each at a time of its own.
        self.time_ms = moment.time_ms + (flow.reporting_pod.offset_ms if raw else 0)
        self._raw = raw
        self._histograms = flow.histograms
        self._wave = 1 + 0.4 * math.sin(flow.phase + moment.scrape)
        self._count = int(flow.per_second * moment.uptime_s) + 1
        # The rules' buckets are rates of the last seconds, a pod's are counters.
        self._observed = self._count if raw else flow.per_second * self._wave

    def count(self, factor):
        yield self.plain, self._count * factor

    def buckets(self, histogram):
        for bound, share in zip(BOUND_TEXTS, self._histograms[histogram].shares):
            value = self._observed * share
            yield self._before_bound + bound + self._after_bound, int(value) if self._raw else value

    def quantile(self, histogram, which):
        yield self.plain, self._histograms[histogram].quantiles[which] * self._wave

    def sum(self, histogram):
        yield self.plain, round(self._count * self._histograms[histogram].mean, 3)


class IstiodLines:
    def __init__(self, pod, moment):
        self._labels = {**pod_labels(pod), "istio": "pilot"}
        self._grown = moment.uptime_s // INTERVAL_S
        self.time_ms = moment.time_ms + pod.offset_ms

    def total(self, factor):
        yield label_text(self._labels), factor * self._grown

    def each(self, label, values):
        for i, value in enumerate(values):
            yield label_text({**self._labels, label: value}), (i + 1) * self._grown

    def build(self):
        yield label_text({**self._labels, "component": "pilot", "tag": "1.20.3"}), 1


class PodLines:
    def __init__(self, pod, moment):
        self._labels = label_text(pod_labels(pod))
        self._start = pod.offset_ms + 1
        self._uptime_s = moment.uptime_s
        self.time_ms = moment.time_ms + pod.offset_ms

    def process(self, decade):
        yield self._labels, self._start * 10 ** decade * self._uptime_s / UPTIME_S


def flow_families():
    """(family, function of a FlowLines) for each family that flows have."""
    yield "istio_requests_total", lambda flow: flow.count(1)
    for family, factor in zip(TCP_TOTALS, (1500, 700, 1, 1)):
        yield family, partial(FlowLines.count, factor=factor)
    for histogram, family in enumerate(HISTOGRAMS):
        yield f"{family}_bucket", partial(FlowLines.buckets, histogram=histogram)
        for which, (name, _) in enumerate(QUANTILES):
            yield (f"{family}_bucket_{name}",
                   partial(FlowLines.quantile, histogram=histogram, which=which))
        yield f"{family}_count", lambda flow: flow.count(1)
        yield f"{family}_sum", partial(FlowLines.sum, histogram=histogram)


def istiod_families():
    for i, family in enumerate(PILOT_TOTALS):
        yield family, partial(IstiodLines.total, factor=i + 1)
    for family in PILOT_HISTOGRAMS:
        yield family, partial(IstiodLines.each, label="le", values=PILOT_BOUND_TEXTS)
    yield "pilot_xds_pushes", partial(IstiodLines.each, label="type", values=PUSH_TYPES)
    yield "istio_build", IstiodLines.build


def process_families():
    for i, family in enumerate(PROCESS_METRICS):
        yield family, partial(PodLines.process, decade=i % 4)


def write_page(file, series, scrape=0, raw=False, seed=1, base_ms=None):
    """Writes a page of about `series` series to a text file, a family at a time, because a page may
    be larger than what one wants to keep in memory; the number of series."""
    moment = Moment(scrape, int(time.time() * 1000) - BASE_AGE_MS if base_ms is None else base_ms)
    mesh = make_mesh(series, seed)
    parts = ((flow_families(), [FlowLines(flow, moment, raw) for flow in mesh.flows]),
             (process_families(), [PodLines(pod, moment) for pod in mesh.pods + mesh.istiods]),
             (istiod_families(), [IstiodLines(pod, moment) for pod in mesh.istiods]))
    families = sorted((family, samples, members) for families, members in parts
                      for family, samples in families)
    count = 0
    for family, samples, members in families:
        file.write(f"# TYPE {family} untyped\n")
        for member in members:
            lines = [f"{family}{{{labels}}} {go_number(value)} {member.time_ms}\n"
                     for labels, value in samples(member)]
            file.write("".join(lines))
            count += len(lines)
    return count


def main():
    parser = argparse.ArgumentParser(description="Writes a /federate page of an Istio mesh.")
    parser.add_argument("--series", type=int, default=100_000, metavar="N", help="about so many")
    parser.add_argument("--scrape", type=int, default=0, metavar="K", help="the K-th scrape of the mesh")
    parser.add_argument("--raw", action="store_true", help="all labels of the sidecars")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--base-ms", type=int, metavar="MS",
                        help="time of scrape 0 (default: an hour ago)")
    options = parser.parse_args()
    write_page(sys.stdout, options.series, options.scrape, options.raw, options.seed, options.base_ms)


if __name__ == "__main__":
    main()
