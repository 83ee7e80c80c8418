{{/* The text of config.yaml; nothing where the ConfigMap is somebody else's. */}}
{{- define "fedwave.configText" -}}
{{- if .Values.existingConfigMap -}}
{{- else if .Values.config -}}
{{- include "fedwave.withSpool" (dict "root" . "text" (include "fedwave.ownConfig" .)) -}}
{{- else -}}
# Generated from the chart's values; to write it yourself, put it under "config", unchanged.
{{ include "fedwave.generatedConfig" . }}
{{- end -}}
{{- end -}}

{{/* "config" as text. Of a whole ConfigMap ("kubectl get configmap … -o yaml") it is the entry that fedwave
itself would take: the only one, or config.yaml, or collector.yaml. */}}
{{- define "fedwave.ownConfig" -}}
{{- $text := .Values.config -}}
{{- if not (kindIs "string" $text) -}}
{{- $text = toYaml $text -}}
{{- end -}}
{{- $parsed := fromYaml $text -}}
{{- if eq (toString $parsed.kind) "ConfigMap" -}}
{{- $data := ternary $parsed.data dict (kindIs "map" $parsed.data) -}}
{{- if eq (len $data) 1 -}}
{{- $text = first (values $data) -}}
{{- else -}}
{{- $text = coalesce (get $data "config.yaml") (get $data "collector.yaml") | default "" -}}
{{- end -}}
{{- end -}}
{{- trimSuffix "\n" $text -}}
{{- end -}}

{{- define "fedwave.spoolConfig" -}}
directory: {{ include "fedwave.spoolDirectory" . }}
bytes: {{ .Values.spool.bytes }}
maxAge: {{ .Values.spool.maxAge }}
{{- end -}}

{{/* A collector's configuration knows no spool: one that names none gets the pod's volume, at its end,
so that everything else keeps its line. It stays as it is where that would not be understood (several
documents). */}}
{{- define "fedwave.withSpool" -}}
{{- $spool := include "fedwave.spoolConfig" .root | nindent 2 -}}
{{- $with := printf "%s\n\n# Added by the chart; a spool of your own replaces it.\nspool:%s" .text $spool -}}
{{- $parsed := fromYaml .text -}}
{{- if and (hasKey $parsed "sinks") (not (hasKey $parsed "spool")) (hasKey (fromYaml $with) "spool") -}}
{{- $with -}}
{{- else -}}
{{- .text -}}
{{- end -}}
{{- end -}}

{{- define "fedwave.generatedConfig" -}}
{{- $sink := dict "name" "wavefront" -}}
{{- if .Values.wavefront.url -}}
{{- $_ := set $sink "server" .Values.wavefront.url -}}
{{- else -}}
{{- $_ := set $sink "proxyAddress" .Values.wavefront.proxyAddress -}}
{{- end -}}
{{- if include "fedwave.secretName" . -}}
{{- $_ := set $sink "tokenFile" (printf "%s/token" (include "fedwave.tokenDirectory" .)) -}}
{{- end -}}
{{- $sources := list (include "fedwave.generatedSource" . | fromYaml) -}}
{{- $config := dict "clusterName" .Values.clusterName "sinks" (list $sink) -}}
{{- $_ := set $config "sources" (dict "prometheus_sources" $sources) -}}
{{- $_ := set $config "spool" (include "fedwave.spoolConfig" . | fromYaml) -}}
{{- toYaml (mustMergeOverwrite $config (deepCopy .Values.extraConfig)) -}}
{{- end -}}

{{/* The preset, with whatever "prometheus" says instead. */}}
{{- define "fedwave.generatedSource" -}}
{{- $source := dict "name" "prometheus" -}}
{{- if ne .Values.preset "none" -}}
{{- $source = .Files.Get (printf "presets/%s.yaml" .Values.preset) | fromYaml -}}
{{- end -}}
{{- $_ := set $source "url" (include "fedwave.sourceUrl" .) -}}
{{- $_ := set $source "collection" (dict "interval" .Values.prometheus.interval "timeout" .Values.prometheus.timeout) -}}
{{- range $key := list "match" "filters" "tags" -}}
{{- with index $.Values.prometheus $key -}}
{{- $_ := set $source $key . -}}
{{- end -}}
{{- end -}}
{{- with include "fedwave.httpConfig" . | fromYaml -}}
{{- $_ := set $source "httpConfig" . -}}
{{- end -}}
{{- if .Values.sharding.enabled -}}
{{- if eq .Values.sharding.by "series" -}}
{{- $_ := set $source "shardBy" "series" -}}
{{- else -}}
{{- $_ := set $source "splitMatches" true -}}
{{- end -}}
{{- end -}}
{{- toYaml $source -}}
{{- end -}}

