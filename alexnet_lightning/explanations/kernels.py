"""The kernels of the first layer, and the feature maps of each stage for one image."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from alexnet_lightning.explanations.images import ShownImages, brief, grid_of, show
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.networks.base import Network
from alexnet_lightning.networks.inspect import evaluating
from alexnet_lightning.networks.layers import Whitening
from alexnet_lightning.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KERNELS = 96  # as in the paper's figure 3
MAPS = 12  # of a stage


def first_kernels(network: nn.Module) -> Tensor:
    """Return what the first convolution weighs pixels with, (K, C, k, k)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | Whitening):
            return layer.weight.detach().float().cpu()
    raise AssertionError("every variant begins with a convolution")


def draw_kernels(network: nn.Module) -> Figure:
    """Return a figure of the first layer's kernels, as figure 3 of Krizhevsky et al. 2012.

    Each is scaled separately: its largest weight, of either sign, becomes white or black, or a
    saturated color, and a weight of zero becomes gray.
    """
    kernels = first_kernels(network)
    count, channels, side, _ = kernels.shape
    kernels = kernels[:KERNELS]
    peaks = kernels.abs().amax(dim=(1, 2, 3), keepdim=True)
    pixels = (127.5 * (1 + kernels / peaks.where(peaks > 0, 1.0))).round().byte()
    columns = min(16, max(8, math.ceil(math.sqrt(2 * len(pixels)))))
    rows = -(-len(pixels) // columns)
    with new_figure(0.55 * columns, 0.55 * rows + 0.5) as figure:
        figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
        grid_of(figure, rows, columns, pixels, [])
        shown = f"{len(pixels)} of {count}" if count > len(pixels) else f"{count}"
        figure.suptitle(f"First layer: {shown} kernels of {side} × {side} × {channels}")
    return figure


def stages(network: Network, image: Tensor) -> dict[str, Tensor]:
    """Return the maps (C', H, W) that leave each stage, by the name of its last layer, in order.

    A stage of an AlexNet is a convolution with what follows it up to the next one; of a model of
    torchvision, all layers whose maps have the same size.

    Args:
        image: the network's input (1, C, T, T).
    """
    found: dict[str, tuple[str, Tensor]] = {}

    def note(name: str, stage: str | None, _: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[-1] > 1:
            key = stage or str(output.shape[-1])
            found[key] = (name, output[0].float().cpu().clone())  # the next may work in place

    hooks = [
        layer.register_forward_hook(partial(note, name, stage))
        for name, stage, layer in network.stage_layers()
    ]
    try:
        with torch.no_grad(), evaluating(network):
            network.forward(image)
    finally:
        for hook in hooks:
            hook.remove()
    return dict(found.values())


def draw_maps(predictor: Predictor, shown: ShownImages) -> Figure:
    """Return a figure with a row per stage: its strongest maps for the first of the images.

    All maps of a stage have one color scale; negative values are as dark as zero.
    """
    image, title = shown.images[:1], shown.titles[0]
    found = stages(predictor.model.network, predictor.inputs(image)[:, 0])
    with new_figure(0.85 * MAPS + 1.6, 0.98 * len(found) + 1.9) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[1.4, 0.98 * len(found)])
        show(parts[0].subplots(), predictor.preprocessing.centre(image)[0], brief(title))
        grid = parts[1].subplots(len(found), MAPS, squeeze=False)
        for line, (layer, maps) in zip(grid, found.items(), strict=True):
            strongest = maps[maps.clamp_min(0).mean(dim=(1, 2)).argsort(descending=True)[:MAPS]]
            scaled = strongest.clamp_min(0) / strongest.max().clamp_min(1e-12)
            words = f"{layer}\n{' × '.join(map(str, maps.shape))}"
            line[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=9)
            for axes, part in zip(line, scaled, strict=False):
                show(axes, part)
            for axes in line[len(scaled) :]:
                axes.set_axis_off()
        figure.suptitle(f"The {MAPS} strongest feature maps of each stage")
    return figure
