"""Large arrays in pages of 2 MB: a CPU's training step takes a tenth less time.

A compiled program takes its memory anew for each step, which is one page fault for every 4 KB of it
unless the C library asks for huge pages. It does that only if it is told so when a process starts.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

SETTING = "glibc.malloc.hugetlb"
SUPPORTED_SINCE = (2, 35)  # of glibc
DOORS = (["-m", "jaxvid.main"], ["-m", "jaxvid"])  # beside the script `jaxvid`
KERNEL = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def start_again(arguments: Sequence[str]) -> None:
    """Runs the program with these arguments anew in this process, with huge pages, or returns.

    It returns where that changes nothing: where GLIBC_TUNABLES has a value for them, where the
    kernel gives huge pages to all or to none, where the C library cannot ask; and where Python was
    started otherwise than by one of DOORS, by a debugger, say, or with options of its own.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    _, *command = sys.orig_argv
    script = [sys.argv[0]] if Path(sys.argv[0]).name == "jaxvid" else DOORS[0]
    if (
        any(command == [*door, *arguments] for door in (*DOORS, script))
        and SETTING not in tunables
        and _on_request()
    ):
        os.environ["GLIBC_TUNABLES"] = f"{tunables}:{SETTING}=1".lstrip(":")
        os.execv(sys.executable, sys.orig_argv)


def _on_request() -> bool:
    """Whether memory has huge pages if they are asked for and not otherwise."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        number = tuple(int(part) for part in version.split(".")[:2])
        policy = KERNEL.read_text()
    except (AttributeError, OSError, ValueError):  # not Linux, another C library, no such pages
        return False
    return name == "glibc" and number >= SUPPORTED_SINCE and "[madvise]" in policy
