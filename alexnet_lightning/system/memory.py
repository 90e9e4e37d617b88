"""Keep freed memory in the process: glibc would return large blocks after each step."""

import ctypes

# From glibc's malloc.h, with the values that mallopt(3) gives for what they switch off.
MMAP_MAX, NO_MAPPINGS = -4, 0
TRIM_THRESHOLD, NEVER = -1, -1


def keep_freed_memory() -> None:
    """Make glibc's malloc keep freed memory for the next step; do nothing without glibc.

    By default glibc returns large blocks to the system, and the next step page-faults them in
    again. The process stays as large as it once was.
    `benchmarks/kept_memory.py` measures what it saves.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another system, or another C library
        return
    mallopt(MMAP_MAX, NO_MAPPINGS)
    mallopt(TRIM_THRESHOLD, NEVER)
