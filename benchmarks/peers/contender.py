"""The process of one contender: `python -m benchmarks.peers.contender NAME FOLDER`; see `benchmarks/peers/job.py`."""

import importlib
import sys
from pathlib import Path

from benchmarks.peers.job import CANNOT, PREDICTIONS, CannotError, Given
from benchmarks.peers.registry import CONTENDERS


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    module = importlib.import_module(f"benchmarks.peers.{CONTENDERS[name].module}")
    try:
        predicted = getattr(module, name)(Given.read(folder))
    except CannotError as error:
        (folder / CANNOT).write_text(str(error))
    else:
        predicted.to_csv(folder / PREDICTIONS, index=False)


if __name__ == "__main__":
    main()
