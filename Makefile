# Every target works as the first command on a fresh machine: each makes .venv if it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
NOTEBOOK_READY := $(VENV)/.notebook-ready
BENCH_READY := $(VENV)/.bench-ready
WHEELS_READY := $(VENV)/.wheels-ready
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup train test test-slow test-slurm test-all lint kernel-compilers wheels format bench bench-small bench-update bench-cells bench-where bench-data bench-command bench-report reference docs notebook report clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

$(READY): pyproject.toml setup.py constraints.txt $(wildcard src/irnn/kernels/cpp/*)
	$(PYTHON) -m venv $(VENV)
	@echo "Installing PyTorch and all else into $(VENV), and building the kernel: one to three minutes."
	$(PIP) --no-compile --editable '.[dev]'
	@# pip would compile some ten thousand files one after another; this uses all cores. Not all are for this Python.
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib src || true
	@$(BIN)/irnn-train --version
	@touch $@

# Extras are asked for by the package's name: it is installed, and its kernel need not be built again.
setup: $(READY) ## Make .venv with everything installed at the tested versions

train: $(READY) ## Train the default IRNN until it adds two numbers 150 steps apart
	$(BIN)/python -m irnn.train $(ARGS)

test: $(READY) ## Run the tests (some minutes on two cores)
	$(BIN)/python -m pytest -n auto -m 'not slow and not slurm' $(ARGS)

test-slow: $(READY) ## Run the tests that `make test` leaves out for their time
	$(BIN)/python -m pytest -n auto -m 'slow and not slurm' $(ARGS)

test-slurm: $(READY) ## Run sweeps on a real Slurm of one node (root; slurm-wlm, munge)
	$(BIN)/python -m pytest -m 'slurm and not slow' $(ARGS)

test-all: $(READY) ## Run all tests: also Slurm, the longer kills, and a short length solved for real
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(READY) ## Check lint, format and types, as CI does
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

kernel-compilers: $(READY) ## Build the kernel with each compiler here; ROOT=/some/folder adds Debian 13
	PYTHON=$(abspath $(BIN))/python .ci/kernel-compilers $(ROOT)

$(WHEELS_READY): $(READY)
	$(PIP) 'irnn[wheels]'
	@touch $@

wheels: $(WHEELS_READY) ## Build wheels with the kernel for Linux and macOS into dist/ (PLATFORMS=... for some)
	PYTHON=$(BIN)/python .ci/wheels $(PLATFORMS)

format: $(READY) ## Rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BENCH_READY): $(READY)
	$(PIP) 'irnn[bench]'
	@touch $@

bench: bench-update bench-cells bench-where bench-data bench-command ## Check parity, then time everything (a quarter of an hour; installs JAX)

bench-small: $(BENCH_READY) ## Run each part of `make bench` small: that it works, never how fast anything is
	$(MAKE) bench-update ARGS='--steps 20 --batch 4 --hidden 16 --threads 1 --rounds 1 --contenders irnn nn.RNN "jax scan"'
	$(MAKE) bench-cells ARGS='--models gru --steps 20 --threads 1 --large --rounds 1 --contenders irnn nn.RNN'
	if perf stat -e cycles:u true > /dev/null 2>&1; then $(MAKE) bench-where ARGS='--models gru --steps 20'; fi
	$(MAKE) bench-data ARGS='--rounds 1'
	$(MAKE) bench-command ARGS='--parts help'

bench-update: $(BENCH_READY) ## Check parity, then time an update against its peers
	$(BIN)/python benchmarks/update.py $(ARGS)

bench-cells: $(BENCH_READY) ## The same for LSTM, GRU and tanh networks; ends with the tables' rows
	$(BIN)/python benchmarks/cells.py $(ARGS)

bench-where: $(READY) ## Sample where an update of each cell spends its time (Linux, perf)
	$(BIN)/python benchmarks/where.py $(ARGS)

bench-data: $(READY) ## Time the data against a dataset that makes one sequence at a time
	$(BIN)/python benchmarks/data.py $(ARGS)

bench-command: $(READY) ## Time the command: --help, first update, solved at T=150, peak memory
	$(BIN)/python benchmarks/command.py $(ARGS)

bench-report: $(READY) ## Time a report on 1,000 runs, and measure its memory
	$(BIN)/python benchmarks/report.py $(ARGS)

reference: $(READY) ## Write docs/settings.md, the list of decisions and the tables of published rows
	$(BIN)/python docs/reference.py

$(DOCS_READY): $(READY)
	$(PIP) 'irnn[docs]'
	@touch $@

docs: $(DOCS_READY) reference ## Build the documentation as a site into site/
	$(BIN)/python docs/records/reports.py
	$(BIN)/zensical build --clean --strict

$(NOTEBOOK_READY): $(READY)
	$(PIP) 'irnn[notebook]'
	@touch $@

notebook: $(NOTEBOOK_READY) ## Open the guided tour in JupyterLab
	$(BIN)/jupyter lab notebooks/adding_problem.ipynb $(ARGS)

report: $(READY) ## Report on every run in runs/ (table, report/report.html, report/summary.csv)
	$(BIN)/python -m irnn.report runs --out report $(ARGS)

clean: ## Remove the environment, builds and caches; never runs/
	rm -rf $(VENV) build dist site .cache src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
