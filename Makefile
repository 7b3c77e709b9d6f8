# What a person types. Needs Python >= 3.11 and make; no root, no Docker.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

export DATA_DIR ?= ./var
export PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install install-storage install-dev peers run test lint lint-style lint-types lint-imports lint-keys lint-migrations format lock bench faults clean

help:
	@echo "make run      start Parley on http://127.0.0.1:$(PORT) (data in $(DATA_DIR))"
	@echo "make test     lint, then the suite on PostgreSQL and Redis, then its core on the embedded default; ALL=1 as in CI"
	@echo "make lint     ruff, mypy, import contract, missing migrations"
	@echo "make install  only the virtual environment"
	@echo "make install-storage  the same, with the libraries of S3, Azure Blob and Google Cloud"
	@echo "make peers    azurite, from npm, with which the tests of Azure's storage want to talk"
	@echo "make format   let ruff rewrite the code"
	@echo "make lock     make the requirements locks again from pyproject.toml"
	@echo "make bench    measure, and write docs/benchmarks.md; ROUNDS=5 ONLY=W1,W2 … as that page says"
	@echo "make faults   break everything for a quarter of an hour, and write docs/faults.md; needs nginx"
	@echo "make clean    remove what lint and test wrote"

# ---- install ----------------------------------------------------------------------------------------------------

# A stamp holds the checksum of the lock that was installed; the same lock again costs nothing.
installed = [ -x $(PY) ] && [ "$$(cat $(VENV)/$(1).stamp 2>/dev/null)" = "$$(cksum < $(1))" ]
stamp = cksum < $(1) > $(VENV)/$(1).stamp

# uv installs the lock in seconds, plain pip the same lock in a minute. uv reads none of pip's configuration, so
# where pip has an index of its own, and wherever uv fails, pip does it. uv itself is checked against the lock too.
# Both keep their caches to themselves: nothing is written outside $(VENV).
define uv-pip
$(PY) -m pip config list | grep '\.index-url=' > /dev/null && exit 1; \
sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/uv.lock && \
$(PY) -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r $(VENV)/uv.lock && \
$(PY) -m uv --no-cache --no-config pip install --quiet --python $(PY) --require-hashes -r
endef
plain-pip = $(PY) -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r

define install-lock
@if ! { $(call installed,$(1)); }; then \
	set -e; \
	$(PYTHON) -c 'import sys; sys.exit("Parley needs Python 3.11 or newer: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'; \
	$(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV); \
	echo "Installing $(1) into $(VENV)"; \
	( $(uv-pip) $(1) ) 2> $(VENV)/uv.log || { echo "Installing with pip, which takes longer"; $(plain-pip) $(1); }; \
	$(2); \
fi
endef

install:
	$(call install-lock,requirements.lock,$(call stamp,requirements.lock))

# It holds the runtime lock's versions too, and whoever keeps files elsewhere upgrades with this one.
install-storage:
	$(call install-lock,requirements-storage.lock,$(call stamp,requirements.lock) && $(call stamp,requirements-storage.lock))

# The development lock holds the runtime lock's versions, so it stands for both.
install-dev:
	$(call install-lock,requirements-dev.lock,$(call stamp,requirements.lock) && $(call stamp,requirements-dev.lock))

# What the tests talk to and no Python package brings. Its lock names no registry: npm takes it from wherever the
# machine is set up to, checks every file, and runs nothing of it.
azurite := .cache/azurite
peers:
	@if [ "$$(cat $(azurite)/stamp 2>/dev/null)" != "$$(cksum < tests/peers/azurite/package-lock.json)" ]; then \
	set -e; \
	echo "Installing azurite into $(azurite)"; \
	mkdir -p $(azurite); cp tests/peers/azurite/package.json tests/peers/azurite/package-lock.json $(azurite)/; \
	npm ci --prefix $(azurite) --cache $(azurite)/cache --ignore-scripts --no-audit --no-fund --loglevel error; \
	rm -rf $(azurite)/cache; \
	cksum < $(azurite)/package-lock.json > $(azurite)/stamp; \
	fi

