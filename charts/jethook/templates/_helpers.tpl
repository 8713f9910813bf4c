{{- define "jethook.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* 50 characters leave room for the suffixes of names that may have 63. */}}
{{- define "jethook.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "jethook.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "jethook.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "jethook.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- /* Cluster-scoped names hold the namespace, so that releases of one name in two namespaces do not collide. */}}
{{- define "jethook.clusterName" -}}
{{- printf "%s-%s" (include "jethook.fullname" .) (include "jethook.namespace" .) }}
{{- end }}

{{- define "jethook.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "jethook.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "jethook.selectorLabels" -}}
app.kubernetes.io/name: {{ include "jethook.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "jethook.labels" -}}
{{ include "jethook.selectorLabels" . }}
app.kubernetes.io/part-of: jethook
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /*
The metadata of an object. Takes `root`, `name` and, where they differ from the usual, `namespace` (`-` for none),
`component`, `labels`, `annotations`.
*/}}
{{- define "jethook.metadata" -}}
{{- $labels := merge (dict) (.labels | default dict) .root.Values.commonLabels (include "jethook.labels" (dict "root" .root "component" (.component | default "operator")) | fromYaml) }}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.commonAnnotations -}}
name: {{ .name }}
{{- if ne (.namespace | default "") "-" }}
namespace: {{ .namespace | default (include "jethook.namespace" .root) }}
{{- end }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "jethook.image" -}}
{{- $tag := .image.tag | default .appVersion }}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository $tag }}
{{- end }}
{{- end }}

{{- define "jethook.imagePullSecrets" -}}
{{- with concat .Values.imagePullSecrets ((.Values.global).imagePullSecrets | default list) }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* OpenShift gives each namespace ids of its own and refuses others. */}}
{{- define "jethook.podSecurityContext" -}}
{{- $context := .Values.podSecurityContext }}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{- define "jethook.natsUrl" -}}
{{- if .Values.nats.enabled }}
{{- printf "nats://%s-nats.%s.svc:4222" (include "jethook.fullname" .) (include "jethook.namespace" .) }}
{{- else }}
{{- .Values.jetstream.url }}
{{- end }}
{{- end }}

{{- define "jethook.publicUrl" -}}
{{- if .Values.receiver.publicUrl }}
{{- .Values.receiver.publicUrl }}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts }}
{{- printf "%s://%s" (ternary "https" "http" (not (empty .Values.ingress.tls))) (first .Values.ingress.hosts) }}
{{- end }}
{{- end }}

{{- define "jethook.servicePort" -}}
{{- if .Values.service.port }}
{{- .Values.service.port | int }}
{{- else }}
{{- ternary 443 80 (not (empty .Values.receiver.tls.secretName)) }}
{{- end }}
{{- end }}

{{- /* Whether it serves the endpoints of the cluster that it runs in. */}}
{{- define "jethook.asksItsCluster" -}}
{{- if not (or .Values.kubeconfig.secretName .Values.manifests.secretName) }}true{{- end }}
{{- end }}

{{- /* The job label that its metrics get. */}}
{{- define "jethook.job" -}}
{{- if .Values.metrics.prometheusRule.job }}
{{- .Values.metrics.prometheusRule.job }}
{{- else if .Values.metrics.podMonitor.enabled }}
{{- printf "%s/%s" (.Values.metrics.podMonitor.namespace | default (include "jethook.namespace" .)) (include "jethook.fullname" .) }}
{{- else }}
{{- printf "%s-admin" (include "jethook.fullname" .) }}
{{- end }}
{{- end }}
