"""The renderer that stands in for helm does what helm does, on a chart made for it."""
import tempfile
import unittest

from support.chart import render
from support.chart.render import ChartError
from support.files import write_below

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: small\nversion: 1.2.3\nappVersion: '4'\n",
    "values.yaml": "text: '{{ .Release.Name }}/{{ include \"small.name\" . }}'\nnumber: 10000000\n"
                   "table: {kept: 1, gone: 2}\nlist: [1, 2]\nrefuse: ''\n",
    "values.schema.json": '{"properties": {"number": {"type": "integer"}}}',
    ".helmignore": "*.bak\n/hidden/\n",
    "data/one.txt": "first\nsecond\n",
    "data/two.bak": "ignored",
    "hidden/three.txt": "ignored",
    "templates/_names.tpl": '{{ define "small.name" }}{{ .Chart.Name }}-{{ .Chart.AppVersion }}{{ end }}'
                            '{{ define "small.refuse" }}{{ fail .Values.refuse }}{{ end }}',
    "templates/b.yaml": """\
{{- if .Values.refuse }}{{ include "small.refuse" . }}{{ end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ required "a name is needed" .Values.name | default "b" }}}
data:
  text: {{ tpl .Values.text . }}
  number: "{{ int .Values.number }}"
  table: {{ toYaml .Values.table | nindent 4 }}
  list: {{ .Values.list | toJson | quote }}
  absent: "{{ .Values.absent }}"
  lines: {{ .Files.Lines "data/one.txt" | join "+" }}
  files: {{ range $name, $_ := .Files.Glob "*/*" }}{{ $name }} {{ end }}
  api: "{{ .Capabilities.APIVersions.Has "example.com/v1" }}"
  there: {{ (lookup "v1" "Secret" .Release.Namespace "s").kind | default "nothing" }}
---
# Nothing but a comment.
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: account, annotations: {}}
""",
    "templates/a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n"
                        "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n",
    "templates/NOTES.txt": "Installed in {{ .Release.Namespace }}.\n",
}


class ChartRendererTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fedwave-chart-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in CHART.items():
            self.write(name, text)

    def write(self, name, text):
        return write_below(self.folder, name, text)

    def render(self, *settings, **keywords):
        return render.render(self.folder, settings=["name=b", *settings], **keywords)

    def data(self, *settings, **keywords):
        [config_map] = self.render(*settings, **keywords).objects("ConfigMap")
        return config_map["data"]

    def test_templates_have_what_helm_gives_them(self):
        data = self.data(release="mine", api_versions=["example.com/v1"])
        self.assertEqual(data, {
            "text": "mine/small-4", "number": "10000000", "table": {"kept": 1, "gone": 2},
            "list": "[1,2]", "absent": "", "lines": "first+second", "files": "data/one.txt",
            "api": "true", "there": "nothing"})

    def test_objects_of_the_cluster_are_looked_up(self):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "mine"}}
        self.assertEqual(self.data(namespace="mine", cluster=[secret])["there"], "Secret")
        self.assertEqual(self.data(namespace="other", cluster=[secret])["there"], "nothing")

    def test_manifests_come_in_the_order_of_installation(self):
        self.assertEqual([manifest["kind"] for manifest in self.render().manifests],
                         ["ServiceAccount", "ConfigMap", "Service"])
        self.assertEqual(len(self.render(include_hooks=True).manifests), 4)
        self.assertTrue(self.render().text().startswith(
            "---\n# Source: small/templates/b.yaml\napiVersion: v1\nkind: ServiceAccount\n"))

    def test_notes_are_apart(self):
        self.assertEqual(self.render(namespace="there").notes, "Installed in there.\n")

    def test_later_values_cover_earlier_ones_and_null_takes_a_default_away(self):
        first = self.write("first.yaml", "table: {kept: 5, more: {deep: 1}}\nlist: [3]\n")
        second = self.write("second.yaml", "table: {more: {deeper: 2}, gone: null}\n")
        data = self.data("table.kept=7", values=[first, second], set_json=['table.more.deep={"x": [1]}'])
        self.assertEqual(data["table"], {"kept": 7, "more": {"deep": {"x": [1]}, "deeper": 2}})
        self.assertEqual(data["list"], "[3]")

    def test_a_setting_may_come_from_a_file(self):
        path = self.write("text.txt", "plain")
        self.assertEqual(self.data(set_file=[f"text={path}"])["text"], "plain")

    def refusal(self, *settings, **keywords):
        with self.assertRaises(ChartError) as caught:
            self.render(*settings, **keywords)
        return str(caught.exception)

    def test_what_a_chart_refuses_is_said_with_its_place(self):
        self.assertEqual(self.refusal("refuse=not today"),
                         "execution error at (small/templates/b.yaml:1:27): not today")
        self.assertIn("a name is needed", self.refusal("name=null"))

    def test_a_cluster_that_is_too_old_is_refused(self):
        self.write("Chart.yaml", CHART["Chart.yaml"] + 'kubeVersion: ">=1.25.0-0"\n')
        self.assertTrue(self.render(kube_version="1.25.3-gke.100").manifests)
        self.assertIn("chart requires kubeVersion: >=1.25.0-0 which is incompatible with Kubernetes v1.24.9",
                      self.refusal(kube_version="1.24.9"))

    def test_the_schema_is_asked_first(self):
        self.assertIn("number: 'x' is not of type 'integer'", self.refusal("number=x", "refuse=both"))

    def test_broken_templates_and_manifests_are_refused(self):
        for text, expected in (("a: {{ nonsense }}", 'function "nonsense" not defined'),
                               ("a: {{ include \"nowhere\" . }}", 'no template "nowhere"'),
                               ("a: [", "did not find expected"),
                               ("apiVersion: v1\nkind: Pod\nkind: Pod\n", 'key "kind" already set'),
                               ("a: 1", "no kind or no apiVersion")):
            with self.subTest(text=text):
                self.write("templates/c.yaml", text)
                self.assertIn(expected, self.refusal())


if __name__ == "__main__":
    unittest.main()
