# Everything runs in .venv, made from hashed lock files; nothing is needed but make and Python 3.11 or newer.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=
REGISTER ?=

BIN := .venv/bin
PACKAGES := domain application infrastructure api audit
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Made ahead, since every process of a service, and every command, would else compile the whole house again where
# PYTHONDONTWRITEBYTECODE is set, or the folder may not be written to.
BYTECODE = $(BIN)/python -m compileall -q $(PACKAGES)
INSTALLED := .venv/installed
INSTALLED_DEV := .venv/installed-dev
# uv follows its own rules about colours and caches; the lock files must depend on none of the caller's settings.
# Extras are kept: pip refuses the hash of "coverage[toml]" once a newer coverage is out, if only "coverage" is pinned.
COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-header \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --no-emit-build-options $(LOCK_FLAGS)
LOCK_FLAGS ?= --upgrade

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run test lint format bench coverage lock install clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Play a year of the ledger and prove it; REGISTER=file.csv starts from a register of lifts.
	@$(BYTECODE)
	$(BIN)/liftledger demo $(if $(REGISTER),--register "$(REGISTER)")

run: $(INSTALLED) ## Run the service; ARGS="…" are passed on.
	@$(BYTECODE)
	$(BIN)/liftledger run $(ARGS)

test: $(INSTALLED_DEV) ## Run every test that does not measure speed; ARGS="…" go to pytest, JOBS=2 processes.
	@$(BYTECODE) tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint: $(INSTALLED_DEV) ## Check rules, form, types and layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED_DEV) ## Set imports and form right.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: $(INSTALLED_DEV) ## Run the tests and show which branches they never took.
	@$(BYTECODE) tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-report=term-missing $(ARGS)

bench: $(INSTALLED_DEV) ## Measure; ARGS="…" choose what.
	@$(BYTECODE) bench
	$(BIN)/python -m bench $(ARGS)

lock: $(BIN)/python ## Renew the lock files; LOCK_FLAGS= keeps versions that still fit.
	$(PIP) install --require-hashes --requirement requirements/lock.txt
	$(COMPILE) pyproject.toml --output-file requirements/base.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements/base.txt --output-file requirements/dev.txt
	$(COMPILE) --group build --constraint requirements/dev.txt --output-file requirements/build.txt
	$(COMPILE) --group lock --output-file requirements/lock.txt

install: $(INSTALLED_DEV) ## Install everything into .venv, for editors and for single tools.

clean: ## Remove caches and what was built; the ledger in var/ and .venv stay.
	rm -rf build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LiftLedger needs Python 3.11 or newer; try make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv

# The lock files hold every dependency, so the project itself is installed without looking for any.
$(INSTALLED): requirements/base.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes --requirement requirements/base.txt --requirement requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): requirements/dev.txt $(INSTALLED)
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@
