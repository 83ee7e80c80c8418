{{/* Values that fit the schema and still cannot work: all that is wrong in one go, each with what to
write instead. */}}
{{- define "fedwave.validate" -}}
{{- $problems := list -}}
{{- range $group := list "replicas" "persistence" "spool" "config" "source" "destination" "monitoring" "rest" -}}
{{- with include (printf "fedwave.problems.%s" $group) $ | trim -}}
{{- $problems = append $problems . -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "the values cannot work:\n%s" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "fedwave.problems.replicas" -}}
{{- $replicas := int .Values.replicaCount -}}
{{- $is_statefulset := eq .Values.mode "statefulset" -}}
{{- if and .Values.leaderElection.enabled .Values.sharding.enabled }}
- leaderElection and sharding exclude each other: set leaderElection.enabled=true for one active relay and standbys, or sharding.enabled=true to share the work out
{{- end }}
{{- if and (gt $replicas 1) (not .Values.leaderElection.enabled) (not .Values.sharding.enabled) }}
- {{ $replicas }} replicas would all send the same points: set leaderElection.enabled=true (one is active), or sharding.enabled=true with mode=statefulset (each takes a part), or replicaCount=1
{{- end }}
{{- if and .Values.sharding.enabled (not $is_statefulset) }}
- sharding needs pods with numbers: set mode=statefulset
{{- end }}
{{- if .Values.leaderElection.enabled }}
{{- $election := .Values.leaderElection }}
{{- $lease := include "fedwave.milliseconds" $election.leaseDuration | float64 }}
{{- $renew := include "fedwave.milliseconds" $election.renewDeadline | float64 }}
{{- $retry := include "fedwave.milliseconds" $election.retryPeriod | float64 }}
{{- if not (and (gt $lease 1000.0) (gt $lease $renew) (gt $retry 0.0) (gt $renew (mulf $retry 1.2))) }}
- leaderElection needs a leaseDuration above 1s and above renewDeadline, and a renewDeadline above 1.2 × retryPeriod, not {{ $election.leaseDuration }}, {{ $election.renewDeadline }} and {{ $election.retryPeriod }}: set for example leaderElection.leaseDuration=15s, .renewDeadline=10s, .retryPeriod=2s
{{- end }}
{{- /* Whoever mounts a token there has one all the same. */}}
{{- $mounts := toJson .Values.extraVolumeMounts }}
{{- if and (eq (toString .Values.serviceAccount.automount) "false") (not (contains "/var/run/secrets/kubernetes.io/serviceaccount" $mounts)) }}
- leaderElection asks the Kubernetes API, and serviceAccount.automount=false leaves the pod without a token for it: set serviceAccount.automount=null
{{- end }}
{{- end }}
{{- $strategy := .Values.updateStrategy }}
{{- if and $strategy (not $is_statefulset) (or (not .Values.leaderElection.enabled) .Values.persistence.enabled) }}
{{- $surge := get (default dict $strategy.rollingUpdate) "maxSurge" | toString }}
{{- if and (eq (default "RollingUpdate" $strategy.type) "RollingUpdate") (not (regexMatch "^0%?$" $surge)) }}
- updateStrategy starts a second relay beside the first, and both would send everything, or wait for one volume: set updateStrategy.type=Recreate, or updateStrategy.rollingUpdate.maxSurge=0 and .maxUnavailable=1
{{- end }}
{{- end }}
{{- end -}}

{{- define "fedwave.problems.persistence" -}}
{{- $replicas := int .Values.replicaCount -}}
{{- if .Values.persistence.enabled }}
{{- if and (gt $replicas 1) .Values.persistence.existingClaim }}
- {{ $replicas }} replicas cannot share the claim {{ .Values.persistence.existingClaim }}, because a spool belongs to one relay: set mode=statefulset and leave persistence.existingClaim empty (each replica gets a claim of its own)
{{- else if and (gt $replicas 1) (eq .Values.mode "deployment") }}
- {{ $replicas }} replicas of a Deployment would share one claim, because a spool belongs to one relay: set mode=statefulset (each replica gets a claim of its own), or persistence.enabled=false
{{- end }}
{{- else if .Values.persistence.existingClaim }}
- persistence.existingClaim is set but not used: set persistence.enabled=true too
{{- end }}
{{- end -}}

