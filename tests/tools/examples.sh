#!/usr/bin/env bash
# Builds the example consumers for `make test-examples`; their source folders stay as they are.
#   examples.sh           builds all four
#   examples.sh --print   prints the folder in which they then are
# What the machine lacks is told all at once, before anything is built: exit code 2.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
out=$target/examples-consumers
if [[ ${1:-} == --print ]]; then
  printf '%s\n' "$out"
  exit
fi

missing=0
lacks() {
  printf 'missing: %s\n' "$*" >&2
  missing=1
}
command -v cargo >/dev/null || lacks "cargo: examples/rust (https://rustup.rs)"
command -v go >/dev/null || lacks "go: examples/go (https://go.dev/dl)"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
  lacks "python3 3.9 or newer with venv: examples/python (Debian: apt-get install python3-venv)"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null ||
  lacks "node 20 or newer: examples/node (https://nodejs.org)"
command -v npm >/dev/null || lacks "npm: examples/node (https://nodejs.org)"
((missing == 0)) || exit 2

mkdir -p "$out"
echo '== examples/rust'
CARGO_TARGET_DIR=$target cargo build --quiet --locked --manifest-path "$root/examples/rust/Cargo.toml"
cp "$target/debug/ledger" "$out/rust"
echo '== examples/go'
(cd "$root/examples/go" && go vet ./... && go build -o "$out/go" .)
echo '== examples/python'
[[ -x $out/venv/bin/python ]] || python3 -m venv "$out/venv"
"$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/examples/python/requirements.txt"
cp "$root/examples/python/ledger.py" "$out/ledger.py"
echo '== examples/node'
mkdir -p "$out/node"
cp "$root"/examples/node/{package.json,package-lock.json,ledger.js} "$out/node"
npm ci --prefix "$out/node" --silent --no-audit --no-fund
