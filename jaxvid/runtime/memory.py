"""Memory that there is: what this machine, its cgroup and its devices have left."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import jax


def of_host(root: Path = Path("/")) -> int:
    """Returns the bytes that processes may still take, the limits of their cgroup included.

    `root`: where /proc and /sys are. Without them, as on macOS, all the memory of the machine.
    """
    try:
        found = re.search(r"^MemAvailable: +(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found  # of every kernel since Linux 3.14
    return max(0, min([int(found[1]) * 1024, *_cgroups(root)]))


def of_devices() -> int | None:
    """Returns the bytes that the fullest device of this process has left; None on CPUs."""
    stats = [device.memory_stats() for device in jax.local_devices()]
    if not all(stats):
        return None
    return min(each["bytes_limit"] - each["bytes_in_use"] for each in stats)


def _cgroups(root: Path) -> Iterator[int]:
    """Yields what is left below the limit of this process's cgroup and of each above it."""
    try:
        lines = _text(root / "proc/self/cgroup").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            names = "memory.max", "memory.current", "inactive_file"
            mount = root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            mount = root / "sys/fs/cgroup/memory"
        else:
            continue
        # In a container the path may be the host's, and of its folders only the mount be there.
        inside = Path(path.lstrip("/"))
        for folder in (inside, *inside.parents):
            yield from _left(mount / folder, *names)


def _left(folder: Path, limit: str, used: str, cached: str) -> Iterator[int]:
    try:
        most, taken = _text(folder / limit).strip(), int(_text(folder / used))
        # Files in the page cache count as used, and make room when it is needed.
        files = re.search(rf"^{cached} (\d+)", _text(folder / "memory.stat"), re.MULTILINE)
    except OSError:  # this cgroup, or the root, has no limits
        return
    if most != "max":
        yield int(most) - taken + (int(files[1]) if files else 0)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
