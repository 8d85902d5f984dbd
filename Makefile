# All that the machine must have: make and Python 3.11 to 3.13 with venv. Everything else is installed here, from the lock files.
SHELL := /bin/bash
.DELETE_ON_ERROR:
UV_VERSION := 0.13.9
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
BIN := .venv/bin
ARGS ?=
# Tests start hundreds of processes: with compiled modules on disk each starts in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast check bench setup setup-demo docs lock clean format test-peers picture

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup-demo ## everything on this machine, live: Kafka, ClickHouse, worker, receiver, example shop, load, faults
	$(BIN)/tailrace demo $(ARGS)

test: setup ## all tests, on a real Kafka and ClickHouse's real engine
	$(BIN)/python -m pytest $(ARGS)

test-fast: setup ## units and laws alone, no servers: some minutes
	$(BIN)/python -m pytest tests/unit $(ARGS)

check: .venv/.ready ## format, lint, types, imports, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/sizes.py

format: .venv/.ready ## mend what the formatter and the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## speed of the kernels; ARGS=--help names the longer ones: against peers, delay, scale and others
	$(BIN)/python -m benchmarks $(ARGS)

docs: setup ## the pages as a site, in .site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file infra/docs/mkdocs.yml

picture: setup-demo ## draw docs/live.svg from a run of the demo
	$(BIN)/tailrace demo --seconds 165 --picture docs/live.svg

setup: .venv/.ready ## the environment for development in .venv, from requirements-dev.lock, and compiled kernels
	@$(MAKE) --no-print-directory --silent .venv/.kernels

setup-demo: .venv/.demo ## the smaller one for `make demo`, from requirements-demo.lock
	@$(MAKE) --no-print-directory --silent .venv/.kernels

# Said before anything is fetched: a resolver would only speak of wheels that are missing.
PYTHON_FITS := import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else \
	"Tailrace runs on Python 3.11 to 3.13, and $(PYTHON) is %d.%d: name another, as in make setup PYTHON=python3.12" % v)

.PHONY: python-fits
python-fits:
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON): name a Python 3.11 to 3.13, as in make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(PYTHON_FITS)'

.cache/uv/bin/uv: | python-fits
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet uv==$(UV_VERSION)

PROJECT := pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
.venv/.ready: requirements-dev.lock pyproject.toml | python-fits $(filter .cache/uv/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements-dev.lock
	$(UV) $(PROJECT)
	@touch $@ .venv/.demo

.venv/.demo: requirements-demo.lock pyproject.toml | python-fits $(filter .cache/uv/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip install --quiet --python .venv/bin/python --require-hashes --requirement requirements-demo.lock
	$(UV) $(PROJECT)
	@touch $@

# Made by the environment that is there by now. Without it the first worker compiles: slower, not wrong.
.venv/.kernels: requirements.lock $(wildcard pipeline/kernels/*.py pipeline/kernels/*/*.py)
	@$(BIN)/python -m pipeline.warm && touch $@ || echo "kernels not compiled ahead: the first worker will"

COMPILE := pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-package tailrace
lock: | $(filter .cache/uv/bin/uv,$(UV)) ## resolve the dependencies anew into the lock files
	$(UV) $(COMPILE) --extra dev --output-file requirements-dev.lock pyproject.toml
	$(UV) $(COMPILE) --extra demo --extra build --constraint requirements-dev.lock --output-file requirements-demo.lock pyproject.toml
	$(UV) $(COMPILE) --extra build --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml

COLLECTOR := .cache/peers/collector/otelcol-peer
$(COLLECTOR): benchmarks/peers/collector.yaml
	@command -v go >/dev/null || { echo "make test-peers builds the OpenTelemetry Collector and needs Go for that"; exit 1; }
	GOBIN=$(CURDIR)/.cache/peers/bin go install go.opentelemetry.io/collector/cmd/builder@v0.155.0
	.cache/peers/bin/builder --config $<
	@touch $@

test-peers: setup $(COLLECTOR) ## the OpenTelemetry Collector against our doors (builds it: needs Go, 2 minutes)
	$(BIN)/python -m pytest tests/peers $(ARGS)

clean: ## remove what was built; data stays (`tailrace data remove`)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
