"""Small copies of images and figures as data URLs, for a page that holds all it shows."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from alexnet_lightning.plots.style import write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUALITY = 90  # of JPEG: no difference at this size, and a third of the bytes of PNG


def thumbnails(images: Tensor, side: int) -> Tensor:
    """Return images of 0-255, (N, C, S, S), as uint8; larger ones are resized to `side` pixels."""
    if images.shape[-1] > side:
        images = F.interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
    return images.float().round().clamp(0, 255).to(torch.uint8)


def image_url(image: Tensor) -> str:
    """Return an image, uint8 (C, H, W) with one or three channels, as the data URL of a JPEG."""
    content = BytesIO()
    to_pil_image(image).save(content, "jpeg", quality=QUALITY, subsampling=0)
    return _url("jpeg", content.getvalue())


def png(image: Tensor) -> bytes:
    """Return an image, uint8 (C, H, W) with one or three channels, as a PNG, to the bit."""
    content = BytesIO()
    to_pil_image(image).save(content, "png")
    return content.getvalue()


def sheet_url(images: Tensor, columns: int) -> str:
    """Return images, uint8 (N, C, S, S), side by side in rows, as the data URL of one JPEG."""
    return image_url(make_grid(images, nrow=columns, padding=0))


def figure_url(figure: Figure) -> str:
    """Return a figure as the data URL of a PNG."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "figure.png")
        write_png(figure, path)
        return png_url(path)


def png_url(path: Path) -> str:
    """Return a PNG file as a data URL."""
    return _url("png", path.read_bytes())


def _url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
