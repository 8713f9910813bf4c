#!/usr/bin/env bash
# jethook beside its floor, and with `--peers` beside receivers that people write or take instead.
#
#   bench.sh [--peers] [OPTION...]    options of benches/load (`--rounds 5 --seconds 3 --only "25 KiB"`)
#
# PROFILE is `--release` unless it is set; empty, debug builds are measured, which tells nothing but whether it works.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
profile=${PROFILE---release}
folder=$root/benches/peers
built=${XDG_CACHE_HOME:-$HOME/.cache}/jethook/peers

fail() {
  printf 'bench: %s\n' "$*" >&2
  exit 1
}

# Where cargo puts binaries is its own affair: a variable or a configuration file may have moved it.
binaries() { # manifest
  local metadata
  metadata=$(cargo metadata --no-deps --locked --format-version 1 --manifest-path "$1")
  [[ $metadata =~ \"target_directory\":\"([^\"]*)\" ]] || fail "cargo does not say where it builds"
  if [[ $profile == --release ]]; then printf '%s/release\n' "${BASH_REMATCH[1]}"; else printf '%s/debug\n' "${BASH_REMATCH[1]}"; fi
}

# What each peer needs, and how it is started. One that can't be built ends the run: a table without it would not show it.
# PEERS chooses some of them.
peers() {
  local peer
  for peer in ${PEERS:-go node fastapi bento django}; do
    [[ $(type -t "peer_$peer") == function ]] || fail "PEERS: there is no $peer; there are go, node, fastapi, bento, django"
    mkdir -p "$built/$peer"
    "peer_$peer"
  done
}

needs() { # program...
  local program
  for program; do
    command -v "$program" >/dev/null || fail "$program is not installed, which a peer needs (PEERS='go node' leaves the others out)"
  done
}

# Python's programs of a peer, in an environment of its own; made again when its requirements change.
python() { # peer
  local wanted=$folder/$1/requirements.txt
  needs python3
  cmp -s "$wanted" "$built/$1/requirements.txt" && return
  python3 -m venv --clear "$built/$1/venv"
  "$built/$1/venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$built/$1/requirements.txt"
}

peer_go() {
  needs go
  (cd "$folder/go" && go build -o "$built/go/receiver" .)
  options+=(--peer "go=$built/go/receiver")
}

peer_node() {
  needs node npm
  cp "$folder/node/package.json" "$folder/node/server.mjs" "$built/node/"
  (cd "$built/node" && npm install --silent --no-audit --no-fund)
  options+=(--peer "node=node $built/node/server.mjs")
}

# As many workers as the machine of the figures has cores.
peer_fastapi() {
  python fastapi
  local uvicorn=$built/fastapi/venv/bin/uvicorn
  options+=(--peer "fastapi=env PYTHONDONTWRITEBYTECODE=1 $uvicorn --app-dir $folder/fastapi receiver:app --host 127.0.0.1 --port \$PORT --workers 2 --no-access-log --log-level error")
}

peer_bento() {
  needs go
  (cd "$folder/bento" && go build -ldflags '-s -w' -o "$built/bento/receiver" .)
  options+=(--peer "bento=$built/bento/receiver -c $folder/bento/receiver.yaml")
}

peer_django() {
  needs redis-server
  python django
  options+=(--pattern "django=$folder/django/run.sh $built/django/venv/bin")
}

[[ $(uname -s) == Linux ]] || fail "CPU and memory are read from /proc, which Linux alone has"
options=()
if [[ ${1:-} == --peers ]]; then
  shift
  peers
fi
# shellcheck disable=SC2086
cargo build $profile --locked
# shellcheck disable=SC2086
cargo build $profile --locked --manifest-path benches/Cargo.toml
tests/tools/tools.sh nats-server >/dev/null
jethook=$(binaries Cargo.toml)
others=$(binaries benches/Cargo.toml)
exec "$others/load" --jethook "$jethook/jethook" --floor "$others/floor" \
  --nats-server "$(tests/tools/tools.sh --print nats-server)/nats-server" --out "$jethook/../bench.json" ${options[@]+"${options[@]}"} "$@"
