"""What the chart renders, as somebody reads it who has to run it: types, selectors, secrets, rights."""
import base64
import copy
import json
import os
import re
import unittest
import urllib.parse

from support.chart import generated, render, typed
from support.chart.cases import WORKLOADS, ChartCase, each_case
from support.chart.render import CHART

STATUS_PORT = "status"
COMPONENT = "app.kubernetes.io/component"
STANDARD_LABELS = {"helm.sh/chart", *(f"app.kubernetes.io/{name}" for name in (
    "name", "instance", "version", "component", "part-of", "managed-by"))}
SELECTOR_LABELS = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}
EXCLUDED_PORTS = "traffic.sidecar.istio.io/excludeInboundPorts"
KUBELET_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def port_of(address):
    """Of host:port or of a URL."""
    parts = urllib.parse.urlsplit(address if "://" in address else f"tcp://{address}")
    return parts.port or {"http": 80, "https": 443}[parts.scheme]


def prometheus_ports(case):
    """Of its pods, as far as they can be known: behind a Service's usual port mostly 9090."""
    if case.values.get("config") or case.values["existingConfigMap"]:
        return {80, 443, 9090}
    port = port_of(case.values["prometheus"]["url"])
    return {port, 9090} if port in (80, 443) else {port}


def selects(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


class ManifestsTest(ChartCase):
    def test_the_cases_cover_every_template(self):
        templates = {name for _, _, names in os.walk(os.path.join(CHART, "templates")) for name in names
                     if name.endswith(".yaml")}
        self.assertEqual(set().union(*(case.templates for case in self.cases())), templates)

    def test_kubernetes_would_take_every_manifest(self):
        manifests, seen = {}, set()
        for case in self.cases():
            for place, manifest in enumerate(case.manifests):
                if repr(manifest) not in seen:  # most cases share most objects
                    seen.add(repr(manifest))
                    name = re.sub(r"\W+", "-", f"{case.name} {place} {manifest['kind']}")
                    manifests[name] = manifest
        plain = read(os.path.join(generated.CHARTS, "manifests", "fedwave.yaml"))
        manifests.update({f"plain-{place}": manifest
                          for place, manifest in enumerate(render.read_yaml(plain))})
        self.assertEqual(typed.problems(manifests), [])

    def test_the_types_refuse_what_kubernetes_would_refuse(self):
        spoilt = {
            "livenesProbe": lambda pod: pod["containers"][0].update(livenesProbe={}),
            "terminationGracePeriodSeconds": lambda pod: pod.update(terminationGracePeriodSeconds="45"),
            "memory": lambda pod: pod["containers"][0]["resources"]["limits"].update(memory="12MiX")}
        [case] = [case for case in self.cases() if case.name == "ci/default-proxy-values.yaml"]
        manifests = {name: copy.deepcopy(case.workload()) for name in spoilt}
        for name, spoil in spoilt.items():
            spoil(manifests[name]["spec"]["template"]["spec"])
        found = typed.problems(manifests)
        for name in spoilt:
            self.assertTrue(any(problem.startswith(f"{name}: ") and name in problem.partition(": ")[2]
                                for problem in found), found)

    @each_case
    def test_names_are_short_unique_and_all_in_the_release_s_namespace(self, case):
        names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
                 for item in case.manifests]
        self.assertEqual(len(names), len(set(names)), names)
        for _, _, name in names:
            self.assertRegex(name, r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$")

    @each_case
    def test_everything_carries_the_recommended_labels(self, case):
        for kind in {item["kind"] for item in case.manifests}:
            for item in case.own(kind):
                self.assertLessEqual(STANDARD_LABELS, item["metadata"]["labels"].keys(), item)

    def test_labels_of_one_s_own_are_there_once_and_selectors_still_meet(self):
        [case] = [case for case in self.cases() if case.name == "ci/names-values.yaml"]
        labels = case.workload()["metadata"]["labels"]
        self.assertEqual((labels["team"], labels["app.kubernetes.io/part-of"], labels[COMPONENT]),
                         ("observability", "mesh", "relay"))
        [case] = [case for case in self.cases() if case.name == "ci/service-monitor-values.yaml"]
        [monitor] = case.own("ServiceMonitor")
        self.assertEqual(monitor["metadata"]["labels"]["app.kubernetes.io/part-of"], "monitoring")

    def test_names_that_look_like_numbers_stay_texts(self):
        made = render.render(settings=["wavefront.proxyAddress=p:2878", "fullnameOverride=relay"],
                             release="123", namespace="456")
        for item in made.objects():
            self.assertEqual(item["metadata"]["namespace"], "456")
            self.assertEqual(item["metadata"]["labels"]["app.kubernetes.io/instance"], "123")

    def test_a_dot_in_the_release_s_name_is_none_in_a_service_s(self):
        made = render.render(settings=["wavefront.proxyAddress=p:2878"], release="mesh.1")
        self.assertEqual({item["metadata"]["name"] for item in made.objects()}, {"mesh-1-fedwave"})

    @each_case
    def test_every_selector_meets_the_pods(self, case):
        labels = case.pod()["metadata"]["labels"]
        spec = case.workload()["spec"]
        self.assertEqual(spec["selector"]["matchLabels"].keys(), SELECTOR_LABELS)
        self.assertTrue(selects(spec["selector"]["matchLabels"], labels))
        for service in case.own("Service"):
            if service["spec"].get("type") != "ExternalName":
                self.assertTrue(selects(service["spec"]["selector"], labels), service)
        for policy in case.own("NetworkPolicy"):
            self.assertTrue(selects(policy["spec"]["podSelector"]["matchLabels"], labels), policy)
        for item in case.own("PodDisruptionBudget") + case.own("PodMonitor"):
            self.assertTrue(selects(item["spec"]["selector"]["matchLabels"], labels), item)
        for constraint in case.pod()["spec"].get("topologySpreadConstraints", []):
            given = [item["labelSelector"] for item in case.values["topologySpreadConstraints"]
                     if "labelSelector" in item]
            self.assertIn(constraint["labelSelector"], [*given, spec["selector"]])

    def test_two_releases_in_one_namespace_do_not_meet(self):
        values = next(iter(generated.cases().values()))
        first, second = (render.render(values=[values], release=name).objects() for name in ("one", "two"))
        self.assertFalse({(item["kind"], item["metadata"]["name"]) for item in first} &
                         {(item["kind"], item["metadata"]["name"]) for item in second})
        for item in first:
            if item["kind"] in WORKLOADS:
                [other] = [there for there in second if there["kind"] == item["kind"]]
                self.assertFalse(selects(item["spec"]["selector"]["matchLabels"],
                                         other["spec"]["template"]["metadata"]["labels"]))

    @each_case
    def test_a_service_monitor_meets_each_pod_once(self, case):
        for monitor in case.own("ServiceMonitor"):
            met = [service for service in case.own("Service")
                   if selects(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])]
            self.assertEqual(len(met), 1)
            [endpoint] = monitor["spec"]["endpoints"]
            self.assertIn(endpoint["port"], [port["name"] for port in met[0]["spec"]["ports"]])
        for monitor in case.own("PodMonitor"):
            [endpoint] = monitor["spec"]["podMetricsEndpoints"]
            self.assertIn(endpoint["port"], [port["name"] for port in case.container()["ports"]])

    @each_case
    def test_services_lead_to_a_port_that_is_there(self, case):
        names = [port["name"] for port in case.container()["ports"]]
        for service in case.own("Service"):
            for port in service["spec"]["ports"]:
                if service["spec"].get("type") != "ExternalName":
                    self.assertIn(port["targetPort"], names)

    @each_case
    def test_a_stateful_set_has_its_headless_service(self, case):
        for workload in case.objects("StatefulSet"):
            [service] = [item for item in case.own("Service")
                         if item["metadata"]["name"] == workload["spec"]["serviceName"]]
            self.assertEqual(service["spec"]["clusterIP"], "None")

    @each_case
    def test_the_notes_name_what_is_there(self, case):
        kind = case.workload()["kind"].lower()
        workload = f"{kind}/{case.workload()['metadata']['name']}"
        commands = re.findall(r"(?m)^ +(kubectl .*)$", case.notes)
        self.assertGreaterEqual(len(commands), 3, case.notes)
        for command in commands:
            self.assertIn(f" -n {case.workload()['metadata']['namespace']} ", command)
            config_map = re.search(r" configmap (\S+)", command)
            if config_map:
                there = [item["metadata"]["name"] for item in case.own("ConfigMap")]
                self.assertIn(config_map[1], [*there, case.values["existingConfigMap"]])
            else:
                self.assertIn(f" {workload} ", f"{command} ")

    @each_case
    def test_the_notes_say_when_the_image_has_no_registry(self, case):
        image = case.container()["image"]
        self.assertEqual("and set image.registry" in case.notes, "/" not in image, image)

    @each_case
    def test_who_tests_the_release_reaches_the_status_port(self, case):
        for test in [item for item in case.own("Pod") if "helm.sh/hook" in item["metadata"]["annotations"]]:
            for policy in case.own("NetworkPolicy"):
                allowed = policy["spec"]["ingress"][0].get("from")
                near = [peer["podSelector"] for peer in allowed or [] if peer.keys() == {"podSelector"}]
                self.assertTrue(allowed is None or any(
                    selects(pods["matchLabels"], test["metadata"]["labels"]) for pods in near), policy)
            if case.values["istio"]["mode"] == "sidecar":  # the test has none
                self.assertEqual(case.pod()["metadata"]["annotations"][EXCLUDED_PORTS],
                                 str(case.values["statusPort"]))

    @each_case
    def test_what_a_test_of_the_release_has_printed_can_be_read(self, case):
        for test in [item for item in case.own("Pod") if "helm.sh/hook" in item["metadata"]["annotations"]]:
            policy = test["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
            self.assertEqual(policy, "before-hook-creation")  # helm test --logs

    def test_a_status_page_with_credentials_or_tls_has_no_test(self):
        for status, is_there in (({"listen": ":9464"}, True), ({"bearer_token_file": "/t"}, False),
                                 ({"tls_config": {"cert_file": "/c", "key_file": "/k"}}, False)):
            extra = json.dumps({"status": status})
            made = render.render(set_json=['wavefront.proxyAddress="p:2878"', f"extraConfig={extra}"],
                                 include_hooks=True)
            with self.subTest(status=status):
                self.assertEqual(bool(made.objects("Pod")), is_there)

    @each_case
    def test_only_who_can_share_the_work_has_replicas(self, case):
        replicas = case.workload()["spec"]["replicas"]
        if replicas > 1:
            self.assertTrue(case.option("lease") or case.option("shards"))
        if case.option("shards"):
            self.assertEqual(case.option("shards"), str(max(1, replicas)))
            self.assertEqual(case.workload()["kind"], "StatefulSet")
        if case.workload()["kind"] == "Deployment" and not case.option("lease"):
            self.assertIn(case.workload()["spec"]["strategy"]["type"], ("Recreate",
                          case.values["updateStrategy"].get("type")))


class SafetyTest(ChartCase):
    @each_case
    def test_pods_run_as_nobody_and_can_change_nothing(self, case):
        pod = case.pod()["spec"]
        self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        for key in ("runAsUser", "runAsGroup", "fsGroup"):
            asked = case.values["podSecurityContext"].get(key)
            self.assertEqual(pod["securityContext"].get(key), asked)
            self.assertIn(asked, (65532, None))
        context = case.container()["securityContext"]
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(key, pod)

    @each_case
    def test_a_secret_is_a_file_and_nowhere_else(self, case):
        own = [entry for entry in case.container()["env"] if entry not in case.values["extraEnv"]]
        self.assertFalse([entry for entry in own if "secretKeyRef" in entry.get("valueFrom", {})])
        self.assertEqual(case.container().get("envFrom", []), case.values["extraEnvFrom"])
        token = case.values["wavefront"].get("token")
        if token:
            [secret] = case.own("Secret")
            self.assertEqual(base64.b64decode(secret["data"]["token"]).decode(), token)
            rest = [item for item in case.manifests if item is not secret]
            self.assertNotIn(token, repr(rest))
        if token or case.values["wavefront"]["existingSecret"]:
            [volume] = [item for item in case.pod()["spec"]["volumes"] if "secret" in item]
            [mount] = [item for item in case.container()["volumeMounts"]
                       if item["name"] == volume["name"]]
            self.assertIs(mount["readOnly"], True)
            self.assertNotIn("subPath", mount)

    @each_case
    def test_only_who_needs_the_kubernetes_api_gets_a_token(self, case):
        [config] = [item["data"]["config.yaml"] for item in case.own("ConfigMap")] or [""]
        needs = bool(case.option("lease")) or KUBELET_TOKEN in config
        asked = case.values["serviceAccount"].get("automount")
        self.assertIs(case.pod()["spec"]["automountServiceAccountToken"],
                      needs if asked is None else asked)
        for account in case.own("ServiceAccount"):
            self.assertIs(account["automountServiceAccountToken"], False)

    @each_case
    def test_rights_are_those_for_one_lease(self, case):
        roles, bindings = case.own("Role"), case.own("RoleBinding")
        self.assertEqual(case.own("ClusterRole") + case.own("ClusterRoleBinding"), [])
        if not case.option("lease") or not case.values["rbac"]["create"]:
            self.assertEqual(roles + bindings, [])
            return
        [role], [binding] = roles, bindings
        group = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
        self.assertEqual(role["rules"], [
            {**group, "resourceNames": [case.option("lease")], "verbs": ["get", "update"]},
            {**group, "verbs": ["create"]}])
        self.assertEqual(binding["roleRef"], {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
                                              "name": role["metadata"]["name"]})
        self.assertEqual(binding["subjects"], [{
            "kind": "ServiceAccount", "name": case.pod()["spec"]["serviceAccountName"],
            "namespace": case.workload()["metadata"]["namespace"]}])

    @each_case
    def test_the_service_account_is_there_or_somebody_else_s(self, case):
        names = [item["metadata"]["name"] for item in case.own("ServiceAccount")]
        if case.values["serviceAccount"]["create"]:
            self.assertEqual(names, [case.pod()["spec"]["serviceAccountName"]])
        else:
            self.assertEqual(names, [])

    @each_case
    def test_egress_is_what_the_relay_needs_and_nothing_else(self, case):
        for policy in case.own("NetworkPolicy"):
            self.assertEqual(policy["spec"]["policyTypes"], ["Ingress", "Egress"])
            ports = [{port["port"] for port in rule["ports"]} for rule in policy["spec"]["egress"]]
            extra = case.values["networkPolicy"]["extraEgress"]
            expected = self.egress_of(case) + [{port["port"] for port in rule.get("ports", [])}
                                               for rule in extra]
            self.assertEqual(ports, expected)

    @each_case
    def test_the_notes_say_which_ports_of_prometheus_are_a_guess(self, case):
        is_own = bool(case.values.get("config") or case.values["existingConfigMap"])
        policy = case.values["networkPolicy"]
        guessed = policy["enabled"] and is_own and not policy["prometheus"]["ports"]
        self.assertEqual("set networkPolicy.prometheus.ports" in case.notes, guessed)

    @staticmethod
    def egress_of(case):
        """DNS, Prometheus, Wavefront, and where it applies the Kubernetes API and istiod."""
        asked, wavefront = case.values["networkPolicy"], case.values["wavefront"]
        sinks = wavefront["url"] or wavefront["proxyAddress"]
        sinks = sinks.split(",") if isinstance(sinks, str) else sinks
        ports = [{53, 5353}, set(asked["prometheus"]["ports"]) or prometheus_ports(case),
                 set(asked["wavefront"]["ports"]) or {port_of(sink) for sink in sinks if sink} or {443, 2878}]
        if case.pod()["spec"]["automountServiceAccountToken"]:
            ports.append(set(asked["apiServer"]["ports"]))
        if case.values["istio"]["mode"] != "none":
            ports.append({15012})
        return ports


class PodTest(ChartCase):
    @each_case
    def test_probes_ask_what_they_should_at_a_port_that_is_there(self, case):
        container = case.container()
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.assertTrue(case.option("listen").endswith(f":{ports[STATUS_PORT]}"))
        for probe, path in (("startupProbe", "/-/healthy"), ("livenessProbe", "/-/healthy"),
                            ("readinessProbe", "/-/ready")):
            if not case.values.get(probe):
                self.assertNotIn(probe, container)
                continue
            self.assertEqual(container[probe]["httpGet"]["path"], path)
            self.assertIn(container[probe]["httpGet"]["port"], ports)

    @each_case
    def test_every_mount_has_its_volume_and_every_volume_its_mount(self, case):
        volumes = {volume["name"]: volume for volume in case.pod()["spec"]["volumes"]}
        for claim in case.workload()["spec"].get("volumeClaimTemplates", []):
            volumes[claim["metadata"]["name"]] = claim
        containers = [*case.pod()["spec"]["containers"], *case.pod()["spec"].get("initContainers", [])]
        mounts = [mount for container in containers for mount in container.get("volumeMounts", [])]
        self.assertEqual({mount["name"] for mount in mounts}, set(volumes))
        for mount in case.container()["volumeMounts"]:
            if "configMap" in volumes[mount["name"]]:
                self.assertNotIn("subPath", mount, "it would never be reloaded")
            if mount not in case.values["extraVolumeMounts"]:
                self.assertEqual(mount.get("readOnly", False), mount["name"] != "spool", mount)

    @each_case
    def test_what_the_pod_mounts_is_there_or_somebody_else_s(self, case):
        there = {(item["kind"], item["metadata"]["name"]) for item in case.manifests}
        elsewhere = {case.values["existingConfigMap"], case.values["wavefront"]["existingSecret"],
                     case.values["persistence"]["existingClaim"]}
        added = {volume["name"] for volume in case.values["extraVolumes"]}
        for volume in case.pod()["spec"]["volumes"]:
            for kind, source, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName"),
                                      ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName")):
                if source in volume and volume["name"] not in added:
                    name = volume[source][key]
                    self.assertTrue((kind, name) in there or name in elsewhere, volume)

    @each_case
    def test_a_claim_of_one_node_is_never_shared(self, case):
        spec = case.workload()["spec"]
        claims = [volume for volume in case.pod()["spec"]["volumes"]
                  if "persistentVolumeClaim" in volume]
        if claims:
            self.assertEqual(spec["replicas"], 1)
        if claims and case.workload()["kind"] == "Deployment":
            self.assertEqual(spec["strategy"], {"type": "Recreate"})

    @each_case
    def test_an_edit_of_the_configuration_restarts_nothing(self, case):
        annotations = case.pod()["metadata"].get("annotations", {})
        self.assertFalse([name for name in annotations if "checksum" in name])
        self.assertNotIn("helm.sh/chart", case.pod()["metadata"]["labels"])

    @each_case
    def test_the_pod_has_time_to_stop_and_says_why_it_ended(self, case):
        self.assertGreater(case.pod()["spec"]["terminationGracePeriodSeconds"], 20)
        self.assertEqual(case.container()["terminationMessagePolicy"], "FallbackToLogsOnError")
        self.assertIn("memory", case.container()["resources"]["limits"])

    @each_case
    def test_the_image_is_a_version_or_a_digest(self, case):
        image = case.container()["image"]
        self.assertRegex(image, r"(:[^/:]+|@sha256:[0-9a-f]{64})$")
        self.assertFalse(image.endswith(":latest"))

    @each_case
    def test_the_sidecar_is_injected_only_where_it_was_asked_for(self, case):
        labels, mode = case.pod()["metadata"]["labels"], case.values["istio"]["mode"]
        self.assertEqual(labels["sidecar.istio.io/inject"], "false" if mode == "none" else "true")
        annotations = case.pod()["metadata"].get("annotations", {})
        self.assertEqual("sidecar.istio.io/userVolumeMount" in annotations, mode == "certs")
        if mode == "certs":
            [volume] = [item for item in case.pod()["spec"]["volumes"]
                        if item["name"] == "istio-certs"]
            self.assertEqual(volume["emptyDir"]["medium"], "Memory")

    @staticmethod
    def annotations_of(mode, own, **settings):
        asked = {"wavefront.proxyAddress": "p:2878", "istio.mode": mode, "podAnnotations": own, **settings}
        made = render.render(set_json=[f"{key}={json.dumps(value)}" for key, value in asked.items()])
        [pod] = [item["spec"]["template"] for item in made.objects("Deployment")]
        annotations = pod["metadata"]["annotations"]
        [config] = render.read_yaml(annotations["proxy.istio.io/config"])
        return config, annotations

    def test_what_envoy_is_told_besides_is_merged_with_what_the_relay_needs(self):
        certs = {"OUTPUT_CERTS": "/etc/istio-certs"}
        for mode, own, expected in (
                ("certs", "concurrency: 1", {"concurrency": 1, "holdApplicationUntilProxyStarts": True,
                                             "proxyMetadata": certs}),
                ("certs",
                 "proxyMetadata: {OUTPUT_CERTS: /x, MORE: more}\nholdApplicationUntilProxyStarts: false",
                 {"holdApplicationUntilProxyStarts": False, "proxyMetadata": {**certs, "MORE": "more"}}),
                ("sidecar", "terminationDrainDuration: 40s",
                 {"holdApplicationUntilProxyStarts": True, "terminationDrainDuration": "40s"})):
            with self.subTest(mode=mode, own=own):
                self.assertEqual(self.annotations_of(mode, {"proxy.istio.io/config": own})[0], expected)

    def test_envoy_mounts_the_certificates_beside_what_it_mounts_already(self):
        place = {"mountPath": "/etc/istio-certs"}
        ours, theirs = {"name": "istio-certs", **place}, {"name": "a", "mountPath": "/a"}
        key = "sidecar.istio.io/userVolumeMount"
        for own, expected in (({}, [ours]),
                              ({key: json.dumps([theirs])}, [theirs, ours]),
                              ({key: json.dumps({"a": {"mountPath": "/a"}})},
                               {"a": {"mountPath": "/a"}, "istio-certs": place})):
            with self.subTest(own=own):
                self.assertEqual(json.loads(self.annotations_of("certs", own)[1][key]), expected)

    def test_envoy_outlives_the_last_delivery_but_not_the_pod(self):
        for grace, period, expected in (("20s", 45, "25s"), ("1m", 90, "65s"), ("58500ms", 60, "60s")):
            config, _ = self.annotations_of("sidecar", {}, extraConfig={"shutdownGrace": grace},
                                            terminationGracePeriodSeconds=period)
            self.assertEqual(config["terminationDrainDuration"], expected)


if __name__ == "__main__":
    unittest.main()
