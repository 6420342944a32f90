"""``python -m sctl`` is the shell command ``sctl``."""

import sys

from sctl.cli import main

if __name__ == "__main__":
    sys.exit(main())
