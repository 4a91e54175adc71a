# The commands of the project, listed by `make help`. All use .venv, which is built from a lock file with hashes.
# PYTHON=python3.12 and LOCK=requirements-gpu.lock work with all of them.
PYTHON ?= python3
LOCK ?= requirements.lock
STUDY ?=
JOBS ?=
SCHEDULER ?=
# Not `AS ?=`: make sets AS itself, to the name of the assembler.
ifeq ($(origin AS),default)
AS := $(or $(STUDY),default)
endif

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(notdir $(LOCK))
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
SIDE_BY_SIDE = $(if $(JOBS),--jobs "$(JOBS)") $(if $(SCHEDULER),--scheduler "$(SCHEDULER)")

.DEFAULT_GOAL := help
.PHONY: help setup demo study compare scheduler worker predict export test reliability lint format bench lock reference render clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install the dependencies into .venv (LOCK=requirements-gpu.lock for an NVIDIA GPU)

$(READY): $(LOCK)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  "error: found Python %d.%d; expected 3.11 to 3.13. Choose another: make PYTHON=python3.12 ..." % v)'
	@echo "Installing the dependencies into $(VENV) (only once; takes minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@touch $@

demo: ## run a small study on bundled photographs (minutes, no download)
	@$(MAKE) --no-print-directory study STUDY=demo JOBS=$(or $(JOBS),auto)

study: $(READY) ## run the study in params.yaml; STUDY=x applies studies/x.yaml (JOBS=2, SCHEDULER=tcp://...)
	@$(BIN)/python -m pipeline.commands.workspace run $(STUDY) $(SIDE_BY_SIDE)

compare: $(READY) ## compare methods on IMAGES=<folder or archive> (BUDGET=15m, NAME=<name>, AGAIN=1, PLAN=1)
	@$(BIN)/python -m pipeline.commands.compare $(if $(IMAGES),"$(IMAGES)",$(error IMAGES=... is missing: \
	  a folder or an archive with a folder of images for each class)) --budget $(or $(BUDGET),15m) \
	  $(if $(NAME),--name "$(NAME)") $(if $(AGAIN),--again) $(if $(PLAN),--plan) $(SIDE_BY_SIDE)

scheduler: $(READY) ## on the head machine: start the scheduler that hands out stages (PORT=8786; see docs/many-machines.md)
	@$(BIN)/python -m distributed.cli.dask_scheduler --port $(or $(PORT),8786) --no-dashboard

worker: $(READY) ## on each other machine, in its own clone: run stages for SCHEDULER=tcp://head:8786 (JOBS=auto)
	@$(BIN)/python -m pipeline.commands.jobs.worker "$(or $(SCHEDULER),$(error SCHEDULER=... is missing: \
	  the address that `make scheduler` prints, such as tcp://head:8786))" $(if $(JOBS),--jobs "$(JOBS)")

predict: $(READY) ## classify images: RUN=<run> IMAGES=<file, folder or archive> (STUDY=x, CSV=file)
	@$(BIN)/python -m pipeline.commands.predict "$(RUN)" $(if $(IMAGES),"$(IMAGES)") \
	  $(if $(STUDY),--folder "workspaces/$(STUDY)") $(if $(CSV),--csv "$(CSV)")

export: $(READY) ## write a network or a hybrid with a linear classifier as ONNX: RUN=<run> (STUDY=x)
	@$(BIN)/python -m pipeline.commands.export "$(RUN)" $(if $(STUDY),--folder "workspaces/$(STUDY)")

test: $(READY) ## run all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=25

reliability: $(READY) ## run the tests that inject faults; writes docs/reliability.md
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --reliability

lint: $(READY) ## run ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(READY) ## let ruff fix and format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(READY) ## measure speed against common libraries; writes docs/benchmarks*.md
	@$(BIN)/python -m tests.benchmarks

lock: ## update both lock files (needs uv)
	@uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements.lock
	@uv pip compile pyproject.toml --group dev --extra gpu --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -c requirements.lock \
	  -o requirements-gpu.lock

reference: $(READY) ## copy the results of STUDY to reports/reference/AS, and its table into README.md
	@$(BIN)/python -m pipeline.commands.publish $(if $(STUDY),workspaces/$(STUDY),.) $(AS)

render: $(READY) ## re-render the page of reports/reference/AS with the current code; trains nothing
	@$(BIN)/python -m pipeline.commands.publish --render $(AS)

clean: ## remove .venv, .resume and ALL workspaces; keep the checkout's own data, runs and reports
	@rm -rf workspaces $(VENV) .resume
