"""The image files that a command line names."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from alexnet_lightning.system.errors import UserError


def image_files(arguments: Sequence[str | Path], standard_input: TextIO) -> list[Path]:
    """Return the files that arguments name, in their order, without checking that they exist.

    Args:
        arguments: files; folders, for all images in them at any depth, sorted by name; or "-" for
            paths on the standard input, one per line.
        standard_input: read for "-".

    Raises:
        UserError: a folder contains no images, there is no file at all, or the input is not text.
    """
    found: list[Path] = []
    for argument in arguments:
        names = lines(standard_input) if argument == "-" else [argument]
        for path in map(Path, names):
            inside = list(images_in(path)) if path.is_dir() else [path]
            if not inside:
                raise UserError(f"{path} contains no images: give another folder, or files")
            found += inside
    if not found:
        raise UserError("no images: give files, folders, or paths on the standard input for -")
    return found


def lines(text: TextIO) -> list[str]:
    """Return the lines that are not empty."""
    try:
        content = text.read()
    except UnicodeDecodeError:
        content = "\0"
    if "\0" in content:
        raise UserError("-: the standard input is not text: give paths there, one per line")
    return [line for line in content.split("\n") if line.strip()]


def images_in(folder: Path) -> Iterator[Path]:
    """Yield the images in a folder by name, then those of its subfolders; no hidden ones."""
    from alexnet_lightning.data.storage.files import is_image

    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if is_image(name))
