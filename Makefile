# Two commands for newcomers: `make demo` and `make test`. Both make their own virtual environment in .venv.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto

.DELETE_ON_ERROR:
.PHONY: demo test lint format clean

demo: .venv/run
	@$(BIN)/calsync demo

test: .venv/dev
	$(BIN)/python -m pytest -n $(JOBS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/pyvenv.cfg:
	@$(PYTHON) -m venv .venv

.venv/run: .venv/pyvenv.cfg pyproject.toml
	@echo "Installing calsync into .venv, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]'
	@touch $@

.venv/dev: .venv/run
	@echo "Installing what tests need into .venv, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
