"""How many cores this process may use, by its CPU affinity and by its control group's limit."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """The number of workers that can run at once, at least 1. Source: cgroups(7)."""
    return max(1, min(len(os.sched_getaffinity(0)), limit_of(_own_group())))


def limit_of(group: Path) -> int:
    """Whole cores by cpu.max of a group and of those above it; a large number if unlimited."""
    limit = math.inf
    for folder in (group, *group.parents):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if quota != "max":
            limit = min(limit, int(quota) / int(period))
    return 1 << 16 if limit == math.inf else max(1, math.floor(limit))


def _own_group() -> Path:
    """The folder of this process's control group (version 2)."""
    try:
        line = Path("/proc/self/cgroup").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return _CGROUP
    return _CGROUP / line.partition("::")[2].lstrip("/")
