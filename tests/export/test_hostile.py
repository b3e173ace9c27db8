"""Bundles made to do harm are refused in one sentence: nothing is written, nothing is run, and little is read."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from autoproc.errors import BundleError
from autoproc.export.bundle import copy_bundle, load
from tests.export import hostile

MOST_MEGABYTES = 150
"""That reading any of them may take, beyond what the libraries do."""


@pytest.mark.parametrize("name", hostile.ARCHIVES)
def test_a_hostile_archive_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    must_be_refused(hostile.ARCHIVES[name], tmp_path, monkeypatch)


@pytest.mark.parametrize("name", hostile.FOLDERS)
def test_a_hostile_folder_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    must_be_refused(hostile.FOLDERS[name], tmp_path, monkeypatch)


def must_be_refused(bundle: hostile.Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    bundle.write(path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = everything(tmp_path)
    for read in (load, lambda path: copy_bundle(path, tmp_path / "copy.zip")):
        with pytest.raises(BundleError) as caught:
            read(path)
        text = str(caught.value)
        assert bundle.told in text and str(path) in text
        assert text.isprintable() and len(text) < 800
    assert everything(tmp_path) == before


def everything(folder: Path) -> set[str]:
    return {os.path.join(at, name) for at, folders, files in os.walk(folder) for name in (*folders, *files)}


def test_without_any_harm_the_same_bundle_loads(tmp_path: Path) -> None:
    hostile.folder(hostile.whole())(tmp_path / "model")
    hostile.zipped()(tmp_path / "model.zip")
    hostile.folder(hostile.sealed())(tmp_path / "sealed")
    assert {load(tmp_path / name).task for name in ("model", "model.zip", "sealed")} == {"binary"}


def test_the_code_in_these_bundles_would_leave_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(hostile.PICKLE).close()  # noqa: S301  # what must never happen elsewhere
    assert (tmp_path / hostile.TRACE).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of memory")
def test_the_worst_of_them_take_little_memory(tmp_path: Path) -> None:
    for number, bundle in enumerate(hostile.WORST.values()):
        bundle.write(tmp_path / str(number))
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_ALL, str(len(hostile.WORST)), str(MOST_MEGABYTES)],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *told, peak = done.stdout.splitlines()
    for line, bundle in zip(told, hostile.WORST.values(), strict=True):
        assert bundle.told in line
    assert float(peak) < MOST_MEGABYTES + 350  # as much as all may take


# Prints what was said of each, and at last the peak of memory in MB. No more is to be had than that beyond what the
# libraries have mapped (not all of which is in memory): a list that grows without end is a MemoryError.
_LOAD_ALL = """
import resource, sys, time
from autoproc.errors import BundleError
from autoproc.export.bundle import load
from autoproc.machine import peak_memory

mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 2**33
resource.setrlimit(resource.RLIMIT_AS, (mapped + int(sys.argv[2]) * 10**6,) * 2)
for number in range(int(sys.argv[1])):
    started = time.process_time()
    try:
        load(str(number))
    except BundleError as error:
        print(error)
        seconds = time.process_time() - started
        print(f"{number}: {seconds:.2f} s, {peak_memory() / 10**6:.0f} MB so far", file=sys.stderr)
print(peak_memory() / 10**6)
"""
