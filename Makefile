# Everything below works on a fresh clone with nothing installed but Python 3.11 or newer and make.
#   make demo     a trained MTTR at work: runs/demo/report.html
#   make test     what continuous integration runs
# Another interpreter: make setup PYTHON=python3.12. More processes for the tests: make test JOBS=8.

PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed
CELL_SECONDS := 900
NBVAL = -p no:cacheprovider --nbval-lax --nbval-current-env --nbval-cell-timeout=$(CELL_SECONDS)

# Waiting threads sleep: without this, processes that share cores slow each other up to sixfold.
export OMP_WAIT_POLICY := PASSIVE
# Training frees and takes hundreds of megabytes in every step. glibc's allocator hands them back to the system
# each time, and a third of the CPU time goes into page faults (measured: 36 % of it in the system, 10 % with
# these settings). Only where models are trained: a process then keeps all the memory that it ever used.
demo weights: export MALLOC_ARENA_MAX := 1
demo weights: export MALLOC_MMAP_MAX_ := 0
demo weights: export MALLOC_TOP_PAD_ := 268435456
demo weights: export MALLOC_TRIM_THRESHOLD_ := 17179869184
# No model downloads, no questions: whatever a first run needs ships with the package.
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help setup demo lab test test-full test-browser lint bench notebooks student weights checksums lock
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## install everything into .venv (once)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'error: Python 3.11 or newer is needed, $(PYTHON) is' `$(PYTHON) --version` '(make setup PYTHON=...)'; exit 1; }
	@test -x $(BIN)/python || { echo 'making .venv'; $(PYTHON) -m venv .venv; }
	@echo 'installing (some minutes when nothing is cached)'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[course,dev]'
	@touch $@

demo: $(STAMP)  ## data, evaluation, three minutes of training, a page of results
	$(BIN)/rvos-edu demo

lab: $(STAMP)  ## open the course in JupyterLab
	$(BIN)/jupyter lab notebooks

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy

# Notebooks under test have a home of their own. Its data are made first: a progress bar is no cell's output.
NOTEBOOK_HOME := RVOS_EDU_HOME=$(CURDIR)/runs/notebook-home
SPLITS := (('full', 0), ('1', 600))
MAKE_DATA := $(NOTEBOOK_HOME) $(BIN)/python -c "import rvos_edu as r; [r.data.load('moving-shapes', \
  split='valid', level=level, train_videos=count) for level, count in $(SPLITS)]"
RUN_NOTEBOOKS = $(NOTEBOOK_HOME) $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(NBVAL) notebooks

test test-full: export OMP_NUM_THREADS := 1
test: export RVOS_EDU_NOTEBOOKS := short
test-full: CELL_SECONDS := 3600
test: lint  ## lint, unit, property, parity, command-line tests, all notebooks with short trainings
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile
	$(MAKE_DATA)
	$(RUN_NOTEBOOKS)

test-full: lint  ## also the slow tests, and every notebook at its full length
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m 'not benchmark and not browser'
	$(MAKE_DATA)
	$(RUN_NOTEBOOKS)

test-browser: $(STAMP)  ## notebooks 00, 08, 10 in JupyterLab in a real browser: runs/browser
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m pytest -q -m browser tests/browser

notebooks: export OMP_NUM_THREADS := 1
notebooks: $(STAMP)  ## run every notebook at full length and store its outputs
	$(BIN)/python -m rvos_edu.course.execute
	$(BIN)/python -m rvos_edu.course.inventory --write

student: $(STAMP)  ## the notebooks without outputs and without solutions: student/
	$(BIN)/python -m rvos_edu.course.student --out student

bench: $(STAMP)  ## time and memory
	$(BIN)/python -m pytest -q -s -m benchmark tests/benchmarks

# From seeds, about three hours on two cores: text 3 minutes, video 32, MTTR 52, R2-VOS 80. Runs and
# their logs stay in runs/nano-*; docs/training/README.md says more.
# One thread per process: the same sums in the same order whatever the machine, and no waiting for each other.
weights: export OMP_NUM_THREADS := 1
weights: $(STAMP)  ## train every shipped weight anew (three hours)
	$(BIN)/python -m rvos_edu.engine.pretrain_text --out runs/nano-roberta
	$(BIN)/python -m rvos_edu.engine.pretrain_video --out runs/nano-video-swin
	$(BIN)/python -m rvos_edu.engine.ship nano-roberta nano-video-swin
	BIN=$(BIN) data_scripts/train_nano_mttr.sh runs
	$(BIN)/python -m rvos_edu.engine.ship nano-mttr
	BIN=$(BIN) data_scripts/train_nano_r2vos.sh runs
	$(BIN)/python -m rvos_edu.engine.ship nano-r2vos

checksums: $(STAMP)  ## after the shipped weights were remade
	$(BIN)/python -m rvos_edu.checksums

lock: $(STAMP)  ## write the versions installed in .venv to constraints.txt
	$(BIN)/python .ci/lock.py > constraints.txt.new
	mv constraints.txt.new constraints.txt
