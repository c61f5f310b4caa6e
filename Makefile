# `make demo` and `make test` need only Python 3.11 or newer; they create the environment that the other targets use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: help demo test check bench bench-gpu bench-learning bench-recipe pretrained docs kills fuzz audit clean

help:  ## list the targets (default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED)  ## train on two corpora for one minute each, and sample
	$(BIN)/seqgen train --corpus builtin:python-docs --time 60s --name demo --overwrite
	$(BIN)/seqgen sample --checkpoint demo --prime "The import statement" --length 600 --temperature 0.7
	$(BIN)/seqgen train --corpus builtin:bach-chorales --time 60s --name chorales --overwrite
	$(BIN)/seqgen sample --checkpoint chorales --output chorale.mid --output chorale.musicxml --output chorale.png

test: $(INSTALLED)  ## create the environment, then run all checks and tests
	$(MAKE) check

check:  ## run all checks and tests in the existing environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile  # one thread per process: waiting threads would block the other process

bench: $(INSTALLED)  ## measure speed against references (up to two hours)
	$(BIN)/python -m tests.benchmarks

bench-gpu: $(INSTALLED)  ## measure speed on a GPU (a few minutes)
	$(BIN)/python -m tests.benchmarks.gpu

bench-learning: $(INSTALLED)  ## plot loss against training time (CORPUS=FILE: your text)
	$(BIN)/python -m tests.benchmarks.learning $(CORPUS)

bench-recipe: $(INSTALLED)  ## compare alternatives to the defaults on six corpora
	$(BIN)/python -m tests.benchmarks.recipe

pretrained: $(INSTALLED)  ## train the built-in models again (one hour)
	$(BIN)/python -m tests.pretraining

docs: $(INSTALLED)  ## run all commands of the documentation, update output
	$(BIN)/python -m tests.documentation

kills: $(INSTALLED)  ## kill and resume runs a hundred times; compare results
	$(BIN)/python -m tests.faults.kills

fuzz: $(INSTALLED)  ## give damaged files to every reader, ten minutes each
	$(BIN)/python -m tests.faults.fuzz

audit: $(INSTALLED)  ## check all dependencies: licences, known vulnerabilities
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet pip-audit pip-licenses
	$(VENV)/audit/bin/pip-licenses --python $(BIN)/python --from mixed --order license --partial-match --fail-on GPL
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seqgen needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)
