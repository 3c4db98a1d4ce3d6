# make serve    build what is needed and run the responder (ARGS="-c my.toml" passes arguments)
# make check    lint, types and the tests that need no root, in under 90 seconds on two cores
# make test     every check that a change must pass: lint, types, unit, sanitizers, fuzz, real boots
# make test-e2e-full    every boot of real firmware there is, of which make test does a part
# make test-machine     under a real systemd in a virtual machine, and in a container by podman
# make clean-machine    make serve and make test, typed on a Debian that has nothing
# make fuzz-long    fuzzing guided by coverage, for hours: needs clang
# make build    only build .venv/bin/fastpxe
# make deb      a Debian package in build/; make pages: the man page and the completions alone
# make bench    speed, see bench/README.md; make bench-compare: against the last saved run

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CYTHON := $(shell find fastpxe -name "*.py[x]" -o -name "*.pxd")
SOURCES := $(CYTHON) setup.py pyproject.toml

# The environment may forbid bytecode files. Then pytest rewrites every test module in each process, and
# each of the thousand starts of fastpxe compiles all its modules.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: serve build pages deb check test lint ruff types cython-lint stubs quick unit load unit-and-part sanitizers test-e2e-part test-e2e-full test-machine clean-machine \
	asan fuzz fuzz-long bench bench-compare report clean check-build check-test

serve: build
	$(BIN)/fastpxe serve $(ARGS)

build: $(VENV)/built

# The man page and the completions, below build/pages as they go below /usr.
pages: build $(VENV)/test-tools
	$(BIN)/python contrib/pages.py build/pages

# A Debian package in build/, for the Python of this Debian.
deb:
	contrib/deb/build build

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

# JOBS=2 runs tests in two processes, a file in one of them, and the sanitizers beside them. It takes
# less than half of the time; under that load a test may fail that waits for a reload.
JOBS ?= 1
PYTEST := $(BIN)/python -m pytest
EACH_FILE := --dist loadfile --no-loadscope-reorder
SIDE_BY_SIDE := $(if $(filter-out 1,$(JOBS)),-n $(JOBS) $(EACH_FILE))

check: build $(VENV)/test-tools
	@$(MAKE) --no-print-directory -j2 quick lint

test: check-test build $(VENV)/test-tools
	@$(MAKE) --no-print-directory -j2 lint
	@$(MAKE) --no-print-directory -j$(JOBS) unit-and-part sanitizers
	@$(MAKE) --no-print-directory load

# The end-to-end tests boot real firmware in network namespaces: they need root and these packages.
check-test:
	@missing=$$(cd tests/e2e && $(PYTHON) -c 'import packages; print(*packages.missing())'); \
	test -z "$$missing" || { echo "make test needs:  sudo apt-get install -y $$missing" >&2; exit 1; }
	@test "$$(id -u)" = 0 || { echo "make test boots machines in network namespaces: sudo make test" >&2; exit 1; }

lint: types ruff cython-lint stubs

ruff: build $(VENV)/test-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: build $(VENV)/test-tools
	$(BIN)/mypy fastpxe

cython-lint: build $(VENV)/test-tools
	PATH=$(CURDIR)/$(BIN):$$PATH cython-lint --max-line-length=100 $(CYTHON)

stubs: build $(VENV)/test-tools
	$(BIN)/stubtest $(subst /,.,$(basename $(filter %.pyx,$(CYTHON))))

quick: build $(VENV)/test-tools
	$(PYTEST) -q -n $(shell nproc) $(EACH_FILE) --hypothesis-profile=quick \
	  -m "not (netns or qemu or gate or matrix or machine)"

unit: build $(VENV)/test-tools
	$(PYTEST) $(SIDE_BY_SIDE) -m "not (matrix or machine or load)"
	$(MAKE) --no-print-directory load

# Tests that need all processor time that they can get: one after the other, beside nothing.
load: build $(VENV)/test-tools
	$(PYTEST) -m load

# Of the boots that `unit` leaves out, a part that takes about two minutes: another each day.
PARTS := 24
PART ?= $(shell expr $$(date -u +%-j) % $(PARTS))
SLICE := --slice $(PART)/$(PARTS)

test-e2e-part: check-test build $(VENV)/test-tools
	@echo "boots of the matrix: part $(PART) of $(PARTS); once more: sudo make test-e2e-part PART=$(PART)"
	$(PYTEST) $(SIDE_BY_SIDE) tests/e2e -m matrix $(SLICE)

unit-and-part: check-test build $(VENV)/test-tools
	@echo "boots of the matrix: part $(PART) of $(PARTS); once more: sudo make test-e2e-part PART=$(PART)"
	$(PYTEST) $(SIDE_BY_SIDE) -m "not (machine or load)" $(SLICE)

sanitizers:
	@$(MAKE) --no-print-directory asan
	@$(MAKE) --no-print-directory fuzz

# Every boot there is: the better part of an hour.
test-e2e-full: check-test build $(VENV)/test-tools
	$(PYTEST) $(SIDE_BY_SIDE) tests/e2e tests/tftp_real -m qemu

# Each makes a Debian by debootstrap first, of the release and from the archive that apt has here.
test-machine: build $(VENV)/test-tools
	@missing=; \
	for need in debootstrap:debootstrap qemu-system-x86_64:qemu-system-x86 podman:podman crun:crun; do \
	  command -v $${need%:*} >/dev/null || missing="$$missing $${need#*:}"; \
	done; \
	test -z "$$missing" || { echo "make test-machine needs:  sudo apt-get install -y$$missing" >&2; exit 1; }
	$(BIN)/python -m pytest tests/machine -m machine $(ARGS)

clean-machine: build
	PYTHONPATH=tests/e2e $(BIN)/python tests/machine/clean_machine.py $(ARGS)

# The Cython core once more under the address and undefined-behaviour sanitizers, in a build of its own.
asan: $(VENV)/test-tools
	nice -n 19 fuzz/asan $(PYTEST) -q tests/test_codec.py tests/policy/test_hosts.py tests/policy/test_respond.py tests/policy/test_compiler.py \
	  tests/tftp/test_transfer.py tests/serve/tftp/test_block_sender.py tests/serve/tftp/test_transfers.py

# Every target gets its share of the time, which is that of the processor.
fuzz: $(VENV)/test-tools
	nice -n 19 fuzz/asan $(BIN)/python fuzz/every.py --seconds $(or $(FUZZ_SECONDS),60)

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
