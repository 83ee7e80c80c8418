"""Manifests held against the Kubernetes types, as npm's kubernetes-models gives them.

Two tools see different things: the TypeScript compiler refuses fields that a type does not have (each
manifest is written as a literal of its type), and the models' validators know formats and bounds. The
packages are installed once, as types/package-lock.json says, into the build folder.
"""
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from support.chart.render import TOOLS

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "types")
_OPERATOR = "@kubernetes-models/prometheus-operator"
# Of a group that is not Kubernetes' own: where its types are.
_PACKAGES = {"monitoring.coreos.com": _OPERATOR}
_COMPILER_OPTIONS = {"target": "es2022", "module": "esnext", "moduleResolution": "bundler",
                     "strict": True, "noEmit": True, "skipLibCheck": True, "types": []}


def problems(manifests):
    """What is wrong with the objects, as text; `manifests` are {name: object}."""
    installed = _installed()
    with tempfile.TemporaryDirectory(prefix="manifests-", dir=installed) as folder:
        for name, manifest in manifests.items():
            _write(folder, f"{name}.json", json.dumps(manifest, indent=1))
            _write(folder, f"{name}.ts", _literal(manifest))
        _write(folder, "tsconfig.json", json.dumps({"compilerOptions": _COMPILER_OPTIONS}))
        return _compiled(folder) + _validated(installed, folder)


def module_of(manifest):
    group, _, version = manifest["apiVersion"].rpartition("/")
    place = "/".join(part for part in (group, version, manifest["kind"]) if part)
    return f"{_PACKAGES.get(group, 'kubernetes-models')}/{place}"


def _literal(manifest):
    kind = manifest["kind"]
    return (f'import type {{ I{kind} }} from "{module_of(manifest)}";\n'
            f"export const manifest: I{kind} = {json.dumps(manifest, indent=1)};\n")


def _compiled(folder):
    """One problem a line, each with the line of the manifest that it is about."""
    done = _run(["node", "../node_modules/typescript/bin/tsc", "--pretty", "false"], folder)
    found = []
    for line in done.stdout.splitlines():
        place = re.match(r"(.+)\.ts\((\d+),\d+\): error \w+: (.*)", line)
        if place:
            with open(os.path.join(folder, f"{place[1]}.ts"), encoding="utf-8") as file:
                field = file.read().splitlines()[int(place[2]) - 1].strip()
            found.append(f"{place[1]}: {field}  ({place[3]})")
    if done.returncode != 0 and not found:
        found.append(done.stdout + done.stderr)
    return found


def _validated(installed, folder):
    done = _run(["node", "validate.mjs", folder], installed)
    return done.stdout.splitlines() + ([done.stderr] if done.returncode != 0 else [])


def _installed():
    """The folder with node_modules and validate.mjs; installed by whoever asks first."""
    digest = hashlib.sha256()
    for name in sorted(os.listdir(_FOLDER)):
        with open(os.path.join(_FOLDER, name), "rb") as file:
            digest.update(name.encode() + b"\0" + file.read())
    folder = os.path.join(TOOLS, f"types-{digest.hexdigest()[:16]}")
    os.makedirs(TOOLS, exist_ok=True)
    with open(os.path.join(TOOLS, "types.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, "complete")):
            _install(folder)
    return folder


def _install(folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_FOLDER, folder)
    done = _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if done.returncode != 0:
        raise RuntimeError(f"npm cannot fetch the Kubernetes types (needed once):\n{done.stderr}")
    _write(folder, "complete", "")


def _write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def _run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
