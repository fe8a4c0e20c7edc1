# Everything starts here. Each target brings what it needs: Python 3.11 or newer, make and git suffice.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # two pips in one environment disturb each other

PYTHON ?= python3
JOBS   ?= 2
CYCLES ?= 50
RACES  := tests/integration/pricing/changes/test_at_once.py
ARGS   ?=

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BUILDS := pyproject.toml clients/python/pyproject.toml protos/pyproject.toml protos/hatch_build.py
PROTOS := $(shell find protos/footfall protos/toolchain -name '*.proto' -o -name '*.py')

# Stamps: what stands and is newer than its sources is not built again.
PYTHON_READY := $(VENV)/.python
SETUP_READY  := $(VENV)/.setup
DEV_READY    := $(VENV)/.dev
INSTALLED    := $(VENV)/.installed
STUBS        := protos/gen/footfall/py.typed

.PHONY: help setup demo up test lint gen bench faults lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STUBS) ## Install Footfall into .venv; the command is .venv/bin/footfall
	@echo 'Footfall stands at $(BIN)/footfall; go on with: make demo'

demo: $(STUBS) ## Watch real events go through gRPC into Postgres, exactly once
	@$(BIN)/footfall demo $(ARGS)

up: $(STUBS) ## Run every service until Ctrl-C
	@$(BIN)/footfall up $(ARGS)

test: $(STUBS) $(DEV_READY) ## Run all tests; some: make test ARGS=tests/unit
	$(BIN)/python -m pytest --numprocesses=$(JOBS) $(ARGS)

lint: $(STUBS) $(DEV_READY) ## Check style, types, protos and the house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code --path protos/footfall
	$(BIN)/python -m pytest --quiet tests/unit/house

gen: ## Build the stubs again, after an edit of a .proto
	@touch protos/toolchain/__init__.py && $(MAKE) --no-print-directory $(STUBS)

bench: $(STUBS) $(DEV_READY) ## Measure the claims of docs/performance.md
	$(BIN)/python -m bench $(ARGS)

faults: $(STUBS) $(DEV_READY) ## Kill services and Postgres again and again, and count what is lost
	$(BIN)/python -m pytest tests/faults $(RACES) --cycles=$(CYCLES) $(ARGS)

lock: $(DEV_READY) ## Pin the newest versions that pyproject.toml allows
	$(call compile,dev,--group dev --extra embedded --extra otel --extra parquet --upgrade)
	$(call compile,setup,--group build --extra embedded --extra otel --constraint requirements/dev.lock)
	$(call compile,runtime,--extra otel --constraint requirements/dev.lock)

clean: ## Remove all that was built; data directories stay
	rm -rf $(VENV) protos/gen protos/third_party dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# No registry is named in a lock file: it is the same wherever packages come from.
define compile
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate \
	    --no-emit-package footfall-client --no-emit-package footfall-protos \
	    $(2) --output-file requirements/$(1).lock
endef

$(PYTHON_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'Footfall needs Python 3.11 or newer; name one: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo '$(PYTHON) lacks its venv module; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@touch $@

$(SETUP_READY): requirements/setup.lock | $(PYTHON_READY)
	@echo 'Installing what Footfall stands on (a minute the first time) ...'
	@$(PIP) --require-hashes --requirement $<
	@touch $@

$(DEV_READY): requirements/dev.lock | $(PYTHON_READY)
	@echo 'Installing the tools of development ...'
	@$(PIP) --require-hashes --requirement $<
	@touch $@

$(INSTALLED): $(BUILDS) $(SETUP_READY)
	@$(PIP) --no-build-isolation --no-deps --editable protos --editable clients/python --editable .
	@touch $@

$(STUBS): $(PROTOS) $(INSTALLED)
	@echo 'Generating stubs from protos/ ...'
	@cd protos && ../$(BIN)/python -m toolchain
