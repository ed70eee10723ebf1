"""What the Makefile does, for machines without make: ``python scripts/make.py lab --no-browser``.

It needs Python 3.11 or newer and nothing else. Without arguments it tells what it can do.
"""

import sys

# In words that an old Python can still read.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "labkit needs Python 3.11 or newer; %s is %d.%d.\n"  # noqa: UP031
        "  Next: install a newer one, and name it: make lab PYTHON=python3.12"
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )

import tasks

if __name__ == "__main__":
    tasks.main(sys.argv[1:])
