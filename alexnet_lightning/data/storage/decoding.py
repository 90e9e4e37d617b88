"""An image file as a square of colours, whatever its format, mode, shape and orientation."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.system.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

DECODER = 1  # raise it with any change of the pixels that a file gives: packs are made anew then


class BrokenImageError(UserError):
    """A file that is there and can be read, but not as an image."""


def decode(source: Path | bytes, size: int) -> Tensor:
    """Read an image file, or its content, as uint8 (3, size, size).

    Its shorter side is resized and its middle cut out, as in Krizhevsky et al. 2012,
    section 2; bilinear with antialiasing. The orientation that a camera noted is honoured, and
    every mode becomes colour (see `in_colour`). Of a moving image the first picture counts.

    Args:
        source: of any format that Pillow reads.
        size: side in pixels, >= 1.

    Raises:
        BrokenImageError: it is no image, or damaged, or larger than Pillow holds for safe.
        UserError: the file cannot be opened at all.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:  # says nothing about the image: it may be readable tomorrow
        raise UserError(f"{source!s} cannot be opened ({error.strerror}): see to it") from error
    try:
        with forbidding_bombs(), Image.open(io.BytesIO(content)) as image:
            ImageOps.exif_transpose(image, in_place=True)
            square = ImageOps.fit(in_colour(image), (size, size), Image.Resampling.BILINEAR)
    except UnidentifiedImageError as error:
        raise broken(source, "no format that Pillow knows") from error
    except Exception as error:  # a damaged file can raise anything
        raise broken(source, str(error) or type(error).__name__) from error
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def broken(source: Path | bytes, why: str) -> BrokenImageError:
    """The error that names the file, in one line."""
    name = "the picture" if isinstance(source, bytes) else str(source)
    return BrokenImageError(
        f"{name} cannot be read as an image ({' '.join(why.split())}): replace it"
    )


@contextmanager
def forbidding_bombs() -> Iterator[None]:
    """Make an error of Pillow's warning of images so large that they may be meant to do harm."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # it does not name the file
        yield


def in_colour(image: "Image") -> "Image":
    """Return the image as RGB: transparency on white, 16 bits of grey scaled down to 8."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are fractions of unknown range")
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
