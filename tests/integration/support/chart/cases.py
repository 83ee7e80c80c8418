"""The cases of the chart, rendered, for tests that ask the same question of each."""
import functools
import os
import unittest

from support.chart import generated
from support.chart.render import CHART

WORKLOADS = ("Deployment", "StatefulSet")
_EXTRA = "extra-manifests.yaml"


class Case:
    """One set of values and all that comes of it, hooks too."""

    def __init__(self, name, made):
        self.name = name
        self.values = made.values
        self.notes = made.notes
        self.manifests = made.objects()
        self.templates = {os.path.basename(item["source"]) for item in made.manifests}
        self._own = [item["object"] for item in made.manifests if not item["source"].endswith(_EXTRA)]

    def objects(self, *kinds):
        return [manifest for manifest in self.manifests if manifest["kind"] in kinds]

    def own(self, kind):
        """Those of the chart's own templates: whoever adds an object answers for it."""
        return [manifest for manifest in self._own if manifest["kind"] == kind]

    def workload(self):
        [workload] = self.objects(*WORKLOADS)
        return workload

    def pod(self):
        return self.workload()["spec"]["template"]

    def container(self):
        return self.pod()["spec"]["containers"][0]

    def option(self, name):
        found = [argument.partition("=")[2] for argument in self.container()["args"]
                 if argument.startswith(f"--{name}=")]
        return found[-1] if found else None


def each_case(test):
    """The test asks its question of every case."""
    @functools.wraps(test)
    def asked(self):
        for case in self.cases():
            with self.subTest(case=case.name):
                test(self, case)
    return asked


class ChartCase(unittest.TestCase):
    maxDiff = None

    @staticmethod
    @functools.cache
    def cases():
        return [Case(os.path.relpath(values, CHART), generated.rendered_case(values, include_hooks=True))
                for values in generated.cases().values()]
