# Needs Python 3.11 or newer, make, and the package registries; nothing else. `make` says what there is.
# Another Python: make test PYTHON=python3.13. It gets an environment of its own.
PYTHON ?= python3
VENV := .venv$(patsubst %,-%,$(filter-out python3,$(notdir $(PYTHON))))
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SECONDS ?= 0
TOPOLOGY ?=
ONLY ?=
PEERS ?=
.DEFAULT_GOAL := help
.PHONY: help setup fix check test test-all bench demo docs lock

help:  ## these lines
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

setup: $(READY)  ## the environment, from the lock

$(READY): requirements/dev.txt pyproject.toml tools/setup.sh
	@sh tools/setup.sh "$(PYTHON)" "$(VENV)" && touch $@

fix: $(READY)  ## format, and mend what can be mended safely
	$(RUN) -m ruff check --fix --quiet . ; $(RUN) -m ruff format --quiet .

check: $(READY)  ## form, types, floors
	@$(RUN) tools/check.py

# Workers must order sets alike, or they would call some tests by different names; each run orders them anew.
test: $(READY)  ## every test but the long ones, on up to four processors
	PYTHONHASHSEED=$$(date +%s) $(RUN) -m pytest -q --numprocesses=logical --maxprocesses=4 --dist=worksteal

test-all: $(READY)  ## every test, on every Python found here; kept in docs/evidence.md
	@$(RUN) tools/evidence.py

bench: $(READY) $(if $(filter 1,$(PEERS)),.venv-peers/.ready)  ## speed as ratios, one JSON object a line; ONLY=calls: one room; PEERS=1: others too
	@PEERS=$(PEERS) $(RUN) -m benchmarks $(ONLY)

.venv-peers/.ready: requirements/peers.txt
	@"$(PYTHON)" -m venv .venv-peers && .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/peers.txt && touch $@

demo: $(READY)  ## the shop, replaying real purchases; SECONDS=20: ends by itself; TOPOLOGY=split
	@$(RUN) -m examples.shop.demo --seconds $(SECONDS) --topology "$(TOPOLOGY)"

docs: $(READY)  ## run the code in README and docs
	$(RUN) -m pytest -q tests/docs

lock: $(READY)  ## pin the newest versions that fit, with hashes
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras --no-header --no-annotate --upgrade pyproject.toml requirements/dev.in --output-file requirements/dev.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade requirements/peers.in --output-file requirements/peers.txt
