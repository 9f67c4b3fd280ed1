# Wayfork: one command each. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# What the last installation installed: compared byte for byte, so the second start takes no time.
SYNCED_BASE := $(VENV)/synced-base.txt
SYNCED_DEV := $(VENV)/synced-dev.txt

.PHONY: help run dev test check format lock python base development browser identity-provider

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: base ## run Wayfork with its demo on http://127.0.0.1:8000 (PORT=, DATA=, WAYFORK_DEMO=0)
	@PORT='$(PORT)' DATA='$(DATA)' exec $(BIN)/python -m config.run

dev: development ## run the production shape: PostgreSQL, Valkey, web, delivery, worker, beat
	@PORT='$(PORT)' DATA='$(DATA)' exec $(BIN)/python -m config.dev

test: development browser identity-provider ## test on SQLite and on PostgreSQL with Valkey (ARGS="tests/flags -k rollout")
	@$(BIN)/python -m tests $(ARGS)

check: development ## format, lint, types, import contracts, templates, spelling, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/taplo fmt --check $$(git ls-files '*.toml')
	$(BIN)/typos
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/lint-imports
	@mkdir -p var
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/mypy accounts flags metrics experiments config sdks/python/src tests

format: development ## put code, templates and TOML files into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/taplo fmt $$(git ls-files '*.toml')

LOCK := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate

lock: development ## resolve requirements/*.in anew (UPGRADE=1 takes newer versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/base.in -o requirements/base.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) -c requirements/base.txt requirements/dev.in -o requirements/dev.txt

# --- the Python environment

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Wayfork needs Python 3.11 or newer, and there is no '$(PYTHON)' here."; \
	  echo "Install it, or name yours: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Wayfork needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V | cut -d' ' -f2)."; \
	  echo "Name a newer one: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.12"; exit 1; }

# Whoever has the development packages keeps them: `make run` never takes them away.
base: python
	@if [ -f $(SYNCED_DEV) ]; then wanted=dev; else wanted=base; fi; $(call install,$$wanted)

development: python
	@$(call install,dev)

define install
set -e; wanted=$(1); \
if [ -x $(BIN)/python ] && cmp -s requirements/$$wanted.txt $(VENV)/synced-$$wanted.txt; then \
  :; \
else \
  echo "1/5 Python environment in $(VENV)"; \
  [ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
    rm -rf $(VENV); \
    echo "The environment could not be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }; \
  rm -f $(SYNCED_BASE) $(SYNCED_DEV); \
  echo "2/5 $$(grep -c '^[a-zA-Z]' requirements/$$wanted.txt) packages, all ready-made (about 10 s on a fast line)"; \
  $(call uv_alone) > $(VENV)/uv.txt; \
  $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt || true; \
  $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --no-build --compile-bytecode \
      requirements/$$wanted.txt || { \
    echo "    uv could not reach the packages; trying pip, which is slower and knows your pip settings"; \
    $(BIN)/python -m pip install --disable-pip-version-check --require-hashes --only-binary :all: \
      --progress-bar off -qq -r requirements/$$wanted.txt; }; \
  echo "$$PWD/sdks/python/src" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/wayfork-source.pth"; \
  cp requirements/base.txt $(SYNCED_BASE); \
  if [ $$wanted = dev ]; then cp requirements/dev.txt $(SYNCED_DEV); fi; \
fi
endef

# uv's own lines of the hashed list, so that the installer is as pinned as what it installs.
uv_alone = awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements/dev.txt

# --- a browser for the browser tests: Debian's, when we may install it

browser:
	@command -v chromium >/dev/null || [ -x /usr/bin/chromium ] || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests"; \
	    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } >/dev/null 2>&1 \
	      || echo "Chromium could not be installed: browser tests will be SKIPPED."; \
	  else \
	    echo "There is no Chromium here: browser tests will be SKIPPED (apt install chromium)."; \
	  fi; }

# --- two certified identity providers for the tests of company sign-in: Node.js packages, pinned

PROVIDERS := tests/identity_provider

identity-provider:
	@if ! command -v npm >/dev/null; then \
	  echo "There is no npm here: sign-in through real providers will be SKIPPED (apt install npm)."; \
	elif ! cmp -s $(PROVIDERS)/package-lock.json $(PROVIDERS)/node_modules/installed.json; then \
	  echo "Installing the identity providers of the tests"; \
	  if (cd $(PROVIDERS) && npm ci --ignore-scripts --silent); then \
	    cp $(PROVIDERS)/package-lock.json $(PROVIDERS)/node_modules/installed.json; \
	  else \
	    echo "They could not be installed: sign-in through real providers will be SKIPPED."; \
	  fi; \
	fi
