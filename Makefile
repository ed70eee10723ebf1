# The lab's tasks; `make` alone lists them. Each sets up what is missing first.
#   make lab ARGS="--no-browser --port 8899"     make test ARGS="-k sink"     make lab PYTHON=python3.13
#   make soak MINUTES=10
# The work is in scripts/tasks.py, which also runs without make: python scripts/make.py lab

.DEFAULT_GOAL := help
TASKS := help setup lab up test test-quick test-long check bench soak lock
.PHONY: $(TASKS)

# The first of these that is Python 3.11 or newer; `py -3` is Windows' launcher.
CANDIDATES := python3 python "py -3" python3.14 python3.13 python3.12 python3.11
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(IS_NEW_ENOUGH)' >/dev/null 2>&1 && echo $$p && break; done)
endif

$(TASKS):
	@$(if $(PYTHON),,$(error labkit needs Python 3.11 or newer, and found none. Install one, or name it: make $@ PYTHON=/path/to/python3))
	@$(PYTHON) scripts/make.py $@ $(ARGS)
