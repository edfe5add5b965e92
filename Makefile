# What people and CI run. `make` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export CARGO_TARGET_DIR ?= $(HOME)/.cache/weir/target
TRIPLE := x86_64-unknown-linux-gnu
WEIR := $(CARGO_TARGET_DIR)/$(TRIPLE)/release/weir
STEP := .ci/step

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: needs lint deny unit release clients ## everything CI runs: lints, tests, the release binary, real clients

.PHONY: needs
needs: ## what the other targets call for, installed where it is missing
	@$(STEP) "tools" .ci/needs

.PHONY: lint
lint: ## format and clippy
	@$(STEP) "format" cargo fmt --all --check
	@$(STEP) "lints" cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: deny
deny: ## licences, sources and bans of all dependencies
	@$(STEP) "dependencies" cargo deny --log-level error check bans licenses sources

.PHONY: unit
unit: ## unit, property, crash and mutation tests
	@$(STEP) "unit, property, crash and mutation tests" cargo test --workspace --locked -q

.PHONY: release
release: ## the static binaries: weir and weir-operator
	@$(STEP) "release build" env RUSTFLAGS="-C target-feature=+crt-static" \
		cargo build --release --locked --target $(TRIPLE) -p weir-server -p weir-operator-controller
	@ls -lh $(WEIR) $(WEIR)-operator | awk '{print "    " $$NF ": " $$5}'

.PHONY: dev
dev: release ## a broker on localhost:9092, gone with Ctrl-C
	@exec $(WEIR) dev

WORKLOADS ?=
PEERS ?= kafka
.PHONY: bench
bench: release ## Weir beside Apache Kafka and against the machine: WORKLOADS=produce-1k,… PEERS=kafka PUBLISH=1
	@$(STEP) "benchmark" e2e/bench/run --weir $(WEIR) --peers "$(PEERS)" $(if $(WORKLOADS),--workloads "$(WORKLOADS)") $(if $(PUBLISH),--publish)

.PHONY: bench-quick
bench-quick: release ## every workload once, little data, Weir alone: that each completes and reads back right
	@$(STEP) "quick benchmark" e2e/run --weir $(WEIR) --only bench

SCENARIO ?=
.PHONY: clients
clients: ## real clients in four languages, bad input, limits, kill -9 and a core of the scenarios, against the release binary
	@$(STEP) "real clients" e2e/run --weir $(WEIR)

.PHONY: e2e
e2e: release ## the same with every scenario on a real Kubernetes: more than an hour
	@$(STEP) "real clients and every scenario" e2e/run --weir $(WEIR) --all-scenarios

.PHONY: up
up: release ## a real Kubernetes on this machine: the operator, three brokers, a topic, a round trip
	@e2e/kind/run first-steps

.PHONY: down
down: ## removes all that `make up` made, but what it built
	@e2e/kind/run down

.PHONY: e2e-kind
e2e-kind: release ## what happens to clusters on a real Kubernetes, with clients at work: all, or SCENARIO="a word of its sentence"
	@$(STEP) "real Kubernetes" e2e/run --weir $(WEIR) --only kind $(if $(SCENARIO),--scenario "$(SCENARIO)",--all-scenarios)

.PHONY: e2e-kafka
e2e-kafka: ## the same programs against Apache Kafka 4.2
	@$(STEP) "real clients against Apache Kafka" e2e/run --against kafka

SEEDS ?= 10
FROM ?= 1
SECONDS ?= 60
.PHONY: faults
faults: ## random faults against three brokers: SEEDS=… FROM=… SECONDS=60
	@$(STEP) "random faults" e2e/run --weir $(WEIR) --only faults --seeds $(SEEDS) --from $(FROM) --seconds $(SECONDS)

KILLS ?= 30
.PHONY: failover
failover: ## how long a client waits for the next leader: KILLS=30 of each kind
	@$(STEP) "failover" e2e/run --weir $(WEIR) --only failover --kills $(KILLS)

.PHONY: operator-api
operator-api: ## the operator against a real API server: SCENARIO="a word of its sentence"
	@$(STEP) "operator against a real API server" env WEIR_API_SERVER=1 \
		cargo test -q --locked -p weir-operator-controller --test api_server -- "$(SCENARIO)"

.PHONY: sim
sim: ## a cluster in virtual time, seed by seed: SEEDS=10 FROM=1
	@$(STEP) "simulation" cargo run -q --profile fast --locked -p weir-sim -- --seeds $(SEEDS) --from $(FROM)

.PHONY: sim-stories
sim-stories: ## every story of the simulation is told ten times more, with other chances
	@$(STEP) "stories" cargo test -q --profile fast --locked -p weir-sim --test scenarios other_chances -- --include-ignored

.PHONY: sim-planted
sim-planted: ## every bug that is planted in the simulation is caught
	@$(STEP) "planted bugs" cargo test -q --profile fast --locked -p weir-sim --test scenarios planted -- --include-ignored
