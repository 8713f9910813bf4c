#!/usr/bin/env bash
# Provides the programs that the integration tests and the demo run: kube-apiserver, etcd, kubectl, nats-server, and for
# the tests of the chart kube-controller-manager, helm and promtool.
#
#   tools.sh [TOOL...]           provide them (all when none is named) and list them
#   tools.sh --print [TOOL...]   the same, and print nothing but the folder that holds them
#   tools.sh --plan [TOOL...]    print those that would have to be built, do nothing
#   tools.sh --clean             delete everything that was built
#
# A program of $KUBEBUILDER_ASSETS or of the PATH is taken where it is new enough; the others are built from the Go
# modules that the go.mod files here pin, into ${XDG_CACHE_HOME:-$HOME/.cache}/jethook/tools, where every clone finds them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/version.sh"

# The quick ones first, so that what is wrong with the machine or the network shows early.
readonly ALL="nats-server etcd kubectl promtool helm kube-apiserver kube-controller-manager"

say() {
  printf 'tools: %s\n' "$*" >&2
}

package() {
  case $1 in
    nats-server) echo github.com/nats-io/nats-server/v2 ;;
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    promtool) echo github.com/prometheus/prometheus/cmd/promtool ;;
    kubectl | kube-apiserver | kube-controller-manager) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

# The module whose version is the program's.
module() {
  case $1 in
    helm) echo helm.sh/helm/v4 ;;
    promtool) echo github.com/prometheus/prometheus ;;
    kubectl | kube-apiserver | kube-controller-manager) echo k8s.io/kubernetes ;;
    *) package "$1" ;;
  esac
}

# The folder of the Go module that pins it. Some have their own: they ask for other versions of Kubernetes' modules.
module_folder() {
  case $1 in
    helm | promtool) echo "$here/$1" ;;
    *) echo "$here" ;;
  esac
}

# The oldest one that will do. jethook asks for Kubernetes 1.33 and nats-server 2.10; that apiserver asks for this etcd.
# What the charts render is compared word for word, and an older helm words some things otherwise. promtool's module calls
# 3.16 0.316.
version_least() {
  case $1 in
    nats-server) echo 2.10 ;;
    etcd) echo 3.5.13 ;;
    helm) echo 4.3 ;;
    promtool) echo 0.300 ;;
    kubectl | kube-apiserver | kube-controller-manager) echo 1.33 ;;
  esac
}

# How long a cold build takes on two cores.
time_expected() {
  case $1 in
    kube-apiserver) echo "6 to 8 minutes" ;;
    helm) echo "4 to 6 minutes" ;;
    *) echo "1 to 2 minutes" ;;
  esac
}

version_of() { # tool, path
  case $1 in
    kubectl) version_in "$("$2" version --client 2>/dev/null)" ;;
    helm) version_in "$("$2" version --short 2>/dev/null)" ;;
    *) version_in "$("$2" --version 2>/dev/null)" ;;
  esac
}

digest() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-12
}

# The folder of a tool's builds: another pin, system or processor is another folder.
build_folder() {
  local module
  module=$(module_folder "$1")
  printf '%s/%s-%s-%s\n' "$(tools_cache)" "$(uname -s | tr '[:upper:]' '[:lower:]')" "$(uname -m)" \
    "$(cat "$module/go.mod" "$module/go.sum" | digest)"
}

# Where the build of a tool is or would be.
built() {
  printf '%s/%s\n' "$(build_folder "$1")" "$1"
}

# Prints the path of a tool that the machine brings along and that is new enough.
find_outside() {
  local tool=$1 path version candidates=() told=$mode
  [[ -z ${KUBEBUILDER_ASSETS:-} ]] || candidates+=("$KUBEBUILDER_ASSETS/$tool")
  while IFS= read -r path; do candidates+=("$path"); done < <(type -aP "$tool" || true)
  for path in ${candidates[@]+"${candidates[@]}"}; do
    [[ -f $path && -x $path ]] || continue
    version=$(version_of "$tool" "$path") || continue
    if version_at_least "$version" "$(version_least "$tool")"; then
      printf '%s\n' "$(cd "$(dirname "$path")" && pwd)/$tool"
      return
    fi
    [[ $told != list ]] || say "$path is $version, older than $(version_least "$tool"): not used"
    told=yes
  done
  return 1
}

# Prints where a tool is, whoever built it.
find_tool() {
  local path
  find_outside "$1" && return
  path=$(built "$1")
  [[ -x $path ]] && printf '%s\n' "$path"
}

# Two runs at once must not build the same twice. The lock is a folder, since mkdir is atomic everywhere. It is taken
# from a holder that is dead, or that shows no sign of life for a minute (a machine that stopped, a cache restored from
# elsewhere). Should two ever hold it, both build and each puts whole files in place: time is lost, nothing else.
lock() {
  local holder beat seen="" since=$SECONDS told=no
  until mkdir "$builds/.lock" 2>/dev/null; do
    holder=$(cat "$builds/.lock/holder" 2>/dev/null) || holder=""
    beat=$(cat "$builds/.lock/beat" 2>/dev/null) || beat=""
    if [[ $holder/$beat != "$seen" ]]; then
      seen=$holder/$beat since=$SECONDS
    fi
    if { [[ ${holder% *} == "$HOSTNAME" ]] && ! kill -0 "${holder##* }" 2>/dev/null; } || ((SECONDS - since > 60)); then
      mv "$builds/.lock" "$builds/.build.lock.$$" 2>/dev/null && rm -rf "$builds/.build.lock.$$"
      continue
    fi
    [[ $told == yes ]] || say "another run is building them, waiting for it"
    told=yes
    sleep 1
  done
  printf '%s %s\n' "$HOSTNAME" "$$" >"$builds/.lock/holder"
  # What a run that was killed left behind.
  rm -rf "$builds"/.build.*
}