# `--group lts` keeps the locks on Django's long-term release. No header and no annotations: they would repeat the
# command line. No index is recorded: `pip` and `uv` take packages from wherever the machine is set up to.
lock: install-dev
	$(PY) -m uv pip compile --quiet --upgrade $(lock-options) --group lts -o requirements.lock
	$(PY) -m uv pip compile --quiet --upgrade $(lock-options) --group lts --group dev -c requirements.lock -o requirements-dev.lock
	$(PY) -m uv pip compile --quiet --upgrade $(lock-options) --group lts $(every-storage) -c requirements-dev.lock -o requirements-storage.lock
	$(PY) -m uv pip compile --quiet --upgrade $(filter-out pyproject.toml,$(lock-options)) --group bench -c requirements-dev.lock -o requirements-bench.lock
every-storage = --extra s3 --extra azure --extra gcs
lock-options = pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

# ---- run --------------------------------------------------------------------------------------------------------

# Bytecode goes under DATA_DIR too: apart from $(VENV) nothing else is written. `exec` hands SIGTERM to the server.
run: install
	@set -e; umask 077; mkdir -p "$$DATA_DIR"; \
	export PYTHONPYCACHEPREFIX="$$DATA_DIR/pycache"; \
	$(PY) -m config.bootstrap; \
	$(PY) manage.py migrate --verbosity 0; \
	$(PY) manage.py seed_demo; \
	exec $(PY) manage.py serve

# ---- test and lint ----------------------------------------------------------------------------------------------

# Several processes, each with servers of its own, and a file of tests never in two of them: its tests may share a
# server. One process more than processors, because tests wait a good deal.
PROCESSES ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
side-by-side = -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# Tracing every line almost doubles the processor time of a test. So everyday nothing is traced, nothing is broken on
# purpose for minutes (tests/faults), and a rule that holds for many stores or cases is asked of a few (the mark
# `thorough`). Continuous integration traces everything, which has to reach 90 %, breaks everything and asks all: ALL=1.
ALL ?=
pytest = $(if $(ALL),-m coverage run) -m pytest $(side-by-side)
on-both-servers = $(if $(ALL),,--ignore tests/faults -m 'not thorough')
of-the-core = -m $(if $(ALL),core,'core and not thorough')

test: install-dev lint
	@rm -rf .cache/coverage; mkdir -p .cache/coverage
	$(PY) $(pytest) $(on-both-servers)
	PARLEY_TEST_BACKEND=embedded $(PY) $(pytest) $(of-the-core)
ifneq ($(ALL),)
	@$(PY) -m coverage combine --quiet
	$(PY) -m coverage report
endif

lint: lint-style lint-types lint-imports lint-migrations

lint-style: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

# The settings refuse to load without keys. Lint gets keys and a database of its own, whatever the shell holds.
lint-environment = env -i PATH="$$PATH" HOME="$$HOME" DATA_DIR=.cache/lint PYTHONPYCACHEPREFIX=.cache/pycache
lint-keys: install-dev
	@umask 077; rm -rf .cache/lint; mkdir -p .cache/lint
	@$(lint-environment) $(PY) -m config.bootstrap > /dev/null

lint-types: lint-keys
	$(lint-environment) $(PY) -m mypy

lint-imports: install-dev
	$(VENV)/bin/lint-imports --no-logo --cache-dir .cache/import-linter

lint-migrations: lint-keys
	$(lint-environment) $(PY) manage.py makemigrations --check --dry-run

format: install-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf .cache

# ---- bench ------------------------------------------------------------------------------------------------------

# What draws the chart has a lock of its own: nothing else needs it.
bench: install-dev
	$(call install-lock,requirements-bench.lock,$(call stamp,requirements-bench.lock))
	$(PY) -m benchmarks

# ---- faults -----------------------------------------------------------------------------------------------------

faults: install-dev
	$(PY) -m tests.faults