{{/* The relay keeps within "bytes" of each sink; on a smaller volume it would be evicted, or full. */}}
{{- define "fedwave.problems.spool" -}}
{{- $sinks := include "fedwave.spooledBytes" . | fromJsonArray }}
{{- if and $sinks (not (and .Values.persistence.enabled .Values.persistence.existingClaim)) }}
{{- $key := ternary "persistence.size" "spool.emptyDirSizeLimit" .Values.persistence.enabled }}
{{- $size := ternary .Values.persistence.size .Values.spool.emptyDirSizeLimit .Values.persistence.enabled }}
{{- $room := include "fedwave.byteCount" $size | float64 }}
{{- $taken := 0.0 }}
{{- range $sinks }}
{{- $taken = addf $taken . }}
{{- end }}
{{- /* An emptyDir of size 0 has no limit. */}}
{{- if and (gt $taken $room) (or .Values.persistence.enabled (gt $room 0.0)) }}
{{- $gibibyte := 1073741824.0 }}
{{- $quarantine := mulf 33554432 (len $sinks) }}
{{- $enough := divf (mulf 1.1 (addf $taken $quarantine)) $gibibyte | ceil }}
- {{ ternary "the sink" (printf "%d sinks" (len $sinks)) (eq (len $sinks) 1) }} may spool {{ round (divf $taken $gibibyte) 3 }}GiB, and the volume holds {{ $size }}: set {{ $key }}={{ $enough }}Gi, or a smaller spool.bytes
{{- end }}
{{- end }}
{{- end -}}

{{- define "fedwave.problems.config" -}}
{{- if and .Values.config .Values.existingConfigMap }}
- config and existingConfigMap are both set: keep one of them
{{- end }}
{{- if or .Values.config .Values.existingConfigMap }}
{{- $name := ternary "config" "existingConfigMap" (not (empty .Values.config)) }}
{{- if or .Values.wavefront.proxyAddress .Values.wavefront.url }}
- {{ $name }} has sinks of its own, so wavefront.proxyAddress and wavefront.url would be ignored: remove them, or remove {{ $name }} and have the configuration generated
{{- end }}
{{- with include "fedwave.ignoredValues" . | fromJsonArray }}
- {{ $name }} says itself what is pulled, so {{ join ", " . }} would be ignored: remove what is named here, and write it into {{ $name }}
{{- end }}
{{- if .Values.extraConfig }}
- extraConfig is only merged into a generated configuration: write its keys into {{ $name }}
{{- end }}
{{- end }}
{{- if and .Values.config (not .Values.existingConfigMap) }}
{{- $text := include "fedwave.ownConfig" . }}
{{- $parsed := fromYaml $text }}
{{- $whole := printf "config:\n%s" (indent 2 $text) | fromYaml }}
{{- if and (hasKey $parsed "Error") (hasKey $whole "config") }}
- config is {{ ternary "a list" "text" (kindIs "slice" $whole.config) }}, not a map with keys such as sinks: write --set-file config=FILE to read a file, or paste the content of the collector's ConfigMap below "config: |"
{{- else if hasKey $parsed "Error" }}
- config is not YAML ({{ $parsed.Error }}): paste the content of the collector's ConfigMap below "config: |"
{{- else if not $parsed.sinks }}
- config has no sinks, so there is no destination: add "sinks: [{proxyAddress: HOST:2878}]" to it
{{- else if and (include "fedwave.secretName" .) (not (contains (include "fedwave.tokenDirectory" .) $text)) }}
- no sink of config uses the token of wavefront.{{ ternary "token" "existingSecret" (empty .Values.wavefront.existingSecret) }}, which would be ignored: add "tokenFile: {{ include "fedwave.tokenDirectory" . }}/token" to a sink, or remove it from the values
{{- end }}
{{- end }}
{{- end -}}

