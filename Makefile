# The only list of commands. `make` alone prints it.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PROJECTS := $(wildcard packages/*/pyproject.toml services/*/pyproject.toml)

.PHONY: help install demo up down test test-browser test-compose check fix contracts lock bench bench-reporting bench-freshness
.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): locks/dev.txt $(PROJECTS)
	@echo "Installing the locked dependencies into $(VENV) (about a minute the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(foreach p,$(PROJECTS),-e $(dir $(p)))
	@touch $@

install: $(INSTALLED) ## install everything into .venv

up: $(INSTALLED) ## start the native stack with the three services and no data
	@$(PY) -m stack up

down: $(INSTALLED) ## stop it and remove its data
	@$(PY) -m stack down

demo: $(INSTALLED) ## replay the reference campaign and show its figures (ONCE=1 ends by itself)
	@$(PY) -m demo $(if $(ONCE),--once)

test: $(INSTALLED) ## run the tests on a real Kafka and a real PostgreSQL
	@$(PY) -m pytest

check: $(INSTALLED) ## types, style, import rules, contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-cache
	@$(PY) -m contracts.generate --check

test-compose: $(INSTALLED) ## test docker-compose.yml (needs Docker)
	@$(PY) -m pytest -m compose tests/compose

test-browser: $(INSTALLED) ## test the page in Chromium (CHROMIUM=path says which)
	@$(PY) -m pytest -m browser tests/browser

bench: bench-reporting bench-freshness ## measure everything that has a limit

bench-reporting: $(INSTALLED) ## CPU per event of the reporting consumer on a backlog of 500,000
	@$(PY) -m bench.reporting

bench-freshness: $(INSTALLED) ## from an event sent to its figure in the API, at 50 events a second
	@$(PY) -m bench.freshness

contracts: $(INSTALLED) ## write schemas, catalogue and examples from the models, and build/asyncapi.json
	@$(PY) -m contracts.generate
	@$(PY) -m contracts.asyncapi build/asyncapi.json

fix: $(INSTALLED) ## format and mend what can be mended
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

lock: ## resolve the dependencies again (needs uv)
	@uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
		$(PROJECTS) $(foreach d,contracts exactly-once chassis web,--no-emit-package jemputbola-$(d)) -o locks/product.txt
	@uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
		$(PROJECTS) locks/dev.in -c locks/product.txt $(foreach d,contracts exactly-once chassis web,--no-emit-package jemputbola-$(d)) -o locks/dev.txt
	@echo hatchling | uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
		- -c locks/dev.txt -o compose/build.txt
