"""Reads a page of metrics in the Prometheus text format, as `GET /metrics` gives it."""
import itertools
import re

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)",?')
_SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')
_ESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _plain(text):
    return re.sub(r"\\.", lambda match: _ESCAPED[match[0]], text)


class MetricsPage:
    """`samples` is {(name, ((label, value), …)): value}; a line that is none is an error."""

    def __init__(self, text):
        self.samples = {}
        self.types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            match = _SAMPLE.fullmatch(line)
            if not match:
                raise ValueError(f"not a sample: {line}")
            labels = tuple((key, _plain(value)) for key, value in _LABEL.findall(match[2] or ""))
            if (match[1], labels) in self.samples:
                raise ValueError(f"twice on the page: {line}")
            self.samples[match[1], labels] = float(match[3])

    def total(self, name, **labels):
        """The sum of the samples that have these labels, whatever others they have."""
        return sum(value for (found, having), value in self.samples.items()
                   if found == name and labels.items() <= dict(having).items())

    def values(self, name, label):
        """The different values of a label, in the order of the page."""
        return list(dict.fromkeys(dict(labels)[label] for found, labels in self.samples
                                  if found == name))

    def sums_that_differ(self):
        """What was read and what became of it, what was spooled and where it is: each sum of the
        accounting that does not agree, in words."""
        found = []
        sinks = self.values("fedwave_sink_info", "sink")
        for source, sink in itertools.product(self.values("fedwave_samples_read_total", "source"),
                                              sinks):
            fates = {fate: self.total(f"fedwave_samples_{fate}_total", source=source, sink=sink)
                     for fate in ("filtered", "repeated", "rejected", "converted", "written",
                                  "before")}
            read = self.total("fedwave_samples_read_total", source=source)
            if read != sum(fates.values()):
                found.append(f"{source} to {sink}: {read} read, {fates}")
        # Of those that leave, too.
        for sink in self.values("fedwave_sink_points_spooled_total", "sink"):
            points = {what: self.total(f"fedwave_sink_points_{what}_total", sink=sink) for what in
                      ("recovered", "spooled", "delivered", "quarantined", "expired")}
            waiting = self.total("fedwave_sink_waiting_points", sink=sink)
            if points["recovered"] + points["spooled"] != (
                    points["delivered"] + points["quarantined"] + points["expired"] + waiting):
                found.append(f"{sink}: {points}, {waiting} waiting")
            # Spooled while a scrape goes on, counted as written when it ends.
            written = (self.total("fedwave_samples_written_total", sink=sink) +
                       self.total("fedwave_distributions_written_total", sink=sink))
            if written > points["spooled"]:
                found.append(f"{sink}: {written} written, {points}")
        return found

    def counters(self):
        return {series: value for series, value in self.samples.items()
                if self.types.get(series[0]) == "counter"}
