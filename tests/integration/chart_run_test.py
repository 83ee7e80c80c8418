"""Each case of the chart with the real binary: its configuration is valid, its pod starts and answers.

Neither Prometheus nor Wavefront nor the Kubernetes API is there, and the probes have to pass all the same.
"""
import os
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import fedwave
from support.chart import generated, render
from support.chart.cases import ChartCase, each_case
from support.chart.pod import Pod
from support.processes import free_port

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
AT_ONCE = 3
SLACK_S = 10  # what a busy machine may add to a grace
OK, NO_SOURCE = 0, 2


class ChartRunTest(ChartCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fedwave-chart-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def pod(self, case):
        return Pod(case, tempfile.mkdtemp(dir=self.folder))

    @each_case
    def test_fedwave_check_finds_nothing_in_the_configuration(self, case):
        pod = self.pod(case)
        done = fedwave.run("check", "--config", pod.config, env=pod.environment())
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)
        if case.own("ConfigMap") and not case.values["config"] and not case.values["extraConfig"]:
            # Of files that kubelet or a sidecar writes there may be warnings here, of nothing else.
            self.assertNotRegex(done.stderr, r"warning: (?!.* does not exist)")

    def test_the_plain_manifests_have_a_valid_configuration_too(self):
        with open(os.path.join(generated.CHARTS, "manifests", "fedwave.yaml"), encoding="utf-8") as file:
            [text] = [item["data"]["config.yaml"] for item in render.read_yaml(file.read())
                      if item["kind"] == "ConfigMap"]
        done = fedwave.run("check", "--config", "-", text_in=text)
        self.assertEqual((done.returncode, done.stderr), (OK, ""), done.stdout)

    def test_the_probes_pass_with_nobody_else_there_and_the_pod_stops_well(self):
        with ThreadPoolExecutor(AT_ONCE) as workers:
            troubles = workers.map(self.trouble_of, self.cases())
        for case, trouble in zip(self.cases(), troubles):
            with self.subTest(case=case.name):
                self.assertIsNone(trouble)

    def trouble_of(self, case):
        """One pod from its start to its end; what went wrong, if anything."""
        running = self.pod(case).start()
        try:
            for probe in PROBES:
                if probe in case.container():
                    running.relay.wait_ready(lambda asked=probe: running.answers(asked))
        except AssertionError as error:
            return f"{probe}: {error}"
        finally:
            grace_s = case.pod()["spec"]["terminationGracePeriodSeconds"]
            code = running.relay.stop(grace_s + SLACK_S)
        return None if code == OK else f"ended with {code}:\n{running.relay.output()}"

    def test_helm_test_passes_for_a_relay_and_fails_without(self):
        [case] = [case for case in self.cases() if case.name == "ci/default-proxy-values.yaml"]
        [test] = [item for item in case.objects("Pod") if "helm.sh/hook" in item["metadata"]["annotations"]]
        running = self.pod(case).start()
        try:
            running.relay.wait_ready(lambda: running.answers("readinessProbe"))
            for address, code in ((running.address(), OK), (f"127.0.0.1:{free_port()}", NO_SOURCE)):
                command = self.with_address(test["spec"]["containers"][0]["args"], case, address)
                done = subprocess.run([fedwave.FEDWAVE, *command], capture_output=True, text=True,
                                      check=False)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        finally:
            running.relay.stop()

    def with_address(self, arguments, case, address):
        [service] = [item for item in case.own("Service")]
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        place = f"http://{name}.{namespace}.svc:{service['spec']['ports'][0]['port']}/"
        found = [argument.replace(place, f"http://{address}/") for argument in arguments]
        self.assertNotEqual(found, arguments)
        return found


if __name__ == "__main__":
    unittest.main()
