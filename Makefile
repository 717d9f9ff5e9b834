# The two commands are `make run` and `make test`. They need Python 3.11 or newer, git and make, and install the rest into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-fast check static audit coverage lock hooks bench load soak documents icons pictures clean

BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
# Licenses that may be in what we ship, as parts of their names. Tools for development are not shipped.
LICENSES := MIT;BSD;Apache;PSF;Python Software Foundation;Mozilla Public License;MPL;LGPL;ISC;HPND
MINUTES ?= 20
export STREAMLIT_SERVER_PORT ?= 8501
export STREAMLIT_SERVER_HEADLESS ?= true

run: $(RUNTIME) ## Start Ticket Desk and print its address. Respects DATABASE_URL, STREAMLIT_SERVER_PORT and TICKETDESK_*
	@echo "Ticket Desk: $${TICKETDESK_BASE_URL:-http://localhost:$(STREAMLIT_SERVER_PORT)}"
	@exec $(BIN)/python serve.py

# worksteal: workers run whole files, so that fixtures of a module are made once, and end together. The servers that
# tests start would each compile all code again where PYTHONDONTWRITEBYTECODE is set.
test: $(DEV) ## Run all tests on a PostgreSQL of their own
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist worksteal

test-fast: $(DEV) ## Run the tests that take two minutes: no browser, no other process or server, nothing generated
	$(BIN)/python -m pytest -n auto -m "not browser and not system"

check: static test ## Run everything that must pass before a change is submitted

static: $(DEV) ## Check format, lint, spelling, types, layers, licenses, and migrations against models
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pip-licenses --packages $$(sed -n 's/^\([a-z][^=]*\)==.*/\1/p' requirements.lock) --partial-match --allow-only="$(LICENSES)" >/dev/null
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && unset DATABASE_URL && export TICKETDESK_DATA="$$scratch" \
		&& $(BIN)/alembic upgrade head && $(BIN)/alembic check

audit: $(DEV) ## Ask PyPI for known vulnerabilities of the locked packages. Not part of `check`: the answer changes without a commit
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements-dev.lock

coverage: $(DEV) ## Run the tests of `test-fast` and report which lines they reach
	$(BIN)/python -m pytest -n auto -m "not browser and not system" --cov --cov-report=term:skip-covered --cov-report=html

lock: $(DEV) ## Compile requirements*.txt into the lock files. UPGRADE=yes also takes newer indirect packages
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 $(if $(UPGRADE),--upgrade) \
		--custom-compile-command "make lock" requirements-dev.txt -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements-dev.lock $(if $(UPGRADE),--upgrade) \
		--custom-compile-command "make lock" requirements.txt -o requirements.lock

hooks: $(DEV) ## Check each commit with pre-commit before it is made
	$(BIN)/pre-commit install

bench: $(DEV) ## Measure speed against floors of the same run; best on an idle machine. ROWS="load start" for some, KEEP=yes for the docs
	@$(BIN)/python -m bench $(if $(KEEP),--keep) $(ROWS)

load: $(DEV) ## Add users until the server is too slow, with one process and with two. KEEP=yes for the docs
	@$(BIN)/python -m bench.load --series $(if $(KEEP),--keep)

soak: $(DEV) ## Use and attack a server for 20 minutes, and check its memory, sales and speed. Not part of `check`. MINUTES=5 for less
	@$(BIN)/python -m bench.load.soak --minutes $(MINUTES)

documents: $(RUNTIME) ## Write the tables that documents take from the code
	@$(BIN)/python -m docs.tables

icons: $(DEV) ## Make the font of the icons that the code uses, after a new icon or Streamlit
	@$(BIN)/python -m tools.icon_font

pictures: $(DEV) ## Take the pictures of the documents again. Look at them before you commit them
	@$(BIN)/python -m docs.pictures.take

clean: ## Remove the environment and the files that tools leave behind. The data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov test-results

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(RUNTIME): requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(RUNTIME)

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Creating .venv with $$($$python --version)"; exec $$python -m venv .venv; \
		fi; \
	done; \
	echo "Ticket Desk needs Python 3.11 or newer, and none was found. Install it, or name it: make run PYTHON=/path/to/python3" >&2; \
	exit 1
