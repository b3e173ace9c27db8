# What a stranger needs: `make tune`, `make ui`, `make test`, `make bench`. Each sets up .venv first, if need be.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.test-installed
BENCH_STAMP := $(VENV)/.bench-installed
PEERS_VENV := .venv-peers
PEERS_STAMP := $(PEERS_VENV)/.installed
EXAMPLE := examples/machine_failure.csv

DATA ?= $(EXAMPLE)
TARGET ?= $(if $(filter $(EXAMPLE),$(DATA)),machine_failure)
ARGS ?=
TABLES ?= $(EXAMPLE):machine_failure
# The example's holdout is spent by the first run; whoever tries the example again knows that.
REOPEN := $(if $(filter $(EXAMPLE),$(DATA)),--reopen-holdout "the shipped example is run again and again")

.DEFAULT_GOAL := help
.PHONY: help install tune ui test pictures bench bench-peers clean

help: ## Show this help
	@echo "make tune                        the whole process on the shipped example (at most 5 minutes)"
	@echo "make tune DATA=my.csv TARGET=y   ... on a table of your own; ARGS=... passes further flags"
	@echo "make ui                          browse the jobs in MLflow"
	@echo "make test                        all checks and tests"
	@echo "make pictures                    take the pictures of the documentation anew, in a Chromium (about 5 minutes)"
	@echo "make bench                       speed against a bare loop of torch, skorch and Lightning (about 20 minutes)"
	@echo "make bench TABLES=\"a.csv:y ...\" ... with the search on tables of your own"
	@echo "make bench-peers                 set up .venv-peers: the tools that python -m benchmarks.quality compares with"
	@echo "make clean                       remove .venv, .venv-peers and caches; jobs in mlruns/ stay"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "autoproc needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing)." \
	    "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Setting up $(VENV), once: 1.9 GB, some minutes without a word."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

tune: $(STAMP)
	@test -n "$(TARGET)" || { echo "Name the column to predict: make tune DATA=$(DATA) TARGET=column" >&2; exit 2; }
	$(BIN)/autoproc tune "$(DATA)" --target "$(TARGET)" $(REOPEN) $(ARGS)

ui: $(STAMP)
	$(BIN)/autoproc ui $(ARGS)

# The driver of a browser, which only looking at pages needs, is large.
$(TEST_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,browser]'
	@touch $@

pictures: $(TEST_STAMP)
	$(BIN)/python -m tools.pictures

test: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict autoproc
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 $(ARGS)

$(BENCH_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@touch $@

bench: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks.throughput --markdown
	$(BIN)/python -m benchmarks.search $(TABLES) --markdown
	$(BIN)/python -m benchmarks.overhead $(firstword $(TABLES))

# Other tools pin other versions of what autoproc uses too: they live in an environment of their own.
$(PEERS_STAMP): $(BENCH_STAMP) benchmarks/peers/constraints.txt
	@test -x $(PEERS_VENV)/bin/python || $(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c benchmarks/peers/constraints.txt '.[bench-peers]'
	@touch $@

bench-peers: $(PEERS_STAMP)

clean:
	rm -rf $(VENV) $(PEERS_VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find autoproc tests -type d -name __pycache__ -prune -exec rm -rf {} +
