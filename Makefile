# make fit CONFIG=configs/cifar_bn_small.yaml ARGS="--trainer.max_epochs 3"
# The tested versions, with hashes: make fit LOCKED=1
# An environment of your own: make fit VENV=$CONDA_PREFIX; another interpreter: PYTHON=python3.12
CONFIG ?= configs/digits_bn.yaml
ARGS ?=
PYTHON ?= python3
LOCKED ?=
# Test processes, each with one thread; one that is done takes over what another has not begun. Tests
# that use all cores run alone.
JOBS ?= 2
VENV ?= .venv
BIN := $(VENV)/bin

# An interpreter that is too old is refused before it makes an environment that stays.
OLD := error: alexnet_lightning needs Python 3.11 or later, not %d.%d; make fit PYTHON=python3.12 takes another
MAKE_VENV = test -x $(BIN)/python || { \
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(OLD)" % sys.version_info[:2])' \
	&& $(PYTHON) -m venv $(VENV); }

.DEFAULT_GOAL := help
.PHONY: help install fit test lint test-slow test-matrix notebooks docs lock

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

install: $(VENV)/.alexnet_lightning_dev ## Make the virtual environment and install everything into it

# Training needs this much; the tests need more.
$(VENV)/.alexnet_lightning: pyproject.toml
	@$(MAKE_VENV)
	$(BIN)/python -m pip install --quiet -e .
	touch $@

# --no-build-isolation: setuptools comes from the lock, too.
$(VENV)/.alexnet_lightning_locked: pyproject.toml requirements.lock
	@$(MAKE_VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.alexnet_lightning_dev: $(VENV)/.alexnet_lightning
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	-$(BIN)/python -m alexnet_lightning.explanations.lesson.runtime  # else the tests of its page are skipped
	touch $@

fit: $(VENV)/.alexnet_lightning$(if $(LOCKED),_locked) ## Train and test CONFIG (default: digits); LOCKED=1 installs requirements.lock
	$(BIN)/python -m alexnet_lightning.fit --config $(CONFIG) $(ARGS)

lint: install ## Check style, types, the one-way order of imports, and the figures of the pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/values.py --check

test: install ## Run the tests (under five minutes on two cores)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow"

test-slow: install ## Run the tests that take minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "slow and not all_cores"
	$(BIN)/python -m pytest -m "slow and all_cores" --durations=20

test-matrix: install ## Run the tests with every Python found, with torch 2.10 and the newest
	$(BIN)/python -m pip install --quiet uv
	PATH="$(abspath $(BIN)):$$PATH" JOBS=$(JOBS) .ci/test-matrix

notebooks: install ## Execute the notebooks and keep their output
	$(BIN)/python notebooks/execute.py notebooks/*.ipynb

docs: install ## Build the documentation as a site in site/; a dead link fails
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The versions of this environment, which the tests have run with; what it lacks is resolved.
lock: install ## Write requirements.lock: the tested versions with hashes, Linux, Python 3.11 or later
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/tested.txt
	$(BIN)/python -m uv pip compile pyproject.toml --quiet --universal --upgrade --extra use \
		--constraints $(VENV)/tested.txt --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.lock
