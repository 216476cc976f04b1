# make nightly    the whole night of the built-in world; sets everything up first
# make test       the tests; make soak the long ones
# make help       the rest
# Another Python: make setup PYTHON=/path/to/python3.12. Another place for it: VENV=/path.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3 python,$(shell $(name) -c 'import sys; \
	(3, 11) <= sys.version_info < (3, 13) and print(sys.executable)' 2>/dev/null)))
VENV ?= .venv
HOME_DIR ?= var
NIGHTLY ?=
PYTEST ?=
STAMP := $(VENV)/.set-up
BIN := $(VENV)/bin

.PHONY: help setup java desk-tools nightly test airflow mlflow soak lint format clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

setup: $(STAMP) ## Python packages, the Delta jar, models; checks Java

$(STAMP): pyproject.toml constraints.txt | java
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 found: install one, or make setup PYTHON=/path/to/python3.12" >&2; exit 2; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	$(BIN)/coverlift setup
	@touch $@

# Spark 4 runs on Java 17 or 21.
java:
	@java -version 2>&1 | grep -qE 'version "(17|21)' || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq openjdk-17-jre-headless; \
		else \
			echo "Spark needs Java 17 (or 21). Debian, Ubuntu: sudo apt-get install openjdk-17-jre-headless;" >&2; \
			echo "Fedora: sudo dnf install java-17-openjdk-headless; macOS: brew install openjdk@17" >&2; exit 2; \
		fi; }

# The tests of the reviewers' desk drive a real browser and a real PostgreSQL; running the desk needs neither.
desk-tools:
	@missing=; \
	{ command -v chromium || test -n "$$CHROMIUM"; } >/dev/null || missing="chromium"; \
	{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || missing="$$missing postgresql"; \
	test -z "$$missing" || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
		else \
			echo "The tests need: $$missing. Debian, Ubuntu: sudo apt-get install $$missing; elsewhere install a Chromium" >&2; \
			echo "(CHROMIUM=/path/to/it where it is not on the PATH) and PostgreSQL 13 or newer (its server need not run)." >&2; exit 2; \
		fi; }

nightly: $(STAMP) ## Run the night into HOME_DIR (var); options through NIGHTLY="-o world.scale=0.1"
	$(BIN)/coverlift nightly --home $(HOME_DIR) $(NIGHTLY)

test: $(STAMP) desk-tools ## Run the tests by two workers, the ten slowest are shown; options through PYTEST="-k lake", PYTEST="-n 0"
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(PYTEST)

airflow: .venv-airflow/.set-up ## Airflow in an environment of its own, for the tests of its DAG

.venv-airflow/.set-up: conf/airflow-constraints.txt
	test -x .venv-airflow/bin/python || "$(PYTHON)" -m venv .venv-airflow
	.venv-airflow/bin/python -m pip install --quiet --constraint conf/airflow-constraints.txt apache-airflow
	@touch $@

mlflow: .venv-mlflow/.set-up ## MLflow in an environment of its own, for the tests of its export

.venv-mlflow/.set-up: conf/mlflow-constraints.txt
	test -x .venv-mlflow/bin/python || "$(PYTHON)" -m venv .venv-mlflow
	.venv-mlflow/bin/python -m pip install --quiet --constraint conf/mlflow-constraints.txt mlflow
	@touch $@

soak: $(STAMP) desk-tools airflow mlflow ## Run the long variants that make test leaves out
	$(BIN)/python -m pytest -m soak $(PYTEST)

lint: $(STAMP) ## ruff, mypy --strict and the contracts of who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code and sort its imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove what tools left; keeps the environment, assets and HOME_DIR
	rm -rf .pytest_cache .pytest_tmp .ruff_cache .mypy_cache build dist spark-warehouse metastore_db derby.log *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
