# make serve    build what is needed and run the responder (ARGS="-c my.toml" passes arguments)
# make test     every check that a change must pass: lint, types, unit, sanitizers, fuzz, real boots
# make fuzz-long    fuzzing guided by coverage, for hours: needs clang
# make build    only build .venv/bin/fastpxe
# make bench    speed, see bench/README.md; make bench-compare: against the last saved run

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CYTHON := $(shell find fastpxe -name "*.py[x]" -o -name "*.pxd")
SOURCES := $(CYTHON) setup.py pyproject.toml

.PHONY: serve build test lint unit asan fuzz fuzz-long bench bench-compare report clean check-build check-test

serve: build
	$(BIN)/fastpxe serve $(ARGS)

build: $(VENV)/built

# Each prerequisite is tried, not guessed by package name; the message is the line to type.
check-build:
	@missing=; \
	command -v $(PYTHON) >/dev/null || missing="$$missing python3"; \
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	$(PYTHON) -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null \
	  || missing="$$missing python3-dev"; \
	if [ -n "$$missing" ]; then \
	  echo "fastpxe needs:  sudo apt-get install -y$$missing" >&2; exit 1; \
	fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fastpxe needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }

$(VENV)/bin/pip:
	@$(MAKE) --no-print-directory check-build
	$(PYTHON) -m venv $(VENV)

$(VENV)/built: $(SOURCES) | $(VENV)/bin/pip
	@$(MAKE) --no-print-directory check-build
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test-tools: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --disable-pip-version-check --group test
	@touch $@

test: check-test build $(VENV)/test-tools lint unit asan fuzz

# The end-to-end tests boot real firmware in network namespaces: they need root and these packages.
check-test:
	@missing=$$(cd tests/e2e && $(PYTHON) -c 'import packages; print(*packages.missing())'); \
	test -z "$$missing" || { echo "make test needs:  sudo apt-get install -y $$missing" >&2; exit 1; }
	@test "$$(id -u)" = 0 || { echo "make test boots machines in network namespaces: sudo make test" >&2; exit 1; }

lint: build $(VENV)/test-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy fastpxe
	PATH=$(CURDIR)/$(BIN):$$PATH cython-lint --max-line-length=100 $(CYTHON)
	$(BIN)/stubtest $(subst /,.,$(basename $(filter %.pyx,$(CYTHON))))

unit: build $(VENV)/test-tools
	$(BIN)/python -m pytest

# The Cython core once more under the address and undefined-behaviour sanitizers, in a build of its own.
asan: $(VENV)/test-tools
	fuzz/asan $(BIN)/python -m pytest -q tests/test_codec.py tests/test_reply.py tests/test_policy.py \
	  tests/test_transfer.py tests/serve/test_blocks.py tests/serve/test_downloads.py

# Every target gets its share of the time.
fuzz: $(VENV)/test-tools
	fuzz/asan $(BIN)/python fuzz/every.py --seconds $(or $(FUZZ_SECONDS),60)

# Guided by coverage, each target this long; those that keep what they heard by mutation alone.
FUZZ_LONG_SECONDS ?= 1800

fuzz-long: $(VENV)/test-tools
	@command -v clang >/dev/null || { echo "make fuzz-long needs:  sudo apt-get install -y clang" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --group fuzz
	for target in dhcp nested transfer names script toml dnsmasq; do \
	  fuzz/coverage $(BIN)/python $$target -max_total_time=$(FUZZ_LONG_SECONDS) || exit 1; \
	done
	for target in cache tftp http; do \
	  fuzz/asan $(BIN)/python fuzz/fuzz_$$target.py --seconds $(FUZZ_LONG_SECONDS) || exit 1; \
	done

BENCH := $(BIN)/python -m pytest bench --benchmark-only --benchmark-storage=bench/baselines \
	--benchmark-columns=median,iqr,rounds

bench: build $(VENV)/test-tools
	$(MAKE) -C bench/load
	$(BENCH) --benchmark-autosave $(ARGS)
	$(BIN)/python bench/storm.py
	$(BIN)/python bench/tftp.py
	$(BIN)/python bench/both.py

# The tables and the picture of the documents, from the kept measurements.
report: $(VENV)/test-tools
	$(BIN)/pip install --quiet --disable-pip-version-check --group plot
	$(BIN)/python bench/report.py bench/baselines/storm.json bench/baselines/tftp.json docs/pictures/measured.png README.md bench/README.md

# The newest saved run of this machine beside a new one; 10 % slower in the median is an error.
bench-compare: build $(VENV)/test-tools
	$(BENCH) --benchmark-compare --benchmark-compare-fail=median:10% $(ARGS)

bench/load/%: bench/load/%.c
	$(MAKE) -C bench/load $*

clean:
	rm -rf $(VENV) build dist *.egg-info
	find fastpxe \( -name '*.so' -o -name '*.c' -o -name '*.html' \) -delete
