{{- /* A value as it stands on a command line: numbers of YAML are floats to a template. */}}
{{- define "jethook.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- /*
The arguments of the container. Each row is a flag and its value; none is rendered for an empty value or `false`, no value
for `true`, and one argument for each item of a list.
*/}}
{{- define "jethook.args" -}}
{{- $v := .Values }}
{{- $j := $v.jetstream }}
{{- $r := $v.receiver }}
{{- $t := $v.traces }}
{{- $traced := include "jethook.traces" . }}
{{- $mount := "/etc/jethook" }}
{{- $rows := list
  (list "listen" (printf ":%v" (include "jethook.text" $r.port)))
  (list "admin-listen" (printf ":%v" (include "jethook.text" $v.admin.port)))
  (list "nats-url" (include "jethook.natsUrl" .))
  (list "nats-creds" (and $j.credentials.secretName (printf "%s/nats-creds/%s" $mount $j.credentials.key)))
  (list "nats-nkey" (and $j.nkey.secretName (printf "%s/nats-nkey/%s" $mount $j.nkey.key)))
  (list "nats-ca" (and (or $j.tls.ca.secretName $j.tls.ca.configMapName) (printf "%s/nats-ca/%s" $mount $j.tls.ca.key)))
  (list "nats-cert" (and $j.tls.client.secretName (printf "%s/nats-tls/%s" $mount $j.tls.client.certKey)))
  (list "nats-key" (and $j.tls.client.secretName (printf "%s/nats-tls/%s" $mount $j.tls.client.keyKey)))
  (list "nats-require-tls" $j.tls.required)
  (list "nats-tls-first" $j.tls.first)
  (list "jetstream-domain" $j.domain)
  (list "jetstream-api-prefix" $j.apiPrefix)
  (list "inbox-prefix" $j.inboxPrefix)
  (list "stream" $v.stream.name)
  (list "prefix" $v.stream.prefix)
  (list "stream-replicas" $v.stream.replicas)
  (list "stream-max-bytes" $v.stream.maxBytes)
  (list "stream-max-age" $v.stream.maxAge)
  (list "duplicate-window" $v.stream.duplicateWindow)
  (list "allow-memory-storage" $v.stream.allowMemoryStorage)
  (list "public-url" (include "jethook.publicUrl" .))
  (list "workers" $r.workers)
  (list "max-body-size" $r.maxBodySize)
  (list "max-body-memory" $r.maxBodyMemory)
  (list "max-connections" $r.maxConnections)
  (list "max-inflight-publishes" $r.maxInflightPublishes)
  (list "reconnect-wait" $r.reconnectWait)
  (list "reconnect-waiters" $r.reconnectWaiters)
  (list "header-timeout" $r.headerTimeout)
  (list "request-timeout" $r.requestTimeout)
  (list "min-body-rate" $r.minBodyRate)
  (list "idle-timeout" $r.idleTimeout)
  (list "max-header-size" $r.maxHeaderSize)
  (list "max-uri-size" $r.maxUriSize)
  (list "refusals-per-second" $r.refusalsPerSecond)
  (list "trusted-proxies" (join "," $r.trustedProxies))
  (list "forwarded-header" $r.forwardedHeader)
  (list "proxy-protocol" $r.proxyProtocol)
  (list "http2" $r.http2)
  (list "tls-cert" (and $r.tls.secretName (printf "%s/tls/%s" $mount $r.tls.certKey)))
  (list "tls-key" (and $r.tls.secretName (printf "%s/tls/%s" $mount $r.tls.keyKey)))
  (list "tls-client-ca" (and $r.tls.clientCaSecretName (printf "%s/tls-client-ca/%s" $mount $r.tls.clientCaKey)))
  (list "drain-delay" $r.drainDelay)
  (list "spool-dir" (and $v.spool.enabled "/var/lib/jethook/spool"))
  (list "spool-max-bytes" (and $v.spool.enabled $v.spool.maxBytes))
  (list "manifests" (and $v.manifests.secretName (printf "%s/manifests" $mount)))
  (list "allow-subject" $v.policy.allowSubjects)
  (list "allow-path" $v.policy.allowPaths)
  (list "allow-stream" $v.policy.allowStreams)
  (list "allow-key-host" $v.policy.allowKeyHosts)
  (list "key-ca-file" (and $v.keyCa.secretName (printf "%s/key-ca/%s" $mount $v.keyCa.key)))
  (list "allow-unverified" $v.policy.allowUnverified)
  (list "cluster-name" $v.clusterName)
  (list "cluster-providers" (get (dict "auto" "" "always" "true" "never" "false") $v.clusterProviders))
  (list "secret-grace" $v.secretGrace)
  (list "otlp-endpoint" $t.endpoint)
  (list "otlp-traces-endpoint" $t.url)
  (list "otlp-ca-file" (and $traced $t.ca.secretName (printf "%s/otlp-ca/%s" $mount $t.ca.key)))
  (list "traces-sampler" (and $traced $t.sampler))
  (list "traces-sampler-arg" (and $traced (toString $t.ratio)))
  (list "log-format" $v.log.format)
  (list "log" $v.log.level)
}}
{{- if not $v.manifests.secretName }}
{{- $rows = concat $rows (list
  (list "kubeconfig" (and $v.kubeconfig.secretName (printf "%s/kubeconfig/%s" $mount $v.kubeconfig.key)))
  (list "watch-namespaces" (join "," $v.watchNamespaces))
  (list "endpoint-selector" $v.endpointSelector)
  (list "secret-access" $v.secretAccess)
  (list "lease-name" ($v.leaseName | default (include "jethook.fullname" .)))
  (list "lease-namespace" ($v.leaseNamespace | default (include "jethook.namespace" .)))
) }}
{{- end -}}
- run
{{- range $row := $rows }}
{{- $flag := index $row 0 }}
{{- $value := index $row 1 }}
{{- if kindIs "slice" $value }}
{{- range $value }}
- {{ printf "--%s=%s" $flag . | quote }}
{{- end }}
{{- else if kindIs "bool" $value }}
{{- if $value }}
- {{ printf "--%s" $flag | quote }}
{{- end }}
{{- else if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
- {{ printf "--%s=%s" $flag (include "jethook.text" $value) | quote }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- /* Whether there are traces: `true` or nothing. */}}
{{- define "jethook.traces" -}}
{{- if or .Values.traces.endpoint .Values.traces.url }}true{{ end }}
{{- end }}

{{- define "jethook.env" -}}
{{- with .Values.jetstream.user }}
{{- if .secretName }}
- name: JETHOOK_NATS_USER
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .nameKey }}}}
- name: JETHOOK_NATS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .passwordKey }}}}
{{- end }}
{{- end }}
{{- with .Values.jetstream.token }}
{{- if .secretName }}
- name: JETHOOK_NATS_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- with .Values.traces.headers }}
{{- if and .secretName (include "jethook.traces" $) }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- end }}

