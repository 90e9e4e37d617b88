"""Folders of image files, one a class, decoded into memory."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.errors import UserError

SUFFIXES = {".png", ".jpg", ".jpeg"}


def read_class_folders(folder: Path, class_names: list[str], size: int) -> ImageTensors:
    """The images `folder`/<class>/*.{png,jpg,jpeg}, in the order of class, then of file name.

    Args:
        class_names: the folders that must be there, and no others; their places are the labels.
        size: side in pixels that every image must have.

    Raises:
        UserError: a class folder too many, missing or empty; a file that is not such an image.
    """
    found = {path.name for path in folder.glob("[!.]*/")}
    for name in sorted(found ^ set(class_names)):
        fault = "is none of the classes" if name in found else "is missing"
        raise UserError(f"{folder / name} {fault}: expected {', '.join(class_names)}")
    files = [image_files(folder / name) for name in class_names]
    every = [path for paths in files for path in paths]
    # The bar shows only when the disk is slow.
    images = [decode(path, size) for path in tqdm(every, f"reading {folder}", delay=2)]
    counts = torch.tensor([len(paths) for paths in files])
    labels = torch.arange(len(class_names)).repeat_interleave(counts)
    return ImageTensors(torch.stack(images), labels, [str(path) for path in every])


def image_files(folder: Path) -> list[Path]:
    """The image files of a class, by name; UserError if there are none."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"{folder} has no png or jpeg images: complete it")
    return paths


def decode(path: Path, size: int) -> Tensor:
    """An image file as uint8 (3, size, size), grey and palette images turned into colour."""
    # Not torchvision.io, whose decoders are deprecated since 0.29; threads only slow Pillow down.
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's ways to say: broken
        raise UserError(f"{path} cannot be read as an image ({error}): replace it") from error
    if (width, height) != (size, size):
        raise UserError(f"{path} is {width} x {height} px: expected {size} x {size}")
    return pixels
