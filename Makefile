# One word for each thing; every target installs what it needs into .venv first. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROJECTS := $(sort $(wildcard plugins/*/pyproject.toml))
PLUGINS := $(foreach project,$(PROJECTS),-e ./$(patsubst %/pyproject.toml,%,$(project)))
SOURCES := $(sort $(wildcard plugins/*/src))
INPUTS := pyproject.toml constraints.txt $(PROJECTS)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# more than cores: many tests wait for routers, locks and deadlines
WORKERS ?= 4

empty :=
space := $(empty) $(empty)
export MYPYPATH := $(subst $(space),:,$(SOURCES))
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help install demo test faults killed hung check docs lab bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "NornFlow needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }

# A stamp says for which inputs the environment was made: the second `make` does not ask pip again.
$(VENV)/.stamp-run: $(INPUTS) | $(BIN)/python
	@echo "installing NornFlow and its plugins into $(VENV) ..."
	@$(PIP) -e '.[testing]' $(PLUGINS)
	@touch $@

$(VENV)/.stamp-dev: $(INPUTS) | $(BIN)/python
	@echo "installing NornFlow, its plugins and the development tools into $(VENV) ..."
	@$(PIP) -e '.[dev]' $(PLUGINS)
	@touch $@ $(VENV)/.stamp-run

install: $(VENV)/.stamp-dev ## make .venv with NornFlow, its plugins and the development tools

demo: $(VENV)/.stamp-run ## watch a change being planned, run, verified and taken back on four simulated routers
	@$(BIN)/nornflow demo

test: $(VENV)/.stamp-dev ## run the tests but those of `make check` and `make faults` (lab tests need root and FRR, and say so where they are skipped)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --ignore tests/docs -m "not faults"

faults: $(VENV)/.stamp-dev ## kill and freeze processes in the middle of changes, take databases away, and see that nothing is lost or done twice
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m faults tests/e2e tests/contracts

killed: $(VENV)/.stamp-dev ## kill a change at every single entry of its journal and resume it (half an hour; `make faults` takes some)
	EVERY_ENTRY=1 $(BIN)/python -m pytest -n $(WORKERS) -q tests/e2e/test_killed.py

hung: $(VENV)/.stamp-dev ## let 200 devices hang beside 300 that do not, in a command and in the login (a minute and a half)
	MANY_HUNG=1 $(BIN)/python -m pytest -q --durations=2 tests/functional/test_deadlines.py -k healthy

check: $(VENV)/.stamp-dev ## lint, types, layers and the tests of the documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict nornflow $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n $(WORKERS) tests/docs

docs: $(VENV)/.stamp-dev ## write the reference pages that are made of the code
	@for generator in docs/generate*.py; do echo $$generator; $(BIN)/python $$generator; done

lab: $(VENV)/.stamp-dev ## the same change on four real FRR routers that speak BGP (root; installs FRR on Debian)
	@.ci/lab-packages
	EVERY_CHANGE=1 $(BIN)/python -m pytest -n 0 -m lab -v tests/lab
	$(BIN)/nornflow demo --frr

bench: $(VENV)/.stamp-dev ## compare with a plain Nornir script (wall, CPU, memory), and leave runs to workers
	$(BIN)/python benchmarks/run.py

clean: ## remove .venv and everything that was built or cached
	rm -rf $(VENV) benchmarks/.venv-peer build dist .nornflow .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
