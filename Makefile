# All verbs of the project: `make help`. Only relative paths, so that it works in a folder with a space in its name.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
# A machine without a CUDA driver runs either build of torch; the CPU one is smaller. To choose where it comes from,
# set pip's own PIP_INDEX_URL or PIP_FIND_LINKS, or TORCH=path/to/the.whl.
TORCH ?= torch==2.13.0
WORLD ?= forest
BRANCH ?= gate
FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMP := $(VENV)/navisplit.stamp
say = @printf '\n== %s\n'

.PHONY: help setup fly sim test lint format clean distclean

help: ## this list
	@printf 'NaviSplit: what `make` can do\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
	@printf '\nVariables: WORLD=%s BRANCH=%s FLAGS="..." (passed on), PYTHON=%s, TORCH=%s\n' '$(WORLD)' '$(BRANCH)' '$(PYTHON)' '$(TORCH)'

setup: $(STAMP) ## create .venv and install everything into it (minutes once, then nothing)

fly: $(STAMP) ## fly one route in the simulator, through the real ROS 2 nodes, and report
	$(say) "Flying in world $(WORLD), branch $(BRANCH) (Ctrl-C ends the flight and still writes the report)"
	@$(BIN)/navisplit fly --world "$(WORLD)" --branch "$(BRANCH)" $(FLAGS)

sim: $(STAMP) ## start the simulator alone, for any AirSim client
	@$(BIN)/navisplit sim --world "$(WORLD)" $(FLAGS)

test: $(STAMP) ## run all tests
	$(say) "Testing"
	@ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST $(BIN)/python -m pytest $(FLAGS)

lint: $(STAMP) ## check the style of the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(STAMP) ## rewrite the code in the house's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## delete what builds and tests leave behind (not .venv, not runs/)
	@rm -rf build dist install log *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also delete .venv
	@rm -rf $(VENV)

$(STAMP): setup.py Makefile
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no '$(PYTHON)' here. Install Python 3.10 or later, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(f"Python 3.10 or later is needed, {sys.executable} is {sys.version.split()[0]}. Name another: make PYTHON=python3.11" if sys.version_info < (3, 10) else 0)'
	$(say) "[1/4] Virtual environment in $(VENV)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV) || { echo "This Python cannot create a virtual environment (on Debian: apt install python3-venv)."; exit 1; }
	$(say) "[2/4] PyTorch ($(TORCH)): the largest download, about 200 MB for the CPU build"
	@$(PIP) install "$(TORCH)" "setuptools<80" wheel
	$(say) "[3/4] NaviSplit, ROS 2 (rclpy and Fast DDS as wheels), the live view and the tools for tests"
	@$(PIP) install --editable ".[ros,train,view,test]"
	$(say) "[4/4] The AirSim client"
	@$(BIN)/python -m navisplit.airsim.install
	@touch $(STAMP)
	$(say) "Ready: make fly, make test, or $(BIN)/navisplit --help"
