# `make` lists what there is. Everything runs in .venv, which is made from tests/requirements.lock
# on first use and again when the lock, the interpreter or pyproject.toml changes.

ifeq ($(origin PYTHON), undefined)
# Asked once, and only where it is used.
PYTHON = $(eval PYTHON := $(shell .ci/interpreter))$(PYTHON)
endif
BIN := .venv/bin
COMPILED := .venv/compiled
# Half as many again as there are cores: many tests wait for a time-out, a process or a socket.
WORKERS = $$($(BIN)/python -c "import os; print(max(2, os.cpu_count() * 3 // 2))")

.DEFAULT_GOAL := help
.PHONY: help venv run test compiled test-compiled faults bench fuzz mutation oracles lock clean \
	check check-format check-lint check-types check-imports check-readme check-deployment

help: ## List these commands
	@echo "Usage: make COMMAND"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12
	@echo
	@echo "make run ONCE=1        end after the table of decisions"
	@echo "make run UPSTREAM=URL  put the gateway in front of that address"
	@echo "make faults ROUNDS=5   so many rounds of each fault"
	@echo "make fuzz SECONDS=600  fuzz every target for so long; TARGETS=\"jcs jws\" picks some"
	@echo "make test-compiled TESTS=\"canonical\"  run these tests only"
	@echo "make mutation MODULES=\"jcs\" change these modules only"
	@echo "make lock UPGRADE=1    take the newest versions, not only what pyproject.toml asks for"
	@echo "make test PYTHON=...   use another Python, 3.11 or later"

run: venv ## Start a sample merchant, the gateway and a sample platform; Ctrl-C ends them
	@exec $(BIN)/ucp-connector demo $(if $(ONCE),--once) $(if $(UPSTREAM),--upstream "$(UPSTREAM)")

# Containers often forbid Python to keep what it compiles; here that is done again for every process
# of every test, and is half of what collecting the tests and starting a gateway costs.
test: venv ## Run every test (no root, no network beyond loopback)
	@echo "== Running the tests"
	@unset PYTHONDONTWRITEBYTECODE; export PYTHONPYCACHEPREFIX="$(CURDIR)/.venv/bytecode"; \
		exec $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

# The folder that Python is started in is left out, so that every process takes what is compiled.
test-compiled: compiled ## Run the tests of canonical and of whole gateways with what mypyc compiled
	@echo "== Running the tests of what is compiled"
	@unset PYTHONDONTWRITEBYTECODE; export PYTHONPYCACHEPREFIX="$(CURDIR)/.venv/bytecode"; \
		export PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/$(COMPILED):$(CURDIR)"; \
		exec $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --import-mode=append \
			$(addprefix tests/,$(or $(TESTS),canonical end_to_end))

compiled: $(COMPILED)/built ## Compile the way of a request with mypyc into .venv/compiled (minutes, a C compiler)

$(COMPILED)/built: $(shell find canonical connector -name "*.py" -o -name "*.lua") setup.py pyproject.toml | venv
	@echo "== Compiling with mypyc"
	@rm -rf build $(COMPILED)
	@UCP_CONNECTOR_COMPILE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-input --no-index --no-deps --no-build-isolation --target $(COMPILED) . || { \
		echo "It takes a C compiler and Python's headers: sudo apt-get install gcc python3-dev" >&2; \
		exit 1; }
	@rm -rf build
	@touch $@

check: check-format check-lint check-types check-imports check-readme check-deployment ## Run every check that is not a test of behaviour
	@echo "== All checks passed"

check-format: venv
	@echo "== Format (ruff format)"
	@$(BIN)/ruff format --check --quiet .

check-lint: venv
	@echo "== Lint (ruff)"
	@$(BIN)/ruff check --quiet .

check-types: venv
	@echo "== Types (mypy, strict, source and tests)"
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary .ci/environment.py

check-imports: venv
	@echo "== Dependencies between packages (import-linter)"
	@out=$$($(BIN)/lint-imports 2>&1) || { echo "$$out"; exit 1; }

