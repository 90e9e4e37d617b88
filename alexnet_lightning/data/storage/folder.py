"""Image files in class folders."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.system.errors import UserError

NAMED = 10  # how many names an error lists


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted, without hidden ones."""
    return sorted(path.name for path in folder.glob("[!.]*/"))


def list_classes(folder: Path, class_names: Sequence[str]) -> FileList:
    """Return the images in `folder`/<class>/, in the order of class and file name.

    Args:
        class_names: the expected folders; their indices are the labels.

    Raises:
        UserError: a class folder is missing, empty or not expected.
    """
    same_classes(folder, subfolders(folder), class_names)
    return list_images([folder / name for name in class_names])


def same_classes(where: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    """Raise a UserError for the first class that is in one of the lists only."""
    for name in sorted(set(found) ^ set(expected)):
        fault = "is missing" if name in expected else "is not one of the classes"
        names = ", ".join(expected[:NAMED])
        more = f", … ({len(expected)} in all)" if len(expected) > NAMED else ""
        raise UserError(f"{where / name} {fault}: expected {names}{more}")


def list_images(folders: Sequence[Path]) -> FileList:
    """Return the images in these folders; those in the i-th are of class i."""
    files = [image_files(folder) for folder in folders]
    counts = torch.tensor([len(paths) for paths in files])
    labels = torch.arange(len(files)).repeat_interleave(counts)
    return FileList([path for paths in files for path in paths], labels)


def image_files(folder: Path) -> list[Path]:
    """Return the images in a folder sorted by name, without hidden ones; UserError if none."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if is_image(entry.name))
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): add it") from error
    if not names:
        raise UserError(f"{folder} has no images: add some or remove it")
    return [folder / name for name in names]


def is_image(name: str) -> bool:
    """Whether a file name is that of an image, of a format that Pillow reads."""
    return not name.startswith(".") and Path(name).suffix.lower() in suffixes()


@cache
def suffixes() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in Image.OPEN)
