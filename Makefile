# `make demo` and `make test` need Python 3.11 or newer and nothing else; the rest works in what they set up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test check bench bench-learning bench-recipe kills fuzz audit clean

demo: $(INSTALLED)  ## train a minute on Python's own documentation, and one on Bach's chorales; write some of each
	$(BIN)/seqgen train --corpus builtin:python-docs --time 60s --name demo --overwrite
	$(BIN)/seqgen sample --checkpoint demo --prime "The import statement" --length 600 --temperature 0.7
	$(BIN)/seqgen train --corpus builtin:bach-chorales --time 60s --name chorales --overwrite
	$(BIN)/seqgen sample --checkpoint chorales --output chorale.mid --output chorale.musicxml --output chorale.png

test: $(INSTALLED)  ## all checks and tests
	$(MAKE) check

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile  # threads that wait for others would stand still

bench: $(INSTALLED)  ## measure speed as ratios: tests/benchmarks/
	$(BIN)/python -m tests.benchmarks

bench-learning: $(INSTALLED)  ## measure and draw the loss that all defaults reach in a time; CORPUS=FILE for your own text
	$(BIN)/python -m tests.benchmarks.learning $(CORPUS)

bench-recipe: $(INSTALLED)  ## measure what other choices than the defaults would give, on six corpora
	$(BIN)/python -m tests.benchmarks.recipe

kills: $(INSTALLED)  ## kill trainings of every level a hundred times, and compare them with ones that never were
	$(BIN)/python -m tests.faults.kills

fuzz: $(INSTALLED)  ## give every reader damaged files, ten minutes each
	$(BIN)/python -m tests.faults.fuzz

audit: $(INSTALLED)  ## list the licences of all dependencies, and look for known faults in their pinned versions
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
