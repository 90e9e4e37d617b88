"""Files and folders that are either whole or not there."""

import secrets
import shutil
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
    part = path.with_name(f".{path.stem}.{token()}.part{path.suffix}")
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


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes its name on leaving without an error."""
    check_new(path)
    part = path.with_name(f".{path.name}.{token()}.part")
    part.mkdir(parents=True)
    try:
        yield part
        check_new(path)  # another process may have been quicker
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def token() -> str:
    """Return what no other process has in a name: in containers, their numbers are the same."""
    return secrets.token_hex(4)


def check_new(path: Path) -> None:
    """Raise a UserError if something is there: what was edited in it is not lost."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"--output: {path} is there already: remove it, or name another folder")
