# Two commands: `make run` and `make test`. Needs Python 3.11 or newer, git and make; the rest is put into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check static bench load documents pictures clean

BIN := .venv/bin
READY := .venv/.ready
READY_TO_TEST := .venv/.ready-to-test
export STREAMLIT_SERVER_PORT ?= 8501
export STREAMLIT_SERVER_HEADLESS ?= true

run: $(READY) ## Start Ticket Desk; its address is printed. DATABASE_URL, STREAMLIT_SERVER_PORT and TICKETDESK_* are respected
	@echo "Ticket Desk: $${TICKETDESK_BASE_URL:-http://localhost:$(STREAMLIT_SERVER_PORT)}"
	@exec $(BIN)/streamlit run app.py

test: $(READY_TO_TEST) ## Run all tests, on a PostgreSQL of their own
	$(BIN)/python -m pytest -n auto

check: static test ## Everything that must hold before a change is handed in

static: $(READY_TO_TEST) ## Format, lint, types, and whether the migrations lead to the models
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && unset DATABASE_URL && export TICKETDESK_DATA="$$scratch" \
		&& $(BIN)/alembic upgrade head && $(BIN)/alembic check

bench: $(READY_TO_TEST) ## Measure what is fast enough; best on a machine that does nothing else. ROWS="load start" for some, KEEP=yes for the docs
	@$(BIN)/python -m bench $(if $(KEEP),--keep) $(ROWS)

load: $(READY_TO_TEST) ## More and more people at work until it takes too long, on one process and on two. KEEP=yes for the docs
	@$(BIN)/python -m bench.load --series $(if $(KEEP),--keep)

documents: $(READY) ## Write the tables of the documents that are made from the code
	@$(BIN)/python -m docs.tables

pictures: $(READY_TO_TEST) ## Take the pictures of the documents anew; look at them before they are committed
	@$(BIN)/python -m docs.pictures.take

clean: ## Remove the environment and what tools left behind; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(READY_TO_TEST): requirements-dev.txt requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(READY)

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making .venv with $$($$python --version)"; exec $$python -m venv .venv; \
		fi; \
	done; \
	echo "Ticket Desk needs Python 3.11 or newer, and none was found. Install one, or name it: make run PYTHON=/path/to/python3" >&2; \
	exit 1
