# Two commands on a fresh machine, each doing all its own set-up: `make search` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# bytecode is made when a module is first imported, as most of what is installed never is, and kept
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check
TRIALS ?= 25
DATASET ?= digits
DATA_DIR ?=
# files in the order that tests/conftest.py gives them: those of slow tests first
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: search test unit test-all lint docs gpu-check table study clean help

help:
	@echo "make search   set up and search the resnet_hybrid space on scikit-learn's digits"
	@echo "make test     set up, check style and types, run all tests but those that are worth a night"
	@echo "make test-all   those, too"
	@echo "make docs     build the documentation as a site in build/site, with every link in it checked"
	@echo "make table    train all 256 networks of hybrid256 with three seeds (hours on two cores; goes on if stopped);"
	@echo "              with a GPU also: make table DATASET=fashion_mnist"
	@echo "make study    draw the study of natural images from the tables that are there; DATA_DIR=DIR is where their"
	@echo "              images lie, which only training-free scores need"
	@echo "make gpu-check  with a CUDA GPU and a PYTHON that has torch: check the kernels, then time them"
	@echo "make clean    remove the virtual environment and caches, not the runs"

search: $(VENV)/.installed
	$(BIN)/sasa-nas search --space resnet_hybrid --trials $(TRIALS)

table: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/sasa-nas table --space hybrid256 --dataset $(DATASET) --seeds 3 \
		--out tables/hybrid256_$(DATASET).json.gz

study: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/natural_images.py $(if $(DATA_DIR),--data-dir $(DATA_DIR))

# `make -j2 test` lints beside the tests
test: lint unit

unit: $(VENV)/.installed-dev
	$(PYTEST)  # two processes, a thread each

test-all: $(VENV)/.installed-dev lint
	$(PYTEST) -m ""

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python .ci/check_reference.py build/site/reference/index.html

gpu-check:
	PYTHONPATH=$(CURDIR) $(PYTHON) benchmarks/gpu_check.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "sasa-nas needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing: PyTorch and Ray are 6 GB, which takes a few minutes"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "installing: PyTorch and Ray are 6 GB, which takes a few minutes"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/.installed
	@$(PIP) --editable '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
