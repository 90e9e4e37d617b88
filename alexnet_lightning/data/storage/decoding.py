"""Decode image files of any format, color mode, shape and orientation to square RGB."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

DECODER = 1  # increase when decoded pixels change: images are packed again then


class BrokenImageError(UserError):
    """The file can be read, but not decoded as an image."""


def decode(source: Path | bytes, size: int) -> Tensor:
    """Decode an image file, or its content, to uint8 (3, size, size).

    The shorter side is resized and the center cropped (Krizhevsky et al. 2012, section 2),
    bilinear with antialiasing. The camera's orientation is applied, all modes become RGB (see
    `in_colour`), and of an animation the first frame is used.
    BrokenImageError if it is no image, damaged, or larger than Pillow considers safe.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:  # not the image's fault, which may be readable later
        raise cannot_open(source, error) from error
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(io.BytesIO(content)) as image,
        ):
            ImageOps.exif_transpose(image, in_place=True)
            square = ImageOps.fit(in_colour(image), (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # a damaged file can raise anything
        unknown = isinstance(error, UnidentifiedImageError)
        why = "not a format that Pillow reads" if unknown else one_line(error)
        name = "the image" if isinstance(source, bytes) else source
        raise BrokenImageError(f"{name} cannot be read as an image ({why}): replace it") from error
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def cannot_open(path: object, error: OSError) -> UserError:
    return UserError(f"cannot open {path}: {error.strerror}")


def in_colour(image: "Image") -> "Image":
    """Return the image as RGB: transparency on white, 16-bit gray scaled to 8 bits."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
