#!/usr/bin/env bash
# Both directions against the providers' own libraries: what they sign jethook takes, what `jethook send` signs they take,
# and neither takes it altered. Each pair is printed; fewer than 30, one that fails or one that could not be tried is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
for tool in cargo node npm python3 go; do
  command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '== test-oracles 1/5 jethook'
(cd ../.. && cargo build --locked)
target=${CARGO_TARGET_DIR:-../../target}
export JETHOOK=${JETHOOK:-$target/debug/jethook}

echo '== test-oracles 2/5 the libraries, in their pinned versions'
(cd node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
[ -x python/.venv/bin/python ] || python3 -m venv python/.venv
python/.venv/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt
mkdir "$work/bin"
(cd go && go build -o "$work/bin/" ./...)

echo '== test-oracles 3/5 every program that writes vectors'
export JETHOOK_VECTORS=$work/vectors
mkdir "$JETHOOK_VECTORS"
failed=0
run() {
  local name=$1
  shift
  if "$@" >"$work/said" 2>&1; then
    echo "   $name: $(find "$JETHOOK_VECTORS" -name '*.json' | wc -l) vectors so far"
  else
    failed=1
    echo "   $name FAILED"
    tail -n 20 "$work/said"
  fi
}
for program in node/*.mjs; do case $program in */vector.mjs | */runner.mjs) ;; *) run "$program" node "$program" ;; esac; done
for program in python/*.py; do case $program in */vector.py | */tried.py | */delivery.py | */runner.py) ;; *) run "$program" python/.venv/bin/python "$program" ;; esac; done
for program in "$work"/bin/*; do case $program in */verify) ;; *) run "go/${program##*/}" "$program" ;; esac; done

echo '== test-oracles 4/5 jethook verifies them'
(cd ../.. && cargo test --locked --test it every_vector_verifies_as_it_says) >"$work/verified" || failed=1
cat "$work/verified"

echo '== test-oracles 5/5 the libraries verify what jethook signs, and refuse it altered'
python3 pairs.py --vectors "$JETHOOK_VECTORS" --verified "$work/verified" --work "$work" --go "$work/bin/verify" || failed=1
exit $failed
