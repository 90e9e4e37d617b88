# make fit CONFIG=configs/cifar_bn_small.yaml ARGS="--trainer.max_epochs 3"
# An environment of your own: make fit VENV=$CONDA_PREFIX; another interpreter: PYTHON=python3.12
CONFIG ?= configs/digits_bn.yaml
ARGS ?=
PYTHON ?= python3
# Processes that share the tests out, file by file, a thread each; tests that use all cores come alone.
JOBS ?= 2
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install fit test lint test-slow notebooks

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

install: $(VENV)/.alexnet_lightning_dev ## Make the virtual environment and install all into it

# What a training needs; the tests need more.
$(VENV)/.alexnet_lightning: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/.alexnet_lightning_dev: $(VENV)/.alexnet_lightning
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

fit: $(VENV)/.alexnet_lightning ## Train, test and keep CONFIG (default: digits, under two minutes)
	$(BIN)/python -m alexnet_lightning.fit --config $(CONFIG) $(ARGS)

lint: install ## Check style, types and the one-way order of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## Check style and types, run the tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

test-slow: install ## Run the tests that take minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "slow and not all_cores"
	$(BIN)/python -m pytest -m "slow and all_cores" --durations=20

notebooks: install ## Execute the notebooks anew and keep what they show (under two minutes)
	$(BIN)/python notebooks/execute.py notebooks/*.ipynb
