# Everything happens in a virtual environment beside this file; each target sets up what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo serve test check format wheel dist benchmarks studies docs tutorials clean

demo: $(VENV)/ready        ## set everything up and do the main job once
	$(BIN)/kuzushiji demo

serve: $(VENV)/ready       ## open the reading room, three pages on its shelf
	$(BIN)/kuzushiji serve --open docs/pictures/pages/*/*.jpg

test: $(VENV)/ready        ## run the tests
	$(BIN)/python -m pytest

check: $(VENV)/ready       ## format, lint and types
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/mypy
	$(BIN)/mypy --strict --config-file= tests/typed.py

format: $(VENV)/ready      ## rewrite the code as `check` wants it
	$(BIN)/ruff format src tests benchmarks tools
	$(BIN)/ruff check --fix src tests benchmarks tools

wheel: $(VENV)/ready       ## build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --wheel

dist: $(VENV)/ready        ## build the wheel and the sdist into dist/
	rm -rf dist
	$(BIN)/python -m build

STUDIES := losses learning-rates batch-sizes lenet-or-alexnet augmentation dropout attention twelve-networks
studies: $(VENV)/ready     ## the central studies with three seeds on kmnist6k, the quickest first; goes on where it was stopped
	set -e; for study in $(STUDIES); do nice $(BIN)/kuzushiji study $$study --data kmnist6k --seeds 3 --docs docs/studies; done

docs: $(VENV)/docs-ready     ## build the site into site/, and look whether every link is there
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python tools/check_site.py site

tutorials: $(VENV)/docs-ready    ## run the notebooks of docs/tutorials and keep what they print and draw
	$(BIN)/python tools/run_tutorials.py

clean:                     ## remove the environment and what was built
	rm -rf $(VENV) dist site

# The constraints name the versions that the tests were run with.
$(VENV)/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,serve,dev]"
	touch $@

$(VENV)/docs-ready: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@
