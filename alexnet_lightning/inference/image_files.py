"""Which pictures a command line means."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from alexnet_lightning.data.storage.folder import is_image
from alexnet_lightning.system.errors import UserError

STANDARD_INPUT = "-"


def pictures(arguments: Sequence[str], standard_input: TextIO) -> list[Path]:
    """Return the files that arguments name, in their order; whether they are there is not asked.

    Args:
        arguments: files; folders, for all images in them at any depth, by name; or "-" for paths
            on the standard input, one a line.

    Raises:
        UserError: a folder holds no images, there is nothing at all, or the input is no text.
    """
    found: list[Path] = []
    for argument in arguments:
        names = lines(standard_input) if argument == STANDARD_INPUT else [argument]
        for path in map(Path, names):
            found += searched(path) if path.is_dir() else [path]
    if not found:
        raise UserError("no pictures: give files, folders, or paths on the standard input for -")
    return found


def lines(text: TextIO) -> list[str]:
    """Return the lines that are not empty."""
    try:
        content = text.read()
    except UnicodeDecodeError:
        content = "\0"
    if "\0" in content:
        raise UserError("-: the standard input is no text: give paths there, one a line")
    return [line for line in content.split("\n") if line.strip()]


def searched(folder: Path) -> list[Path]:
    """Return the images in a folder at any depth, hidden ones not.

    Raises:
        UserError: there are none.
    """
    found = list(walk(folder))
    if not found:
        raise UserError(f"{folder} holds no images: name another folder, or files")
    return found


def walk(folder: Path) -> Iterator[Path]:
    """Yield the images in a folder, by name, those of its folders after its own."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if is_image(name))
