# Two commands do all the set-up on a fresh Debian machine: `make demo` and `make test`.
#   make demo         a running tenant, from nothing          make demo-clean   and away again (DEMO_TENANT=name)
#   make test         every check and test                    make bench        the figures, as ratios
#   ENGINE=no         never install or start an engine
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOOMA := $(BIN)/looma
export PATH := $(CURDIR)/$(BIN):$(PATH)
# What Python has compiled is kept, whatever the caller's environment says: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

# Two processes: tests that make tenants run one after the other in the first, all others, by module, in the second.
WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install engine images demo demo-clean test test-all test-crash check bench docs schema

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.installed ## .venv with the package and the development tools

# The reference service is tested as a program of its own, so its pinned libraries are installed too.
REFERENCE := templates/images/reference/requirements.txt

$(VENV)/.installed: pyproject.toml $(REFERENCE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "looma needs Python 3.11 or newer; $$($(PYTHON) --version) is here"; echo "set PYTHON=python3.11, or install it"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv does not work here"; echo "apt-get install python3-venv"; exit 1; }
	@echo "install: the package and its development tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -r $(REFERENCE)
	@touch $@

engine: ## an engine that answers, with compose v2
	@sh looma_cli/setup/engine.sh

images: install engine ## the local image set, built where no registry answers
	@sh looma_cli/setup/engine.sh --images
	@$(LOOMA) image build

demo: install engine ## a tenant from nothing, by the real commands
	@sh looma_cli/setup/demo.sh

demo-clean: ## remove everything that `make demo` made
	@sh looma_cli/setup/demo.sh clean

check: install ## style, import layers, shell scripts
	@$(BIN)/ruff check looma_cli tests
	@$(BIN)/lint-imports --no-cache

test: check images ## every check and test; never skips for want of an engine
	@sh looma_cli/setup/engine.sh --tests
	@$(PYTEST)

test-all: check images ## the same, and the exhaustive ones: an hour
	@sh looma_cli/setup/engine.sh --tests
	@LOOMA_CRASH=all $(PYTEST) -m ""

test-crash: install ## every crash boundary of every verb, not a sample
	@LOOMA_CRASH=all $(PYTEST) tests/crash tests/integration/test_backups_killed.py tests/integration/test_switch_killed.py

docs: install ## write the generated reference anew
	@$(BIN)/python -m looma_cli.cli.reference > docs/reference/commands.md

schema: install ## write the compiled compose schema and the state's schema anew
	@$(BIN)/python -m looma_cli.adapters.render.generate_schema
	@$(BIN)/python -m looma_cli.adapters.database.generate_schema

bench: install images ## the figures that the issues name, as ratios
	@$(BIN)/python -m tests.bench
