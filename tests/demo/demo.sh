#!/usr/bin/env bash
# The whole path on this machine: a Kubernetes control plane, NATS and jethook, three endpoints applied with kubectl,
# deliveries to them and the events that come of them. Leaves nothing running; KEEP=1 leaves it running to play with.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

start_control_plane() {
  local etcd peer token
  take_port; etcd=http://127.0.0.1:$port
  take_port; peer=http://127.0.0.1:$port
  start etcd "$tools/etcd" --name demo --data-dir "$work/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "demo=$peer"
  await etcd 20 accepts "${etcd##*:}"

  token=$(random_hex 24)
  printf '%s,admin,admin,system:masters\n' "$token" >"$work/tokens"
  write_service_account_key >"$work/service-account.key"
  take_port
  start kube-apiserver "$tools/kube-apiserver" --etcd-servers "$etcd" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$port" --cert-dir "$work/apiserver" \
    --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/24 \
    --service-account-issuer "https://127.0.0.1:$port" --service-account-key-file "$work/service-account.key" \
    --service-account-signing-key-file "$work/service-account.key" --disable-admission-plugins ServiceAccount \
    --authorization-mode RBAC --token-auth-file "$work/tokens"
  write_kubeconfig "$port" "$token"
  await kube-apiserver 90 kubectl get --raw /readyz
}

# The apiserver wants a key to sign service account tokens with, though nobody asks for one here. A key on P-256 is a
# number below the curve's order: 248 random bits behind a small first byte, written down as RFC 5915 says.
write_service_account_key() {
  echo '-----BEGIN EC PRIVATE KEY-----'
  {
    printf '\x30\x31\x02\x01\x01\x04\x20\x5a'
    head -c 31 /dev/urandom
    printf '\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07'
  } | base64
  echo '-----END EC PRIVATE KEY-----'
}

# The apiserver signs its own certificate; the file comes with it and holds the authority too.
write_kubeconfig() { # port, token
  cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: demo, cluster: {server: "https://127.0.0.1:$1", certificate-authority: "$work/apiserver/apiserver.crt"}}]
users: [{name: admin, user: {token: "$2"}}]
contexts: [{name: demo, context: {cluster: demo, user: admin}}]
current-context: demo
YAML
}

kubectl() {
  "$tools/kubectl" "$@"
}

count_ready() {
  local statuses
  statuses=$(kubectl get whe -A -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}')
  ready=0
  while read -r line; do
    [[ $line != True ]] || ((ready += 1))
  done <<<"$statuses"
}

write_environment() {
  cat >"$work/env" <<SH
export KUBECONFIG='$KUBECONFIG' JETHOOK_NATS_URL='$nats_url'
export PATH='$(dirname "$jethook"):$tools':"\$PATH"
unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy
SH
}

how_to_play() {
  cat <<TEXT

It keeps running. In another terminal:

  . $work/env        # sets KUBECONFIG, the NATS URL and a PATH with kubectl and jethook
  kubectl get whe -A -o wide
  kubectl describe whe github -n shop
  kubectl explain whe.spec
  kubectl edit whe github -n shop
  jethook tail 'webhooks.>'
  jethook send github $public_url/shop/github --secret-file $work/secrets/github --event issues --body @$root/tests/demo/github-push.json

  receiver    $public_url
  metrics     http://127.0.0.1:$admin_port/metrics
  NATS        $nats_url, stream WEBHOOKS; its own figures: http://127.0.0.1:$nats_monitor_port
  kubeconfig  $KUBECONFIG
  logs        $work/jethook.log, kube-apiserver.log, etcd.log, nats-server.log
TEXT
}

cat <<'TEXT'
jethook demo: from kubectl apply to verified events in NATS JetStream, on this machine, in a temporary folder.
The first run builds a Kubernetes apiserver and jethook: about 20 minutes on two cores. Later ones take half a minute.
TEXT

step "1/7 what this machine has"
tests/tools/check.sh kube-apiserver etcd kubectl nats-server
open_stage

step "2/7 kube-apiserver, etcd, kubectl, nats-server (10 minutes cold, then kept for every clone)"
readonly TOOLS=(kube-apiserver etcd kubectl nats-server)
run_long tests/tools/tools.sh "${TOOLS[@]}" || fail "the tools are not there"
tools=$(tests/tools/tools.sh --print "${TOOLS[@]}")

step "3/7 jethook (10 minutes cold)"
build_jethook

step "4/7 a control plane, NATS and jethook, on loopback"
forget_environment
export KUBECONFIG=$work/kubeconfig KUBECACHEDIR=$work/kubectl KUBERC=off
start_control_plane
echo "kube-apiserver answers"
start_nats
echo "nats-server answers"
run_long kubectl apply --server-side -f crds/
run_long kubectl wait --for=condition=Established --timeout=30s crd/webhookendpoints.jethook.dev
# shellcheck disable=SC2119
start_jethook
echo "jethook is ready"

step "5/7 three endpoints and their Secrets"
kubectl create namespace shop
kubectl create namespace crm
write_manifests
kubectl apply -f "$work/manifests"
run_long kubectl wait --for=condition=Ready --timeout=60s -n shop whe/github whe/stripe || true
run_long kubectl wait --for=condition=Ready --timeout=60s -n crm whe/salesforce || true
kubectl get whe -A
count_ready

step "6/7 five deliveries and their answers"
start_subscriber
send_deliveries

step "7/7 the events, as a subscriber got them"
show_events

if [[ -n $KEEP ]]; then write_environment; fi
conclude "$ready"
if [[ -n $KEEP ]]; then
  how_to_play
  keep
fi
