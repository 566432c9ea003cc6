# The project's commands. Each works from a fresh clone: what it needs is installed into .venv first, from the pinned
# requirements, by any Python >= 3.11 of the machine (or by the one named: make demo PYTHON=python3.12).

BIN := .venv/bin
export PYTHON

.PHONY: help demo test lint test-pythons fuzz bench growth coverage docs lock clean install install-dev

help:
	@echo 'make demo          train a network on handwritten digits, then classify some with it'
	@echo 'make test          lint, types, import contracts and the test suite'
	@echo 'make lint          the first three of these'
	@echo 'make test-pythons  install and smoke test under every other Python >= 3.11 of the machine'
	@echo 'make fuzz          random graphs, run in several ways that must agree (FUZZ=10000 of them)'
	@echo 'make bench         the benchmark (BENCH="--help" tells its options)'
	@echo 'make growth        how times and memory grow: draws docs/growth.svg (some 15 minutes)'
	@echo 'make coverage      write docs/coverage.md anew from the package'
	@echo 'make docs          write what the examples in docs/seeing-runs.md print'
	@echo 'make lock          write the pinned requirements anew from pyproject.toml'
	@echo 'make clean         remove what these made, .venv excepted'

demo: install
	$(BIN)/python examples/digits.py
	$(BIN)/python examples/classify.py

test: lint
	$(BIN)/python -m pytest

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-pythons: install-dev
	scripts/test_pythons.sh

FUZZ := 1000
SEED := 0
fuzz: install-dev
	$(BIN)/python -m tests.fuzz $(FUZZ) --seed $(SEED)

bench: install-dev
	$(BIN)/python bench/run.py $(BENCH)

growth: install-dev
	$(BIN)/python bench/growth.py --svg docs/growth.svg

coverage: install-dev
	$(BIN)/python -m scripts.coverage_list

docs: install-dev
	$(BIN)/python -m scripts.doc_outputs

# A machine's own pip settings must not find their way into the files.
lock: PIP_COMPILE := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: install-dev
	$(PIP_COMPILE) -o requirements.txt pyproject.toml
	$(PIP_COMPILE) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

install:
	@scripts/install.sh runtime

install-dev:
	@scripts/install.sh dev

clean:
	rm -rf build dist demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -name .venv -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -type d -exec rm -rf {} +
