"""Freed memory of this process: kept for the next step where a CPU computes. Imports no JAX."""

import ctypes
from pathlib import Path

# Of glibc's malloc.h: M_ARENA_MAX, one heap for all threads; M_MMAP_MAX, nothing beside the heap;
# M_TRIM_THRESHOLD, never back; M_TOP_PAD, more at a time.
OPTIONS = {-8: 1, -4: 0, -1: -1, -2: 256 * 2**20}
ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd", "/dev/accel0", "/dev/vfio/0")


def keep_freed() -> None:
    """Has the C library keep freed memory, on a machine without accelerators.

    A step takes hundreds of megabytes and frees them. glibc gives them back to the kernel and has
    them zeroed, page by page, for the next one: a tenth of its time and more
    (`tests/benchmarks/step.py --return-memory`). The process stays at its largest size. Works only
    before JAX is loaded, whose threads otherwise have heaps of their own; systems other than Linux
    with glibc are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(Path(file).exists() for file in ACCELERATORS):
        return
    for option, value in OPTIONS.items():
        mallopt(option, value)
