"""A text table of a network's layers."""

from collections.abc import Sequence
from itertools import groupby

from alexnet_lightning.networks.inspect import LayerFacts

MAX_LINES = 32  # the longest table of our own is DoubleConvBNAlexNet's; a ResNet-18 comes in blocks


def layer_table(facts: Sequence[LayerFacts], parameters: int, measured: bool = False) -> str:
    """Return an aligned table with a line for each layer that has parameters or changes the shape.

    `parameters` is the network's total; `measured` adds measures of weights and activations.
    """
    header: tuple[str, ...] = ("layer", "output", "parameters", "multiply-adds")
    header += ("weight std", "deviation", "fraction") if measured else ()
    total = sum(layer.multiply_adds for layer in facts)
    rows = [
        header,
        *(cells(layer)[: len(header)] for layer in remarkable(facts)),
        ("total", "", f"{parameters:,}", f"{total:,}", "", "", "")[: len(header)],
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # The name and the shape are aligned to the left, numbers to the right.
    form = "  ".join(f"{{:{'<' if i < 2 else '>'}{width}}}" for i, width in enumerate(widths))
    return "\n".join(form.format(*row).rstrip() for row in rows)


def cells(layer: LayerFacts) -> tuple[str, ...]:
    """Return a layer's line, all columns; a dash where there is no value."""
    sizes = [f"{number:,}" if number else "–" for number in (layer.parameters, layer.multiply_adds)]
    measures = (layer.weight_std, layer.standard_deviation, layer.fraction)
    rounded = ["–" if number is None else f"{number:.2g}" for number in measures]
    return (layer.name, " × ".join(map(str, layer.shape)), *sizes, *rounded)


def remarkable(facts: Sequence[LayerFacts]) -> list[LayerFacts]:
    """Return the layers that have parameters or change the shape."""
    pairs = zip(facts, [(), *(layer.shape for layer in facts)], strict=False)
    return [layer for layer, before in pairs if layer.parameters or layer.shape != before]


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
    for path, group in groupby(facts, key=lambda layer: layer.name.split(".")[:depth]):
        layers = list(group)
        parameters = sum(layer.parameters for layer in layers)
        multiply_adds = sum(layer.multiply_adds for layer in layers)
        name, shape = ".".join(path), layers[-1].shape
        blocks.append(LayerFacts(name, "", shape, parameters, multiply_adds))
    return blocks
