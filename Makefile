# The only list of commands. `make` alone prints it.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PROJECTS := $(wildcard packages/*/pyproject.toml services/*/pyproject.toml)

.PHONY: help install demo up down token test test-quick test-browser test-compose pytest check check-style check-types check-imports check-contracts fix contracts lock bench bench-reporting bench-freshness bench-comparison
.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): locks/dev.txt $(PROJECTS)
	@echo "Installing the locked dependencies into $(VENV) (about 580 MB, a minute or more the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(foreach p,$(PROJECTS),-e $(dir $(p)))
	@touch $@

install: $(INSTALLED) ## install everything into .venv

up: $(INSTALLED) ## start the native stack with the three services and no data
	@$(PY) -m stack up

down: $(INSTALLED) ## stop it and remove its data
	@$(PY) -m stack down

token: $(INSTALLED) ## print a token of the stack that is up (make -s token ROLE=head; SCHOOLS=, CAMPAIGNS= narrow it)
	@$(PY) -m stack token $(or $(ROLE),administrator) $(if $(SCHOOLS),--schools '$(SCHOOLS)') $(if $(CAMPAIGNS),--campaigns '$(CAMPAIGNS)')

demo: $(INSTALLED) ## replay the reference campaign and show its figures (ONCE=1 ends by itself, SLOW=1 lasts minutes)
	@$(PY) -m demo $(if $(ONCE),--once) $(if $(SLOW),--slow)

# The tests that SELECT names, side by side, and which took longest. `make` has the last line of a red run: it says what failed.
FAILED := build/failed
PROOFS := faults or properties or system
test: SELECT = -m '$(or $(ONLY),not compose and not browser)'
test-quick: SELECT = -m 'not ($(PROOFS) or compose or browser)'
test-browser: SELECT = -m browser -n 0 tests/browser
test-compose: SELECT = -m compose -n 0 tests/compose

test: pytest ## run the tests on a real Kafka and a real PostgreSQL (ONLY=faults: those of a marker)
test-quick: pytest ## run the tests that are quick, while you work
test-browser: pytest ## test the page in Chromium (CHROMIUM=path says which)
test-compose: pytest ## test docker-compose.yml (needs Docker)
test test-quick test-browser test-compose:
	$(if $(shell cat $(FAILED) 2>/dev/null),$(error $(shell cat $(FAILED))))

pytest: $(INSTALLED)
	@rm -f $(FAILED)
	@$(PY) -m pytest -n auto --dist loadgroup --max-worker-restart 0 --durations 20 $(SELECT) || test -s $(FAILED)

check: check-style check-types check-imports check-contracts ## types, style, import rules, contracts
check-style: $(INSTALLED)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
check-types: $(INSTALLED)
	@$(PY) -m mypy
check-imports: $(INSTALLED)
	@$(VENV)/bin/lint-imports --no-cache
check-contracts: $(INSTALLED)
	@$(PY) -m contracts.generate --check
	@$(PY) docs/matrix.py --check
	@$(PY) docs/apis.py --check

bench: bench-reporting bench-freshness bench-comparison ## measure everything that has a limit

bench-reporting: $(INSTALLED) ## CPU per event of the reporting consumer on a backlog of 500,000
	@$(PY) -m bench.reporting

bench-freshness: $(INSTALLED) ## from an event sent to its figure in the API, at 50 events a second
	@$(PY) -m bench.freshness

bench-comparison: $(INSTALLED) ## how long enrollment compares a million revisions with its topics
	@$(PY) -m bench.comparison

contracts: $(INSTALLED) ## write schemas, catalogue and examples from the models, build/asyncapi.json, the tables of docs/access.md
	@$(PY) -m contracts.generate
	@$(PY) docs/matrix.py
	@$(PY) docs/apis.py
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
