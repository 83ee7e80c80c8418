{{/* The pod of the Deployment and of the StatefulSet. There is no checksum of the configuration: the
relay watches the mounted directory and takes edits without a restart. */}}
{{- define "fedwave.podTemplate" -}}
metadata:
  {{- with include "fedwave.podAnnotations" . }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
  labels:
    {{- include "fedwave.podLabels" . | nindent 4 }}
spec:
  {{- with include "fedwave.pullSecrets" . }}
  imagePullSecrets:
  {{- . | nindent 2 }}
  {{- end }}
  serviceAccountName: {{ include "fedwave.serviceAccountName" . }}
  automountServiceAccountToken: {{ include "fedwave.needsApiToken" . }}
  enableServiceLinks: false
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- include "fedwave.withoutNulls" . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
  {{- toYaml . | nindent 2 }}
  {{- end }}
  containers:
  - {{ include "fedwave.container" . | indent 4 | trim }}
  {{- with .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  volumes:
  {{- include "fedwave.volumes" . | nindent 2 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
  {{- range . }}
  {{- $selector := dict "matchLabels" (include "fedwave.selectorLabels" $ | fromYaml) }}
  {{- list (ternary . (merge (deepCopy .) (dict "labelSelector" $selector)) (hasKey . "labelSelector")) | toYaml | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "fedwave.container" -}}
name: fedwave
image: {{ include "fedwave.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
- run
- --config=/etc/fedwave/config.yaml
- --config-reload={{ ternary "off" .Values.configReload (kindIs "bool" .Values.configReload) }}
- --listen=:{{ int .Values.statusPort }}
{{- if .Values.leaderElection.enabled }}
- --lease={{ include "fedwave.fullname" . }}
- --lease-duration={{ .Values.leaderElection.leaseDuration }}
- --lease-renew-deadline={{ .Values.leaderElection.renewDeadline }}
- --lease-retry={{ .Values.leaderElection.retryPeriod }}
{{- end }}
{{- if .Values.sharding.enabled }}
- --shards={{ max 1 (int .Values.replicaCount) }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
env:
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
{{ toYaml . }}
{{- end }}
ports:
- name: status
  containerPort: {{ int .Values.statusPort }}
  protocol: TCP
{{- with .Values.startupProbe }}
startupProbe:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.livenessProbe }}
livenessProbe:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.readinessProbe }}
readinessProbe:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- include "fedwave.withoutNulls" . | nindent 2 }}
{{- end }}
# Why a configuration was refused at the start is then in "kubectl describe pod".
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
# The directory, never a subPath: files below a subPath do not change when the ConfigMap does.
- name: config
  mountPath: /etc/fedwave
  readOnly: true
- name: spool
  mountPath: {{ include "fedwave.spoolDirectory" . }}
{{- if include "fedwave.secretName" . }}
- name: token
  mountPath: {{ include "fedwave.tokenDirectory" . }}
  readOnly: true
{{- end }}
{{- if eq .Values.istio.mode "certs" }}
- name: istio-certs
  mountPath: {{ include "fedwave.certsDirectory" . }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fedwave.volumes" -}}
- name: config
  configMap:
    name: {{ include "fedwave.configMapName" . }}
    items:
    - key: {{ ternary .Values.existingConfigMapKey "config.yaml" (not (empty .Values.existingConfigMap)) }}
      path: config.yaml
{{- if not .Values.persistence.enabled }}
- name: spool
  emptyDir:
    sizeLimit: {{ .Values.spool.emptyDirSizeLimit }}
{{- else if or (eq .Values.mode "deployment") .Values.persistence.existingClaim }}
- name: spool
  persistentVolumeClaim:
    claimName: {{ include "fedwave.claimName" . }}
{{- end }}
{{- with include "fedwave.secretName" . }}
- name: token
  secret:
    secretName: {{ . }}
    items:
    - key: {{ ternary $.Values.wavefront.existingSecretKey "token" (not (empty $.Values.wavefront.existingSecret)) }}
      path: token
{{- end }}
{{- if eq .Values.istio.mode "certs" }}
- name: istio-certs
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* No helm.sh/chart here: a new version of the chart alone restarts nothing. */}}
{{- define "fedwave.podLabels" -}}
{{- $inject := ternary "false" "true" (eq .Values.istio.mode "none") -}}
{{- $ours := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/part-of" "fedwave" "sidecar.istio.io/inject" $inject -}}
{{- $selector := include "fedwave.selectorLabels" . | fromYaml -}}
{{- toYaml (merge $selector (deepCopy .Values.podLabels) .Values.commonLabels $ours) -}}
{{- end -}}
