"""The machine's memory, and how glibc is kept from returning it after each step."""

import ctypes
import os

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


def memory_size() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
