"""Memory that goes back to the system after every step and is fetched anew for the next."""

import ctypes

# From glibc's malloc.h, with the values that mallopt(3) gives for what they switch off.
MMAP_MAX, NO_MAPPINGS = -4, 0
TRIM_THRESHOLD, NEVER = -1, -1


def keep_freed_memory() -> None:
    """Make glibc's malloc keep freed memory for the next step; nothing where there is no glibc.

    By default it maps large blocks one by one and gives each back when it is freed; the system
    clears every page before it hands it out again. The process stays as large as it once was.
    `benchmarks/kept_memory.py` measures what it saves.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another system, or another C library
        return
    mallopt(MMAP_MAX, NO_MAPPINGS)
    mallopt(TRIM_THRESHOLD, NEVER)
