# Versions, read and compared; sourced by the scripts beside it.
# shellcheck shell=bash

# Prints the first version that stands in a text: `Client Version: v1.37.2` gives 1.37.2.
version_in() {
  [[ $1 =~ ([0-9]+\.[0-9]+(\.[0-9]+)?) ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

# Succeeds when version $1 is $2 or newer; a part that is left out counts as 0.
version_at_least() {
  local have want i
  IFS=. read -r -a have <<<"$1"
  IFS=. read -r -a want <<<"$2"
  for i in 0 1 2; do
    ((10#${have[i]:-0} == 10#${want[i]:-0})) || break
  done
  ((10#${have[i]:-0} >= 10#${want[i]:-0}))
}

# Prints the version of module $2 that the go.mod in file $1 requires, `go` for the language itself.
version_required() {
  local line
  while read -r line; do
    if [[ $line =~ ^(require )?"$2 "v?([0-9][0-9.]*) ]]; then
      printf '%s\n' "${BASH_REMATCH[2]}"
      return
    fi
  done <"$1"
  return 1
}

# Prints the folder that tools.sh keeps its builds in.
tools_cache() {
  local cache=${XDG_CACHE_HOME:-}
  # A relative path there is to be ignored, says the XDG base directory specification.
  [[ $cache == /* ]] || cache=$HOME/.cache
  printf '%s\n' "$cache/jethook/tools"
}

# Cargo, Go and the caches all need a home; some build machines set none, and ~ then asks the user database.
if [[ -z ${HOME:-} ]]; then
  HOME=$(unset HOME; cd ~ 2>/dev/null && pwd) || HOME=${TMPDIR:-/tmp}
  export HOME
fi
