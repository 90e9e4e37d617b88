"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet_lightning.system.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its name on leaving without an error.

    The suffix stays, since libraries choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_writable(flag: str, path: Path) -> None:
    """Raise a UserError, before anything slow begins, if no file can be written at `path`."""
    try:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):  # leaves nothing behind
            pass
    except OSError as error:
        raise UserError(f"{flag}: cannot write {path}: {error.strerror}") from None
