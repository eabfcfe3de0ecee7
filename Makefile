# Everything a newcomer needs. `make` alone prints this help.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Debian packages that the tests use as real peers; nothing of the product needs them.
PEERS := postfix postgresql chromium tesseract-ocr tesseract-ocr-eng gcc libc6-dev strace xfsprogs

.PHONY: help install demo run test suite check bench eval faults fuzz peers lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

install: $(STAMP)  ## set up .venv, run nothing

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, e.g. make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install  ## the 2007 message is held, a right one goes through; leaves the review page up (ARGS=--once stops)
	$(BIN)/countersign demo $(ARGS)

run: install  ## serve with CONFIG=countersign.yaml
	$(BIN)/countersign serve --config $(or $(CONFIG),countersign.yaml)

test:  ## everything that must hold: lint, types, tests with real peers
	@$(MAKE) --no-print-directory --jobs=2 check suite

suite: install peers
	$(BIN)/python -m pytest -n 3 $(ARGS)

check: install  ## ruff, format, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install  ## the budgets of the design, side by side with the peers that are installed
	$(BIN)/python -m bench $(ARGS)

eval: install  ## detection beside stock Presidio on a labelled corpus
	$(BIN)/python -m bench.evaluate $(ARGS)

faults: install peers  ## kill, cut, fill, lose and stop everything; ends with a ledger (ARGS=--short: 3 minutes)
	$(BIN)/python -m faults $(ARGS)

fuzz: install  ## files that hide a list from us and show it to others, MINUTES=10 of them (ARGS=--only=pdf: of one kind)
	$(BIN)/python -m fuzz --minutes $(or $(MINUTES),10) $(ARGS)

peers:
	@missing=$$(for p in $(PEERS); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  echo "installing test peers:" $$missing; \
	  $$root apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$root apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

lock:  ## resolve pyproject.toml into requirements.lock (hashes, no index address)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --upgrade pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
