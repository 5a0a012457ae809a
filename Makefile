# Casewright: few verbs. `make` prints them.
#
# Everything lives in .venv, made with $(PYTHON); `make run PYTHON=python3.12` takes another one.
# Stamps in .venv remember what was installed, so nothing is done twice.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# The locks are complete (no resolving) and carry hashes; byte code is written when a module is first imported.
INSTALL := $(PIP) install -qq --no-deps --no-compile --require-hashes
# The checkout itself: no wheel is fetched, setuptools is in the lock.
INSTALL_SELF := $(PIP) install -qq --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test lint bench docs lock clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## Start everything in one process at http://127.0.0.1:8080 (CASEWRIGHT_PORT, CASEWRIGHT_DATA)
	@exec $(BIN)/casewright up

demo: $(VENV)/run.stamp ## Walk through the house with made-up cases
	@exec $(BIN)/casewright demo

test: $(VENV)/dev.stamp ## Run the tests on all cores (ARGS="-k words" to choose)
	@exec $(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: $(VENV)/dev.stamp ## Check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/dev.stamp ## Measure throughput and latency
	@exec $(BIN)/python -m tests.bench

docs: $(VENV)/run.stamp ## Write the diagrams and tables that are derived from the procedures
	@exec $(BIN)/casewright docs

lock: ## Choose newest allowed versions anew and write requirements/*.lock
	@rm -rf $(VENV)/uv && $(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install -qq --disable-pip-version-check uv
	@$(LOCK) -o requirements/run.lock
	@$(LOCK) --extra dev --constraint requirements/run.lock -o requirements/dev.lock
	@rm -rf $(VENV)/uv

# One lock for Python 3.11 and newer on every platform; no header and no notes, so that no path or host stands in it.
LOCK = $(VENV)/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --group build pyproject.toml

clean: ## Remove .venv and what tools leave behind; data stays
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- setting up -----------------------------------------------------------------------------------------------------

$(VENV)/venv.stamp:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Casewright needs Python 3.11 or newer, and '$(PYTHON)' is not here. Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Casewright needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' lacks venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: $$($(PYTHON) -V) in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/run.stamp: requirements/run.lock pyproject.toml $(VENV)/venv.stamp
	@echo "setup: installing $$(grep -c '^[a-z]' requirements/run.lock) packages from requirements/run.lock"
	@$(INSTALL) --requirement requirements/run.lock
	@$(INSTALL_SELF)
	@echo "setup: ready"
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp
	@echo "setup: adding the tools of requirements/dev.lock"
	@$(INSTALL) --requirement requirements/dev.lock
	@touch $@
