"""A network as a table: its rows, and the builder that reads them."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from math import inf
from typing import NamedTuple

from torch import nn

from alexnet_lightning.networks.base import Stem
from alexnet_lightning.networks.layers import (
    ACTIVATIONS,
    Activation,
    Dropout2012,
    LocalResponseNorm,
    Residual,
    Skip,
    WithinMapNorm,
    pieces,
)
from alexnet_lightning.networks.pooling import MaxAveragePool, StochasticPool

POOLS = ("pool", "avg", "maxavg", "stochastic")  # words of `follow` that move the given window


class Row(NamedTuple):
    """A convolution, and the layers that follow it, in order, as words that `follow` knows.

    `channels` counts those after the activation, see `layers.pieces`.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    then: str = "relu"


class Window(NamedTuple):
    """A pooling window; 3/2 overlaps, 2/2 does not. Floor rounding unless `ceil`."""

    size: int = 3
    stride: int = 2
    padding: int = 0
    ceil: bool = False


def convolutions(
    rows: Sequence[Row],
    in_channels: int,
    image_size: int,
    pool: Window,
    skip: Skip = "none",
    towers: int = 1,
) -> tuple[nn.Sequential, int]:
    """Return the backbone, with layers conv1, relu1, lrn1, pool1, conv2, …, and its maps' side.

    Args:
        pool: window of all `POOLS`; convolutions round sizes in the same way.
        skip: residual connection around every convolution but the first, see `Residual`.
        towers: groups of channels that local response norms keep apart.

    Raises:
        ValueError: the images are too small for the rows.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    side = image_size
    for number, row in enumerate(rows, start=1):
        words = row.then.split()
        out = steps(side, Window(row.kernel, row.stride, row.padding, pool.ceil))
        if (missing := (out - 1) * row.stride + row.kernel - side - 2 * row.padding) > 0:
            # Rounding up includes a window that extends over the right and bottom edge.
            layers[f"pad{number}"] = nn.ZeroPad2d((0, missing, 0, missing))
        channels = row.channels * max(map(pieces, words), default=1)
        # Before the activation batch norm cancels the bias, and has its own.
        normed = "bn" in takewhile(lambda word: word not in ACTIVATIONS, words)
        shape = (in_channels, channels, row.kernel, row.stride, row.padding)
        mapping: nn.Module = nn.Conv2d(*shape, groups=row.groups, bias=not normed)
        if skip != "none" and number > 1:
            norm = [nn.BatchNorm2d(channels)] if normed else []
            mapping = Residual(nn.Sequential(mapping, *norm), in_channels, channels, skip)
            words = [word for word in words if word != "bn" or not normed]
        layers[f"conv{number}"] = mapping
        side = out
        for word in words:
            layers[f"{word}{number}"] = follow(word, channels, pool, towers)
            channels //= pieces(word)
            if word in (*POOLS, "half"):
                side = steps(side, Window(2, 2) if word == "half" else pool)
        if side < 1:
            raise ValueError(
                f"images of {image_size} px are too small: nothing is left of them after row "
                f"{number}; use larger images, or stem small where the model has it"
            )
        in_channels = row.channels
    return nn.Sequential(layers), side


def follow(word: str, channels: int, pool: Window, towers: int) -> nn.Module:
    """Return the layer that a word of `Row.then` stands for."""
    layers: dict[str, Callable[[], nn.Module]] = {
        **{name: partial(make, channels) for name, make in ACTIVATIONS.items()},
        "bn": lambda: nn.BatchNorm2d(channels),
        "lrn": lambda: LocalResponseNorm(channels, groups=towers),
        # The paper's formula has alpha itself, the code alpha / size.
        "lrntext": lambda: LocalResponseNorm(channels, alpha=5e-4, groups=towers),
        "mapnorm": WithinMapNorm,
        "pool": lambda: nn.MaxPool2d(*pool[:3], ceil_mode=pool.ceil),
        "avg": lambda: nn.AvgPool2d(*pool[:3], ceil_mode=pool.ceil),
        "maxavg": lambda: MaxAveragePool(*pool),
        "stochastic": lambda: StochasticPool(*pool),
        "half": lambda: nn.MaxPool2d(2),  # 2/2, independent of `pool`
    }
    if word not in layers:
        raise ValueError(f"a row has the word '{word}', which names no layer")
    return layers[word]()


def head(
    fc6: nn.Linear,
    num_classes: int,
    dropout: float,
    activation: Activation = "relu",
    fc7: nn.Linear | None = None,
    rescaled: bool = True,
) -> nn.Sequential:
    """Return fc6, fc7, fc8, with dropout on the *outputs* of fc6 and fc7 (paper, section 4.2).

    Args:
        fc6: with `pieces` times as many outputs as the layer has units.
        fc7: None has as many units as `fc6`.
        rescaled: dropout as today, or as in 2012, see `Dropout2012`.
    """
    fc7 = fc7 or nn.Linear(fc6.out_features // pieces(activation), fc6.out_features)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, layer in ((6, fc6), (7, fc7)):
        layers[f"fc{number}"] = layer
        layers[f"{activation}{number}"] = ACTIVATIONS[activation](layer.out_features)
        layers[f"drop{number}"] = nn.Dropout(dropout) if rescaled else Dropout2012(dropout)
    layers["fc8"] = nn.Linear(fc7.out_features // pieces(activation), num_classes)
    return nn.Sequential(layers)


def scaled(channels: int, width: float) -> int:
    """Return `channels · width` rounded to a multiple of 8, at least 8."""
    if not 0 < width < inf:
        raise ValueError(f"width is {width}: give a number > 0")
    return max(8, round(channels * width / 8) * 8)


def widen(rows: Sequence[Row], width: float, activation: Activation = "relu") -> list[Row]:
    """Return the rows with channels times `width`, and another activation instead of relu."""
    wide = [row._replace(channels=scaled(row.channels, width)) for row in rows]
    return [row._replace(then=row.then.replace("relu", activation)) for row in wide]


def stemmed(rows: list[Row], pool: Window, stem: Stem) -> tuple[list[Row], Window]:
    """Return rows and pooling with that stem; the small one loses nothing at the border.

    Its first convolution is 3 × 3 with stride 1; pooling is padded unless it rounds up.
    """
    if stem == "imagenet":
        return rows, pool
    first = rows[0]._replace(kernel=3, stride=1, padding=1)
    padding = 0 if pool.ceil or pool.size % 2 == 0 else pool.size // 2
    return [first, *rows[1:]], pool._replace(padding=padding)


def steps(side: int, window: Window) -> int:
    """Return the side of the maps after a window has moved over maps of `side`."""
    room = side + 2 * window.padding - window.size
    return (-(-room // window.stride) if window.ceil else room // window.stride) + 1
