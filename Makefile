# What a person types, and what CI runs. TORCH=torch==2.13.0 chooses a build of torch; else the newest is installed.
PYTHON ?= python3
TORCH ?= torch
OUT ?= out/demo
BIN := .venv/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check format slow coverage mutants nightly torture bench bench-check test-min docs notebooks pictures screenshots studio results notes-ar notes-flow notes-gan notes-instrument notes-ear help

help:
	@echo "make demo              synthesise a data set, train, evaluate, write $(OUT)/report.html"
	@echo "make demo DATA=folder  the same on a corpus of your own"
	@echo "make test              ruff, mypy, pytest"
	@echo "make format            ruff format and fixes"
	@echo "make slow              the tests that take long"
	@echo "make coverage          both suites with every line and branch that they reach; writes docs/reliability.md"
	@echo "make mutants           faults put into a copy of the package, one at a time: which does no test notice? ARGS=--n 60"
	@echo "make nightly           thousands of random graphs, and every graph broken in every way"
	@echo "make torture           kills, failing disks, power cuts, missing memory, damaged files; writes docs/reliability.md"
	@echo "make bench             measure speed beside the peers, and write docs/performance.md; NAMES=lstm measures one alone"
	@echo "make bench-check       measure again, and fail where a ratio has become 15 % worse than it is written there"
	@echo "make test-min          install the oldest dependencies with each Python that is here, and run a part of the tests"
	@echo "make results DATA=folder  train what docs/results.yaml lists and is missing, and write the table of docs/results.md"
	@echo "make notes-ar DATA=folder    from notes to new ones: codec, codes, transformer, sounds, their page and their figures"
	@echo "make notes-flow DATA=folder  the same by a VAE and a rectified flow; make notes-gan by a GAN"
	@echo "make notes-instrument DATA=folder  a classifier of instruments, which hears whether notes sound as asked for"
	@echo "make notes-ear DATA=folder   another classifier of instruments, which chooses the best of several new notes"
	@echo "make studio            the page of the studio, bundled from studio/client; needs node and npm"
	@echo "make docs              the site, docs/_build/site/index.html; NOTEBOOKS=1 runs the notebooks of the gallery too"
	@echo "make notebooks         the notebooks of docs/gallery for Jupyter, in docs/_build/ipynb"
	@echo "make screenshots       the pictures of site, studio and report in the pages, taken by the browser tests; needs chromium"
	@echo "make pictures          docs/blocks.md, the pictures of the blocks and the table of graphs, from the registry"

$(BIN)/python:
	@$(PYTHON) -m venv .venv
	@$(PIP) --upgrade pip

.venv/installed: $(BIN)/python setup.cfg pyproject.toml
	@echo "installing mirbricks into .venv: torch and the rest, some minutes the first time"
	@$(BIN)/python -c "import torch" 2>/dev/null || $(PIP) "$(TORCH)"
	@$(PIP) --editable .
	@touch $@

.venv/installed-test: .venv/installed
	$(PIP) --editable ".[test]"
	@mkdir -p .venv/src && ln -sfn "$(CURDIR)" .venv/src/mirbricks
	@touch $@

demo: .venv/installed
	$(BIN)/mirbricks demo --out "$(OUT)" $(if $(DATA),--data "$(DATA)")

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal $(ARGS)

# mypy needs a folder named as the package: a link to the checkout, whatever the checkout is called
check: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.venv/src $(BIN)/mypy --config-file setup.cfg -p mirbricks

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

slow: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --numprocesses=auto --dist=worksteal $(ARGS)

# Both suites, with every process that they start; lines and branches of the package, and the rooms that have the least
coverage: .venv/installed-test
	$(BIN)/python -m coverage erase
	-OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest -m "not nightly" --timeout=900 --numprocesses=auto --dist=worksteal $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python tests/covered.py --write docs/reliability.md

mutants: .venv/installed-test
	$(BIN)/python tests/mutants.py $(ARGS)

nightly: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m nightly --numprocesses=auto --dist=worksteal $(ARGS)
	$(BIN)/python -m pytest --timeout=0 --hypothesis-profile=nightly tests/compiler/test_compiler_property.py

torture: .venv/installed-test
	cd tests && OMP_NUM_THREADS=1 "$(CURDIR)/$(BIN)/python" -m torture --write $(ARGS)

.venv/installed-bench: .venv/installed-test
	$(PIP) --editable ".[bench]"
	@touch $@

# Each figure beside the peer's in one process; NAMES=lstm measures one benchmark alone
bench: .venv/installed-bench
	$(BIN)/python bench/every.py $(NAMES)

bench-check: .venv/installed-bench
	$(BIN)/python bench/every.py --check $(NAMES)

# The oldest dependencies that setup.cfg declares, with each Python that is here: some GB each, and minutes
test-min: .venv/installed
	$(PIP) uv
	$(BIN)/python tests/oldest.py $(ARGS)

# The page of the studio: what is committed in studio/static is what this makes.
studio:
	cd studio/client && npm ci --no-audit --no-fund && npm run --silent build

# The site, without a warning and without the internet; NOTEBOOKS=1 runs those of the gallery, which takes minutes
docs: .venv/installed
	$(PIP) --editable ".[docs]"
	cd docs && "$(CURDIR)/$(BIN)/python" -m docsite $(if $(NOTEBOOKS),--notebooks)

notebooks: .venv/installed
	$(PIP) --editable ".[docs]"
	cd docs && "$(CURDIR)/$(BIN)/python" -m docsite.notebooks

# What the checkout itself holds of it: a row and a picture per block, a row per graph
pictures: .venv/installed
	$(BIN)/python docs/build.py
	$(BIN)/python docs/graph_rows.py

# Taken by the tests that look at site, studio and report in a browser, then made small for the pages
screenshots: .venv/installed-test docs
	$(BIN)/python -m pytest -m slow tests/docs/test_screenshots.py tests/studio/test_browser.py
	$(BIN)/python docs/screenshots.py

RUNS ?= runs/results
results: .venv/installed
	$(BIN)/python docs/results.py --data "$(DATA)" --runs "$(RUNS)"

# One command from the corpus `notes` in DATA to sounds and their figures, beside real against real and real against noise
notes-ar: LINES := notes_tokens notes_ar
notes-flow: LINES := notes_vae notes_flow
notes-instrument: LINES := notes_instrument
notes-ear: LINES := notes_ear
notes-gan: LINES := notes_gan
notes-ar notes-flow notes-gan notes-instrument notes-ear: .venv/installed
	$(BIN)/python docs/results.py --data "$(DATA)" --runs "$(RUNS)" --only $(LINES)
