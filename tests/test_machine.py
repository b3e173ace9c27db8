import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoproc import machine


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A container's limit, which is not there yet; the machine itself has 1000 pages of 4 KiB."""
    path = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_CGROUP_LIMITS", (tmp_path / "memory.limit_in_bytes", path))
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    return path


def test_this_machine_has_memory_and_this_process_takes_some_of_it() -> None:
    assert 2**24 < machine.used_memory() <= machine.peak_memory() * 1.01
    assert machine.used_memory() < machine.total_memory()


def test_without_a_limit_the_whole_machine_counts(limit: Path) -> None:
    assert machine.total_memory() == 4_096_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2000000\n", 2_000_000), ("max\n", 4_096_000), ("9223372036854771712\n", 4_096_000), ("", 4_096_000)],
)
def test_a_containers_limit_counts_where_it_is_lower(limit: Path, text: str, expected: int) -> None:
    limit.write_text(text)
    assert machine.total_memory() == expected


@pytest.mark.parametrize("error", [AttributeError, OSError, ValueError])
def test_a_machine_that_does_not_tell_is_taken_to_have_8_gib(
    limit: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def sysconf(name: str) -> int:
        raise error(name)

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert machine.total_memory() == 8 * 2**30
    limit.write_text("3000000")
    assert machine.total_memory() == 3_000_000


@pytest.mark.skipif(not machine._STATM.exists(), reason="this system tells the peak alone")
def test_what_is_taken_counts_and_what_is_given_back_does_not() -> None:
    """In a process of its own: this one may have memory to spare, which a new block would take first."""
    program = """
import numpy as np
from autoproc.machine import used_memory
before = used_memory()
block = np.ones(2**24)  # 128 MiB
taken = used_memory() - before
del block
print(taken, used_memory() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, text=True)
    taken, left = map(int, done.stdout.split())
    assert 0.9 < taken / 2**27 < 1.1
    assert left < 2**24


@pytest.mark.parametrize("content", [None, "", "100", "many pages"])
def test_where_only_the_peak_is_known_that_is_what_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    statm = tmp_path / "statm"
    if content is not None:
        statm.write_text(content)
    monkeypatch.setattr(machine, "_STATM", statm)
    assert machine.used_memory() == machine.peak_memory() > 2**24


def test_resident_pages_are_what_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("5000 300 20 1 0 40 0\n")
    monkeypatch.setattr(machine, "_STATM", statm)
    assert machine.used_memory() == 300 * 4096


def test_the_peak_is_what_linux_tells_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not what `resource` says: that may be the peak of the process that started this one."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 900 kB\nVmHWM:\t  300 kB\nVmRSS:\t 200 kB\n")
    monkeypatch.setattr(machine, "_STATUS", status)
    assert machine.peak_memory() == 300 * 1024


def test_a_peak_is_counted_in_bytes_on_macos_and_in_kib_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_STATUS", tmp_path / "status")
    elsewhere = machine.peak_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.peak_memory() == pytest.approx(elsewhere / 1024, rel=0.01)


def test_a_system_without_figures_has_used_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_STATM", tmp_path / "statm")
    monkeypatch.setattr(machine, "_STATUS", tmp_path / "status")
    monkeypatch.setitem(sys.modules, "resource", None)
    assert machine.peak_memory() == machine.used_memory() == 0
