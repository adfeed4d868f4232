# Every target sets up what it needs: a virtual environment in .venv with the locked dependencies, or with those that
# running needs.
.DEFAULT_GOAL := help
.PHONY: help setup run up test test-fast test-all test-slow tests faults mutants bench results emulators lint catalogs lock docs reference pictures audit sbom release clean
SHELL := /bin/bash

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
ARGS ?=
# Two for each core: a third of the tests' time is spent waiting for clocks and processes.
PROCESSES = $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
LOCALE ?=
# What the tests take for the time: such as +400d, by libfaketime, which leaves the times of files as they are. What
# Python has compiled would be too new or too old for it. It reads its variable once: if it did so every ten seconds, a
# test that sets a variable meanwhile would give its process the real time until the next reading. Its fix for monotonic
# clocks is off, since it makes every thread that waits for Python's lock use the processor.
CLOCK ?=
MOVED := NO_FAKE_STAT=1 FAKETIME_CACHE_DURATION=86400 FAKETIME_FORCE_MONOTONIC_FIX=0 faketime --disable-shm --exclude-monotonic
# What the kinds need beside that, where they need anything.
OF_KINDS := $(wildcard kinds.lock)

help: ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready ## the virtual environment and all locked dependencies, those of the tests and linters too

# What running needs is a part of it, at the same versions.
.venv/.run: requirements-run.lock $(OF_KINDS) emulators/pyproject.toml
	$(check-python)
	@$(PYTHON) virtual_environment.py $(filter %.lock,$^)
	$(install-emulators)
	@touch $@

# Compiled on all cores: the tests are many processes. What `make run` imports, it compiles itself, which is less.
.venv/.ready: requirements.lock $(OF_KINDS) emulators/pyproject.toml
	$(check-python)
	@$(PYTHON) virtual_environment.py $(filter %.lock,$^) --exact --compile-bytecode
	$(install-emulators)
	@touch .venv/.run $@

# The emulators are a package of this repository, which has no hash: git has it. What they need is in the locks, and uv
# itself builds it, so nothing comes from elsewhere. A project finds them beside the pipeline (operations/projects/launch.py).
define install-emulators
	@$(BIN)/uv pip install --quiet --offline --no-deps --python $(BIN)/python --editable emulators
endef

define check-python
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
endef

run: .venv/.run ## the whole pipeline once, on this machine: sample users, their emails, a summary
	@$(BIN)/python -m local_pipeline up --once $(ARGS)

up: .venv/.run ## the same, and go on making runs until Ctrl-C
	@$(BIN)/python -m local_pipeline up $(ARGS)

PYTEST = $(if $(CLOCK),$(MOVED) -f '$(CLOCK)' )$(BIN)/python -m pytest -c pyproject.toml --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

test: setup ## what to run before a push (ARGS="-k name" for some)
	@$(PYTEST) --selection=everyday $(ARGS)

test-fast: setup ## those of them that need no service and start no process, for every change
	@$(PYTEST) --selection=fast $(ARGS)

test-all: setup ## all tests that `make test` leaves out: the emulators, every fault, whole deployments
	@$(PYTEST) --selection=thorough $(ARGS)

test-slow: setup ## all tests but those of `make test-fast`
	@$(PYTEST) --selection=slow $(ARGS)

# In one command, since each of its processes collects all tests first, which takes six seconds of a processor.
tests: setup ## what `make test` and `make test-all` run, with a shorter drill, in less time than both take
	@$(PYTEST) $(ARGS)

# Each process of the tests would compile them again: four seconds of a processor.
test test-fast test-all test-slow tests: export PYTHONDONTWRITEBYTECODE :=

faults: setup ## the proof: everything that can fail does (ARGS="--reports 10000 --seed 1")
	@$(MAKE) --no-print-directory -C proof $@

mutants: setup ## whether harness and tests notice deliberate mistakes (ARGS="'moved back'" for some, ARGS=--list)
	@$(MAKE) --no-print-directory -C proof $@

bench: setup ## how fast it is (ARGS="fan-out memory" for some; see docs/explanation/performance.md)
	@$(MAKE) --no-print-directory -C proof $@

results: setup ## the proof's tables and pictures in proof/results, which takes an hour; a release carries them
	@$(MAKE) --no-print-directory -C proof $@