{{- define "fedwave.problems.source" -}}
{{- $asked := .Values.prometheus }}
{{- if not (or .Values.config .Values.existingConfigMap) }}
{{- if gt (include "fedwave.milliseconds" $asked.timeout | float64) (include "fedwave.milliseconds" $asked.interval | float64) }}
- prometheus.timeout={{ $asked.timeout }} is longer than prometheus.interval={{ $asked.interval }}: set a shorter timeout, or a longer interval
{{- end }}
{{- if ne (include "fedwave.isAddress" $asked.url) "true" }}
- prometheus.url={{ $asked.url }} is no URL: write http://HOST:9090
{{- end }}
{{- end }}
{{- end -}}

{{- define "fedwave.problems.destination" -}}
{{- $generated := not (or .Values.config .Values.existingConfigMap) }}
{{- if and $generated (not .Values.wavefront.proxyAddress) (not .Values.wavefront.url) }}
- there is no destination: set wavefront.proxyAddress=HOST:2878 (a Wavefront proxy), or wavefront.url=https://INSTANCE.wavefront.com with wavefront.existingSecret, or bring a whole configuration under config
{{- end }}
{{- if and .Values.wavefront.proxyAddress .Values.wavefront.url }}
- wavefront.proxyAddress and wavefront.url are both set: keep one of them; to send to both, write two sinks under config
{{- end }}
{{- range include "fedwave.proxyAddresses" . | fromJsonArray }}
{{- if ne (include "fedwave.isAddress" .) "true" }}
- wavefront.proxyAddress has {{ quote . }}, which is no address: write HOST:2878, [IPV6]:2878 or a URL
{{- end }}
{{- end }}
{{- if and $generated .Values.wavefront.url (not (include "fedwave.secretName" .)) }}
- wavefront.url needs a token: set wavefront.existingSecret=NAME (a Secret with the key {{ .Values.wavefront.existingSecretKey }}), or wavefront.token for a trial; for tokens from Cloud Services bring a whole configuration under config
{{- end }}
{{- if and .Values.wavefront.token .Values.wavefront.existingSecret }}
- wavefront.token and wavefront.existingSecret are both set: keep one of them, better existingSecret
{{- end }}
{{- if and $generated (eq .Values.preset "none") (not .Values.prometheus.match) (hasSuffix "/federate" (include "fedwave.sourceUrl" .)) }}
- preset=none leaves nothing to ask Prometheus for: set prometheus.match (for example ['{job="kubernetes-pods"}']), or preset=federated or raw
{{- end }}
{{- end -}}

{{- define "fedwave.problems.monitoring" -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
- serviceMonitor and podMonitor would scrape every pod twice: enable one of them
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
- serviceMonitor finds pods through the Service: set service.enabled=true, or use podMonitor.enabled=true instead
{{- end }}
{{- if .Values.prometheusRule.enabled }}
{{- $known := list }}
{{- range (.Files.Get "rules/fedwave.rules.yaml" | fromYaml).groups }}
{{- range .rules }}
{{- $known = append $known .alert }}
{{- end }}
{{- end }}
{{- range .Values.prometheusRule.disabled }}
{{- if not (has . $known) }}
- prometheusRule.disabled names {{ . }}, which is no alert of ours: choose from {{ join ", " $known }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fedwave.problems.rest" -}}
{{- $budget := .Values.podDisruptionBudget }}
{{- if and $budget.enabled (not (kindIs "invalid" $budget.minAvailable)) (not (kindIs "invalid" $budget.maxUnavailable)) }}
- podDisruptionBudget takes minAvailable or maxUnavailable, not both: set maxUnavailable=null beside minAvailable
{{- end }}
{{- if and $budget.enabled (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable) }}
- podDisruptionBudget says nothing: set podDisruptionBudget.maxUnavailable=1
{{- end }}
{{- if and (not .Values.extraConfig.shutdownGrace) (le (int .Values.terminationGracePeriodSeconds) 20) }}
- terminationGracePeriodSeconds={{ int .Values.terminationGracePeriodSeconds }} would kill the relay while it delivers what is in hand (shutdownGrace, 20s): set it to 30 or more
{{- end }}
{{- if and .Values.zipkin.enabled (not .Values.zipkin.externalName) }}
- zipkin.enabled needs to know the proxy: set zipkin.externalName=wavefront-proxy.default.svc.cluster.local
{{- end }}
{{- end -}}
