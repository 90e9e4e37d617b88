"""A file that one process writes or reads at a time."""

import fcntl
from contextlib import suppress
from typing import IO

from alexnet_lightning.system.errors import UserError


def keep_alone(file: IO[bytes], name: object) -> None:
    """Keep an open file to this process until it is closed; UserError if another has it.

    On a disk without locks nothing is kept.
    """
    with suppress(OSError):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{name}: another process is at work on it; run this again when it has ended"
            ) from None
