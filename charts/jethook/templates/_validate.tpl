{{- /* What the schema can't say in words that help. */}}
{{- define "jethook.validate" -}}
{{- if and (not .Values.jetstream.url) (not .Values.nats.enabled) }}
{{- fail "jethook stores events in NATS JetStream and was told of none: give the URL of yours (--set jetstream.url=nats://nats.nats.svc:4222), or let this chart install a small one to try things out (--set nats.enabled=true)" }}
{{- end }}
{{- if and .Values.jetstream.url .Values.nats.enabled }}
{{- fail "jetstream.url and nats.enabled exclude each other: the first names a NATS of yours, the second installs one; leave one out" }}
{{- end }}
{{- if and .Values.nats.enabled (gt (int .Values.stream.replicas) 1) }}
{{- fail "stream.replicas is more than 1, but the NATS of nats.enabled is one server: set stream.replicas=1, or jetstream.url to a NATS cluster" }}
{{- end }}
{{- $ways := list }}
{{- range $way := list "credentials" "nkey" "user" "token" }}
{{- if (index $.Values.jetstream $way).secretName }}{{ $ways = append $ways (printf "jetstream.%s.secretName" $way) }}{{ end }}
{{- end }}
{{- if gt (len $ways) 1 }}
{{- fail (printf "%s exclude each other: leave one way to authenticate to NATS" (join " and " $ways)) }}
{{- end }}
{{- if and .Values.jetstream.tls.ca.secretName .Values.jetstream.tls.ca.configMapName }}
{{- fail "jetstream.tls.ca.secretName and jetstream.tls.ca.configMapName exclude each other: leave one out" }}
{{- end }}
{{- if and .Values.jetstream.domain .Values.jetstream.apiPrefix }}
{{- fail "jetstream.domain and jetstream.apiPrefix exclude each other: leave one out" }}
{{- end }}
{{- if and .Values.kubeconfig.secretName .Values.manifests.secretName }}
{{- fail "kubeconfig.secretName and manifests.secretName exclude each other: endpoints come from a cluster or from files" }}
{{- end }}
{{- if and .Values.receiver.tls.clientCaSecretName (not .Values.receiver.tls.secretName) }}
{{- fail "receiver.tls.clientCaSecretName needs receiver.tls.secretName: without TLS no client shows a certificate" }}
{{- end }}
{{- if and .Values.receiver.proxyProtocol (not .Values.receiver.trustedProxies) }}
{{- fail "receiver.proxyProtocol needs receiver.trustedProxies: nobody else's header is believed" }}
{{- end }}
{{- if and .Values.spool.enabled .Values.autoscaling.enabled }}
{{- fail "spool.enabled and autoscaling.enabled exclude each other: a replica that is scaled away would leave its spool unsent until it comes back" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled exclude each other: everything would be scraped twice" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is empty: name the Gateway, such as --set httpRoute.parentRefs[0].name=public" }}
{{- end }}
{{- end }}
