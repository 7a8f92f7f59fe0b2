"""``python -m navisplit``: the command line."""

import sys

from navisplit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
