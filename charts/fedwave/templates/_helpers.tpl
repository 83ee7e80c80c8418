{{/* Names. A StatefulSet's pods get the label NAME-HASH of at most 63 characters, and our suffixes have
to fit: hence 52 for the full name. A release may have dots in its name, a Service may not. */}}
{{- define "fedwave.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "fedwave.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- $name = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $name = .Release.Name -}}
{{- else -}}
{{- $name = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- $name | replace "." "-" | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "fedwave.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "fedwave.headlessName" -}}
{{- printf "%s-headless" (include "fedwave.fullname" .) -}}
{{- end -}}

{{- define "fedwave.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "fedwave.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "fedwave.configMapName" -}}
{{- default (include "fedwave.fullname" .) .Values.existingConfigMap -}}
{{- end -}}

{{/* The Secret with the token, or nothing where there is none. */}}
{{- define "fedwave.secretName" -}}
{{- if .Values.wavefront.existingSecret -}}
{{- .Values.wavefront.existingSecret -}}
{{- else if .Values.wavefront.token -}}
{{- printf "%s-token" (include "fedwave.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "fedwave.claimName" -}}
{{- default (printf "%s-spool" (include "fedwave.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "fedwave.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $repository := .Values.image.repository -}}
{{- if $registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" $registry) $repository -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* As objects or, as other charts have them, as names alone; nothing where there are none. */}}
{{- define "fedwave.pullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- with $secrets -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* Selectors cannot be changed once they exist: these three labels and never another. toYaml puts quotes
around what would be a number. */}}
{{- define "fedwave.selectorLabels" -}}
{{- include "fedwave.identity" (dict "root" . "component" "relay") -}}
{{- end -}}

{{- define "fedwave.identity" -}}
app.kubernetes.io/name: {{ include "fedwave.name" .root | toYaml }}
app.kubernetes.io/instance: {{ toYaml .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "fedwave.labels" -}}
{{- include "fedwave.labelsOf" (dict "root" . "component" "relay" "more" dict) -}}
{{- end -}}

{{/* The labels of an object: of which component it is, and "more" of them above commonLabels. What
selectors look for stays ours. */}}
{{- define "fedwave.labelsOf" -}}
{{- $identity := include "fedwave.identity" . -}}
{{- $ours := dict "helm.sh/chart" (include "fedwave.chart" .root) "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := merge $ours (dict "app.kubernetes.io/part-of" "fedwave" "app.kubernetes.io/managed-by" .root.Release.Service) -}}
{{- $all := merge (deepCopy (default dict .more)) .root.Values.commonLabels $ours -}}
{{- range $key := keys (fromYaml $identity) -}}
{{- $_ := unset $all $key -}}
{{- end -}}
{{ $identity }}
{{ toYaml $all }}
{{- end -}}

{{/* Where things are inside the container. */}}
{{- define "fedwave.spoolDirectory" -}}/var/lib/fedwave/spool{{- end -}}
{{- define "fedwave.tokenDirectory" -}}/var/run/secrets/fedwave{{- end -}}
{{- define "fedwave.certsDirectory" -}}/etc/istio-certs{{- end -}}

{{/* A map without its null values, which is how defaults are taken back (OpenShift's user ids). */}}
{{- define "fedwave.withoutNulls" -}}
{{- $kept := dict -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $kept $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $kept -}}
{{- end -}}

{{/* The port in "host:port", "[v6]:port" or a URL; without one, what its scheme stands for. */}}
{{- define "fedwave.portOf" -}}
{{- $host := . | regexFind "^([a-z]+://)?[^/]*" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- if $port -}}
{{- $port -}}
{{- else if hasPrefix "https://" $host -}}
443
{{- else if hasPrefix "http://" $host -}}
80
{{- else -}}
2878
{{- end -}}
{{- end -}}

{{/* The proxies as a list, however they are written. */}}
{{- define "fedwave.proxyAddresses" -}}
{{- $addresses := list -}}
{{- if kindIs "slice" .Values.wavefront.proxyAddress -}}
{{- $addresses = .Values.wavefront.proxyAddress -}}
{{- else if .Values.wavefront.proxyAddress -}}
{{- range splitList "," .Values.wavefront.proxyAddress -}}
{{- $addresses = append $addresses (trim .) -}}
{{- end -}}
{{- end -}}
{{- toJson $addresses -}}
{{- end -}}

{{/* Whether the pod talks to the Kubernetes API, by election or because its configuration uses the
service account's files. */}}
{{- define "fedwave.needsApiToken" -}}
{{- if not (kindIs "invalid" .Values.serviceAccount.automount) -}}
{{- .Values.serviceAccount.automount -}}
{{- else if .Values.leaderElection.enabled -}}
true
{{- else -}}
{{- $config := include "fedwave.configText" . -}}
{{- or (contains "/var/run/secrets/kubernetes.io/serviceaccount" $config) (contains "kubernetes.default.svc" $config) -}}
{{- end -}}
{{- end -}}
