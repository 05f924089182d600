# Nothing to install but Python 3.11+ and make: every target sets up what it needs in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
WORKERS ?= auto

.PHONY: demo test lint reports docs bench new-check clean

demo: $(READY)
	$(BIN)/validate-schema demo --output out

test: $(READY)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

reports: $(READY)
	$(BIN)/python -m tests.rerender

docs: $(READY)
	$(BIN)/validate-schema explain --all > docs/checks.md
	$(BIN)/python -m validate_schema.config.schema > docs/validate-schema.schema.json
	$(BIN)/python -m validate_schema.report.schema > docs/report.schema.json
	$(BIN)/python -m validate_schema.migrations.tools > docs/tools.md
	$(BIN)/python -m tests.rooms

bench: $(READY)
	$(BIN)/python -m benchmarks

new-check: $(READY)
	@$(BIN)/python -m checks._new $(ID) $(NAME)

clean:
	rm -rf $(VENV) out build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
