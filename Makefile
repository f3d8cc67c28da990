# make pilot | test | slow | lowest | bounds | lint | docs | package: each sets up what it needs first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

COMMA := ,

.PHONY: setup pilot test slow lowest bounds lint docs package browser clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# The page's test wants a real Chromium: one that is here, or playwright's, or the distribution's; else it skips and says so.
browser: setup
	@$(BIN)/python tests/helpers/browser.py || $(BIN)/python -m playwright install chromium >/dev/null 2>&1 \
	  || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; } \
	  || echo "no Chromium could be installed: the browser test will skip"

# Many images, few labels. INIT=FILE (weights, hf-hub: or a run): these as they are, gone on with BYOL, or with the labels.
PILOT = 'surfaces?visible=3&labelled=400' --budgets 10%,25%
pilot: setup
	$(BIN)/kogen pilot $(PILOT) $(if $(INIT),--init '$(INIT)' --starts init --methods byol$(COMMA)supervised$(COMMA)random --out work/pilot-init,--out work/pilot)

test: setup browser
	$(BIN)/python -m pytest -n 2 -m "not slow"

slow: setup browser
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile explore

# The lowest timm that pyproject.toml allows, laid before the installed one: names and settings are refused there too.
lowest: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target work/lowest \
	  "$$(sed -n 's/.*"timm>=\([0-9.]*\)".*/timm==\1/p' pyproject.toml)"
	PYTHONPATH=work/lowest $(BIN)/python -c "import timm; print('timm', timm.__version__)"
	PYTHONPATH=work/lowest $(BIN)/python -m pytest -m "not slow" tests/modules tests/backbones tests/loss_landscape/speedups

# The lowest and the newest of all dependencies, each laid before the installed ones, with a fast part of the tests.
bounds: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/python .ci/bounds.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Strict: a dead link inside the documentation stops it. Nothing is fetched while it builds.
docs: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir work/site

# Wheel and sdist as the index gets them: built, checked, installed where no source is, and tried.
package: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	$(BIN)/python .ci/package.py

clean:
	rm -rf $(VENV) work dist
