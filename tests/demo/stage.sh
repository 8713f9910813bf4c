# What the demo and the quickstart share: processes on free ports in a temporary folder, deliveries and their answers,
# events and the count at the end. Sourced by both.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit
# Sees to a HOME where none is set.
. tests/tools/version.sh

KEEP=${KEEP:-}
if [[ $KEEP == 0 ]]; then KEEP=""; fi
# The temporary folder, the folder of the tools, the binary; the step under way.
work="" tools="" jethook="" child=""
processes=() process_names=()
ports=()
differences=()

step() {
  printf '\n== %s\n' "$*"
}

fail() {
  printf '\nfailed: %s\n' "$*" >&2
  exit 1
}

# --- Processes ---

# Runs a step that takes long. A signal to this script then stops it at once, with all that it started, where bash would
# otherwise wait for its end.
run_long() {
  local code=0
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  wait "$child" || code=$?
  child=""
  return "$code"
}

# Starts a program in the background, in a process group of its own, with its output in $work/NAME.log.
start() { # name, command...
  local name=$1
  shift
  set -m
  "$@" >"$work/$name.log" 2>&1 </dev/null &
  processes+=($!)
  process_names+=("$name")
  set +m
}

process_of() { # name
  local i
  for ((i = 0; i < ${#processes[@]}; i++)); do
    [[ ${process_names[i]} != "$1" ]] || printf '%s\n' "${processes[i]}"
  done
}

# Waits until a command succeeds, as long as the process lives that it asks about.
await() { # name, seconds, command...
  local name=$1 deadline=$((SECONDS + $2)) pid
  shift 2
  pid=$(process_of "$name")
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || fail "$name has stopped$(log_of "$name")"
    ((SECONDS < deadline)) || fail "$name is not ready in time$(log_of "$name")"
    sleep 0.1
  done
}

log_of() { # name
  [[ -s $work/$1.log ]] || return 0
  printf '\nThe last lines of the log of %s:\n' "$1"
  tail -n 20 "$work/$1.log"
}

is_running() { # process group
  kill -0 -- "-$1" 2>/dev/null
}

# Asks a process group to end and makes it end. Its exit code is in $exit_code.
stop_process() { # process id, seconds of patience
  local ticks=$(($2 * 10))
  kill -TERM -- "-$1" 2>/dev/null || true
  while is_running "$1" && ((ticks-- > 0)); do sleep 0.1; done
  kill -KILL -- "-$1" 2>/dev/null || true
  exit_code=0
  # bash would tell of a killed child.
  { wait "$1" || exit_code=$?; } 2>/dev/null
}

# The last one started goes first: jethook can still reach what it depends on while it drains.
stop_all() {
  local i
  for ((i = ${#processes[@]} - 1; i >= 0; i--)); do
    stop_process "${processes[i]}" 15
    if [[ ${process_names[i]} == jethook ]] && ((exit_code != 0)); then
      differences+=("jethook ended with exit code $exit_code, not 0, when it was asked to stop")
    fi
  done
  processes=() process_names=()
}

clean_up() {
  trap '' INT TERM HUP
  if [[ -n $child ]]; then stop_process "$child" 10; fi
  stop_all
  if [[ -n $work ]]; then rm -rf "$work"; fi
}

open_stage() {
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Keys and tokens lie in the folder.
  umask 077
  work=$(mktemp -d "${TMPDIR:-/tmp}/jethook-demo.XXXXXX")
  mkdir "$work/secrets" "$work/manifests"
}

# Where cargo puts the binary is its own affair: a variable or a configuration file may have moved it.
build_jethook() {
  run_long cargo build --release --locked || fail "jethook could not be built"
  local metadata
  metadata=$(cargo metadata --no-deps --offline --locked --format-version 1)
  [[ $metadata =~ \"target_directory\":\"([^\"]*)\" ]] || fail "cargo does not say where it builds"
  jethook=${BASH_REMATCH[1]}/release/jethook
}

# What a shell may hold for other work must not change what the demo shows. All that runs from here on is on loopback,
# and a client that ignores NO_PROXY would ask a proxy for it.
forget_environment() {
  local name
  unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy
  for name in "${!JETHOOK_@}" "${!KUBE@}"; do unset "$name"; done
}

# --- Ports and HTTP ---

# Sets $port to one on loopback that nobody listens on. They lie below the range that systems give to outgoing
# connections, so that none of those takes it in the moment until it is bound.
take_port() {
  while :; do
    port=$((20000 + RANDOM % 10000))
    [[ " ${ports[*]-} " != *" $port "* ]] || continue
    accepts "$port" || break
  done
  ports+=("$port")
}

accepts() { # port
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Prints the body of an answer; succeeds when its status is 200.
http_get() ( # port, path
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  # HTTP/1.0, so that the body comes whole and the connection ends with it.
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$2" "$1" >&3
  read -r -t 5 status <&3 || return 1
  while IFS= read -r -t 5 line <&3 && [[ $line != $'\r' ]]; do :; done
  while IFS= read -r -t 5 line <&3 || [[ -n $line ]]; do printf '%s\n' "$line"; done
  [[ $status == *" 200 "* ]]
)

# --- The programs ---

start_nats() {
  take_port
  nats_url=nats://127.0.0.1:$port
  take_port
  nats_monitor_port=$port
  start nats-server "$tools/nats-server" --addr 127.0.0.1 --port "${nats_url##*:}" --http_port "$nats_monitor_port" \
    --jetstream --store_dir "$work/nats"
  await nats-server 20 http_get "$nats_monitor_port" /healthz
}

# Without a drain delay: no load balancer is there that would have to notice.
# shellcheck disable=SC2120
start_jethook() { # more flags
  take_port
  local listen=$port
  take_port
  admin_port=$port
  public_url=http://127.0.0.1:$listen
  start jethook "$jethook" run --nats-url "$nats_url" --stream WEBHOOKS --prefix webhooks \
    --listen "127.0.0.1:$listen" --admin-listen "127.0.0.1:$admin_port" --public-url "$public_url" \
    --drain-delay 0s "$@"
  await jethook 30 http_get "$admin_port" /readyz
}

# The endpoints and their Secrets, from examples/, each with a secret that is new in every run.
write_manifests() {
  local name value manifest blank='secret: ""'
  for name in github stripe salesforce; do
    value=$(random_hex 24)
    [[ $name != stripe ]] || value=whsec_$value
    printf '%s' "$value" >"$work/secrets/$name"
    manifest=$(<"examples/$name.yaml")
    [[ $manifest == *"$blank"* ]] || fail "examples/$name.yaml has no empty secret to fill in"
    value="secret: $value"
    printf '%s\n' "${manifest/$blank/$value}" >"$work/manifests/$name.yaml"
  done
  random_hex 24 >"$work/secrets/forger"
}

random_hex() { # bytes
  od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}

# --- JSON, as far as the one-line answers of jethook need it ---

json_number() { # json, name
  [[ $1 =~ \"$2\":\ ?([0-9.]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# Prints the first text of that name, without its escapes, behind it a full stop that keeps newlines at its end.
json_text() { # json, name
  local escaped
  local pattern="\"$2\": ?\\[?\"((\\\\.|[^\"\\\\])*)\""
  [[ $1 =~ $pattern ]] || return 1
  # printf knows all escapes of JSON save this one.
  escaped=${BASH_REMATCH[1]//'\"'/'\x22'}
  printf '%b.' "$escaped"
}

# --- Deliveries and events ---

deliveries_accepted=0 refused=0 duplicate=0 stored=0

# Sends one delivery, shows the answer and counts it.
deliver() { # what it is, provider, path, secret, body file, more flags of `send`
  local label=$1 provider=$2 url=$public_url$3 secret=$work/secrets/$4 body=$5 answer status text
  shift 5
  answer=$("$jethook" send "$provider" "$url" --secret-file "$secret" --body "@$body" -o json "$@" 2>"$work/send.log") || true
  if ! status=$(json_number "$answer" status) || ! text=$(json_text "$answer" body); then
    differences+=("$label: no answer: $(<"$work/send.log")")
    printf '  %-38s no answer\n' "$label"
    return
  fi
  text=${text%.} text=${text//$'\n'/ }
  printf '  %-38s %s  %s\n' "$label" "$status" "${text:0:100}"
  case $status in
    2??) if [[ $text == *'"status":"duplicate"'* ]]; then ((duplicate += 1)); else ((deliveries_accepted += 1)); fi ;;
    401) ((refused += 1)) ;;
    *) differences+=("$label: answered $status") ;;
  esac
}

send_deliveries() {
  local id=72d3162e-cc78-11e3-81ab-4c9367dc0958
  deliver "GitHub, a push" github /shop/github github tests/demo/github-push.json --event push --id "$id"
  deliver "Stripe, a paid invoice" stripe /shop/stripe stripe tests/demo/stripe-invoice.json
  deliver "Salesforce, an opportunity" salesforce-outbound /crm/salesforce salesforce \
    tests/demo/salesforce-opportunity.xml --parameter organizationId=00DEXAMPLE00000EAA
  deliver "GitHub, signed with a wrong secret" github /shop/github forger tests/demo/github-push.json --event push
  deliver "GitHub, the same push again" github /shop/github github tests/demo/github-push.json --event push --id "$id"
}

start_subscriber() {
  : >"$work/events"
  # Its output is the list of events; what it has to say goes to its log.
  # shellcheck disable=SC2016
  start subscriber "$BASH" -c 'exec "$@" >"$0"' "$work/events" \
    "$jethook" tail 'webhooks.>' --nats-url "$nats_url" --stream WEBHOOKS -o json --all
  await subscriber 10 has_consumer
}

# The server's word that the subscriber is there: it gets the events as they come.
has_consumer() {
  local numbers
  numbers=$(http_get "$nats_monitor_port" /jsz)
  [[ $numbers =~ \"consumers\":\ ?[1-9] ]]
}

has_events() { # at least how many
  (($(wc -l <"$work/events") >= $1))
}

# Shows what the subscriber got. An event counts as stored when its payload is, byte for byte, a body that was sent.
show_events() {
  local line payload body verdict
  await subscriber 10 has_events "$deliveries_accepted"
  # An event too many would come right behind; it must not escape the count.
  sleep 0.5
  while IFS= read -r line; do
    payload=$(json_text "$line" payload) || payload=.
    verdict="not what was sent"
    for body in tests/demo/github-push.json tests/demo/stripe-invoice.json tests/demo/salesforce-opportunity.xml; do
      if [[ $payload == "$(cat "$body" && printf .)" ]]; then
        verdict="byte for byte the body sent"
        ((stored += 1))
        break
      fi
    done
    show_event "$line" "${payload%.}" "$verdict"
  done <"$work/events"
  if (($(wc -l <"$work/events") != deliveries_accepted)); then
    differences+=("$deliveries_accepted deliveries were answered as stored, the subscriber got $(wc -l <"$work/events") events")
  fi
}

show_event() { # line, payload, verdict
  local name value payload
  # On one line, without the indentation.
  read -r -d '' -a payload <<<"$2" || true
  payload=${payload[*]}
  value=$(json_text "$1" subject) && printf '  %s\n' "${value%.}"
  for name in ce-type ce-id ce-source ce-authenticates; do
    value=$(json_text "$1" "$name") && printf '    %-17s %s\n' "$name" "${value%.}"
  done
  printf '    %-17s %s… (%s)\n' payload "${payload:0:60}" "$3"
}

# --- The end ---

# Prints the count of what was seen, as the last line where all was as it should be; fails where it was not.
conclude() { # number of endpoints that were Ready
  local ready=$1 difference
  ((ready == 3)) || differences+=("endpoints Ready: $ready, not 3")
  ((stored == 3)) || differences+=("stored: $stored, not 3")
  ((refused == 1)) || differences+=("refused: $refused, not 1")
  ((duplicate == 1)) || differences+=("duplicate: $duplicate, not 1")
  if [[ -z $KEEP ]]; then
    if ((${#differences[@]})); then log_of jethook; fi
    step "stopping everything"
    stop_all
  fi
  printf '\n%s endpoints Ready · %s stored · %s refused · %s duplicate\n' "$ready" "$stored" "$refused" "$duplicate"
  if ((${#differences[@]})); then
    for difference in "${differences[@]}"; do printf 'not as it should be: %s\n' "$difference" >&2; done
    [[ -n $KEEP ]] || exit 1
  fi
}

# Keeps everything running until someone stops it.
keep() {
  printf '\nTo stop it and delete %s: Ctrl-C here, or kill %s\n' "$work" "$$"
  while is_running "$(process_of jethook)"; do
    sleep 1 &
    wait $!
  done
  fail "jethook has stopped$(log_of jethook)"
}
