# Two commands, on a machine with Python 3.11 and nothing else:
#   make study    train the digits study (its quick form) and print its tables
#   make test     format, lint, types and tests
# Both make the virtual environment .venv first, when it is missing or out of date.

VENV := .venv
BIN := $(VENV)/bin
# PyTorch first and alone, by the exact version: another package's range could take a newer one.
# On Linux its default build brings CUDA. Without a GPU the CPU build is gigabytes smaller: give the
# index that PyTorch's page "Get started" names, as in  PIP_EXTRA_INDEX_URL=... make study
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

# One thread per process: on small networks several threads only slow each other down.
export OMP_NUM_THREADS := 1
# Tests start many processes, each of which would compile the project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: study test lint check clean

study: $(VENV)/.lab
	$(BIN)/lpreg run shapes --quick

test: $(VENV)/.dev
	@$(MAKE) --no-print-directory -j 2 lint check

lint: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright

check: $(VENV)/.dev
	$(BIN)/pytest -q -n 2 --dist worksteal

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis

$(VENV)/.lab: pyproject.toml constraints.txt
	@echo "Setting up $(VENV): this takes a few minutes, once."
	@set -e; for python in $(PYTHON) python3.11 python3; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    $$python -m venv $(VENV); exit 0; \
	  fi; \
	done; \
	echo "lpreg needs Python 3.11 or newer, and neither python3.11 nor python3 is one: install it, or name it with make PYTHON=..." >&2; \
	exit 2
	@$(PIP) install -c constraints.txt $(TORCH)
	@$(PIP) install -c constraints.txt -e '.[lab]'
	@touch $@

$(VENV)/.dev: $(VENV)/.lab
	@echo "Adding the tools for tests to $(VENV)."
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@
