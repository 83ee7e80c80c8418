"""Reads a page of metrics in the Prometheus text format, as `GET /metrics` gives it."""
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

    def counters(self):
        return {series: value for series, value in self.samples.items()
                if self.types.get(series[0]) == "counter"}
