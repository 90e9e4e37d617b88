"""The network's layers, one a line, before training starts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from alexnet_lightning.networks.inspect import LayerFacts, shapes

MAX_LINES = 32  # the longest table of our own is DoubleConvBNAlexNet's; a ResNet-18 comes in blocks
SIZES = ("output", "parameters", "multiply-adds")
MEASURES = ("weight std", "spread", "share")


class LayerTable(Callback):
    """Print name, output, parameters and multiply-adds of every layer that is not elementwise.

    The data module says which images to expect, by `in_channels` and `image_size`.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # Here and not at the start of the fit, where a strategy may have cut the network in parts.
        if stage != "fit" or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        network: Any = pl_module.network
        facts = shapes(network, data.in_channels, data.image_size)
        print(layer_table(in_few_lines(facts), sum(p.numel() for p in network.parameters())))


def layer_table(facts: Sequence[LayerFacts], parameters: int, measured: bool = False) -> str:
    """Return an aligned table with a line for each layer that has parameters or changes the shape.

    Args:
        facts: of all layers, in order.
        parameters: of the whole network.
        measured: whether to show standard deviation of the weights, spread and share as well.
    """
    header = ("layer", *SIZES, *(MEASURES if measured else ()))
    rows = [header, *(cells(layer, measured) for layer in remarkable(facts))]
    total = sum(layer.multiply_adds for layer in facts)
    rows.append(("total", "", f"{parameters:,}", f"{total:,}", *[""] * (len(header) - 4)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def cells(layer: LayerFacts, measured: bool) -> tuple[str, ...]:
    """Return a layer's line; a dash where there is nothing to say."""
    sizes = [f"{number:,}" if number else "–" for number in (layer.parameters, layer.multiply_adds)]
    measures = [
        "–" if number is None else f"{number:.2g}"
        for number in (layer.weight_std, layer.spread, layer.share)
    ]
    shape = " × ".join(map(str, layer.shape))
    return (layer.name, shape, *sizes, *(measures if measured else ()))


def remarkable(facts: Sequence[LayerFacts]) -> list[LayerFacts]:
    """Return the layers that have parameters or change the shape."""
    before = [(), *(layer.shape for layer in facts)]
    return [
        layer
        for layer, shape in zip(facts, before, strict=False)
        if layer.parameters or layer.shape != shape
    ]


def in_few_lines(facts: Sequence[LayerFacts]) -> list[LayerFacts]:
    """Return the layers, or the deepest level of blocks that needs no more than `MAX_LINES`."""
    depth = max(layer.name.count(".") for layer in facts) + 1
    blocks = list(facts)
    while depth > 1 and len(remarkable(blocks)) > MAX_LINES:
        depth -= 1
        blocks = in_blocks(facts, depth)
    return blocks


def in_blocks(facts: Sequence[LayerFacts], depth: int) -> list[LayerFacts]:
    """Return one entry for the layers that share the first `depth` parts of their name."""
    blocks = []
    for path, group in groupby(facts, key=lambda layer: tuple(layer.name.split(".")[:depth])):
        layers = list(group)
        sums = {
            "parameters": sum(layer.parameters for layer in layers),
            "multiply_adds": sum(layer.multiply_adds for layer in layers),
        }
        blocks.append(LayerFacts(".".join(path), "", layers[-1].shape, **sums))
    return blocks
