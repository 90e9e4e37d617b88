"""What is chosen before torch is imported: a checkpoint, image files, a device, a format."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TextIO, get_args

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.own_variant import own_variant
from alexnet_lightning.training.run_folder import RunFolder, note

if TYPE_CHECKING:
    from alexnet_lightning.training.classifier import ImageClassifier

Format = Literal["onnx", "pt2", "safetensors", "torchvision", "hub"]
# The suffix by which torch and other programs recognize a format.
SUFFIX = {kind: f".{kind}" for kind in get_args(Format)} | {"torchvision": ".pth", "hub": "-hub"}
GRAPHS = ("onnx", "pt2")  # contain the computation; the others only the weights


class Source(NamedTuple):
    """The checkpoint file of a trained network, its run folder, and its class if a user's own."""

    run: RunFolder
    checkpoint: Path
    variant: "type[ImageClassifier] | None" = None

    @classmethod
    def find(cls, run: str | Path, which: str | Path = "best") -> "Source":
        """Return "best", "last" or any checkpoint of a run, or the file if `run` is one."""
        path = Path(run)
        if path.is_file():
            folder = RunFolder(path.parent.parent)
            own = path.parent == folder.checkpoints  # not of a file that lies anywhere
            return cls(folder, path, own_variant(folder) if own else None)
        folder = RunFolder.find(run)
        return cls(folder, folder.checkpoint(str(which)), own_variant(folder))


def image_files(arguments: Sequence[str | Path], standard_input: TextIO) -> list[Path]:
    """Return the files that a command line names, in their order; they need not exist.

    A folder stands for all images in it at any depth, sorted by name, and "-" for paths on the
    standard input, one per line.
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
    """Yield the images in a folder by name, then those of its subfolders; no hidden ones.

    A line says how many are left out because Pillow does not read their format.
    """
    from alexnet_lightning.data.storage.files import UNREAD, is_image

    unread: Counter[str] = Counter()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            if is_image(name):
                yield Path(parent, name)
            elif (suffix := Path(name).suffix.lower()) in UNREAD:
                unread[suffix] += 1
    if unread:
        note(
            f"{folder}: {unread.total()} images are left out, for Pillow reads no "
            f"{', '.join(sorted(unread))} here: convert them to JPEG or PNG"
        )
