# make book   train, execute every notebook, build the book (PROFILE=smoke, quick or full)
# make test   unit tests, then every notebook under the smoke profile, re-run and compared
# make lab    the notebooks in JupyterLab, which is installed first
# make lint   style checks, and the types of the library
# make clean  remove what was built (never the results or the environment)

PROFILE ?= quick
DATA    ?=
ARGS    ?=

# The first Python that really runs and fits; a name alone may be a launcher with nothing behind it.
FITS   := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
TRIED  := python3.11 python3.12 python3.13 python3 python
PYTHON ?= $(shell for name in $(TRIED); do $$name -c '$(FITS)' 2>&- && echo $$name && break; done)

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: book test lab lint clean install
.DEFAULT_GOAL := book

# An empty DATA leaves the choice to UNLEARN_DATA, then data/.
WITH_DATA := $(if $(DATA),--data "$(DATA)")

book: $(STAMP)
	$(BIN)/python -m reproduction book --profile $(PROFILE) $(WITH_DATA) $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -q tests lib/partial_unlearning
	$(BIN)/python -m reproduction execute --profile smoke $(WITH_DATA)
	rm -rf results/smoke/runs  # nbval then makes every run again, and compares what it gives
	TQDM_DISABLE=1 $(BIN)/python -m pytest -q -n 0 -p reproduction.publishing.nbval_plugin \
	  --nbval-lax --nbval-current-env _build/smoke/notebooks $(wildcard notebooks/table_*.ipynb)

# A source, NAME.py, opens as a notebook too: right click, "Open With".
lab: $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable ".[lab]"
	$(BIN)/python -m jupyterlab $(ARGS) notebooks

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(STAMP)

# The stamp is written last: an interrupted installation is repeated.
$(STAMP): requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

NO_PYTHON = error: this needs a Python from 3.11 to 3.13, with its venv module; $(if \
  $(PYTHON),$(PYTHON) is not one that runs,none of $(TRIED) is one that runs). Install one, or \
  name it: make PYTHON=/path/to/python3.12

# Made once: to change to another Python, remove .venv first.
$(BIN)/python:
	@$(or $(PYTHON),false) -c '$(FITS)' 2>&- || { echo >&2 "$(NO_PYTHON)"; exit 2; }
	@echo "making $(VENV) with $(PYTHON), $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

clean:
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
