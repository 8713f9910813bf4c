#!/usr/bin/env bash
# The demo without Kubernetes: jethook reads the same endpoints and Secrets from a folder of YAML files. Needs no
# apiserver, hence no long build. Leaves nothing running; KEEP=1 leaves it running to play with.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

# Sets $ready to the number of endpoints whose condition Ready is True.
count_ready() {
  local answer condition
  answer=$(http_get "$admin_port" /endpoints) || answer=""
  ready=0
  while [[ $answer =~ \{[^{}]*\"type\":\ ?\"Ready\"[^{}]*\} ]]; do
    condition=${BASH_REMATCH[0]}
    answer=${answer#*"$condition"}
    if [[ $condition =~ \"status\":\ ?\"True\" ]]; then ((ready += 1)); fi
  done
  ((ready >= 3))
}

show_endpoints() {
  local answer url
  answer=$(http_get "$admin_port" /endpoints) || fail "jethook does not tell its endpoints"
  while [[ $answer =~ \"url\":\ ?\"([^\"]*)\" ]]; do
    url=${BASH_REMATCH[1]}
    answer=${answer#*"${BASH_REMATCH[0]}"}
    printf '  %s\n' "$url"
  done
}

how_to_play() {
  cat <<TEXT

It keeps running. In another terminal:

  export JETHOOK_NATS_URL=$nats_url PATH=$(dirname "$jethook"):\$PATH
  jethook tail 'webhooks.>'
  jethook send github $public_url/shop/github --secret-file $work/secrets/github --event issues --body @$root/tests/demo/github-push.json

  endpoints   $work/manifests (a change is served within a second), http://127.0.0.1:$admin_port/endpoints
  receiver    $public_url
  metrics     http://127.0.0.1:$admin_port/metrics
  NATS        $nats_url, stream WEBHOOKS; its own figures: http://127.0.0.1:$nats_monitor_port
  logs        $work/jethook.log, nats-server.log
TEXT
}

cat <<'TEXT'
jethook quickstart: from YAML files to verified events in NATS JetStream, without Kubernetes, in a temporary folder.
The first run builds nats-server and jethook: about 11 minutes on two cores. Later ones take a quarter of a minute.
TEXT

step "1/6 what this machine has"
tests/tools/check.sh nats-server
open_stage

step "2/6 nats-server (a minute cold, then kept for every clone)"
run_long tests/tools/tools.sh nats-server || fail "nats-server is not there"
tools=$(tests/tools/tools.sh --print nats-server)

step "3/6 jethook (10 minutes cold)"
build_jethook

step "4/6 NATS and jethook on loopback, with three endpoints and their Secrets"
forget_environment
start_nats
echo "nats-server answers"
write_manifests
start_jethook --manifests "$work/manifests"
echo "jethook is ready"
for ((tries = 0; tries < 300; tries++)); do
  if count_ready; then break; fi
  sleep 0.1
done
show_endpoints

step "5/6 five deliveries and their answers"
start_subscriber
send_deliveries

step "6/6 the events, as a subscriber got them"
show_events

conclude "$ready"
if [[ -n $KEEP ]]; then
  how_to_play
  keep
fi
