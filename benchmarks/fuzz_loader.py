"""Let a coverage-guided fuzzer look for input that the bundle's loader does not survive (on Linux):

    pip install atheris
    python -m benchmarks.fuzz_loader CORPUS -dict=tests/fuzz/tokens.txt -max_total_time=600 -max_len=4500 -timeout=20

CORPUS is a folder for what it learns, an empty one is filled with what it begins with. With TMPDIR in memory (/dev/shm)
it makes some hundreds of runs a second. What it finds belongs into tests/fuzz/corpus, which the tests replay, as small
as it can be made (`-minimize_crash=1`).
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["autoproc", "zipfile"]):
    from tests.fuzz.bundle_loader import attempt, start


def main(arguments: list[str]) -> None:
    corpus = Path(arguments[0])
    if not corpus.exists() or not any(corpus.iterdir()):
        start(corpus)
    with tempfile.TemporaryDirectory() as folder:
        atheris.Setup([sys.argv[0], *arguments], lambda data: attempt(data, Path(folder)) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