emulators: setup ## the emulators as a wheel in emulators/dist, tried in empty environments of each Python there is
	@cd emulators && UV=$(CURDIR)/$(BIN)/uv $(CURDIR)/$(BIN)/python -m pytest local_cloud_tests/trial.py $(ARGS)

# The pages of beliefs, commands, outcomes, and of the kit are made from the code. docs/words.txt has words that are in no dictionary.
PROSE := README.md CONTRIBUTING.md $(filter-out docs/reference/beliefs.md docs/reference/commands.md docs/reference/outcomes.md docs/reference/report-kit.md,$(wildcard docs/*.md docs/*/*.md))

lint: setup ## formatting, lint, types, import walls, shell scripts, workflows, spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=emulators/src:emulators $(BIN)/lint-imports
	@$(BIN)/shellcheck .ci/run $(wildcard *.sh) reports
	@$(BIN)/harper lint --quiet --no-color --format compact --only SpellCheck --user-dict-path docs/words.txt $(PROSE)
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows $(wildcard .github/workflows/*.yaml) $(addprefix examples/github-actions/, project.yaml deploy.yaml)

catalogs: .venv/.run ## the reports' words: add new ones to every language (LOCALE=fr begins another one)
	@./reports catalogs $(LOCALE)

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

CONSOLE := operations/console/requirements.txt
# The ranges that the emulators work with: of them the locks choose.
EMULATORS := emulators/pyproject.toml

# What only kinds of report need is not among it, but in kinds.lock.
lock: setup ## resolve the requirements again, after one was changed, also in a kind's needs.yaml
	@$(COMPILE) functions/*/requirements.txt $(CONSOLE) $(EMULATORS) requirements-run.in requirements-deployment.in requirements-dev.in -o requirements.lock
	@$(COMPILE) functions/*/requirements.txt $(CONSOLE) $(EMULATORS) requirements-run.in -c requirements.lock -o requirements-run.lock
	@$(COMPILE) requirements-deployment.in -c requirements.lock -o requirements-deployment.lock
	@$(COMPILE) proof/benchmarks/peers/requirements.in -o proof/benchmarks/peers/requirements.lock
	@$(COMPILE) requirements-release.in -o requirements-release.lock
	@./reports lock

docs: setup ## the documents as a site in site/; a dead link, or a page that the contents lack, ends it
	@$(BIN)/python -m tests.documents.site
	@echo "Open site/index.html in a browser."

reference: setup ## the parts of the documents that come from the code
	@$(BIN)/python -m tests.documents.reference

pictures: setup ## the pictures in the README, and of every page of the console (in .pictures), taken again with Chromium
	@$(BIN)/python -m tests.mails.pictures
	@$(BIN)/python -m tests.browser.pictures

RELEASE_TOOL := $(BIN)/uv run --quiet --no-project --isolated --with-requirements requirements-release.lock

audit: setup ## whether PyPI knows of a vulnerability in a locked package
	@$(RELEASE_TOOL) pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements.lock -r requirements-release.lock

# The list of a lock is flat, as the lock is.
sbom: export PYTHONWARNINGS := ignore::UserWarning:cyclonedx.model.bom
sbom: setup ## what each function and the console are made of, as CycloneDX (in dist)
	@mkdir -p dist
	@set -o pipefail; for folders in $(dir $(wildcard functions/*/requirements.txt)) "operations/console functions/worker"; do \
		file="dist/$$(basename "$${folders%% *}").cdx.json" && \
		$(BIN)/python -m deployment.package_lock $$folders | \
		$(RELEASE_TOOL) cyclonedx-py requirements - --pyproject pyproject.toml --output-reproducible -o "$$file" && \
		echo "$$file" || exit 1; done

release: setup ## check all that a tag needs, make its files in dist, and say how to tag
	@$(BIN)/python -m operations.releases.release_check
	@$(MAKE) --no-print-directory lock
	@git diff --exit-code --stat -- '*.lock' || { echo "The locks did not hold what the requirements say. Look at them, and commit them." >&2; exit 1; }
	@$(MAKE) --no-print-directory audit
	@bash .ci/run
	@$(MAKE) --no-print-directory sbom
	@$(MAKE) --no-print-directory results
	@tar -C proof -czf dist/proof-results.tar.gz results
	@$(BIN)/python -m operations.releases.release_check notes >dist/notes.md
	@$(BIN)/python -m operations.releases.release_check how-to-tag

clean: ## remove what the other targets made
	@rm -rf dist emulators/dist proof/results .venv .local_cloud .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .pictures .site .cache site
