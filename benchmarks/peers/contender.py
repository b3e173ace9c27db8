"""The process of one contender: `python -m benchmarks.peers.contender NAME FOLDER [OPTION...]`, the options as the
contender takes them; see `benchmarks/peers/job.py`."""

import importlib
import sys
from pathlib import Path

from benchmarks.peers.job import CANNOT, PREDICTIONS, CannotError, Given
from benchmarks.peers.registry import CONTENDERS


def main() -> None:
    name, folder, options = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    module = importlib.import_module(f"benchmarks.peers.{CONTENDERS[name].module}")
    try:
        predicted = getattr(module, name)(Given.read(folder), *options)
    except CannotError as error:
        (folder / CANNOT).write_text(str(error))
    else:
        predicted.to_csv(folder / PREDICTIONS, index=False)


if __name__ == "__main__":
    main()
