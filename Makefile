# SYSTEM=no keeps `make test` from installing system packages; SECONDS is the time of each fuzz target:
# 28 of them, four at a time on two cores, take seven minutes of `make test` with 60.
PYTHON ?= python3
SYSTEM ?= yes
SECONDS ?= 60
TRIGGERS ?= 1000
ASSOCIATIONS ?= 10000
RUN = SYSTEM=$(SYSTEM) SECONDS=$(SECONDS) $(PYTHON) tests/run.py
ENVIRONMENT = $(PYTHON) tests/tools/environment.py

.PHONY: help core demo test test-unit unit-one unit-other lint rig bench fuzz requirements lock release clean

help:
	@echo "make demo          set up and run the main job: $(TRIGGERS) device triggers on loopback; files in demo/"
	@echo "make test          set up and run everything; ends with a table"
	@echo "make test-unit     unit tests against the checkout, under a minute on two cores"
	@echo "make core          compile the core in place; DIAMETER_PURE=1 keeps to the pure one"
	@echo "make lint          ruff, mypy, layering, locks, documentation"
	@echo "make rig           the tests that need kernel SCTP, in a guest; ASSOCIATIONS=$(ASSOCIATIONS) are opened and closed"
	@echo "make bench         everything measured beside the stacks that are installed; figures in build/bench/"
	@echo "make fuzz          fuzz targets, SECONDS=$(SECONDS) each"
	@echo "make requirements  the requirements matrix of the last run, into docs/requirements.md"
	@echo "make lock          compile requirements/*.lock anew"
	@echo "make release       wheel and sdist, checked, into dist/"

demo:
	@$(ENVIRONMENT) .venv-run requirements/run.lock --project
	@.venv-run/bin/mtc demo --triggers $(TRIGGERS) --out demo

test:
	@$(RUN)

# In two halves, which take about as long as each other: each collects its own tests only.
HALF = $(addprefix tests/unit/,nfs capture routing)
# What compiling the tests has given is kept, whatever the caller's environment says: ten seconds of a run.
UNIT = PYTHONPATH=. PYTHONDONTWRITEBYTECODE= MTC_DATABASES=sqlite .venv/bin/pytest -q

test-unit:
	@$(ENVIRONMENT) .venv requirements/dev.lock
	@$(MAKE) --no-print-directory --output-sync=target -j 2 unit-one unit-other

unit-one:
	@$(UNIT) $(HALF)

unit-other:
	@$(UNIT) $(filter-out $(HALF) tests/unit/__pycache__,$(wildcard tests/unit/*))

core:
	@$(ENVIRONMENT) .venv requirements/dev.lock
	@.venv/bin/python setup.py -q build_ext --inplace --build-temp build/core

lint:
	@$(RUN) lint

rig:
	@MTC_ASSOCIATIONS=$(ASSOCIATIONS) $(RUN) rig

bench:
	@$(ENVIRONMENT) .venv-run requirements/run.lock --project
	@$(ENVIRONMENT) .venv-peers requirements/peers.lock
	@.venv-run/bin/mtc bench all --out build/bench

fuzz:
	@$(RUN) fuzz

requirements:
	@$(RUN) requirements

COMPILE = .venv/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --build-deps-for wheel \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header --no-annotate

lock:
	@$(ENVIRONMENT) .venv requirements/dev.lock
	$(COMPILE) -o requirements/run.lock pyproject.toml
	$(COMPILE) --extra all -c requirements/run.lock -o requirements/all.lock pyproject.toml
	$(COMPILE) --extra all --extra dev -c requirements/all.lock -o requirements/dev.lock pyproject.toml

release:
	@$(RUN) lint unit install
	@rm -rf dist
	.venv/bin/python -m build --no-isolation --outdir dist .
	@ls -l dist

clean:
	rm -f diameter/*/_ccore*.so
	rm -rf build dist demo .venv .venv-run .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
