# make book   train, execute every notebook, build the book (PROFILE=smoke, quick or full)
# make test   unit tests, then every notebook under the smoke profile, re-run and compared
# make lint   style checks
# make clean  remove what was built (never the results or the environment)

PROFILE ?= quick
DATA    ?=
ARGS    ?=
PYTHON  ?= python3.11

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: book test lint clean install
.DEFAULT_GOAL := book

# An empty DATA leaves the choice to UNLEARN_DATA, then data/.
WITH_DATA := $(if $(DATA),--data "$(DATA)")

book: $(STAMP)
	$(BIN)/python -m reproduction book --profile $(PROFILE) $(WITH_DATA) $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -q tests
	$(BIN)/python -m reproduction execute --profile smoke $(WITH_DATA)
	rm -rf results/smoke/runs  # nbval then makes every run again, and compares what it gives
	TQDM_DISABLE=1 $(BIN)/python -m pytest -q --nbval-lax --nbval-current-env _build/smoke/notebooks

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

install: $(STAMP)

# The stamp is written last: an interrupted installation is repeated.
$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
