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

# What a peer needs, and how it is started. One whose language is missing ends the run: a table without it would not show it.
peers() {
  local folder=$root/benches/peers built=${XDG_CACHE_HOME:-$HOME/.cache}/jethook/peers program
  for program in go node npm; do
    command -v "$program" >/dev/null || fail "$program is not installed, which a peer needs"
  done
  mkdir -p "$built/node"
  (cd "$folder/go" && go build -o "$built/go-receiver" .)
  cp "$folder/node/package.json" "$folder/node/server.mjs" "$built/node/"
  (cd "$built/node" && npm install --silent --no-audit --no-fund)
  options+=(--peer "go=$built/go-receiver" --peer "node=node $built/node/server.mjs")
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
