"""Everything in the repository that is made from the chart or beside it, by path: the golden renders,
the plain manifests, the values for a Prometheus. chart_test.py holds the files against this,
update_goldens.py writes them.
"""
import glob
import os
import re

from support.chart import render
from support.fedwave import SOURCE_ROOT

CHARTS = os.path.join(SOURCE_ROOT, "charts")
GOLDENS = os.path.join(SOURCE_ROOT, "tests", "data", "chart")
# What every CRD-typed manifest needs to be rendered at all.
OPERATOR = ("monitoring.coreos.com/v1",)
PROXY = "wavefront-proxy.default:2878"


def cases():
    """{path of a golden: its values file}, from ci/ and examples/."""
    found = {}
    for values in sorted(glob.glob(os.path.join(render.CHART, "ci", "*-values.yaml"))):
        name = os.path.basename(values)[:-len("-values.yaml")]
        found[os.path.join(GOLDENS, f"{name}.yaml")] = values
    for values in sorted(glob.glob(os.path.join(render.CHART, "examples", "*", "values.yaml"))):
        folder = os.path.dirname(values)
        found[os.path.join(folder, "rendered", "manifests.yaml")] = values
    return found


def rendered_case(values, **keywords):
    return render.render(values=[values], namespace="monitoring", api_versions=OPERATOR, **keywords)


def files():
    """{path: text} of all that is generated."""
    made = {golden: rendered_case(values).text() for golden, values in cases().items()}
    made.update(_plain_manifests())
    made[os.path.join(CHARTS, "prometheus", "prometheus.values.yaml")] = _prometheus_values()
    return made


def stale():
    """Golden files whose case is gone."""
    there = {*glob.glob(os.path.join(GOLDENS, "*")),
             *glob.glob(os.path.join(render.CHART, "examples", "*", "rendered", "*"))}
    return sorted(there - set(cases()))


_PLAIN_HEAD = """\
# fedwave without Helm: Istio's federated metrics to a Wavefront proxy.
#
#   1. Write what is yours into the three lines below a "# Yours": the proxy, Prometheus where it is not
#      Istio's own, and the image as your nodes can pull it.
#   2. kubectl apply -n NAMESPACE -f fedwave.yaml
#
# From then on edit the ConfigMap in the cluster or here: the pod takes it without a restart.
# With kustomize: name this folder as a resource and patch what is yours; kustomization.yaml has the image.
# Made from charts/fedwave by tests/integration/support/chart/update_goldens.py.
"""
_KUSTOMIZATION = """\
# kubectl apply -n NAMESPACE -k . or, in a kustomization of your own, a resource to be patched.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- fedwave.yaml
images:
- name: fedwave
  newName: fedwave  # where your nodes can pull it: REGISTRY/fedwave
"""
# What nobody can know but who installs it, by its key.
_YOURS = {"proxyAddress": "the Wavefront proxy, as host:port",
          "url": "Prometheus, with /federate",
          "image": "the image in your registry, as REGISTRY/fedwave:VERSION"}
# Lines that speak of a Helm release, which this is not.
_HELMS_OWN = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|"
                        r"^  namespace: .*\n|^    # Generated from the chart's values.*\n",
                        re.MULTILINE)


def _plain_manifests():
    manifests = render.render(set_json=[f'wavefront.proxyAddress="{PROXY}"']).manifests
    text = "".join(f"---\n{manifest['text']}\n" for manifest in manifests)
    text = _HELMS_OWN.sub("", text)
    for key, what in _YOURS.items():
        text, edits = re.subn(rf"(?m)^( *)({key}: .*)$", rf"\1# Yours: {what}.\n\1\2", text)
        if edits != 1:
            raise ValueError(f"the plain manifests have {edits} lines with {key} instead of one")
    folder = os.path.join(CHARTS, "manifests")
    return {os.path.join(folder, "fedwave.yaml"): _PLAIN_HEAD + text,
            os.path.join(folder, "kustomization.yaml"): _KUSTOMIZATION}


_VALUES_HEAD = """\
# istio.rules.yaml and federate.scrape.yaml as values of the community's chart, and how often they need
# scrapes. README.md beside this file has the commands.
# Made from these two files by tests/integration/support/chart/update_goldens.py.
server:
  global:
    # Rates and quantiles look at the last two scrapes within a minute: every 25 seconds or more often.
    scrape_interval: 15s
    # fedwave asks every minute: at least one new result each time, whatever comes late.
    evaluation_interval: 30s
"""


def _prometheus_values():
    def after(name, key):
        path = os.path.join(CHARTS, "prometheus", name)
        with open(path, encoding="utf-8") as file:
            return file.read().partition(f"\n{key}:\n")[2]

    rules = re.sub(r"(?m)^(?=.)", "    ", "groups:\n" + after("istio.rules.yaml", "groups"))
    return (f"{_VALUES_HEAD}serverFiles:\n  recording_rules.yml:\n{rules}"
            f"extraScrapeConfigs: |\n{after('federate.scrape.yaml', 'scrape_configs')}")