{{/* With Istio's certificates the relay itself speaks TLS to the sidecar of Prometheus. */}}
{{- define "fedwave.sourceUrl" -}}
{{- $url := .Values.prometheus.url -}}
{{- if eq .Values.istio.mode "certs" -}}
{{- $url = regexReplaceAll "^http://" $url "https://" -}}
{{- end -}}
{{- if regexMatch "^https?://[^/?]+/?$" $url -}}
{{- $url = printf "%s/federate" (trimSuffix "/" $url) -}}
{{- end -}}
{{- $url -}}
{{- end -}}

{{- define "fedwave.httpConfig" -}}
{{- $http := deepCopy .Values.prometheus.httpConfig -}}
{{- if eq .Values.istio.mode "certs" -}}
{{- $certs := include "fedwave.certsDirectory" . -}}
{{- $tls := dict "ca_file" (printf "%s/root-cert.pem" $certs) "cert_file" (printf "%s/cert-chain.pem" $certs) "key_file" (printf "%s/key.pem" $certs) -}}
{{- with .Values.istio.serverIdentities -}}
{{- $_ := set $tls "serverIdentities" . -}}
{{- end -}}
{{- $http = mustMergeOverwrite (dict "tls_config" $tls) $http -}}
{{- end -}}
{{- toYaml $http -}}
{{- end -}}

{{/* shutdownGrace as it is in force, as far as the configuration can be read. */}}
{{- define "fedwave.shutdownGrace" -}}
{{- $config := include "fedwave.configText" . | fromYaml -}}
{{- ternary "20s" $config.shutdownGrace (kindIs "invalid" $config.shutdownGrace) -}}
{{- end -}}

{{- define "fedwave.shutdownGraceSeconds" -}}
{{- divf (include "fedwave.shutdownGrace" . | include "fedwave.milliseconds") 1000 | ceil | int -}}
{{- end -}}

{{/* What each sink may have on the chart's volume, in bytes, as far as the configuration can be read. */}}
{{- define "fedwave.spooledBytes" -}}
{{- $found := list -}}
{{- $config := include "fedwave.configText" . | fromYaml -}}
{{- $whole := ternary $config.spool dict (kindIs "map" $config.spool) -}}
{{- range ternary $config.sinks list (kindIs "slice" $config.sinks) -}}
{{- if kindIs "map" . -}}
{{- $own := ternary .spool dict (kindIs "map" .spool) -}}
{{- $directory := ternary $own.directory $whole.directory (hasKey $own "directory") | toString -}}
{{- if hasPrefix (include "fedwave.spoolDirectory" $) $directory -}}
{{- $bytes := coalesce $own.bytes $whole.bytes "1GiB" -}}
{{- $found = append $found (include "fedwave.byteCount" $bytes | float64) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* The values that only a generated configuration has a place for, where they are not the defaults. */}}
{{- define "fedwave.ignoredValues" -}}
{{- $names := list -}}
{{- $defaults := dict "clusterName" "k8s-cluster" "preset" "federated" -}}
{{- range $key := keys $defaults | sortAlpha -}}
{{- if ne (index $.Values $key) (get $defaults $key) -}}
{{- $names = append $names $key -}}
{{- end -}}
{{- end -}}
{{- $defaults = dict "url" "http://prometheus.istio-system.svc:9090" "interval" "60s" "timeout" "30s" -}}
{{- range $key := keys .Values.prometheus | sortAlpha -}}
{{- with index $.Values.prometheus $key -}}
{{- if ne (toString .) (get $defaults $key) -}}
{{- $names = append $names (printf "prometheus.%s" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}
