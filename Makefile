# Two commands matter: `make app` opens the app, `make test` runs the tests. Both set up what they need.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: app demo test quick check format screenshots benchmark clean

app: $(VENV)/.app  ## open the app, with the demo data ready
	$(BIN)/sctl app

test: $(VENV)/.dev  ## every test; those that drive a browser are skipped where there is none
	$(BIN)/python -m pytest -m "" -n 2 --dist loadfile

quick: $(VENV)/.dev  ## the fast tests only
	$(BIN)/python -m pytest

check: $(VENV)/.dev  ## style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(VENV)/.dev  ## draw the pictures of the README from the running app
	$(BIN)/python scripts/screenshots.py

benchmark: $(VENV)/.dev
	$(BIN)/python -m benchmarks.theta_sweep

clean:
	rm -rf $(VENV)

# A changed list of packages installs again; nothing else does. The warm-up compiles the map code once, so
# that the first analysis does not wait for it.
$(VENV)/.app: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v == (3, 11) else "sctl needs Python 3.11, this is %d.%d. Install it, or say where it is: make PYTHON=/path/to/python3.11 ..." % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -c 'from sctl.analysis.embed import warm_up; warm_up()'
	touch $@

$(VENV)/.dev: $(VENV)/.app requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
