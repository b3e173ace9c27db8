"""`autoproc ui` of a home for programs that look at its pages."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from autoproc.tracking.listening import any_free_port


@contextmanager
def serving(home: Path) -> Iterator[dict[str, str]]:
    """What it prints, by title: the addresses of the newest job's views. The server ends with this block."""
    options = ["--home", str(home), "--port", str(any_free_port()), "--no-browser"]
    with subprocess.Popen([sys.executable, "-m", "autoproc", "ui", *options], stdout=subprocess.PIPE, text=True) as ui:
        assert ui.stdout is not None
        try:
            told = takewhile(lambda line: not line.startswith("Ctrl-C"), ui.stdout)
            yield dict(line.strip().split(": ", maxsplit=1) for line in told)
        finally:
            ui.terminate()
