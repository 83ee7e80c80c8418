{{/* What the sidecar is told, by annotations of the pod. */}}

{{/* podAnnotations say otherwise where they like, but for two that are put together of both. */}}
{{- define "fedwave.podAnnotations" -}}
{{- $ours := include "fedwave.istioAnnotations" . | fromYaml -}}
{{- $together := pick $ours "proxy.istio.io/config" "sidecar.istio.io/userVolumeMount" -}}
{{- with merge $together (deepCopy .Values.podAnnotations) $ours -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* "sidecar": the pod's traffic goes through Envoy, but for the status port: who asks there (a Prometheus,
"helm test") need not be in the mesh. "certs": Envoy takes no traffic and only writes its certificates
where the relay reads them. */}}
{{- define "fedwave.istioAnnotations" -}}
{{- if ne .Values.istio.mode "none" }}
proxy.istio.io/config: |
  {{- include "fedwave.proxyConfig" . | nindent 2 }}
{{- end }}
{{- if eq .Values.istio.mode "sidecar" }}
traffic.sidecar.istio.io/excludeInboundPorts: {{ int .Values.statusPort | quote }}
{{- else if eq .Values.istio.mode "certs" }}
sidecar.istio.io/userVolumeMount: {{ include "fedwave.proxyMounts" . | quote }}
traffic.sidecar.istio.io/includeInboundPorts: ""
traffic.sidecar.istio.io/includeOutboundIPRanges: ""
{{- end }}
{{- end -}}

{{/* Ours below what podAnnotations say; above it only what there would be no certificates without. Envoy
has to outlive the last delivery. */}}
{{- define "fedwave.proxyConfig" -}}
{{- $ours := dict "holdApplicationUntilProxyStarts" true -}}
{{- $must := dict -}}
{{- if eq .Values.istio.mode "sidecar" -}}
{{- $drain := include "fedwave.shutdownGraceSeconds" . | int | add 5 | min (int .Values.terminationGracePeriodSeconds) -}}
{{- $_ := set $ours "terminationDrainDuration" (printf "%ds" $drain) -}}
{{- else -}}
{{- $_ := set $must "proxyMetadata" (dict "OUTPUT_CERTS" (include "fedwave.certsDirectory" .)) -}}
{{- end -}}
{{- $theirs := get .Values.podAnnotations "proxy.istio.io/config" | fromYaml -}}
{{- toYaml (mustMergeOverwrite $ours $theirs $must) -}}
{{- end -}}

{{/* Istio takes a list, and a map by the volumes' names. */}}
{{- define "fedwave.proxyMounts" -}}
{{- $directory := include "fedwave.certsDirectory" . -}}
{{- $theirs := get .Values.podAnnotations "sidecar.istio.io/userVolumeMount" | default "[]" | trim -}}
{{- if hasPrefix "{" $theirs -}}
{{- toJson (set (fromJson $theirs) "istio-certs" (dict "mountPath" $directory)) -}}
{{- else -}}
{{- toJson (append (fromJsonArray $theirs) (dict "name" "istio-certs" "mountPath" $directory)) -}}
{{- end -}}
{{- end -}}
