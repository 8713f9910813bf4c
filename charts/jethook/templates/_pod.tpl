{{- /* The pod of the Deployment, or of the StatefulSet with a spool. */}}
{{- define "jethook.pod" -}}
{{- $selector := include "jethook.selectorLabels" (dict "root" . "component" "operator") }}
{{- $mounts := include "jethook.mounts" . -}}
metadata:
  labels:
    {{- merge (dict) (include "jethook.labels" (dict "root" . "component" "operator") | fromYaml) .Values.podLabels .Values.commonLabels | toYaml | nindent 4 }}
  {{- with merge (dict) .Values.podAnnotations .Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with include "jethook.imagePullSecrets" . }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  serviceAccountName: {{ include "jethook.serviceAccountName" . }}
  automountServiceAccountToken: {{ eq (include "jethook.asksItsCluster" .) "true" }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "jethook.podSecurityContext" . | nindent 4 }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with .Values.schedulerName }}
  schedulerName: {{ . }}
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
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or .Values.topologySpread.enabled .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- with .Values.topologySpread }}
    {{- if .enabled }}
    - maxSkew: {{ .maxSkew }}
      topologyKey: {{ .topologyKey }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- $selector | nindent 10 }}
      matchLabelKeys: [{{ ternary "controller-revision-hash" "pod-template-hash" $.Values.spool.enabled }}]
    {{- end }}
    {{- end }}
    {{- with .Values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: jethook
      image: {{ include "jethook.image" (dict "image" .Values.image "appVersion" .Chart.AppVersion) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "jethook.args" . | nindent 8 }}
      {{- with concat (include "jethook.env" . | fromYamlArray) .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: {{ ternary "https" "http" (not (empty .Values.receiver.tls.secretName)) }}, containerPort: {{ .Values.receiver.port }}, protocol: TCP}
        - {name: admin, containerPort: {{ .Values.admin.port }}, protocol: TCP}
      {{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
      {{- with index $.Values $probe }}
      {{ $probe }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- if .Values.preStopSleepSeconds }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ .Values.preStopSleepSeconds }}}
      {{- end }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if or (fromYamlArray $mounts) .Values.spool.enabled .Values.extraVolumeMounts }}
      volumeMounts:
        {{- with include "jethook.volumeMounts" $mounts }}
        {{- . | trim | nindent 8 }}
        {{- end }}
        {{- if .Values.spool.enabled }}
        - {name: spool, mountPath: /var/lib/jethook}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or (fromYamlArray $mounts) .Values.extraVolumes }}
  volumes:
    {{- with include "jethook.volumes" $mounts }}
    {{- . | trim | nindent 4 }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