{{- /* The connection to NATS of another command of the image, `jethook tail`. */}}
{{- define "jethook.natsArgs" -}}
{{- $own := list "nats-url" "nats-creds" "nats-nkey" "nats-ca" "nats-cert" "nats-key" "nats-require-tls" "nats-tls-first" "jetstream-domain" "jetstream-api-prefix" "inbox-prefix" }}
{{- range include "jethook.args" . | fromYamlArray }}
{{- $flag := regexFind "^--[a-z0-9-]+" . | trimPrefix "--" }}
{{- if has $flag $own }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Secrets and ConfigMaps that the NATS flags name. */}}
{{- define "jethook.natsMounts" -}}
{{- $j := .Values.jetstream }}
{{- range $row := list
  (list "nats-creds" $j.credentials.secretName "")
  (list "nats-nkey" $j.nkey.secretName "")
  (list "nats-ca" $j.tls.ca.secretName $j.tls.ca.configMapName)
  (list "nats-tls" $j.tls.client.secretName "")
}}
{{- if or (index $row 1) (index $row 2) }}
- {name: {{ index $row 0 }}, secret: {{ index $row 1 | quote }}, configMap: {{ index $row 2 | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "jethook.mounts" -}}
{{- include "jethook.natsMounts" . }}
{{- range $row := list
  (list "tls" .Values.receiver.tls.secretName)
  (list "tls-client-ca" .Values.receiver.tls.clientCaSecretName)
  (list "key-ca" .Values.keyCa.secretName)
  (list "otlp-ca" (and (include "jethook.traces" .) .Values.traces.ca.secretName))
  (list "kubeconfig" .Values.kubeconfig.secretName)
  (list "manifests" .Values.manifests.secretName)
}}
{{- if index $row 1 }}
- {name: {{ index $row 0 }}, secret: {{ index $row 1 | quote }}, configMap: ""}
{{- end }}
{{- end }}
{{- end }}

{{- define "jethook.volumes" -}}
{{- range . | fromYamlArray }}
- name: {{ .name }}
  {{- if .secret }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440}
  {{- else }}
  configMap: {name: {{ .configMap }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "jethook.volumeMounts" -}}
{{- range . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /etc/jethook/{{ .name }}, readOnly: true}
{{- end }}
{{- end }}
