"""A rendered pod run as a process: the volumes are folders, the environment is what a pod gets."""
import os
import re

from support import fedwave
from support.certificates import Authority
from support.processes import Server, free_port, http_get

_CONFIG = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "golden", "01-istio-federated", "config.yaml")
_SECRET = "kept-by-somebody-else"


class Pod:
    """Everything lies below `folder`; the binary is told these places instead of the mounted ones."""

    def __init__(self, case, folder):
        self._case = case
        self._folder = folder
        self._places = {mount["mountPath"]: os.path.join(folder, mount["name"])
                        for mount in case.container()["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in case.pod()["spec"]["volumes"]}
        for mount in case.container()["volumeMounts"]:
            self._fill(self._places[mount["mountPath"]], volumes.get(mount["name"], {}))
        self.arguments = [self._here(argument) for argument in case.container()["args"]]
        [option] = [argument for argument in self.arguments if argument.startswith("--config=")]
        self.config = option.partition("=")[2]
        self._fill_mentioned()

    def start(self):
        """`fedwave run` as the pod has it, but for the port, which is a free one."""
        port_file = os.path.join(self._folder, "status.port")
        arguments = ["--listen=127.0.0.1:0" if argument.startswith("--listen=") else argument
                     for argument in self.arguments]
        relay = Server([fedwave.FEDWAVE, *arguments, f"--port-file={port_file}"],
                               os.path.join(self._folder, "relay.log"), env=self.environment())
        return Running(relay, port_file, self._case.container())

    def environment(self):
        """Of a pod in a cluster whose API server does not answer."""
        workload = self._case.workload()
        suffix = "-0" if workload["kind"] == "StatefulSet" else "-6d4cf56db6-x2x7k"
        fields = {"metadata.name": workload["metadata"]["name"] + suffix,
                  "metadata.namespace": workload["metadata"]["namespace"],
                  "metadata.uid": "6c1b0a50-7d1c-4b0e-9a3f-0f2f5d3f6a11", "spec.nodeName": "node-1"}
        own = dict.fromkeys(re.findall(r"\$\{(\w+)\}", self._config_text()), _SECRET)
        for entry in self._case.container()["env"]:
            source = entry.get("valueFrom", {}).get("fieldRef")
            own[entry["name"]] = fields[source["fieldPath"]] if source else entry.get("value", _SECRET)
        return {**os.environ, **own, "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(free_port()),
                "FEDWAVE_SERVICE_ACCOUNT_DIR": self._service_account()}

    def _service_account(self):
        """The folder that kubelet would mount; empty unless the pod asks for a token."""
        folder = os.path.join(self._folder, "serviceaccount")
        os.makedirs(folder, exist_ok=True)
        if self._case.pod()["spec"]["automountServiceAccountToken"]:
            authority = Authority(folder, "ca")
            os.rename(authority.certificate, os.path.join(folder, "ca.crt"))
            self._write(folder, "token", "token-of-kubelet")
            self._write(folder, "namespace", self._case.workload()["metadata"]["namespace"])
        return folder

    def _fill(self, folder, volume):
        """Files as kubelet lays them out: links through ..data, so that an edit is one rename."""
        data = os.path.join(folder, "..2026_01_01")
        os.makedirs(data)
        os.symlink(os.path.basename(data), os.path.join(folder, "..data"))
        for item in (volume.get("configMap") or volume.get("secret") or {}).get("items", []):
            self._write(data, item["path"], self._here(self._content(volume, item["key"])))
            os.symlink(os.path.join("..data", item["path"]), os.path.join(folder, item["path"]))

    def _fill_mentioned(self):
        """Files of somebody else's volumes, as the configuration names them."""
        for folder in self._places.values():
            for path in re.findall(rf"{re.escape(folder)}/[\w./-]+", self._config_text()):
                if not os.path.exists(path) and not path.endswith(".pem"):
                    self._write(folder, os.path.basename(path), _SECRET)

    def _config_text(self):
        with open(self.config, encoding="utf-8") as file:
            return file.read()

    def _content(self, volume, key):
        """From the rendered object; what somebody else keeps is a configuration of the collector's."""
        if "secret" in volume:
            return _SECRET
        for item in self._case.own("ConfigMap"):
            if item["metadata"]["name"] == volume["configMap"]["name"]:
                return item["data"][key]
        with open(_CONFIG, encoding="utf-8") as file:
            return file.read()

    def _here(self, text):
        for mounted, folder in sorted(self._places.items(), key=lambda place: -len(place[0])):
            text = text.replace(mounted, folder)
        return text

    @staticmethod
    def _write(folder, name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


class Running:
    """Asks the probes what kubelet would ask."""

    def __init__(self, relay, port_file, container):
        self.relay = relay
        self._port_file = port_file
        self._container = container

    def address(self):
        try:
            with open(self._port_file, encoding="ascii") as file:
                port = file.read().strip()
        except FileNotFoundError:
            return None
        return port and f"127.0.0.1:{port}"

    def answers(self, probe):
        """Whether this probe would pass now."""
        asked = self._container[probe]["httpGet"]
        headers = {header["name"]: header["value"] for header in asked.get("httpHeaders", [])}
        return bool(self.address()) and http_get(f"http://{self.address()}{asked['path']}", headers,
                                                 self._container[probe].get("timeoutSeconds", 1))[0] == 200
