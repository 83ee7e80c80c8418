#!/usr/bin/python3
"""Renders the chart without helm, as `helm template` would: `render.py --chart charts/fedwave`.

The work is done by a small Go program over the libraries that helm is made of, built once into the
build folder from this machine's packages; values are held against values.schema.json first.
"""
import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from typing import NamedTuple

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.abspath(os.path.join(_FOLDER, "..", "..", "..", ".."))
_PROGRAM = os.path.join(_FOLDER, "renderer")
# Shared by all presets: what is built here does not depend on them.
TOOLS = os.path.join(_ROOT, "build", "chart-tools")
_PACKAGES = "/usr/share/gocode"
CHART = os.path.join(_ROOT, "charts", "fedwave")


class ChartError(Exception):
    """What helm would print instead of manifests."""


class Rendered(NamedTuple):
    manifests: list  # of {source, text, object, kind}, in helm's order
    notes: str
    values: dict     # all of them, as the templates saw them

    def objects(self, kind=None):
        return [manifest["object"] for manifest in self.manifests
                if kind in (None, manifest["kind"])]

    def only(self, templates):
        """The same with no more than these templates, named as templates/FILE."""
        for template in templates:
            if not any(manifest["source"].endswith(f"/{template}") for manifest in self.manifests):
                raise ChartError(f"could not find template {template} in chart")
        return self._replace(manifests=[manifest for manifest in self.manifests if
                                        manifest["source"].partition("/")[2] in templates])

    def text(self):
        return "".join(f"---\n# Source: {manifest['source']}\n{manifest['text']}\n"
                       for manifest in self.manifests)


def render(chart=CHART, values=(), set_json=(), settings=(), set_file=(), release="fedwave",
           namespace="default", api_versions=(), kube_version="1.29.0", is_upgrade=False, cluster=(),
           include_hooks=False, exact_numbers=False, check_schema=True):
    """`values` are files, later ones above earlier ones; `cluster` are objects that are there already.
    ChartError when helm would refuse."""
    answer = _ask({"chart": os.path.abspath(chart), "value_files": list(values),
                   "set_json": list(set_json), "set": list(settings), "set_file": list(set_file),
                   "release": release, "namespace": namespace, "api_versions": list(api_versions),
                   "kube_version": kube_version, "is_upgrade": is_upgrade, "cluster": list(cluster),
                   "exact_numbers": exact_numbers})
    if check_schema and answer.get("schema") and "values" in answer:
        _hold_against_schema(answer["values"], answer["schema"])
    if "error" in answer:
        raise ChartError(answer["error"])
    manifests = [manifest for manifest in answer.get("manifests", [])
                 if include_hooks or not manifest.get("hook")]
    return Rendered(manifests, answer.get("notes", ""), answer["values"])


def read_yaml(text):
    """The documents of a YAML text as Python objects; a key that stands twice is an error."""
    answer = _ask({"documents": text})
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer.get("documents", [])


def schema_problems(values, schema):
    """Every problem as "path: what is wrong", the path as in values.yaml."""
    import jsonschema  # of python3-jsonschema; the other uses of this file do without
    validator = jsonschema.Draft7Validator(schema)
    return [f"{'.'.join(map(str, error.absolute_path)) or '(root)'}: {error.message}"
            for error in sorted(validator.iter_errors(values), key=lambda error: str(error.path))]


def _hold_against_schema(values, schema):
    problems = schema_problems(values, schema)
    if problems:
        raise ChartError("\n".join(["values don't meet the specifications of the schema(s):",
                                    *(f"- {problem}" for problem in problems)]))


def _ask(request):
    done = subprocess.run([_built()], input=json.dumps(request), capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the renderer ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def _sources():
    return sorted(name for name in os.listdir(_PROGRAM) if name.endswith((".go", ".mod")))


def _built():
    """The path of the program; of the same sources it is built once, whoever asks first."""
    digest = hashlib.sha256()
    for name in _sources():
        with open(os.path.join(_PROGRAM, name), "rb") as file:
            digest.update(name.encode() + b"\0" + file.read())
    program = os.path.join(TOOLS, f"renderer-{digest.hexdigest()[:16]}")
    if not os.path.exists(program):
        os.makedirs(TOOLS, exist_ok=True)
        with open(os.path.join(TOOLS, "renderer.lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(program):
                _build(program)
    return program


def _build(program):
    """Without modules the sources have to lie below a GOPATH; a link there is enough."""
    workspace = os.path.join(TOOLS, "go")
    os.makedirs(os.path.join(workspace, "src"), exist_ok=True)
    link = os.path.join(workspace, "src", "renderer")
    if os.path.lexists(link):
        os.unlink(link)
    os.symlink(_PROGRAM, link)
    environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "CGO_ENABLED": "0",
                   "GOPATH": f"{workspace}:{_PACKAGES}", "GOCACHE": os.path.join(TOOLS, "go-cache"),
                   "PWD": link}
    done = subprocess.run(["go", "build", "-o", f"{program}.new", "."], cwd=link, env=environment,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("the chart's renderer does not build; are golang-go, "
                           "golang-github-masterminds-sprig-dev and golang-k8s-sigs-yaml-dev "
                           f"installed?\n{done.stderr}")
    os.replace(f"{program}.new", program)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chart", default=CHART, metavar="FOLDER")
    parser.add_argument("-f", "--values", action="append", default=[], metavar="FILE")
    parser.add_argument("--set-json", action="append", default=[], metavar="KEY=JSON")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--set-file", action="append", default=[], metavar="KEY=FILE")
    parser.add_argument("--release", default="fedwave", metavar="NAME")
    parser.add_argument("-n", "--namespace", default="default")
    parser.add_argument("--api-versions", action="append", default=[], metavar="VERSION")
    parser.add_argument("--kube-version", default="1.29.0", metavar="VERSION")
    parser.add_argument("--is-upgrade", action="store_true")
    parser.add_argument("-s", "--show-only", action="append", default=[], metavar="TEMPLATE")
    parser.add_argument("--include-hooks", action="store_true", help="also the tests")
    parser.add_argument("--notes", action="store_true", help="what helm says after installing")
    return parser.parse_args()


def main():
    arguments = vars(_arguments())
    notes, shown = arguments.pop("notes"), arguments.pop("show_only")
    try:
        rendered = render(**arguments)
        if shown:
            rendered = rendered.only(shown)
    except ChartError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(rendered.notes if notes else rendered.text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
