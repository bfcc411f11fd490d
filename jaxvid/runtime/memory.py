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
    return max(0, min(int(found[1]) * 1024, *_cgroups(root)))


def of_devices() -> int | None:
    """Returns the bytes that the fullest device of this process has left; None on CPUs."""
    stats = [device.memory_stats() for device in jax.local_devices()]
    if not all(stats):
        return None
    return min(each["bytes_limit"] - each["bytes_in_use"] for each in stats)


def _cgroups(root: Path) -> Iterator[int]:
    """Yields what is left below the limit of this process's cgroup and of each above it."""
    yield 2**63
    try:
        lines = _text(root / "proc/self/cgroup").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            mount, names = (
                "sys/fs/cgroup/memory",
                ("memory.limit_in_bytes", "memory.usage_in_bytes"),
            )
            cached = "total_inactive_file"
        elif not controllers:
            mount, names, cached = (
                "sys/fs/cgroup",
                ("memory.max", "memory.current"),
                "inactive_file",
            )
        else:
            continue
        # In a container the path may be that of the host, whose folders are not there.
        inside = Path(path.lstrip("/"))
        for folder in (inside, *inside.parents):
            at = root / mount / folder
            try:
                limit, used = (_text(at / name).strip() for name in names)
                # Files in the page cache count as used, and make room when it is needed.
                kept = re.search(rf"^{cached} (\d+)", _text(at / "memory.stat"), re.MULTILINE)
            except OSError:
                continue
            if limit != "max":
                yield int(limit) - int(used) + (int(kept[1]) if kept else 0)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
