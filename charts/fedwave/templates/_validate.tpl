{{/* Values that fit the schema and still cannot work: all that is wrong in one go, each with what to
write instead. Every template begins with this, because helm renders them in no order. */}}
{{- define "fedwave.validate" -}}
{{- $_ := merge .Values (include "fedwave.emptyValues" . | fromYaml) -}}
{{- $problems := list -}}
{{- range $group := list "replicas" "upgrade" "persistence" "spool" "config" "source" "destination" "istio" "monitoring" "pod" "rest" -}}
{{- with include (printf "fedwave.problems.%s" $group) $ | trim -}}
{{- $problems = append $problems . -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "the values cannot work:\n%s" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{/* null takes a default away: a map or list that is gone is an empty one, and what is off is false. Of the
rest the schema says what has to be there. */}}
{{- define "fedwave.emptyValues" -}}
wavefront: {}
prometheus: {httpConfig: {}}
extraConfig: {}
leaderElection: {enabled: false}
sharding: {enabled: false}
persistence: {enabled: false, annotations: {}}
updateStrategy: {}
zipkin: {enabled: false}
imagePullSecrets: []
global: {imagePullSecrets: []}
commonLabels: {}
podAnnotations: {}
podLabels: {}
podDisruptionBudget: {enabled: false}
networkPolicy: {enabled: false, prometheus: {}, wavefront: {}, apiServer: {}}
serviceMonitor: {enabled: false}
podMonitor: {enabled: false}
prometheusRule: {enabled: false, disabled: [], alertLabels: {}}
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
{{- if and $is_statefulset (eq (toString $strategy.type) "Recreate") }}
- updateStrategy.type=Recreate is for a Deployment, and mode is statefulset: set updateStrategy.type=RollingUpdate or OnDelete
{{- else if and (not $is_statefulset) (eq (toString $strategy.type) "OnDelete") }}
- updateStrategy.type=OnDelete is for a StatefulSet, and mode is deployment: set updateStrategy.type=Recreate or RollingUpdate
{{- else if and $strategy.rollingUpdate (ne (default "RollingUpdate" $strategy.type) "RollingUpdate") }}
- updateStrategy.rollingUpdate does not go with updateStrategy.type={{ $strategy.type }}: remove one of the two
{{- end }}
{{- if and $strategy (not $is_statefulset) (or (not .Values.leaderElection.enabled) .Values.persistence.enabled) }}
{{- $surge := get (default dict $strategy.rollingUpdate) "maxSurge" | toString }}
{{- if and (eq (default "RollingUpdate" $strategy.type) "RollingUpdate") (not (regexMatch "^0%?$" $surge)) }}
- updateStrategy starts a second relay beside the first, and both would send everything, or wait for one volume: set updateStrategy.type=Recreate, or updateStrategy.rollingUpdate.maxSurge=0 and .maxUnavailable=1
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether new pods start while old ones run. */}}
{{- define "fedwave.isRolling" -}}
{{- if eq .Values.mode "statefulset" -}}
true
{{- else if .Values.updateStrategy -}}
{{- ne (toString .Values.updateStrategy.type) "Recreate" -}}
{{- else -}}
{{- and .Values.leaderElection.enabled (not .Values.persistence.enabled) -}}
{{- end -}}
{{- end -}}

{{/* Who sends beside the new pods for a while. Only "helm upgrade" sees what runs. */}}
{{- define "fedwave.problems.upgrade" -}}
{{- if .Release.IsUpgrade }}
{{- $kinds := list "Deployment" "StatefulSet" }}
{{- if eq .Values.mode "statefulset" }}
{{- $kinds = reverse $kinds }}
{{- end }}
{{- $name := include "fedwave.fullname" . }}
{{- $same := lookup "apps/v1" (first $kinds) .Release.Namespace $name }}
{{- $other := lookup "apps/v1" (last $kinds) .Release.Namespace $name }}
{{- $containers := dig "spec" "template" "spec" "containers" list $same | toJson }}
{{- $meets := and (gt (dig "spec" "replicas" 0 $same | int) 0) (eq (include "fedwave.isRolling" .) "true") }}
{{- range $feature, $option := dict "leaderElection" "--lease=" "sharding" "--shards=" }}
{{- if and (index $.Values $feature).enabled $meets (not (contains $option $containers)) }}
- the relay that runs now has no {{ $feature }}, and would send beside the new ones until they are ready: {{ ternary "set updateStrategy.type=Recreate for this one upgrade, or " "" (eq $.Values.mode "deployment") }}set it to 0 replicas first (kubectl -n {{ $.Release.Namespace }} scale {{ first $kinds | lower }}/{{ $name }} --replicas=0)
{{- end }}
{{- end }}
{{- if gt (dig "spec" "replicas" 0 $other | int) 0 }}
- mode={{ .Values.mode }} has other pods with other volumes, and the {{ last $kinds }} {{ $name }} runs: wait until nothing waits in its spool, then set it to 0 replicas (kubectl -n {{ .Release.Namespace }} scale {{ last $kinds | lower }}/{{ $name }} --replicas=0), then upgrade
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

