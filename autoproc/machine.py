"""What the machine has, and what this process takes of it."""

import os
import sys
from contextlib import suppress
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_STATM = Path("/proc/self/statm")
_UNKNOWN = 8 * 2**30


def total_memory() -> int:
    """Bytes of memory that this machine or container has; 8 GiB where it does not tell."""
    found = [_UNKNOWN]
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with suppress(OSError, ValueError):  # no such group, or no limit
        found.append(int(_CGROUP_LIMIT.read_text()))
    return min(found)


def used_memory() -> int:
    """Bytes that this process holds now; where only its peak is known, that; 0 where neither is."""
    with suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return peak_memory()


def peak_memory() -> int:
    """The most bytes that this process has held; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
