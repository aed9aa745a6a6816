# `make` prints this help. PYTHON chooses the interpreter that makes the virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help setup demo run check fmt lint types imports openapi openapi-check test lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make the virtual environment with the locked packages

$(STAMP): requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $(STAMP)

demo: setup ## Run the main job on the embedded store, as a stranger would, over HTTP
	@$(BIN)/python -m scripts.demo

run: setup ## Serve with the settings of .env
	@$(BIN)/python main.py

check: setup fmt-check lint types imports openapi-check ## Every static gate

fmt: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

fmt-check: setup
	$(BIN)/ruff format --check --quiet .

lint: setup ## ruff, all rules
	$(BIN)/ruff check .

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## The import rules
	$(BIN)/lint-imports

openapi: setup ## Write openapi.json from the code
	$(BIN)/python -m scripts.openapi_diff --write

openapi-check: setup
	@$(BIN)/python -m scripts.openapi_diff

test: setup ## Run the tests
	$(BIN)/python -m pytest

lock: setup ## Lock the packages anew
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.txt

clean: ## Remove what can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
