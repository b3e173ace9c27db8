"""What the machine has, and what this process takes of it."""

import os
import sys
from contextlib import suppress
from pathlib import Path

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # 2 and 1
_STATUS = Path("/proc/self/status")
_STATM = Path("/proc/self/statm")
_UNKNOWN = 8 * 2**30


def total_memory() -> int:
    """Bytes of memory that this machine or container has; 8 GiB where it does not tell."""
    found = [_UNKNOWN]
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for limit in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such group, or no limit
            found.append(int(limit.read_text()))
    return min(found)


def used_memory() -> int:
    """Bytes that this process holds now; where only its peak is known, that; 0 where neither is."""
    with suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return peak_memory()


def peak_memory() -> int:
    """The most bytes that this process has held; 0 where the system does not tell."""
    # Where both are there, rusage may tell of the process that started this one.
    with suppress(OSError, ValueError, StopIteration):
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
