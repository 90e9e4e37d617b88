"""AlexNet as a table: one row a convolution, in the order of figure 2 of the paper.

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", 2012, section 3.5, both towers joined into one as in most ports.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import nn

from alexnet_lightning.networks.convnet import ConvNet

Stem = Literal["imagenet", "small"]
Norm = Literal["lrn", "batch", "none"]


class Row(NamedTuple):
    """One convolution and ReLU, then what is set, in this order."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    lrn: bool = False
    pool: bool = False


STEMS = {
    # Padding 2 makes the paper's 55 × 55 maps out of 224 px.
    "imagenet": Row(96, kernel=11, stride=4, padding=2, lrn=True, pool=True),
    # 32 px and less: a map as large as the image.
    "small": Row(96, kernel=3, stride=1, padding=1, lrn=True, pool=True),
}
TRUNK = (
    Row(256, kernel=5, padding=2, lrn=True, pool=True),
    Row(384, kernel=3, padding=1),
    Row(384, kernel=3, padding=1),
    Row(256, kernel=3, padding=1, pool=True),
)
HIDDEN = 4096  # units of fc6 and of fc7


def alexnet(
    num_classes: int,
    in_channels: int,
    image_size: int,
    stem: Stem = "imagenet",
    width: float = 1.0,
    norm: Norm = "lrn",
    dropout: float = 0.5,
) -> ConvNet:
    """Return five convolutions and three fully connected layers.

    Args:
        num_classes: units of the last layer, at least 2.
        in_channels: channels of the image, 3 for colour.
        image_size: side of the square input in pixels; sets how many inputs fc6 has.
        stem: first row: "imagenet", or "small" for 8 to 32 px, where pooling is also padded so that
            no border is lost.
        width: multiplies the channels of every hidden layer, which are rounded to multiples of 8.
        norm: "lrn" as in the paper after rows 1 and 2, "batch" after every convolution instead, or
            "none".
        dropout: probability of dropping an output of fc6 and of fc7.

    Raises:
        ValueError: the image is too small for the stem.
    """
    rows = [row._replace(channels=scaled(row.channels, width)) for row in (STEMS[stem], *TRUNK)]
    pool_padding = 1 if stem == "small" else 0
    side = output_side(image_size, rows, pool_padding)
    if side < 1:
        raise ValueError(
            f"images of {image_size} px are too small for stem {stem}: nothing is left of them "
            "after the last pooling; use larger images or stem small"
        )
    return ConvNet(
        convolutions(rows, in_channels, norm, pool_padding),
        fully_connected(rows[-1].channels * side**2, scaled(HIDDEN, width), num_classes, dropout),
    )


def convolutions(
    rows: Sequence[Row], in_channels: int, norm: Norm, pool_padding: int
) -> nn.Sequential:
    """Return the trunk; layers are named conv1, norm1, relu1, pool1, conv2, …"""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, row in enumerate(rows, start=1):
        layers[f"conv{number}"] = nn.Conv2d(
            in_channels,
            row.channels,
            row.kernel,
            row.stride,
            row.padding,
            bias=norm != "batch",  # batch norm would cancel it, and has its own
        )
        if norm == "batch":
            layers[f"norm{number}"] = nn.BatchNorm2d(row.channels)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        if norm == "lrn" and row.lrn:
            layers[f"norm{number}"] = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        if row.pool:
            layers[f"pool{number}"] = nn.MaxPool2d(3, stride=2, padding=pool_padding)
        in_channels = row.channels
    return nn.Sequential(layers)


def fully_connected(inputs: int, hidden: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Return fc6, fc7, fc8, with dropout on the *outputs* of fc6 and fc7 (paper, section 4.2)."""
    return nn.Sequential(
        OrderedDict(
            fc6=nn.Linear(inputs, hidden),
            relu6=nn.ReLU(inplace=True),
            drop6=nn.Dropout(dropout),
            fc7=nn.Linear(hidden, hidden),
            relu7=nn.ReLU(inplace=True),
            drop7=nn.Dropout(dropout),
            fc8=nn.Linear(hidden, num_classes),
        )
    )


def scaled(channels: int, width: float) -> int:
    """Return `channels · width` rounded to a multiple of 8, at least 8."""
    return max(8, round(channels * width / 8) * 8)


def output_side(side: int, rows: Sequence[Row], pool_padding: int) -> int:
    """Return the side of the trunk's maps, 0 or less if nothing is left; rounds down like torch."""
    for row in rows:
        side = (side + 2 * row.padding - row.kernel) // row.stride + 1
        if row.pool:
            side = (side + 2 * pool_padding - 3) // 2 + 1
    return side
