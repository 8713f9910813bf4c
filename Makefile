# What people type; each target says its steps and how long they take cold. The work is done by cargo and tests/*.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The build that the long tests try; empty for a debug build.
PROFILE ?= --release
# KEEP=1 leaves the demo running.
export KEEP

# The steps follow one another: cargo and Go use all cores by themselves.
.NOTPARALLEL:

.PHONY: help
help: ## this list
	@while IFS= read -r line; do \
	  if [[ $$line =~ ^([a-z-]+):.*'## '(.*)$$ ]]; then printf '  make %-12s %s\n' "$${BASH_REMATCH[1]}" "$${BASH_REMATCH[2]}"; fi; \
	done <$(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## a control plane, NATS and jethook on this machine: from kubectl apply to verified events (KEEP=1: leave it on)
	@tests/demo/demo.sh

.PHONY: quickstart
quickstart: ## the same without Kubernetes, from YAML files: nothing big to build (KEEP=1: leave it on)
	@tests/demo/quickstart.sh

.PHONY: test
test: ## everything that must hold: format, lints, unit tests, and tests against a real apiserver and nats-server
	@echo '== make test: 25 to 35 minutes cold on two cores, about 6 when built before'
	@echo '== 1/5 what this machine has'
	@tests/tools/check.sh --lint kube-apiserver kube-controller-manager etcd kubectl helm promtool nats-server
	@echo '== 2/5 cargo fmt --check'
	@cargo fmt --check
	@echo '== 3/5 kube-apiserver, kube-controller-manager, etcd, kubectl, helm, promtool, nats-server (15 minutes cold, then kept for every clone)'
	@tests/tools/tools.sh
	@echo '== 4/5 cargo clippy (4 minutes cold)'
	@cargo clippy --all-targets --locked -- -D warnings
	@echo '== 5/5 cargo test (10 minutes cold)'
	@tools=$$(tests/tools/tools.sh --print) && JETHOOK_TEST_TOOLS=$$tools cargo test --locked
	@echo '== make test: all passed'

.PHONY: test-unit
test-unit: ## the tests that need no other program
	@cargo test --locked --lib

.PHONY: test-oracles
test-oracles: ## both directions against the providers' own libraries (Node, Python, Go; fetches them), 10 minutes cold
	@tests/oracle/run.sh

.PHONY: test-chart
test-chart: ## the tests of the Helm chart alone (UPDATE=1: keep the new renders)
	@tools=$$(tests/tools/tools.sh --print) && JETHOOK_TEST_TOOLS=$$tools cargo test --locked --test it chart::

.PHONY: test-examples
test-examples: ## the example consumers, each killed once in mid-work; needs Go, Python and Node, fetches their clients
	@echo '== make test-examples: 8 minutes cold, 1 when built before'
	@tests/tools/tools.sh nats-server
	@tests/tools/examples.sh
	@tools=$$(tests/tools/tools.sh --print nats-server) && examples=$$(tests/tools/examples.sh --print) && \
	  JETHOOK_TEST_TOOLS=$$tools JETHOOK_TEST_EXAMPLES=$$examples cargo test --locked --test it examples:: -- --ignored

.PHONY: test-faults
test-faults: ## every fault under load, then a table: what was acknowledged, stored, lost, duplicated (FAULT=…: one of them)
	@echo '== make test-faults: 10 minutes, after a release build (20 minutes cold)'
	@tests/tools/tools.sh
	@tools=$$(tests/tools/tools.sh --print) && JETHOOK_TEST_TOOLS=$$tools cargo test $(PROFILE) --locked --test faults -- $(FAULT)

.PHONY: test-soak
test-soak: ## the same again and again (DURATION=8h)
	@DURATION=$${DURATION:-8h} $(MAKE) --no-print-directory test-faults

.PHONY: test-attacks
test-attacks: ## the attack suite in full: 37 attacks, 10 million mutants, Wycheproof, fuzz targets, tenants (15 minutes cold)
	@tests/tools/tools.sh
	@tools=$$(tests/tools/tools.sh --print) && \
	  JETHOOK_TEST_TOOLS=$$tools JETHOOK_ATTACKS=long cargo test --locked --profile attacks --test attacks

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ_SECONDS (600) each, with new inputs each time
	@JETHOOK_FUZZ_SECONDS=$${FUZZ_SECONDS:-600} cargo test --locked --profile attacks --test attacks -- fuzz:: --test-threads 2

.PHONY: bench
bench: ## jethook beside its floor: CPU, throughput, latency, memory (OPTIONS='--rounds 1 --only "25 KiB"')
	@echo '== make bench: 10 minutes, after release builds (20 minutes cold)'
	@PROFILE='$(PROFILE)' benches/bench.sh $(OPTIONS)

.PHONY: bench-peers
bench-peers: ## the same beside receivers written in Go, Node and FastAPI, Bento, and Django with Celery (PEERS='go node': some)
	@echo '== make bench-peers: 6 minutes, after release builds (25 minutes cold)'
	@PROFILE='$(PROFILE)' benches/bench.sh --peers $(OPTIONS)

.PHONY: bench-scale
bench-scale: ## 10,000 endpoints in a real apiserver: start, memory, apply to live, what the apiserver is asked (ENDPOINTS=…)
	@echo '== make bench-scale: 9 minutes, after a release build (20 minutes cold)'
	@tests/tools/tools.sh
	@tools=$$(tests/tools/tools.sh --print) && JETHOOK_TEST_TOOLS=$$tools cargo test $(PROFILE) --locked --test scale

.PHONY: build
build: ## target/release/jethook
	@cargo build --release --locked

.PHONY: fmt
fmt: ## format the code
	@cargo fmt

.PHONY: lint
lint: ## clippy, warnings denied
	@cargo clippy --all-targets --locked -- -D warnings

.PHONY: generate
generate: ## write the generated files again (CRDs, pages, the chart's README and schema) after a change of what they come from
	@UPDATE=1 cargo test --locked generated

.PHONY: tools
tools: ## provide what the tests run, from kube-apiserver to helm (15 minutes cold, then kept for every clone)
	@tests/tools/tools.sh

.PHONY: clean-tools
clean-tools: ## delete the tools that were built
	@tests/tools/tools.sh --clean
