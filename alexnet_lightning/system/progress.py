"""What a command is doing, told on the standard error once it takes longer than five seconds."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

PATIENCE = 5.0  # seconds
Item = TypeVar("Item")


@contextmanager
def told(what: str, after: float | None = None) -> Iterator[None]:
    """Say what is being done in here if it takes longer than `after` seconds, by default five."""
    seconds = PATIENCE if after is None else after
    timer = threading.Timer(seconds, say, (f"{what} …",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def each(items: Sequence[Item], verb: str) -> Iterator[Item]:
    """Yield items; from the sixth second on, say which one, and how long all may still take."""
    began = time.monotonic()
    for done, item in enumerate(items):
        seconds = time.monotonic() - began
        left = f", about {duration(seconds / done * (len(items) - done))} left" if done else ""
        with told(f"{verb} {item} ({done + 1} of {len(items)}{left})", max(0, PATIENCE - seconds)):
            yield item


def say(line: str) -> None:
    """Write a line to the standard error, above a bar if there is one."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def duration(seconds: float) -> str:
    """Return a time with two digits, as "45 s", "12 min" or "3.5 h"."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size * (2 if unit == "min" else 1.5):
            number = seconds / size
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{seconds:.0f} s"
