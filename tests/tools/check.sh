#!/usr/bin/env bash
# Says at once, before anything long begins, what this machine lacks. Exit code 2 when something is missing.
#
#   check.sh [--no-jethook] [--lint] [TOOL...]
#
# Checks what building jethook takes and, for those of the named tools that tools.sh would have to build, what that
# takes. --no-jethook leaves the first half out; --lint asks for rustfmt and clippy as well.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/version.sh"

# Free space in MiB that a cold build takes, as measured and rounded up.
readonly TOOLS_BINARIES=700 GO_MODULES=1500 GO_BUILD_CACHE=5000
readonly CARGO_REGISTRY=1000 CARGO_RELEASE=1500 CARGO_DEBUG=4000
# What is asked for where an earlier build has left its files.
readonly WARM=500

jethook=yes lint=no tools=()
for argument in "$@"; do
  case $argument in
    --no-jethook) jethook=no ;;
    --lint) lint=yes ;;
    -*) echo "check.sh: no such flag: $argument" >&2; exit 2 ;;
    *) tools+=("$argument") ;;
  esac
done

missing=0
lacks() {
  printf 'missing: %s\n' "$1" >&2
  missing=1
}

# Space is added up for each file system, since all these folders often share one.
mounts=() mounts_free=() mounts_need=()
needs_space() { # folder, MiB when cold, a folder that shows by being there that it is not
  local folder=$1 need=$2 line i
  if [[ -d ${3:-} ]]; then need=$WARM; fi
  while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
  line=$(df -Pk "$folder" 2>/dev/null | tail -n 1)
  [[ $line =~ ([0-9]+)[[:space:]]+[0-9]+%[[:space:]]+(/.*)$ ]] || return 0
  for ((i = 0; i < ${#mounts[@]}; i++)); do
    if [[ ${mounts[i]} == "${BASH_REMATCH[2]}" ]]; then
      mounts_need[i]=$((mounts_need[i] + need))
      return 0
    fi
  done
  mounts+=("${BASH_REMATCH[2]}")
  mounts_free+=($((BASH_REMATCH[1] / 1024)))
  mounts_need+=("$need")
}

# `rust-version` of Cargo.toml is the one place that says which Rust it takes.
rust_required() {
  local line
  while read -r line; do
    if [[ $line =~ ^rust-version\ *=\ *\"([0-9.]+)\" ]]; then
      printf '%s\n' "${BASH_REMATCH[1]}"
      return
    fi
  done <"$root/Cargo.toml"
}

check_jethook() {
  local want have program
  want=$(rust_required)
  for program in cargo rustc; do
    if ! have=$(version_in "$("$program" --version 2>/dev/null)"); then
      lacks "$program: Rust $want or newer builds jethook (https://rustup.rs)"
    elif ! version_at_least "$have" "$want"; then
      lacks "$program $want or newer: this one is $have (rustup update)"
    fi
  done
  if [[ $lint == yes ]] && command -v cargo >/dev/null; then
    for program in fmt clippy; do
      cargo "$program" --version >/dev/null 2>&1 ||
        lacks "cargo $program: the tests check format and lints (rustup component add ${program/#fmt/rustfmt})"
    done
  fi
  check_compiler
  local registry=${CARGO_HOME:-$HOME/.cargo}/registry target=${CARGO_TARGET_DIR:-$root/target}
  needs_space "$registry" "$CARGO_REGISTRY" "$registry/src"
  if [[ $lint == yes ]]; then
    needs_space "$target" "$CARGO_DEBUG" "$target/debug/deps"
  else
    needs_space "$target" "$CARGO_RELEASE" "$target/release/deps"
  fi
}

# A compiler without the C library's headers or a linker is the usual trap, so a program is built and not only asked for.
check_compiler() {
  local compiler=${CC:-cc} scratch
  scratch=$(mktemp -d)
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' >"$scratch/a.c"
  # CC may hold flags as well; cc links whatever Rust builds, also where CC names another compiler.
  # shellcheck disable=SC2086
  if ! command -v cc >/dev/null; then
    lacks "cc: a C compiler links Rust programs and builds their cryptography (Debian: apt-get install build-essential)"
  elif ! $compiler "$scratch/a.c" -o "$scratch/a" 2>"$scratch/error"; then
    lacks "a C compiler that works: $compiler says «$(head -n 1 "$scratch/error")» (Debian: apt-get install build-essential)"
  fi
  rm -rf "$scratch"
}

check_tools() { # the tools that have to be built
  local want have
  want=$(version_required "$here/go.mod" go)
  if ! command -v go >/dev/null; then
    lacks "go: Go $want or newer builds $* (https://go.dev/dl)"
    return
  fi
  have=$(version_in "$(GOTOOLCHAIN=local go version)") || have=0
  if ! version_at_least "$have" "$want"; then
    lacks "go $want or newer, to build $*: this one is $have (https://go.dev/dl)"
    return
  fi
  # Whether Go's cache has these builds can't be told from outside, so it is taken as cold.
  have=$(go env GOMODCACHE)
  needs_space "$have" "$GO_MODULES" "$have/k8s.io/kubernetes@v$(version_required "$here/go.mod" k8s.io/kubernetes)"
  needs_space "$(go env GOCACHE)" "$GO_BUILD_CACHE"
  needs_space "$(tools_cache)" "$TOOLS_BINARIES"
}

if [[ $jethook == yes ]]; then
  check_jethook
fi
if ((${#tools[@]})); then
  to_build=$("$here/tools.sh" --plan "${tools[@]}")
  if [[ -n $to_build ]]; then
    # shellcheck disable=SC2086
    check_tools $to_build
  fi
fi
for ((i = 0; i < ${#mounts[@]}; i++)); do
  if ((mounts_free[i] < mounts_need[i])); then
    lacks "disk: ${mounts_need[i]} MiB free on ${mounts[i]} for the builds and their caches, there are ${mounts_free[i]}"
  fi
done
((missing == 0)) || exit 2
