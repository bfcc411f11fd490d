"""Memory that a process frees and soon needs again: kept, not given back to the system."""

import ctypes

# Of glibc's malloc.h, and what each is set to, bytes.
TRIM_THRESHOLD = -1, 2**26
MMAP_THRESHOLD = -3, 2**25


def keep() -> None:
    """Makes this process keep up to 64 MiB that it frees; does nothing without glibc.

    Of an allocation the size of a frame, each page is otherwise new to the process: that takes
    twice as long as to convert the frame's colours.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    for option, value in (TRIM_THRESHOLD, MMAP_THRESHOLD):
        mallopt(option, value)