holds_lock() {
  [[ $(cat "$builds/.lock/holder" 2>/dev/null) == "$HOSTNAME $$" ]]
}

child=""
tidy_up() {
  set +e
  if [[ -n $child ]]; then
    kill -- "-$child"
    wait "$child"
  fi 2>/dev/null
  rm -rf "$builds/.build.$$"
  if holds_lock; then rm -rf "$builds/.lock"; fi
}

build() {
  local tool=$1 version folder path tags="" flags="-s -w" scratch=$builds/.build.$$
  folder=$(module_folder "$tool")
  path=$(built "$tool")
  version=$(version_required "$folder/go.mod" "$(module "$tool")")
  # Without these the programs call themselves v0.0.0 and v4.3.
  case $(module "$tool") in
    k8s.io/kubernetes)
      local stamp=k8s.io/component-base/version minor=${version#*.}
      flags+=" -X $stamp.gitVersion=v$version -X $stamp.gitMajor=${version%%.*} -X $stamp.gitMinor=${minor%%.*}"
      ;;
    helm.sh/*) flags+=" -X helm.sh/helm/v4/internal/version.version=v$version" ;;
    */prometheus)
      flags+=" -X github.com/prometheus/common/version.Version=$version"
      # Without the clients of a dozen clouds.
      tags=remove_all_sd
      ;;
  esac
  say "$tool $version: building it from its Go module, which takes $(time_expected "$tool") on two cores"
  mkdir -p "$scratch" "$(dirname "$path")"
  local start=$SECONDS
  # A process group of its own can be stopped with all the compilers that it started.
  set -m
  (
    cd "$folder"
    # What a shell may have set for other work: another target system, a workspace, a toolchain to download.
    unset GOOS GOARCH
    export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
    exec go build -v -mod=readonly -buildvcs=false -trimpath -tags "$tags" -ldflags "$flags" -o "$scratch/$tool" "$(package "$tool")"
  ) >"$scratch/log" 2>&1 </dev/null &
  child=$!
  set +m
  show_progress "$tool" "$scratch/log" "$start"
  if ! wait "$child"; then
    child=""
    say "$tool could not be built; the last lines of the build:"
    tail -n 15 "$scratch/log" >&2
    exit 1
  fi
  child=""
  [[ $(version_of "$tool" "$scratch/$tool") == "$version" ]] || {
    say "$tool was built, but does not run here as $version"
    exit 1
  }
  mv "$scratch/$tool" "$path"
  say "$tool $version: done in $(clock $((SECONDS - start)))"
}

clock() {
  printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# One line that renews itself on a terminal, one line every half minute elsewhere.
show_progress() { # tool, log, start
  local beats=0 step
  while kill -0 "$child" 2>/dev/null; do
    if holds_lock; then printf '%s\n' "$((beats += 1))" >"$builds/.lock/beat"; fi
    step=$(tail -n 1 "$2")
    step=${step#go: }
    if [[ -t 2 ]]; then
      printf '\r\033[Ktools: %s %s  %s' "$1" "$(clock $((SECONDS - $3)))" "${step:0:50}" >&2
    elif ((beats % 30 == 0)); then
      say "$1 $(clock $((SECONDS - $3)))  $step"
    fi
    sleep 1
  done
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}

# Prints one folder that holds all the given paths: theirs, or a folder of links named after them, which never changes.
folder_of() {
  local path view first
  first=$(dirname "$1")
  for path in "$@"; do
    [[ $(dirname "$path") == "$first" ]] || first=""
  done
  if [[ -n $first ]]; then
    printf '%s\n' "$first"
    return
  fi
  view=$(tools_cache)/links-$(printf '%s\n' "$@" | digest)
  mkdir -p "$view"
  for path in "$@"; do
    [[ -e $view/${path##*/} ]] || ln -s "$path" "$view/${path##*/}" 2>/dev/null || [[ -e $view/${path##*/} ]]
  done
  printf '%s\n' "$view"
}

mode=list tools=()
for argument in "$@"; do
  case $argument in
    --print) mode=print ;;
    --plan) mode=plan ;;
    --clean) mode=clean ;;
    nats-server | etcd | kubectl | helm | promtool | kube-apiserver | kube-controller-manager) tools+=("$argument") ;;
    *) say "no such flag or tool: $argument (tools: $ALL)"; exit 2 ;;
  esac
done
# shellcheck disable=SC2206
((${#tools[@]})) || tools=($ALL)
# The lock and what is half built are in the folder of most of them.
builds=$(build_folder "")

if [[ $mode == clean ]]; then
  rm -rf "$(tools_cache)"
  say "deleted $(tools_cache)"
  exit 0
fi

paths=() to_build=()
for tool in "${tools[@]}"; do
  if path=$(find_tool "$tool"); then
    paths+=("$path")
  else
    paths+=("$(built "$tool")")
    to_build+=("$tool")
  fi
done
if [[ $mode == plan ]]; then
  ((${#to_build[@]} == 0)) || printf '%s\n' "${to_build[@]}"
  exit 0
fi

if ((${#to_build[@]})); then
  "$here/check.sh" --no-jethook "${to_build[@]}"
  mkdir -p "$builds" && [[ -w $builds ]] || { say "$builds can't be written"; exit 2; }
  trap tidy_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  lock
  for tool in "${to_build[@]}"; do
    # The run that held the lock before may have built it.
    [[ -x $(built "$tool") ]] || build "$tool"
  done
fi

if [[ $mode == list ]]; then
  for path in "${paths[@]}"; do
    printf '%-23s %-8s %s\n' "${path##*/}" "$(version_of "${path##*/}" "$path")" "$path"
  done
fi
folder_of "${paths[@]}"
