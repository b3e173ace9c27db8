"""`python -m autoproc` is `autoproc`."""

import sys

from autoproc.cli import main

sys.exit(main())
