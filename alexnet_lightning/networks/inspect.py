"""The layers of a network: shapes, parameters, multiply-adds, activations, receptive field."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lightning.networks.layers import (
    LocalResponseNorm,
    Residual,
    Whitening,
    WithinMapNorm,
)
from alexnet_lightning.networks.modes import evaluating

POINTWISE = (
    nn.BatchNorm2d,
    nn.GELU,
    nn.Identity,
    nn.ReLU,
    nn.Tanh,
    nn.ZeroPad2d,
    LocalResponseNorm,  # across channels, at one position
)


class LayerFacts(NamedTuple):
    """One layer on one batch; the last three are of convolutions and linear layers only.

    Args:
        name: as in the state dict.
        kind: its class.
        shape: of its output, without the batch.
        parameters: its own, without its children's.
        multiply_adds: per image; of convolutions and linear layers only, not of attention.
        weight_std: standard deviation of its weights.
        spread: standard deviation of its pre-activations across images, averaged over the units.
        magnitude: mean absolute pre-activation.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    weight_std: float | None = None
    spread: float | None = None
    magnitude: float | None = None

    @property
    def share(self) -> float | None:
        """Spread over magnitude: the fraction of the layer's output that depends on the image."""
        return self.spread / self.magnitude if self.spread is not None and self.magnitude else None


def layer_facts(network: nn.Module, images: Tensor) -> list[LayerFacts]:
    """Return the facts of every layer in the order of one forward pass; the network stays as it is.

    Batch norm uses the statistics of this batch, as in the first training step: with its initial
    running statistics it would do nothing. Dropout is off.

    Args:
        network: maps images to logits.
        images: (N, C, H, W), N >= 2, on the network's device.
    """
    facts: list[LayerFacts] = []
    seen: set[str] = set()

    def note(name: str, layer: nn.Module, _: Any, output: Any) -> None:
        output = output if isinstance(output, Tensor) else output[0]  # attention gives two
        found = describe(name, layer, output)
        # A layer that runs twice has its parameters once.
        facts.append(found._replace(parameters=0) if name in seen else found)
        seen.add(name)

    handles = [
        layer.register_forward_hook(partial(note, name))
        for name, layer in network.named_modules()
        if name and (own_parameters(layer) or not any(layer.children()))
    ]
    try:
        with torch.no_grad(), on_the_batch(network):
            # Not network(images): a compiled one would be compiled again, with the hooks.
            network.forward(images)
    finally:
        for handle in handles:
            handle.remove()
    return facts


def describe(name: str, layer: nn.Module, output: Tensor) -> LayerFacts:
    """Return the facts of a layer whose output is `output` (N, …)."""
    shape = tuple(output.shape[1:])
    facts = LayerFacts(name, type(layer).__name__, shape, own_parameters(layer), 0)
    if not isinstance(layer, nn.Conv2d | nn.Linear | Whitening):
        return facts
    # The first dimension of a weight is the outputs; the others are what one output reads.
    facts = facts._replace(multiply_adds=output[0].numel() * layer.weight[0].numel())
    if output.is_meta:
        return facts
    return facts._replace(
        weight_std=layer.weight.float().std().item(),
        spread=across_images(output),
        magnitude=output.float().abs().mean().item(),
    )


def own_parameters(layer: nn.Module) -> int:
    """Return the number of a layer's parameters, without its children's."""
    return sum(parameter.numel() for parameter in layer.parameters(recurse=False))


def across_images(values: Tensor) -> float:
    """Return the standard deviation over the first dimension, averaged over all others."""
    return values.float().std(dim=0).mean().item()


@contextmanager
def on_the_batch(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, batch norm with the batch's statistics, and then back."""
    # By name: SyncBatchNorm would wait for the other processes.
    norms = [
        layer
        for layer in network.modules()
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.track_running_stats
    ]
    with evaluating(network):
        for norm in norms:
            norm.training, norm.track_running_stats = True, False  # uses the batch's, keeps its own
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True


def multiply_adds(network: nn.Module, in_channels: int, image_size: int) -> int:
    """Return the multiply-adds per image of convolutions and linear layers."""
    return sum(layer.multiply_adds for layer in shapes(network, in_channels, image_size))


def shapes(network: nn.Module, in_channels: int, image_size: int) -> list[LayerFacts]:
    """Return `layer_facts` of two blank images, where only sizes matter; on any device or meta."""
    like = next(network.parameters())
    blank = like.new_zeros(2, in_channels, image_size, image_size)
    return layer_facts(network, blank)


def receptive_field(backbone: nn.Module) -> int | None:
    """Return the side in pixels of what one unit of the backbone's output sees.

    r = 1 + Σ (kernel - 1) · dilation · product of the strides before it (Araujo et al. 2019,
    "Computing Receptive Fields of Convolutional Neural Networks").

    Args:
        backbone: convolutions, poolings, norms and residual connections in sequence; None is
            returned for anything else.
    """
    field, step = 1, 1
    for window in windows(backbone):
        if window is None:
            return None
        extent, stride = window
        field += (extent - 1) * step
        step *= stride
    return field


def windows(layer: nn.Module) -> Iterator[tuple[int, int] | None]:
    """Yield (extent, stride) of every window on the longest path; None for an unknown layer."""
    match layer:
        case nn.Sequential():
            for child in layer:
                yield from windows(child)
        case Residual():
            yield from windows(layer.mapping)  # the other path sees one position
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d():
            kernel, stride = side(layer.kernel_size), side(layer.stride)
            yield (kernel - 1) * side(getattr(layer, "dilation", 1)) + 1, stride
        case Whitening():
            yield layer.weight.shape[-1], 1
        case WithinMapNorm():
            yield layer.size, 1
        case _ if not isinstance(layer, POINTWISE):
            yield None


def side(value: int | tuple[int, ...]) -> int:
    """Return the larger side of a window that torch describes by one number or two."""
    return value if isinstance(value, int) else max(value)
