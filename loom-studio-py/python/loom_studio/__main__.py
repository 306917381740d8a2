"""`python -m loom_studio` is `loom-studio`."""

import sys

from loom_studio._cli import main

if __name__ == "__main__":
    sys.exit(main())
