# The commands of this project. `make` alone lists them.
MAKEFLAGS += --no-print-directory
PYTHON ?= python3

export UV_NO_SYNC = 1
# Where this is set, every process compiles all that it imports, for a second each.
unexport PYTHONDONTWRITEBYTECODE

UV := $(or $(shell command -v uv 2>/dev/null),.tools/uv/bin/uv)
BIN := .venv/bin
MEMBERS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
EXPORT = $(UV) export --quiet --all-packages --no-emit-workspace --no-header --no-annotate --format requirements-txt

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

# uv comes from the PATH or, pinned, from a package; never installed system-wide.
UV_FROM_PIP = -m pip install --quiet --disable-pip-version-check --target .tools/uv uv==0.13.9

.tools/uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Atelier needs Python 3.11 or newer: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then PIP_ROOT_USER_ACTION=ignore $(PYTHON) $(UV_FROM_PIP); \
	  elif $(PYTHON) -m venv .tools/venv >/dev/null 2>&1; then PIP_ROOT_USER_ACTION=ignore .tools/venv/bin/python $(UV_FROM_PIP); \
	  else echo "Atelier needs pip to fetch its tools: install python3-venv (or python3-pip)."; exit 1; fi

.venv/.stamp: requirements.txt $(MEMBERS) | $(UV)
	@echo "Making the Python environment: downloads once, then takes a second"
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(shell command -v $(PYTHON)) .venv
	@$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements.txt
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation $(patsubst %/pyproject.toml,-e %,$(MEMBERS))
	@touch $@

.PHONY: setup
setup: .venv/.stamp ## make the Python environment

.PHONY: run
run: setup ## start everything: http://localhost:3000
	@exec $(BIN)/python -m standalone

.PHONY: check
check: setup ## formatting, lint, types, imports
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/squawk -c .squawk.toml --reporter gcc migrations/*.sql
	@$(BIN)/python -m tests.support.web_client check

# What the tests of deploy/ drive, in an environment of its own: 40 MB that no start needs.
.cache/deploy/.stamp: requirements-deploy.txt | .venv/.stamp $(UV)
	@test -x .cache/deploy/bin/python || $(UV) venv --quiet --python $(BIN)/python .cache/deploy
	@$(UV) pip sync --quiet --python .cache/deploy/bin/python --require-hashes requirements-deploy.txt
	@touch $@

# Covers every branch in seconds; what else there is about the parser needs no tracing.
SCOF = $(wildcard tests/unit/scof/test_*.py)

.PHONY: test
test: check .cache/deploy/.stamp ## everything that proves it works (under 20 minutes)
	@$(BIN)/python -m tests.support.web_client test
	@$(BIN)/pytest -n 2 $(SCOF) --cov=scof --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered
	@$(BIN)/pytest -n 4 $(SCOF:%=--ignore=%)

.PHONY: test-deploy
test-deploy: setup .cache/deploy/.stamp ## build all images, start them with compose, build an app in them
	@$(BIN)/pytest tests/deploy --timeout 1500

.PHONY: chaos
chaos: setup ## faults by the hundred: kills, freezes, cuts, bad answers
	@$(BIN)/pytest tests/chaos

SOAK_S ?= 60

.PHONY: soak
soak: setup ## a fleet of every service under load, one death after another, SOAK_S=60 seconds
	@SOAK_S=$(SOAK_S) $(BIN)/pytest tests/chaos/fleet -k lives

.PHONY: bench
bench: setup ## ratios between things run side by side
	@$(BIN)/python -m tests.bench

# The fuzzer has wheels for few platforms, so it lives in an environment of its own.
.cache/fuzz/.stamp: requirements-fuzz.txt | .venv/.stamp $(UV)
	@test -x .cache/fuzz/bin/python || $(UV) venv --quiet --python $(BIN)/python .cache/fuzz
	@$(UV) pip sync --quiet --python .cache/fuzz/bin/python --require-hashes requirements-fuzz.txt
	@touch $@

FUZZ_S ?= 60

.PHONY: fuzz
fuzz: .cache/fuzz/.stamp ## hostile input for the parser, FUZZ_S=60 seconds for each promise
	@PYTHONPATH=libs/scof/src .cache/fuzz/bin/python -m tests.fuzz $(FUZZ_S)

.PHONY: contracts
contracts: setup ## generate the documents of the messages
	@$(BIN)/python -m contracts

.PHONY: lock
lock: | $(UV) ## pin the newest releases again
	@rm -f uv.lock
	@$(EXPORT) --all-groups --no-group fuzz --no-group deploy -o requirements.txt
	@$(EXPORT) --only-group deploy -o requirements-deploy.txt
	@$(EXPORT) --only-group fuzz -o requirements-fuzz.txt

.PHONY: clean
clean: ## remove what was built; data stays
	@rm -rf .venv .tools .cache services/web/node_modules services/api/src/api/static
