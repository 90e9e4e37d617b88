"""AlexNet as tables: a row a convolution, to be held against figure 2 of the paper.

Sources: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", 2012; their code of that year (net #145); Krizhevsky, "One weird trick for parallelizing
convolutional neural networks", 2014, as torchvision builds it.
"""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.layers import StretchedLinear
from alexnet_lightning.networks.residual import Skip
from alexnet_lightning.networks.rows import (
    Row,
    Window,
    convolutions,
    fully_connected,
    scaled,
    small_stem,
    widened,
)

Stem = Literal["imagenet", "small"]
Towers = Literal["one", "joined", "apart"]

# Section 3.5, both towers in one. Padding 2 makes the paper's 55 × 55 maps out of 224 px.
ALEXNET = (
    Row(96, kernel=11, stride=4, padding=2, then="relu lrn pool"),
    Row(256, kernel=5, padding=2, then="relu lrn pool"),
    Row(384, kernel=3, padding=1, then="relu"),
    Row(384, kernel=3, padding=1, then="relu"),
    Row(256, kernel=3, padding=1, then="relu pool"),
)
# layers-145.cfg: two towers; sizes round up, so that 224 px give 55 × 55 without padding.
ALEXNET_2012 = (
    Row(96, kernel=11, stride=4, then="lrn pool relu"),
    Row(256, kernel=5, padding=2, groups=2, then="relu lrn mapnorm pool"),
    Row(384, kernel=3, padding=1, then="relu"),  # reads both towers
    Row(384, kernel=3, padding=1, groups=2, then="relu"),
    Row(256, kernel=3, padding=1, groups=2, then="pool relu"),
)
# torchvision/models/alexnet.py
ONE_WEIRD_TRICK = (
    Row(64, kernel=11, stride=4, padding=2, then="relu pool"),
    Row(192, kernel=5, padding=2, then="relu pool"),
    Row(384, kernel=3, padding=1, then="relu"),
    Row(256, kernel=3, padding=1, then="relu"),
    Row(256, kernel=3, padding=1, then="relu pool"),
)
HIDDEN = 4096  # units of fc6 and of fc7
PLACES = 6  # side of the maps that fc6 reads
OVERLAPPING, APART = Window(3, 2), Window(2, 2)  # section 3.4


def alexnet(
    num_classes: int,
    in_channels: int,
    image_size: int,
    rows: Sequence[Row] = ALEXNET,
    stem: Stem = "imagenet",
    width: float = 1.0,
    dropout: float = 0.5,
    pool: Window = OVERLAPPING,
    skip: Skip = "none",
    towers: int = 1,
) -> ConvNet:
    """Return five convolutions and three fully connected layers.

    Args:
        num_classes: units of the last layer.
        in_channels: channels of the image, 3 for colour.
        image_size: side of the square input in pixels.
        rows: the table of convolutions.
        stem: "imagenet" takes the table as it is, and fc6 reads 6 × 6 places of the maps whatever
            their size, by averages as in torchvision: weights fit images of all sizes. "small", for
            8 to 32 px, puts a 3 × 3 convolution with stride 1 in the first row and pads the
            pooling, so that no pixel is lost at the border.
        width: multiplies the channels of every hidden layer, rounded to multiples of 8.
        dropout: probability of dropping an output of fc6 and of fc7.
        pool: window of every pooling.
        skip: residual connections around convolutions 2 to 5.
        towers: parts of the maps that local response norms keep apart.

    Raises:
        ValueError: the image is too small for the stem.
    """
    rows, avgpool = widened(rows, width), None
    if stem == "small":
        rows, pool = small_stem(rows, pool)
    features, side = convolutions(rows, in_channels, image_size, pool, skip, towers)
    places = PLACES if stem == "imagenet" else side
    channels, hidden = rows[-1].channels, scaled(HIDDEN, width)
    if side < places:
        fc6: nn.Linear = StretchedLinear(channels, side, places, hidden)
    else:
        fc6 = nn.Linear(channels * places**2, hidden)
    if side > places:
        avgpool = nn.AdaptiveAvgPool2d(places)
    activation = "tanh" if "tanh" in rows[0].then else "relu"
    classifier = fully_connected(fc6, num_classes, dropout, activation)
    return ConvNet(features, classifier, avgpool)


def with_batch_norm(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with batch norm after every convolution in place of LRN."""
    return [row._replace(then=f"bn {row.then}") for row in without_lrn(rows)]


def without_lrn(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without local response norm."""
    return [row._replace(then=row.then.replace("lrn ", "")) for row in rows]


def in_towers(rows: Sequence[Row], connected: bool) -> list[Row]:
    """Return the rows in the paper's two towers, which see each other in row 3 if `connected`."""
    alone = {2, 4, 5} if connected else {2, 3, 4, 5}
    return [row._replace(groups=2 if n in alone else 1) for n, row in enumerate(rows, start=1)]
