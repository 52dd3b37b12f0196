# Everything a developer does. `make setup` needs Python >= 3.11 and nothing else.

PYTHON ?= python3
BIN := .venv/bin
STOCK := .venv-stock
PERF := .perf-analyzer
RAY := .venv-ray
INSTALLED := .venv/.installed
STOCK_INSTALLED := $(STOCK)/.installed
NODES := tests/contract/node clients/node
NODES_INSTALLED := $(if $(shell command -v npm),$(NODES:%=%/node_modules/.installed))
ARGS ?=
SECONDS ?= 30
JOBS ?= 200
KILLS ?= 100
PINS := $(addprefix requirements/,dev ray stock-clients perf-analyzer uv) $(basename $(wildcard benchmarks/requirements/*.in))

.PHONY: help setup demo serve test coverage chaos chaos-jobs scale big-table ray attack fuzz trainers-table parity-table test-fast check protos protos-released requirements format clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(INSTALLED) $(STOCK_INSTALLED) $(NODES_INSTALLED) ## make the environments of Python and, if there, Node

# uv is quick; where it can't reach an index that pip is set up for, pip does the same.
define install
	$(1)/bin/pip install --quiet --require-hashes -r requirements/uv.txt
	$(1)/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2) \
	  || $(1)/bin/pip install --quiet --require-hashes -r $(2)
endef

$(INSTALLED): requirements/uv.txt requirements/dev.txt pyproject.toml clients/python/pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(call install,.venv,requirements/dev.txt)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e clients/python -e .
	touch $@

$(STOCK_INSTALLED): requirements/uv.txt requirements/stock-clients.txt
	$(PYTHON) -m venv --clear $(STOCK)
	$(call install,$(STOCK),requirements/stock-clients.txt)
	touch $@

%/node_modules/.installed: %/package-lock.json
	npm ci --prefix $* --silent --ignore-scripts
	touch $@

# Triton's load generator. Where it can't be had, the folder says why and its test is skipped.
$(PERF)/.tried: requirements/perf-analyzer.txt tests/e2e/stock/get-perf-analyzer $(INSTALLED)
	tests/e2e/stock/get-perf-analyzer $(BIN)/pip $(PERF)
	touch $@

demo: setup ## the whole way on real data; ARGS=--once exits at the end
	$(BIN)/modelyard-server demo $(ARGS)

serve: setup ## a server with its data in ./.modelyard
	$(BIN)/modelyard-server serve $(ARGS)

# Four at a time, on two cores too: most of them wait for processes to start.
test: setup $(PERF)/.tried ## all tests
	$(BIN)/pytest -n 4 --dist worksteal $(ARGS)

# Tracing every line takes a fifth of the time.
coverage: setup $(PERF)/.tried ## all tests, with what they cover
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 4 --dist worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

chaos: setup ## servers, workers and databases killed at work; not part of test
	$(BIN)/pytest tests/chaos --kills 10 --ignore tests/chaos/test_many_jobs.py $(ARGS)

chaos-jobs: setup ## JOBS small jobs while KILLS parts are killed; each must end once
	$(BIN)/pytest -s tests/chaos/test_many_jobs.py --jobs $(JOBS) --kills $(KILLS) $(ARGS)

scale: setup ## 500 models in one server: figures of start, memory and calls; not part of test
	$(BIN)/pytest tests/scale/test_many_models.py $(ARGS)

big-table: setup ## a million rows of fifty columns: memory and progress; not part of test
	$(BIN)/pytest -s tests/scale/test_big_table.py $(ARGS)

# An environment of its own: Ray is large, and nobody needs it for anything else.
$(RAY)/.installed: requirements/uv.txt requirements/ray.txt pyproject.toml clients/python/pyproject.toml
	$(PYTHON) -m venv --clear $(RAY)
	$(call install,$(RAY),requirements/ray.txt)
	$(RAY)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e clients/python -e .
	touch $@

ray: $(RAY)/.installed ## searches on a Ray cluster of two local nodes; not part of test
	$(RAY)/bin/pytest tests/cluster $(ARGS)

attack: setup ## what other callers notice of attacks; SECONDS of each; not part of test
	$(BIN)/python -m tests.attack $(SECONDS) $(ARGS)

fuzz: setup ## random bytes and broken calls for the transport, for SECONDS; not part of test
	$(BIN)/python -m tests.fuzz $(SECONDS)

trainers-table: setup ## docs/trainers.md anew: every trainer fitted, compared and measured
	$(BIN)/python -m tests.trainers_table

parity-table: setup ## docs/parity-table.md anew: trainers x feature steps x kinds of tasks, minutes
	$(BIN)/python -m tests.parity_table

test-fast: setup ## the unit tests only
	$(BIN)/pytest -q tests/unit tests/architecture $(ARGS)

check: setup ## format, lint, types, layers, contract
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/python protos/generate.py --check
	mkdir -p .build
	$(BIN)/python protos/generate.py --image .build/contract.binpb
	$(BIN)/buf lint .build/contract.binpb --path modelyard
	$(BIN)/buf breaking .build/contract.binpb --against protos/released.binpb --path modelyard

format: setup ## put every file into its form
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/buf format --write protos

protos: setup ## generate the stubs after a change of the contract
	$(BIN)/python protos/generate.py

protos-released: setup ## at a release: what later changes must not break
	$(BIN)/python protos/generate.py --image protos/released.binpb --bare

requirements: setup ## pin anew after a change of requirements/*.in
	for pins in $(PINS); do \
	  $(BIN)/uv pip compile --universal --generate-hashes --no-header --quiet \
	    --python-version 3.11 --output-file $$pins.txt $$pins.in; done

clean: ## remove what can be made again; data in ./.modelyard stays
	rm -rf .venv $(STOCK) $(RAY) $(PERF) $(NODES:%=%/node_modules) .build .coverage* .mypy_cache .pytest_cache .ruff_cache

include benchmarks/bench.mk
