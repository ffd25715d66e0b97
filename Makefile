# make setup : the environment       make quick : set-up + the quick study
# make check : linters, fast tests   make test  : set-up + linters and the tests
# make smoke : the built package in an environment of its own, into dist/
# CONSTRAINTS=constraints-lowest.txt VENV=.venv-lowest: of the lowest versions of what it needs
# the first interpreter that really runs (version managers leave shims that do not) and can make an environment
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do $$p -c 'import sys,venv,ensurepip; sys.exit(not (3,11)<=sys.version_info[:2])' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV   ?= .venv
CONSTRAINTS ?= constraints.txt
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
.PHONY: setup quick check test smoke clean
setup: $(STAMP)
$(STAMP): pyproject.toml $(CONSTRAINTS)
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 with venv found (Debian/Ubuntu: apt install python3-venv). Or: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[test]'
	touch $@
quick: $(STAMP)
	$(BIN)/python -m bench run study=quick
check: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m 'not long and not slow and not gpu and not slurm and not ray and not browser'
test: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -q -n 2 --dist loadfile
smoke: $(STAMP)
	rm -rf dist $(VENV)-smoke
	$(BIN)/python -m build
	$(PYTHON) -m venv $(VENV)-smoke
	$(VENV)-smoke/bin/python -m pip install --disable-pip-version-check -q -c $(CONSTRAINTS) dist/*.whl
	$(VENV)-smoke/bin/python tests/smoke.py
clean:
	rm -rf $(VENV) $(VENV)-smoke dist
