"""The chart as text: what is made from it is current, wrong values are refused, all of it is clean YAML."""
import copy
import functools
import glob
import json
import os
import re
import subprocess
import tempfile
import unittest

from support.chart import generated, render
from support.chart.render import CHART, ChartError
from support.fedwave import SOURCE_ROOT
from support.files import write_below
from support.prometheus import PROMTOOL

YAMLLINT = os.path.join(SOURCE_ROOT, "tests", "integration", "support", "chart", "yamllint.yaml")
PROXY = {"wavefront.proxyAddress": "proxy:2878"}
# What only a chart that contains this one sets: a default would have it do so in vain.
OF_PARENTS = {"enabled"}
# Types of Kubernetes, of which values.yaml shows what is set.
PARTLY_SHOWN = [("livenessProbe",), ("readinessProbe",), ("startupProbe",), ("resources",),
                ("podSecurityContext",), ("securityContext",)]
URL = {"wavefront.url": "https://example.wavefront.com", "wavefront.existingSecret": "token"}
ELECTION = {**PROXY, "leaderElection.enabled": True}
OWN = {"config": "sinks: [{proxyAddress: 'p:2878'}]"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rendered(values, **keywords):
    return render.render(set_json=[f"{key}={json.dumps(value)}" for key, value in values.items()],
                         api_versions=generated.OPERATOR, **keywords)


class GeneratedTest(unittest.TestCase):
    maxDiff = None

    def test_every_generated_file_is_as_the_chart_makes_it_now(self):
        for path, text in generated.files().items():
            with self.subTest(file=os.path.relpath(path, SOURCE_ROOT)):
                self.assertTrue(os.path.exists(path), "run ./dev chart")
                self.assertEqual(read(path), text, "run ./dev chart, and look at what changes")

    def test_no_golden_file_is_left_over(self):
        self.assertEqual(generated.stale(), [])

    def test_there_are_cases_of_both_kinds(self):
        for folder in (generated.GOLDENS, os.path.join(CHART, "examples")):
            with self.subTest(folder=folder):
                self.assertTrue(any(path.startswith(folder) for path in generated.cases()))

    def test_it_renders_the_same_with_every_helm_3(self):
        """Older ones read numbers as floats, newer ones exactly; both write 1000000 differently."""
        for values in generated.cases().values():
            with self.subTest(values=os.path.relpath(values, CHART)):
                self.assertEqual(generated.rendered_case(values, exact_numbers=True).text(),
                                 generated.rendered_case(values).text())

    def test_the_plain_manifests_say_which_lines_to_edit_and_have_nothing_of_helm(self):
        text = read(os.path.join(generated.CHARTS, "manifests", "fedwave.yaml"))
        marked = dict(re.findall(r"(?m)^ +# Yours: .*\n[- ]+(\w+): (\S+)$", text))
        [container] = [item["spec"]["template"]["spec"]["containers"][0] for item in render.read_yaml(text)
                       if item["kind"] == "Deployment"]
        self.assertEqual(marked, {"proxyAddress": generated.PROXY, "image": container["image"],
                                  "url": "http://prometheus.istio-system.svc:9090/federate"})
        self.assertIn(f"the {['no', 'one', 'two', 'three'][len(marked)]} lines", text)
        self.assertNotRegex(text, r"managed-by|helm\.sh|\bnamespace: default")
        [kustomization] = render.read_yaml(
            read(os.path.join(generated.CHARTS, "manifests", "kustomization.yaml")))
        self.assertEqual(kustomization["resources"], ["fedwave.yaml"])
        [image] = kustomization["images"]
        self.assertEqual(image["name"], container["image"].partition(":")[0])

    def test_the_values_for_prometheus_hold_the_shipped_rules_and_job(self):
        folder = os.path.join(generated.CHARTS, "prometheus")
        [values] = render.read_yaml(read(os.path.join(folder, "prometheus.values.yaml")))
        self.assertEqual([values["serverFiles"]["recording_rules.yml"]],
                         render.read_yaml(read(os.path.join(folder, "istio.rules.yaml"))))
        [jobs] = render.read_yaml(values["extraScrapeConfigs"])
        self.assertEqual([{"scrape_configs": jobs}],
                         render.read_yaml(read(os.path.join(folder, "federate.scrape.yaml"))))
        self.assertNotIn("{{", values["extraScrapeConfigs"])  # that chart takes it for a template


    def test_with_the_values_for_prometheus_there_are_buckets_and_quantiles(self):
        path = os.path.join(generated.CHARTS, "prometheus", "prometheus.values.yaml")
        [values] = render.read_yaml(read(path))
        intervals = values["server"]["global"]
        rules = values["serverFiles"]["recording_rules.yml"]
        kept = self.quantiles(rules, intervals["scrape_interval"], intervals["evaluation_interval"])
        self.assertEqual(kept.returncode, 0, kept.stdout + kept.stderr)
        # The interval that the community's chart has by itself.
        self.assertNotEqual(self.quantiles(rules, "1m", intervals["evaluation_interval"]).returncode, 0)

    @staticmethod
    def quantiles(rules, scraped_every, evaluated_every):
        """promtool's word on whether steady traffic has rates and a p50."""
        labels = 'job="kubernetes-pods",app="reviews",reporter="source"'
        name = "istio_request_duration_milliseconds_bucket"
        tested = {"rule_files": ["rules.yaml"], "evaluation_interval": evaluated_every, "tests": [{
            "interval": scraped_every,
            "input_series": [{"values": "0+60x50", "series": f'{name}{{{labels},le="{bound}"}}'}
                             for bound in ("10", "+Inf")],
            # Not on the minute, or even scrapes a minute apart would have two within one.
            "promql_expr_test": [{"eval_time": "10m30s", "expr": f"count(federate:{made})",
                                  "exp_samples": [{"labels": "{}", "value": count}]}
                                 for made, count in ((name, 2), (f"{name}_p50", 1))]}]}
        with tempfile.TemporaryDirectory(prefix="fedwave-chart-") as folder:
            write_below(folder, "rules.yaml", json.dumps(rules))
            test = write_below(folder, "test.yaml", json.dumps(tested))
            return subprocess.run([PROMTOOL, "test", "rules", test], capture_output=True, text=True,
                                  check=False)


# What is refused: a part of the message, and values that bring it about, alone.
REFUSED = (
    ("leaderElection and sharding exclude each other",
     {**PROXY, "leaderElection.enabled": True, "sharding.enabled": True, "mode": "statefulset"}),
    ("2 replicas would all send the same points", {**PROXY, "replicaCount": 2}),
    ("3 replicas would all send the same points",
     {**PROXY, "replicaCount": 3, "mode": "statefulset"}),
    ("sharding needs pods with numbers", {**PROXY, "sharding.enabled": True}),
    ("2 replicas cannot share the claim spool-0",
     {**PROXY, "replicaCount": 2, "mode": "statefulset", "sharding.enabled": True,
      "persistence.enabled": True, "persistence.existingClaim": "spool-0"}),
    ("2 replicas of a Deployment would share one claim",
     {**PROXY, "replicaCount": 2, "leaderElection.enabled": True, "persistence.enabled": True}),
    ("leaderElection needs a leaseDuration above 1s and above renewDeadline",
     {**ELECTION, "leaderElection.leaseDuration": "10s"}),
    ("not 1s, 500ms and 100ms",
     {**ELECTION, "leaderElection.leaseDuration": "1s", "leaderElection.renewDeadline": "500ms",
      "leaderElection.retryPeriod": "100ms"}),
    ("not 1m, 12s and 10s",
     {**ELECTION, "leaderElection.leaseDuration": "1m", "leaderElection.renewDeadline": "12s",
      "leaderElection.retryPeriod": "10s"}),
    ("not 15s, 10s and 0s", {**ELECTION, "leaderElection.retryPeriod": "0s"}),
    ("serviceAccount.automount=false leaves the pod without a token",
     {**ELECTION, "serviceAccount.automount": False}),
    ("updateStrategy starts a second relay beside the first",
     {**PROXY, "updateStrategy.type": "RollingUpdate"}),
    ("updateStrategy starts a second relay beside the first",
     {**PROXY, "updateStrategy.rollingUpdate": {"maxSurge": 1}}),
    ("updateStrategy starts a second relay beside the first",
     {**ELECTION, "persistence.enabled": True, "updateStrategy.type": "RollingUpdate"}),
    ("updateStrategy.type=Recreate is for a Deployment, and mode is statefulset",
     {**PROXY, "mode": "statefulset", "updateStrategy.type": "Recreate"}),
    ("updateStrategy.type=OnDelete is for a StatefulSet, and mode is deployment",
     {**PROXY, "updateStrategy.type": "OnDelete"}),
    ("updateStrategy.rollingUpdate does not go with updateStrategy.type=Recreate",
     {**PROXY, "updateStrategy": {"type": "Recreate", "rollingUpdate": {"maxUnavailable": 1}}}),
    ("updateStrategy.rollingUpdate does not go with updateStrategy.type=OnDelete",
     {**PROXY, "mode": "statefulset",
      "updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}),
    ("the sink may spool 5GiB, and the volume holds 2Gi: set spool.emptyDirSizeLimit=6Gi",
     {**PROXY, "spool.bytes": "5GiB"}),
    ("the sink may spool 20GiB, and the volume holds 4Gi: set persistence.size=23Gi",
     {**PROXY, "spool.bytes": "20GiB", "persistence.enabled": True}),
    ("the sink may spool 1GiB, and the volume holds 500Mi: set persistence.size=2Gi",
     {**PROXY, "persistence.enabled": True, "persistence.size": "500Mi"}),
    ("the sink may spool 3.725GiB, and the volume holds 3G:",
     {**PROXY, "spool.bytes": "4000MB", "spool.emptyDirSizeLimit": "3G"}),
    ("the sink may spool 3GiB, and the volume holds 2Gi:",
     {**PROXY, "extraConfig": {"spool": {"bytes": 3 << 30}}}),
    ("3 sinks may spool 3GiB, and the volume holds 2Gi:",
     {"config": {"sinks": [{"proxyAddress": f"p{place}:2878"} for place in range(3)]}}),
    ("2 sinks may spool 2.5GiB, and the volume holds 2Gi:",
     {"config": {"sinks": [{"proxyAddress": "p1:2878", "spool": {"bytes": "512MiB"}},
                           {"proxyAddress": "p2:2878"},
                           {"proxyAddress": "p3:2878", "spool": {"directory": ""}}],
                 "spool": {"directory": "/var/lib/fedwave/spool", "bytes": "2GiB"}}}),
    ("persistence.existingClaim is set but not used",
     {**PROXY, "persistence.existingClaim": "spool-0"}),
    ("config and existingConfigMap are both set", {**OWN, "existingConfigMap": "collector"}),
    ("config has sinks of its own", {**OWN, **PROXY}),
    ("existingConfigMap has sinks of its own", {**URL, "existingConfigMap": "collector"}),
    ("extraConfig is only merged into a generated configuration",
     {**OWN, "extraConfig": {"shutdownGrace": "5s"}}),
    ("so clusterName, preset, prometheus.tags, prometheus.url would be ignored",
     {**OWN, "clusterName": "mesh-1", "preset": "raw", "prometheus.url": "http://prometheus:9090",
      "prometheus.tags": {"env": "test"}}),
    ("existingConfigMap says itself what is pulled, so clusterName would be ignored",
     {"existingConfigMap": "collector", "clusterName": "mesh-1"}),
    ("no sink of config uses the token of wavefront.token", {**OWN, "wavefront.token": "t"}),
    ("no sink of config uses the token of wavefront.existingSecret",
     {**OWN, "wavefront.existingSecret": "token"}),
    ("config is text, not a map with keys", {"config": "hello"}),
    ("config is a list, not a map with keys", {"config": "- proxyAddress: p:2878"}),
    ("config is not YAML (", {"config": "sinks: [}"}),
    ("config has no sinks", {"config": "sources: {}"}),
    ("config has no sinks", {"config": {"sources": {}}}),
    ("prometheus.timeout=90s is longer than prometheus.interval=1m",
     {**PROXY, "prometheus.timeout": "90s", "prometheus.interval": "1m"}),
    ("prometheus.url=http://prometheus:x is no URL", {**PROXY, "prometheus.url": "http://prometheus:x"}),
    ('wavefront.proxyAddress has "p:abc", which is no address', {"wavefront.proxyAddress": "p:abc"}),
    ('wavefront.proxyAddress has "https://p:65536", which is no address',
     {"wavefront.proxyAddress": ["p:2878", "https://p:65536"]}),
    ("there is no destination: set wavefront.proxyAddress=HOST:2878", {}),
    ("wavefront.proxyAddress and wavefront.url are both set", {**PROXY, **URL}),
    ("wavefront.url needs a token", {"wavefront.url": "https://example.wavefront.com"}),
    ("wavefront.token and wavefront.existingSecret are both set", {**URL, "wavefront.token": "t"}),
    ("preset=none leaves nothing to ask Prometheus for", {**PROXY, "preset": "none"}),
    ("podAnnotations has a proxy.istio.io/config that is no YAML map",
     {**PROXY, "istio.mode": "sidecar", "podAnnotations": {"proxy.istio.io/config": "concurrency"}}),
    ("podAnnotations has a sidecar.istio.io/userVolumeMount that is no JSON",
     {**PROXY, "istio.mode": "certs", "podAnnotations": {"sidecar.istio.io/userVolumeMount": "more"}}),
    ("serviceMonitor and podMonitor would scrape every pod twice",
     {**PROXY, "serviceMonitor.enabled": True, "podMonitor.enabled": True}),
    ("serviceMonitor finds pods through the Service",
     {**PROXY, "serviceMonitor.enabled": True, "service.enabled": False}),
    ("prometheusRule.disabled names FedwaveIsSad, which is no alert of ours",
     {**PROXY, "prometheusRule.enabled": True, "prometheusRule.disabled": ["FedwaveIsSad"]}),
    ("podDisruptionBudget takes minAvailable or maxUnavailable, not both",
     {**PROXY, "podDisruptionBudget.enabled": True, "podDisruptionBudget.minAvailable": 1}),
    ("podDisruptionBudget says nothing",
     {**PROXY, "podDisruptionBudget.enabled": True, "podDisruptionBudget.maxUnavailable": None}),
    ("(shutdownGrace, 20s): set it to 30 or more", {**PROXY, "terminationGracePeriodSeconds": 20}),
    ("(shutdownGrace, 2m): set it to 130 or more", {**PROXY, "extraConfig": {"shutdownGrace": "2m"}}),
    ("terminationGracePeriodSeconds=45 would kill the relay",
     {"config": "sinks: [{proxyAddress: 'p:2878'}]\nshutdownGrace: 60s"}),
    ("livenessProbe has httpGet and tcpSocket, and takes one of them: set livenessProbe.httpGet=null",
     {**PROXY, "livenessProbe.tcpSocket": {"port": "status"}}),
    ("startupProbe asks nothing", {**PROXY, "startupProbe.httpGet": None}),
    ("livenessProbe.successThreshold=3, and Kubernetes takes only 1",
     {**PROXY, "livenessProbe.successThreshold": 3}),
    ("startupProbe.successThreshold=2, and Kubernetes takes only 1",
     {**PROXY, "startupProbe.successThreshold": 2}),
    ("enabled=false is for a chart that contains this one", {**PROXY, "enabled": False}),
    ("zipkin.enabled needs to know the proxy",
     {**PROXY, "zipkin.enabled": True, "zipkin.externalName": ""}),
)


def running(kind, *arguments, replicas=1):
    """A relay of the release's name, as the API server has it."""
    container = {"name": "fedwave", "args": ["run", *arguments]}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "fedwave", "namespace": "default"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}}


# The same for what depends on more than values: a part of the message, values, and how helm is called.
SHARDS = {**PROXY, "mode": "statefulset", "replicaCount": 3, "sharding.enabled": True}
REFUSED_THERE = (
    ("until they are ready: set updateStrategy.type=Recreate for this one upgrade, or set it to 0 replicas",
     {**ELECTION, "replicaCount": 3}, {"is_upgrade": True, "cluster": [running("Deployment")]}),
    ("until they are ready: set it to 0 replicas first (kubectl -n default scale statefulset/fedwave",
     {**ELECTION, "mode": "statefulset"}, {"is_upgrade": True, "cluster": [running("StatefulSet")]}),
    ("the relay that runs now has no sharding", SHARDS,
     {"is_upgrade": True, "cluster": [running("StatefulSet")]}),
    ("mode=statefulset has other pods with other volumes, and the Deployment fedwave runs",
     SHARDS, {"is_upgrade": True, "cluster": [running("Deployment")]}),
    ("mode=deployment has other pods with other volumes, and the StatefulSet fedwave runs",
     PROXY, {"is_upgrade": True, "cluster": [running("StatefulSet")]}),
    ("the Service would be called 1-fedwave, and Kubernetes wants a letter first", PROXY, {"release": "1"}),
)
TAKEN_THERE = (
    ({**ELECTION, "replicaCount": 3},
     {"is_upgrade": True, "cluster": [running("Deployment", "--lease=fedwave")]}),
    ({**ELECTION, "replicaCount": 3}, {"is_upgrade": True, "cluster": [running("Deployment", replicas=0)]}),
    ({**ELECTION, "updateStrategy.type": "Recreate"},
     {"is_upgrade": True, "cluster": [running("Deployment")]}),
    ({**ELECTION, "persistence.enabled": True}, {"is_upgrade": True, "cluster": [running("Deployment")]}),
    (SHARDS, {"is_upgrade": True, "cluster": [running("StatefulSet", "--shards=2"),
                                             running("Deployment", replicas=0)]}),
    (ELECTION, {"is_upgrade": True}),
    ({**PROXY, "fullnameOverride": "relay"}, {"release": "1"}),
    (PROXY, {"release": "mesh.1"}),
)

# What looks like one of these and works.
TAKEN = (
    {**ELECTION, "leaderElection.leaseDuration": "1500ms", "leaderElection.renewDeadline": "1s200ms",
     "leaderElection.retryPeriod": "0.9s"},
    {**ELECTION, "serviceAccount.automount": False, "extraVolumeMounts": [
        {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]},
    {**ELECTION, "updateStrategy.type": "RollingUpdate"},
    {**PROXY, "updateStrategy.type": "RollingUpdate", "mode": "statefulset"},
    {**PROXY, "updateStrategy.rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 1}},
    {**PROXY, "spool.bytes": "5GiB", "spool.emptyDirSizeLimit": "0"},
    {**PROXY, "spool.bytes": "5GiB", "spool.emptyDirSizeLimit": 6 << 30},
    {**PROXY, "spool.bytes": "20GiB", "persistence.enabled": True, "persistence.existingClaim": "spool-0"},
    {**PROXY, "prometheus.timeout": "1m", "prometheus.interval": "60s"},
    {**OWN, "wavefront.existingSecret": "token",
     "config": "sinks: [{proxyAddress: 'p:2878', tokenFile: /var/run/secrets/fedwave/token}]"},
    {**PROXY, "terminationGracePeriodSeconds": 20, "extraConfig": {"shutdownGrace": "10s"}},
    {**PROXY, "terminationGracePeriodSeconds": 5, "extraConfig": {"shutdownGrace": "${GRACE}"}},
    {**PROXY, "livenessProbe": {"httpGet": None, "tcpSocket": {"port": "status"}}},
    {**PROXY, "livenessProbe.exec": None, "readinessProbe.successThreshold": 3},
    {**PROXY, "mode": "statefulset", "updateStrategy.type": "OnDelete"},
    {**PROXY, "enabled": True},
    {**PROXY, "podAnnotations": {"proxy.istio.io/config": "not ours"}},
    {"wavefront.proxyAddress": ["p", "[fd00::1]:2878", "HTTPS://user:pw@p:443/report", "${PROXY}:2878"]},
)


class RefusalTest(unittest.TestCase):
    @classmethod
    @functools.cache
    def refusals(cls):
        """[(what is expected in it, the message)]"""
        rows = (*((expected, values, {}) for expected, values in REFUSED), *REFUSED_THERE)
        return [(expected, cls().refusal(values, **keywords)) for expected, values, keywords in rows]

    def refusal(self, values, **keywords):
        with self.assertRaises(ChartError, msg=values) as caught:
            rendered(values, **keywords)
        return str(caught.exception)

    def test_values_that_cannot_work_are_refused_with_what_to_write(self):
        for expected, message in self.refusals():
            with self.subTest(expected=expected):
                problems = re.findall(r"(?m)^- (.*)$", message)
                self.assertEqual(len(problems), 1, message)
                self.assertIn(expected, problems[0])
                self.assertTrue(message.startswith("execution error at (fedwave/templates/"), message)

    def test_values_that_work_are_taken(self):
        for values, keywords in (*((values, {}) for values in TAKEN), *TAKEN_THERE):
            with self.subTest(values=values, **keywords):
                self.assertTrue(rendered(values, **keywords).manifests)

    def test_all_problems_are_named_in_one_go(self):
        message = self.refusal({"replicaCount": 2, "zipkin.enabled": True, "zipkin.externalName": ""})
        for expected in ("would all send", "no destination", "zipkin.enabled"):
            self.assertIn(expected, message)

    def test_there_is_a_case_for_every_refusal_in_the_templates(self):
        messages = [message for _, message in self.refusals()]
        texts = {path: read(path) for path in glob.glob(os.path.join(CHART, "templates", "**"),
                                                        recursive=True) if os.path.isfile(path)}
        calls = [call for text in texts.values()
                 for call in re.findall(r"\{\{-?\s*(?:[^}]*\|\s*)?(fail|required)\b", text)]
        self.assertEqual(calls, ["fail"], "a refusal is a line of _validate.tpl")
        refusals = re.findall(r"(?m)^- (.*)$", texts[os.path.join(CHART, "templates", "_validate.tpl")])
        self.assertGreater(len(refusals), 15)
        for refusal in refusals:
            pattern = ".*".join(re.escape(part) for part in re.split(r"\{\{.*?\}\}", refusal))
            with self.subTest(refusal=refusal):
                self.assertTrue(any(re.search(f"(?m)^- {pattern}$", message) for message in messages))

    def test_a_refusal_says_what_to_write_instead(self):
        for _, message in self.refusals():
            self.assertRegex(message,
                             r"(?m)^- .*: .*\b(set|keep|remove|write|add|enable|choose|paste|or)\b")


def tables(schema, path=()):
    """{path: schema} of every table whose keys are known."""
    found = {path: schema} if "properties" in schema else {}
    for key, inner in schema.get("properties", {}).items():
        found.update(tables(inner, (*path, key)))
    return found


def leaves(schema, path=()):
    """{path: schema} of everything else that has a key of its own."""
    found = {}
    for key, inner in schema.get("properties", {}).items():
        found.update(leaves(inner, (*path, key)) if "properties" in inner else {(*path, key): inner})
    return found


def put(values, path, value):
    changed = copy.deepcopy(values)
    table = changed
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    return changed


def resolved(schema, root):
    """The schema with every "$ref" replaced by what it names: types that several keys share."""
    if isinstance(schema, list):
        return [resolved(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            named = named[step]
        return resolved(named, root)
    return {key: resolved(value, root) for key, value in schema.items()}


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads(read(os.path.join(CHART, "values.schema.json")))
        cls.schema = resolved(schema, schema)
        [cls.defaults] = render.read_yaml(read(os.path.join(CHART, "values.yaml")))

    def problems(self, values):
        return render.schema_problems(values, self.schema)

    def test_the_defaults_are_valid(self):
        self.assertEqual(self.problems(self.defaults), [])

    def test_values_and_schema_have_the_same_keys(self):
        for path, schema in tables(self.schema).items():
            table = self.defaults
            for key in path:
                table = table.get(key, {})
            with self.subTest(table=".".join(path)):
                if path[:1] in PARTLY_SHOWN or not table:
                    self.assertLessEqual(table.keys(), schema["properties"].keys())
                else:
                    known = schema["properties"].keys() - (OF_PARENTS if not path else set())
                    self.assertEqual(table.keys(), known)

    def test_a_misspelt_key_is_refused_at_every_depth(self):
        known = tables(self.schema)
        self.assertGreater(len(known), 15)
        self.assertGreaterEqual(max(map(len, known)), 2)
        for path in known:
            if path == ("global",):
                continue
            with self.subTest(table=".".join(path) or "(root)"):
                problems = self.problems(put(self.defaults, (*path, "tpyo"), 1))
                self.assertTrue(any("tpyo" in problem for problem in problems), problems)

    def test_a_value_of_a_wrong_type_is_refused_for_every_key(self):
        for path in leaves(self.schema):
            default = self.defaults
            for key in path:
                default = default.get(key) if isinstance(default, dict) else None
            for wrong in self.wrong_for(default):
                with self.subTest(key=".".join(path), wrong=wrong):
                    self.assertTrue(self.problems(put(self.defaults, path, wrong)))

    @staticmethod
    def wrong_for(default):
        """Values that a key with such a default cannot have; a list of a list none can."""
        if isinstance(default, bool):
            return "yes", {}, [[1]]
        if isinstance(default, (int, float)):
            return "many", {}, [[1]]
        if isinstance(default, str):
            return {"a": 1}, True, [[1]]
        if isinstance(default, list):
            return "text", 7, {"a": 1}, [[1]]
        if isinstance(default, dict):
            return "text", 7, [[1]]
        return ([[1]],)

    def test_null_takes_any_default_away_or_is_refused_by_its_name(self):
        everything = {**ELECTION, **URL, "wavefront.proxyAddress": "", "mode": "statefulset",
                      "replicaCount": 2, "istio.mode": "certs", **{f"{key}.enabled": True for key in (
                          "persistence", "zipkin", "podDisruptionBudget", "networkPolicy", "serviceMonitor",
                          "prometheusRule")}}
        paths = [path for path in {**tables(self.schema), **leaves(self.schema)} if self.has_default(path)]
        self.assertGreater(len(paths), 100)
        for path in paths:
            with self.subTest(key=".".join(path)):
                try:
                    made = rendered({**everything, ".".join(path): None})
                except ChartError as error:
                    self.assertRegex(str(error),
                                     "^(values don't meet|execution error at .*: the values cannot)")
                    self.assertIn(path[-1], str(error))
                else:
                    self.assertEqual(re.findall(r'"(\w+)": null', json.dumps(made.objects())), [])

    def has_default(self, path):
        value = self.defaults
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return bool(path) and value is not None

    def test_what_kubernetes_would_refuse_is_refused(self):
        for values, expected in (({"networkPolicy.apiServer.ports": []}, "networkPolicy.apiServer.ports: "),
                                 ({"commonLabels.team": "a b!"}, "commonLabels.team: 'a b!'"),
                                 ({"podLabels": {"a b": "c"}}, "podLabels: 'a b'"),
                                 ({"fullnameOverride": "a.b"}, "fullnameOverride: 'a.b'"),
                                 ({"fullnameOverride": "1a"}, "fullnameOverride: '1a'"),
                                 ({"imagePullSecrets": [{"nam": "x"}]}, "imagePullSecrets.0: ")):
            with self.subTest(values=values), self.assertRaisesRegex(ChartError, expected):
                rendered({**PROXY, **values})

    def test_a_refused_value_is_named_with_its_path(self):
        for values, expected in (({"image.tga": "1"}, "image: .*'tga'"),
                                 ({"replicaCount": "two"}, "replicaCount: .*'two'"),
                                 ({"preset": "federate"}, "preset: .*'federate'"),
                                 ({"livenessProbe.htpGet": {}}, "livenessProbe: .*htpGet"),
                                 ({"networkPolicy.wavefront.port": 1}, "networkPolicy.wavefront: .*port")):
            with self.subTest(values=values), self.assertRaisesRegex(ChartError, expected):
                rendered({**PROXY, **values})


class CleanYamlTest(unittest.TestCase):
    def test_yamllint_finds_nothing(self):
        places = [CHART, os.path.join(generated.CHARTS, "manifests"),
                  os.path.join(generated.CHARTS, "prometheus"), generated.GOLDENS,
                  os.path.join(SOURCE_ROOT, "tests", "integration", "prometheus")]
        files = sorted(path for place in places
                       for path in glob.glob(os.path.join(place, "**", "*.yaml"), recursive=True)
                       if f"{os.sep}templates{os.sep}" not in path)
        self.assertGreater(len(files), 10)
        done = subprocess.run(["yamllint", "--strict", "--format", "parsable", "-c", YAMLLINT, *files],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
