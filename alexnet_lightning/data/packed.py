"""A packed copy of many image files: decoded and resized once, then read at the disk's speed."""

from pathlib import Path

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.files import FileList


class PackedImages(Images):
    """Images of a pack, read as they are asked for."""


def pack(files: FileList, size: int, folder: Path) -> None:
    """Make the pack of these files under `folder`, unless it is there and still holds."""
    raise NotImplementedError


def open_pack(files: FileList, size: int, folder: Path) -> PackedImages:
    """Return the pack of these files under `folder`."""
    raise NotImplementedError
