# Two commands for newcomers: `make demo` and `make test`. Both make their own virtual environment in .venv.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto
APT := DEBIAN_FRONTEND=noninteractive timeout 120 apt-get -o DPkg::Lock::Timeout=60

.DELETE_ON_ERROR:
.PHONY: demo test bench lint format clean

demo: .venv/run
	@$(BIN)/calsync demo

test: .venv/dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# Ratios against peers and floors: ten minutes; `make bench SCALE=--quick` takes two. See docs/benchmarks.md.
bench: .venv-bench/ready
	@.venv-bench/bin/python -m benchmarks $(SCALE)

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
	@command -v git-lfs >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  { $(APT) install -y git-lfs || { $(APT) update && $(APT) install -y git-lfs; }; }; } \
	  >/dev/null 2>&1 </dev/null || echo "git-lfs is not installed: the tests that need it are skipped"
	@touch $@

.venv-bench/ready: pyproject.toml benchmarks/requirements.txt
	@echo "Installing calsync and what it is compared with into .venv-bench, once"
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]' -r benchmarks/requirements.txt
	@touch $@

clean:
	rm -rf .venv .venv-bench .mypy_cache .pytest_cache .ruff_cache .hypothesis
