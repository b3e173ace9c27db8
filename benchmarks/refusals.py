"""How long does it take to refuse a hostile bundle, and how much memory?

    python -m benchmarks.refusals               a JSON line for each of tests/export/hostile.py, the slowest last

Each is loaded in a process of its own in which the libraries are there already: seconds are those of loading alone, the
peak of memory (in MB) is that of the whole process.
"""

import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

from autoproc.errors import BundleError
from autoproc.export.bundle import load
from autoproc.machine import peak_memory
from tests.export import hostile

BUNDLES = {**hostile.ARCHIVES, **hostile.FOLDERS, **hostile.WORST}


def write(name: str, path: Path) -> None:
    BUNDLES[name].write(path)


def refuse(name: str, path: Path) -> dict[str, Any]:
    before = peak_memory()
    started, processor = time.perf_counter(), time.process_time()
    try:
        load(path)
    except BundleError as error:
        assert BUNDLES[name].told in str(error)
    else:
        raise AssertionError(f"{name} was loaded")
    return {
        "bundle": name,
        "seconds": round(time.perf_counter() - started, 4),
        "processor_seconds": round(time.process_time() - processor, 4),
        "peak_mb": round(peak_memory() / 1e6),
        "more_than_before_mb": round((peak_memory() - before) / 1e6),
    }


def main() -> None:
    results = []
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool,
    ):
        for name in BUNDLES:
            path = Path(folder) / str(len(results))
            pool.apply(write, (name, path))
            results.append(pool.apply(refuse, (name, path)))
    for result in sorted(results, key=lambda result: result["seconds"]):
        print(json.dumps(result))
    most = {key: max(result[key] for result in results) for key in ("seconds", "processor_seconds", "peak_mb")}
    print(json.dumps({"bundles": len(results), **{f"most_{key}": value for key, value in most.items()}}))


if __name__ == "__main__":
    main()