{{- define "fedwave.problems.istio" -}}
{{- $theirs := .Values.podAnnotations }}
{{- if and (ne .Values.istio.mode "none") (hasKey (get $theirs "proxy.istio.io/config" | fromYaml) "Error") }}
- podAnnotations has a proxy.istio.io/config that is no YAML map, and ours has to be merged with it: write for example "concurrency: 1"
{{- end }}
{{- $mounts := get $theirs "sidecar.istio.io/userVolumeMount" | default "[]" | printf "mounts: %s" | fromYaml }}
{{- if and (eq .Values.istio.mode "certs") (not (or (kindIs "slice" $mounts.mounts) (kindIs "map" $mounts.mounts))) }}
- podAnnotations has a sidecar.istio.io/userVolumeMount that is no JSON, and ours has to be added to it: write a list such as [{"name": "VOLUME", "mountPath": "/PLACE"}]
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

{{/* What the Kubernetes API would refuse, with words that do not lead to the values. */}}
{{- define "fedwave.problems.pod" -}}
{{- $name := include "fedwave.fullname" . }}
{{- if not (regexMatch "^[a-z]" $name) }}
- the Service would be called {{ $name }}, and Kubernetes wants a letter first: set fullnameOverride
{{- end }}
{{- range $probe := list "livenessProbe" "readinessProbe" "startupProbe" }}
{{- with index $.Values $probe }}
{{- $handlers := keys (pick (include "fedwave.withoutNulls" . | fromYaml) "exec" "grpc" "httpGet" "tcpSocket") | sortAlpha }}
{{- if gt (len $handlers) 1 }}
- {{ $probe }} has {{ join " and " $handlers }}, and takes one of them: set {{ $probe }}.{{ ternary "httpGet" (first $handlers) (has "httpGet" $handlers) }}=null
{{- else if not $handlers }}
- {{ $probe }} asks nothing: set {{ $probe }}=null for no probe, or write an httpGet
{{- end }}
{{- if and (ne $probe "readinessProbe") (ne (int (default 1 .successThreshold)) 1) }}
- {{ $probe }}.successThreshold={{ int .successThreshold }}, and Kubernetes takes only 1 there: remove it
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fedwave.problems.rest" -}}
{{- if eq (toString .Values.enabled) "false" }}
- enabled=false is for a chart that contains this one, where it is the dependency's condition (fedwave.enabled): remove it, or set replicaCount=0
{{- end }}
{{- $budget := .Values.podDisruptionBudget }}
{{- if and $budget.enabled (not (kindIs "invalid" $budget.minAvailable)) (not (kindIs "invalid" $budget.maxUnavailable)) }}
- podDisruptionBudget takes minAvailable or maxUnavailable, not both: set maxUnavailable=null beside minAvailable
{{- end }}
{{- if and $budget.enabled (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable) }}
- podDisruptionBudget says nothing: set podDisruptionBudget.maxUnavailable=1
{{- end }}
{{- $grace := include "fedwave.shutdownGraceSeconds" . | int }}
{{- if le (int .Values.terminationGracePeriodSeconds) $grace }}
- terminationGracePeriodSeconds={{ int .Values.terminationGracePeriodSeconds }} would kill the relay while it delivers what is in hand (shutdownGrace, {{ include "fedwave.shutdownGrace" . }}): set it to {{ add $grace 10 }} or more
{{- end }}
{{- if and .Values.zipkin.enabled (not .Values.zipkin.externalName) }}
- zipkin.enabled needs to know the proxy: set zipkin.externalName=wavefront-proxy.default.svc.cluster.local
{{- end }}
{{- end -}}
