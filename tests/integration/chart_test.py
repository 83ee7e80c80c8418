"""The chart as text: what is made from it is current, wrong values are refused, all of it is clean YAML."""
import copy
import glob
import json
import os
import re
import subprocess
import unittest

from support.chart import generated, render
from support.chart.render import CHART, ChartError
from support.fedwave import SOURCE_ROOT

YAMLLINT = os.path.join(SOURCE_ROOT, "tests", "integration", "support", "chart", "yamllint.yaml")
PROXY = {"wavefront.proxyAddress": "proxy:2878"}
# Types of Kubernetes, of which values.yaml shows what is set.
PARTLY_SHOWN = [("livenessProbe",), ("readinessProbe",), ("startupProbe",), ("resources",),
                ("podSecurityContext",), ("securityContext",)]
URL = {"wavefront.url": "https://example.wavefront.com", "wavefront.existingSecret": "token"}


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

    def test_the_plain_manifests_have_one_address_to_edit_and_nothing_of_helm(self):
        text = read(os.path.join(generated.CHARTS, "manifests", "fedwave.yaml"))
        self.assertEqual(re.findall(r"proxyAddress: (\S+)\n", text), [generated.PROXY])
        self.assertEqual(text.count("the one line to edit"), 1)
        self.assertNotRegex(text, r"managed-by|helm\.sh|\bnamespace: default")
        [kustomization] = render.read_yaml(
            read(os.path.join(generated.CHARTS, "manifests", "kustomization.yaml")))
        self.assertEqual(kustomization["resources"], ["fedwave.yaml"])

    def test_the_values_for_prometheus_hold_the_shipped_rules_and_job(self):
        folder = os.path.join(generated.CHARTS, "prometheus")
        [values] = render.read_yaml(read(os.path.join(folder, "prometheus.values.yaml")))
        self.assertEqual([values["serverFiles"]["recording_rules.yml"]],
                         render.read_yaml(read(os.path.join(folder, "istio.rules.yaml"))))
        [jobs] = render.read_yaml(values["extraScrapeConfigs"])
        self.assertEqual([{"scrape_configs": jobs}],
                         render.read_yaml(read(os.path.join(folder, "federate.scrape.yaml"))))
        self.assertNotIn("{{", values["extraScrapeConfigs"])  # that chart takes it for a template


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
    ("persistence.existingClaim is set but not used",
     {**PROXY, "persistence.existingClaim": "spool-0"}),
    ("config and existingConfigMap are both set",
     {"config": "sinks: [{proxyAddress: 'p:2878'}]", "existingConfigMap": "collector"}),
    ("config has sinks of its own",
     {**PROXY, "config": "sinks: [{proxyAddress: 'p:2878'}]"}),
    ("existingConfigMap has sinks of its own", {**URL, "existingConfigMap": "collector"}),
    ("extraConfig is only merged into a generated configuration",
     {"config": "sinks: [{proxyAddress: 'p:2878'}]", "extraConfig": {"shutdownGrace": "5s"}}),
    ("config is not YAML (", {"config": "sinks: [}"}),
    ("config has no sinks", {"config": "sources: {}"}),
    ("config has no sinks", {"config": {"sources": {}}}),
    ("there is no destination: set wavefront.proxyAddress=HOST:2878", {}),
    ("wavefront.proxyAddress and wavefront.url are both set", {**PROXY, **URL}),
    ("wavefront.url needs a token", {"wavefront.url": "https://example.wavefront.com"}),
    ("wavefront.token and wavefront.existingSecret are both set", {**URL, "wavefront.token": "t"}),
    ("preset=none leaves nothing to ask Prometheus for", {**PROXY, "preset": "none"}),
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
    ("terminationGracePeriodSeconds=20 would kill the relay",
     {**PROXY, "terminationGracePeriodSeconds": 20}),
    ("zipkin.enabled needs to know the proxy",
     {**PROXY, "zipkin.enabled": True, "zipkin.externalName": ""}),
)


class RefusalTest(unittest.TestCase):
    def refusal(self, values):
        with self.assertRaises(ChartError) as caught:
            rendered(values)
        return str(caught.exception)

    def test_values_that_cannot_work_are_refused_with_what_to_write(self):
        for expected, values in REFUSED:
            with self.subTest(expected=expected, values=values):
                message = self.refusal(values)
                problems = re.findall(r"(?m)^- (.*)$", message)
                self.assertEqual(len(problems), 1, message)
                self.assertIn(expected, problems[0])
                self.assertTrue(message.startswith("execution error at (fedwave/templates/"), message)

    def test_all_problems_are_named_in_one_go(self):
        message = self.refusal({"replicaCount": 2, "zipkin.enabled": True, "zipkin.externalName": ""})
        for expected in ("would all send", "no destination", "zipkin.enabled"):
            self.assertIn(expected, message)

    def test_there_is_a_case_for_every_refusal_in_the_templates(self):
        messages = [self.refusal(values) for _, values in REFUSED]
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
        for _, values in REFUSED:
            self.assertRegex(self.refusal(values), r"(?m)^- .*: .*\b(set|keep|remove|write|add|enable|choose|"
                             r"paste|or)\b")


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
                    self.assertEqual(table.keys(), schema["properties"].keys())

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
