"""Decode image files of any format, color mode, shape and orientation to square RGB."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

# A file, its content, or decoded pixels: an image of Pillow's, an array uint8 (H, W) or (H, W, 3),
# a tensor uint8 (C, H, W) with one or three channels.
ImageSource: TypeAlias = "str | Path | bytes | Image | np.ndarray | Tensor"
BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281  # tags of TIFF
DIM = 4095  # the largest value of 12 bits: in 16 bits, nearly black
DECODER = 1  # increase when decoded pixels change: images are packed again then


class BrokenImageError(UserError):
    """The file can be read, but not decoded as an image."""


def decode(source: ImageSource, size: int) -> Tensor:
    """Decode an image to uint8 (3, size, size).

    The shorter side is resized and the center cropped (Krizhevsky et al. 2012, section 2),
    bilinear with antialiasing. The camera's orientation is applied, all modes become RGB (see
    `in_colour`), and of an animation the first frame is used.
    BrokenImageError if it is no image, damaged, or larger than Pillow considers safe.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = source if isinstance(source, str | Path) else "the image"
    try:
        content = Path(source).read_bytes() if isinstance(source, str | Path) else source
    except OSError as error:  # not the image's fault, which may be readable later
        raise cannot_open(source, error) from error
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with opened(content) as image:
                if is_dim(image):
                    warnings.warn(
                        "it is nearly black: it has 16 bits, but no value above 4095; if it is of "
                        "12 bits, multiply it by 16, or as a TIFF give it MaxSampleValue 4095",
                        stacklevel=2,
                    )
                ImageOps.exif_transpose(image, in_place=True)
                square = ImageOps.fit(in_colour(image), (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # a damaged file can raise anything
        unknown = isinstance(error, UnidentifiedImageError)
        why = "not a format that Pillow reads" if unknown else one_line(error)
        raise BrokenImageError(f"{name} cannot be read as an image ({why}): replace it") from error
    for each in noted:  # of Pillow, which does not know the file's name
        warnings.warn(f"{name}: {one_line(each.message)}", each.category, stacklevel=2)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def opened(content: "bytes | Image | np.ndarray | Tensor") -> "Image":
    """Return an image that may be changed and closed."""
    from PIL import Image

    if isinstance(content, Image.Image):
        return content.copy()
    if isinstance(content, bytes):
        return Image.open(io.BytesIO(content))
    if not isinstance(content, np.ndarray | Tensor):
        raise ValueError(f"a {type(content).__name__} is no path, bytes, image, array or tensor")
    pixels = content
    if isinstance(pixels, Tensor):
        pixels = pixels.cpu().movedim(0, -1).numpy() if pixels.ndim == 3 else pixels.cpu().numpy()
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or pixels.shape[2:] == (3,)):
        raise ValueError(
            f"{pixels.dtype} of shape {tuple(content.shape)}; an array is uint8 (H, W, 3) or "
            "(H, W), a tensor uint8 (3, H, W) or (1, H, W)"
        )
    return Image.fromarray(pixels)


def cannot_open(path: object, error: OSError) -> UserError:
    return UserError(f"cannot open {path}: {error.strerror}")


def in_colour(image: "Image") -> "Image":
    """Return the image as RGB: transparency on white, gray of 12 or 16 bits scaled to 8."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        grey, most = np.asarray(image).astype(np.int64), largest(image)
        if grey.min() < 0 or grey.max() > most:
            raise ValueError(f"its pixels are from {grey.min()} to {grey.max()}, not 0 to {most}")
        return Image.fromarray(((grey * 255 + most // 2) // most).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def largest(image: "Image") -> int:
    """Return what is white in a gray image of more than 8 bits."""
    tags = getattr(image, "tag_v2", {})
    # A TIFF of 12 bits is given in 16.
    by_bits = DIM if tags.get(BITS_PER_SAMPLE, (16,))[0] == 12 else 65535
    stated = tags.get(MAX_SAMPLE_VALUE, by_bits)
    return int(stated[0] if isinstance(stated, tuple) else stated) or by_bits


def is_dim(image: "Image") -> bool:
    """Tell whether an image of 16 bits, just opened, is nearly black by that: not all black."""
    if image.mode.startswith("I"):
        limit, pixels = DIM, np.asarray(image)
        if largest(image) <= DIM:
            return False
    elif ";16" in str(getattr(image, "tile", "")):  # of colors, Pillow keeps the upper 8 bits
        limit, pixels = DIM >> 8, np.asarray(image.convert("RGB"))
    else:
        return False
    return bool(0 < pixels.max() <= limit)
