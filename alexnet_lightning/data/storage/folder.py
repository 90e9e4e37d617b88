"""Folders of image files, one a class: what is in them."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.system.errors import UserError

NAMED = 10  # how many names an error lists


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted, without the hidden ones."""
    return sorted(path.name for path in folder.glob("[!.]*/"))


def list_classes(folder: Path, class_names: Sequence[str]) -> FileList:
    """Return the images in `folder`/<class>/, in the order of class, then of file name.

    Args:
        class_names: the folders that must be there, and no others; their places are the labels.

    Raises:
        UserError: a class folder too many, missing or empty.
    """
    same_classes(folder, subfolders(folder), class_names)
    return list_images([folder / name for name in class_names])


def same_classes(where: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    """Raise a UserError that names a class which only one of the two lists has."""
    for name in sorted(set(found) ^ set(expected)):
        fault = "is missing" if name in expected else "is none of the classes"
        raise UserError(f"{where / name} {fault}: expected {some(expected)}")


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many there are if that is not all."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, … ({len(names)} in all)"


def list_images(folders: Sequence[Path]) -> FileList:
    """Return the images in these folders, those of the i-th being of class i."""
    files = [image_files(folder) for folder in folders]
    counts = torch.tensor([len(paths) for paths in files])
    labels = torch.arange(len(files)).repeat_interleave(counts)
    return FileList([path for paths in files for path in paths], labels)


def image_files(folder: Path) -> list[Path]:
    """Return the images in a folder, by name, of any format that Pillow reads; hidden ones not.

    Raises:
        UserError: there are none.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if is_image(entry.name))
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): complete it") from error
    if not names:
        raise UserError(f"{folder} has no images: complete it or remove it")
    return [folder / name for name in names]


def is_image(name: str) -> bool:
    """Tell from its name whether a file is an image."""
    return not name.startswith(".") and Path(name).suffix.lower() in suffixes()


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of the formats that Pillow reads, in lower case."""
    from PIL import Image

    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in Image.OPEN)
