# All that the machine must have: make and Python >= 3.11 with venv. Everything else is installed here, from requirements.lock.
SHELL := /bin/bash
.DELETE_ON_ERROR:
UV_VERSION := 0.13.9
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
BIN := .venv/bin
ARGS ?=
# Tests start hundreds of processes: with compiled modules on disk each starts in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast check bench setup lock clean format test-peers picture

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## everything on this machine, live: Kafka, ClickHouse, worker, receiver, example shop, load, faults
	$(BIN)/tailrace demo $(ARGS)

test: setup ## all tests, on a real Kafka and ClickHouse's real engine
	$(BIN)/python -m pytest $(ARGS)

test-fast: setup ## units and laws alone, no servers: about two minutes
	$(BIN)/python -m pytest tests/unit $(ARGS)

check: setup ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## mend what the formatter and the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## speed of the kernels; ARGS=--help names the longer ones: against peers, delay, scale and others
	$(BIN)/python -m benchmarks $(ARGS)

picture: setup ## draw docs/live.svg from a run of the demo
	$(BIN)/tailrace demo --seconds 165 --picture docs/live.svg

setup: .venv/.ready ## the environment in .venv, from the lock file

.cache/uv/bin/uv:
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet uv==$(UV_VERSION)

.venv/.ready: requirements.lock pyproject.toml | $(filter .cache/uv/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

lock: | $(filter .cache/uv/bin/uv,$(UV)) ## resolve the dependencies anew into requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --extra dev --extra demo \
		--output-file requirements.lock pyproject.toml

COLLECTOR := .cache/peers/collector/otelcol-peer
$(COLLECTOR): benchmarks/peers/collector.yaml
	@command -v go >/dev/null || { echo "make test-peers builds the OpenTelemetry Collector and needs Go for that"; exit 1; }
	GOBIN=$(CURDIR)/.cache/peers/bin go install go.opentelemetry.io/collector/cmd/builder@v0.155.0
	.cache/peers/bin/builder --config $<
	@touch $@

test-peers: setup $(COLLECTOR) ## the OpenTelemetry Collector against our doors (builds it: needs Go, 2 minutes)
	$(BIN)/python -m pytest tests/peers $(ARGS)

clean: ## remove what was built (not the jar cache)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