check-readme: venv
	@echo "== Commands in README.md"
	@$(BIN)/python -m tests.project.check_readme

check-deployment: venv
	@echo "== Kubernetes manifests (kustomize)"
	@$(BIN)/python -m tests.project.kustomize
	@echo "== Manifests, Dockerfile, lock files, documents and what is installed"
	@$(BIN)/python -m pip check --quiet
	@$(BIN)/python -m pytest -q --no-header -p no:cacheprovider tests/project

faults: venv ## Kill and pause gateways at every step, fifty times each (half an hour)
	@$(BIN)/python -m tests.faults --rounds $(or $(ROUNDS),50)
	@exec $(BIN)/python -m tests.faults.failover

bench: venv ## Measure the gateway beside the alternatives, and its audit log (minutes)
	@$(MAKE) --no-print-directory compiled || echo "== Not compiled: measured as it is"
	@export PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/$(COMPILED):$(CURDIR)"; status=0; \
		$(BIN)/python -m bench || status=$$?; \
		$(BIN)/python -m bench.audit || status=$$?; \
		$(BIN)/python -m bench.discovery || status=$$?; exit $$status

fuzz: venv ## Fuzz the parsers of canonical/ under atheris, a minute each
	@$(BIN)/python -c "import atheris" 2>/dev/null || { \
		echo "== Installing what tests/fuzz/requirements.lock pins"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
			--only-binary :all: --require-hashes -r tests/fuzz/requirements.lock || { \
			echo "atheris has no wheel for this machine, or none can be had: nothing is fuzzed" >&2; \
			exit 1; }; }
	@exec $(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(TARGETS)

mutation: venv ## Change canonical/ in one place at a time and see the tests notice (half an hour)
	@$(BIN)/python -c "import cosmic_ray" 2>/dev/null || { \
		echo "== Installing what tests/mutation/requirements.lock pins"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
			--no-build-isolation --require-hashes -r tests/mutation/requirements.lock; }
	@exec $(BIN)/python -m tests.mutation $(MODULES)

oracles: venv ## Judge vectors/, signed answers and audit logs by implementations in other hands
	@$(BIN)/python -c "import joserfc, rfc8785, tlog_scales" 2>/dev/null || { \
		echo "== Installing what tests/oracles/requirements.lock pins"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
			--only-binary :all: --require-hashes -r tests/oracles/requirements.lock || \
			echo "They can't be had" >&2; }
	@exec $(BIN)/python -m tests.oracles

# --no-config, and no option that names an index: where packages come from is the machine's matter.
LOCK_WITH := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes $(if $(UPGRADE),--upgrade) \
	--custom-compile-command "make lock  (uv pip compile --universal --python-version 3.11 --generate-hashes)"

lock: venv ## Make the lock files again from pyproject.toml
	@echo "== Resolving tests/requirements.lock"
	@$(LOCK_WITH) --only-binary :all: --extra dev --extra validation --output-file tests/requirements.lock pyproject.toml
	@echo "== Resolving tests/fuzz/requirements.lock"
	@$(LOCK_WITH) --only-binary :all: --group fuzz --output-file tests/fuzz/requirements.lock
	@echo "== Resolving tests/mutation/requirements.lock"
	@$(LOCK_WITH) --constraints tests/requirements.lock --group mutation --output-file tests/mutation/requirements.lock
	@echo "== Resolving tests/oracles/requirements.lock"
	@$(LOCK_WITH) --only-binary :all: --constraints tests/requirements.lock --group oracles --output-file tests/oracles/requirements.lock
	@echo "== Resolving requirements.lock"
	@$(LOCK_WITH) --only-binary :all: --extra validation --constraints tests/requirements.lock --output-file requirements.lock pyproject.toml

clean: ## Remove .venv and everything generated, but no store, audit log or key
	@echo "== Removing .venv, build output and caches"
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz .oracles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { echo "$(PYTHON) is not there. Install Python 3.11 or later: sudo apt-get install python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11. Name a newer one: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" .ci/environment.py
