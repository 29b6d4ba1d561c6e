# Bare `make` explains the targets.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
FAST := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup demo test kernels check bench mutants clean

help:  ## show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## build .venv with everything pinned and the command scantwin in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "scantwin needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@echo "installing into .venv (once, a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(STAMP)

demo: $(STAMP)  ## two nights over a synthetic hospital archive, in ./demo
	@$(BIN)/python -m flows.demo demo

test: $(STAMP)  ## every test, with a real PostgreSQL and a real Prefect server
	@$(FAST) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# One of the eight, one thread and no limit, is `make test` itself: KERNELS leaves it out.
KERNELS := 1,SSE41 1,AVX2 1,AVX512_CORE 2,SSE41 2,AVX2 2,AVX512_CORE 2,

kernels: $(STAMP)  ## what trains, evaluates or compares floats, under each kernel level of oneDNN and 1 and 2 threads
	@for run in $(KERNELS); do threads=$${run%,*} level=$${run#*,}; \
		case $$level in AVX512*) grep -q avx512f /proc/cpuinfo || { echo "kernels: no $$level in this processor"; continue; };; esac; \
		echo "kernels: oneDNN $${level:-unlimited}, $$threads threads"; \
		env -u ONEDNN_MAX_CPU_ISA $${level:+ONEDNN_MAX_CPU_ISA=$$level} OMP_NUM_THREADS=$$threads \
			$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m floats || exit 1; \
	done

check: $(STAMP)  ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(STAMP)  ## the README's figures, each beside its peer (about an hour)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@for name in search night listing growth reading ingest embedding phantoms resamples assay embedding; do $(BIN)/python -m benchmarks.$$name || exit 1; done

mutants: $(STAMP)  ## how many small faults put into the rules the tests see (hours; goes on where it was stopped)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	@$(FAST) $(BIN)/python -m benchmarks.mutants

clean:  ## remove .venv and ./demo
	@rm -rf .venv demo
