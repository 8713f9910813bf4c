{{- /* The alerts. Each description says what to look at first. */}}
{{- define "jethook.alerts" -}}
{{- $job := printf "job=%q" (include "jethook.job" .) }}
{{- $rule := .Values.metrics.prometheusRule }}
{{- $by := "on {{ $labels.namespace }}/{{ $labels.endpoint }}" }}
- alert: JethookDown
  severity: critical
  for: 5m
  expr: 'absent(jethook_build_info{ {{- $job -}} })'
  summary: No jethook answers Prometheus
  description: >-
    Senders get no answer and try again for as long as they do so; nothing is stored. Look at the pods
    (kubectl get pods -n {{ include "jethook.namespace" . }} -l app.kubernetes.io/instance={{ .Release.Name }}) and, where they run, at the scrape.
- alert: JethookNatsDisconnected
  severity: critical
  for: 1m
  expr: 'min by (pod) (jethook_nats_connected{ {{- $job -}} }) == 0'
  summary: '{{ "{{ $labels.pod }}" }} is not connected to NATS'
  description: >-
    It answers 503, so that senders try again. Its log names the reason (jethook::store); look at NATS, at the
    credentials and at network policies. It connects again by itself.
- alert: JethookNotStoring
  severity: critical
  for: 5m
  expr: >-
    sum(rate(jethook_deliveries_total{ {{- $job }},endpoint!="",outcome="unavailable"}[5m]))
    / sum(rate(jethook_deliveries_total{ {{- $job }},endpoint!=""}[5m])) > {{ $rule.notStoredRatio }}
  summary: Many deliveries are answered 503
  description: >-
    They can't be stored, and senders try again. The endpoints' condition TargetReady names the reason: the stream is
    full or gone, NATS is away, or publishing is not permitted (kubectl describe whe).
- alert: JethookNoWriter
  severity: warning
  for: 5m
  expr: 'max(jethook_leader{ {{- $job -}} }) == 0'
  summary: No replica of jethook holds the Lease
  description: >-
    Deliveries are served, but statuses are not written and the default stream is not created. Look at the Lease and
    at the right to update it.
- alert: JethookEndpointNotReady
  severity: warning
  for: 10m
  expr: 'min by (namespace, endpoint) (jethook_endpoint_ready{ {{- $job -}} }) == 0'
  summary: 'The endpoint {{ "{{ $labels.namespace }}/{{ $labels.endpoint }}" }} is not Ready'
  description: >-
    Its deliveries are answered 503. kubectl describe whe says which field is at fault and how to mend it.
- alert: JethookSignatureFailures
  severity: warning
  for: 10m
  expr: >-
    sum by (namespace, endpoint) (rate(jethook_deliveries_total{ {{- $job }},endpoint!="",outcome=~"unauthorized|stale"}[10m]))
    / sum by (namespace, endpoint) (rate(jethook_deliveries_total{ {{- $job }},endpoint!=""}[10m])) > {{ $rule.signatureFailureRatio }}
    and sum by (namespace, endpoint) (rate(jethook_deliveries_total{ {{- $job }},endpoint!="",outcome=~"unauthorized|stale"}[10m])) > 0.1
  summary: 'Many deliveries {{ $by }} are refused with 401'
  description: >-
    The secret was changed at the provider and not here, a clock is wrong (outcome stale), or somebody is probing. The
    endpoint's Events say which check failed.
- alert: JethookSlow
  severity: warning
  for: 10m
  expr: 'histogram_quantile(0.99, sum by (le) (rate(jethook_delivery_duration_seconds_bucket{ {{- $job -}} }[5m]))) > {{ $rule.slowSeconds }}'
  summary: One delivery in a hundred takes longer than {{ $rule.slowSeconds }} s
  description: >-
    Providers give up after a few seconds and send again. Compare with jethook_publish_duration_seconds: where that is
    slow, NATS is; otherwise CPU, connections or slow senders.
- alert: JethookOverloaded
  severity: warning
  for: 5m
  expr: 'sum by (pod) (rate(jethook_deliveries_total{ {{- $job }},outcome="overloaded"}[5m])) > 0'
  summary: '{{ "{{ $labels.pod }}" }} sheds load'
  description: >-
    A limit is reached: receiver.maxBodyMemory, maxConnections or maxInflightPublishes. Add replicas, or raise the limit
    together with the memory limit.
- alert: JethookWatchStale
  severity: warning
  for: 5m
  expr: 'time() - min by (pod, kind) (jethook_watch_last_event_timestamp_seconds{ {{- $job -}} }) > {{ $rule.watchStaleSeconds }}'
  summary: '{{ "{{ $labels.pod }}" }} has not heard from the API server about {{ "{{ $labels.kind }}" }}'
  description: >-
    What it knows is served on; changes are not seen. Look at the API server and at the rights of the service account.
{{- if .Values.spool.enabled }}
- alert: JethookSpoolWaits
  severity: warning
  for: 5m
  expr: >-
    time() - min by (pod) (jethook_spool_oldest_timestamp_seconds{ {{- $job -}} } > 0) > {{ include "jethook.text" $rule.spoolWaitSeconds }}
    and on (pod) min by (pod) (jethook_nats_connected{ {{- $job -}} }) == 1
  summary: 'Events wait in the spool of {{ "{{ $labels.pod }}" }} although NATS is there'
  description: >-
    Their stream does not take them (jethook_spool_refused_entries), or there are more than it takes in this time. The log
    names the stream and its answer.
- alert: JethookSpoolLeftBehind
  severity: warning
  for: 15m
  expr: 'max by (pod) (last_over_time(jethook_spool_entries{ {{- $job -}} }[1d])) > 0 unless on (pod) max by (pod) (jethook_spool_entries{ {{- $job -}} })'
  summary: '{{ "{{ $labels.pod }}" }} is gone and left events in its spool'
  description: >-
    They were answered 2xx and are on its volume. They are stored when a replica of that ordinal runs again: scale back up
    (replicaCount), and down once its spool is empty.
{{- end }}
{{- if $rule.noDeliveriesSeconds }}
- alert: JethookNoDeliveries
  severity: warning
  for: 5m
  expr: 'time() - max by (namespace, endpoint) (jethook_last_stored_timestamp_seconds{ {{- $job -}} }) > {{ include "jethook.text" $rule.noDeliveriesSeconds }}'
  summary: 'Nothing was stored {{ $by }} for long'
  description: >-
    The provider may have disabled the webhook. Look at its page of recent deliveries.
{{- end }}
{{- end }}
