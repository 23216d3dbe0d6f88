PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install up demo test check format bench docs clean

install: $(VENV)/installed ## everything into .venv

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

up: install ## run everything on embedded defaults, data in ./data
	$(BIN)/sessiontrail up

demo: install ## send a few sessions to the running pipeline
	$(BIN)/sessiontrail demo

test: install ## every test, real parts included
	$(BIN)/python -m pytest

check: install ## lint, formatting, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install ## let ruff write what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## measure, into benchmarks/results/
	$(BIN)/python -m benchmarks.embedded
	$(BIN)/python -m benchmarks.kafka
	$(BIN)/python -m benchmarks.query
	$(BIN)/python -m benchmarks.large
	$(BIN)/python -m benchmarks.overload

docs: install ## render docs/configuration.md and docs/metrics.md
	$(BIN)/python -m runtime.reference

clean: ## remove what was built and what is stored
	rm -rf $(VENV) data build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
