"""The layers of a network: shapes, parameters, multiply-adds, activations, receptive field."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.networks.layers import (
    LocallyConnected,
    LocalResponseNorm,
    Maxout,
    Residual,
    Whitening,
    WithinMapNorm,
)
from alexnet_lightning.networks.pooling import Pool

# They read one position; local response norm several channels of it.
LOCAL = (
    nn.BatchNorm2d, nn.ELU, nn.GELU, nn.LeakyReLU, nn.PReLU, nn.ReLU, nn.SELU, nn.Tanh,
    nn.Identity, nn.ZeroPad2d, LocalResponseNorm, Maxout,
)  # fmt: skip


class LayerFacts(NamedTuple):
    """One layer on one batch; the last three are of convolutions and linear layers only."""

    name: str  # as in the state dict
    kind: str
    shape: tuple[int, ...]  # of the output, without the batch
    parameters: int  # without its children's
    multiply_adds: int  # per image; of convolutions and linear layers only, not of attention
    weight_std: float | None = None
    standard_deviation: float | None = None  # of pre-activations across images, unit average
    magnitude: float | None = None  # mean absolute pre-activation

    @property
    def fraction(self) -> float | None:
        """Deviation over magnitude: how much of the layer's output depends on the image."""
        return (self.standard_deviation or 0) / self.magnitude if self.magnitude else None


def layer_facts(network: nn.Module, images: Tensor) -> list[LayerFacts]:
    """Return the facts of every layer in the order of one forward pass; the network stays as it is.

    Batch norm uses the statistics of this batch, as in the first training step: with its initial
    running statistics it would do nothing. Dropout is off. The images are (N, C, H, W), N >= 2, on
    the network's device.
    """
    facts: list[LayerFacts] = []
    seen: set[str] = set()

    def note(name: str, layer: nn.Module, _: Any, output: Any) -> None:
        output = output if isinstance(output, Tensor) else output[0]  # attention gives two
        found = describe(name, layer, output)
        # A layer that runs twice has its parameters once.
        facts.append(found._replace(parameters=0) if name in seen else found)
        seen.add(name)

    with torch.no_grad(), on_the_batch(network), ExitStack() as hooks:
        for name, layer in network.named_modules():
            if name and (own_parameters(layer) or not any(layer.children())):
                hooks.enter_context(layer.register_forward_hook(partial(note, name)))
        # Not network(images): a compiled one would be compiled again, with the hooks.
        network.forward(images)
    return facts


def describe(name: str, layer: nn.Module, output: Tensor) -> LayerFacts:
    """Return the facts of a layer whose output is `output` (N, …)."""
    shape = tuple(output.shape[1:])
    facts = LayerFacts(name, type(layer).__name__, shape, own_parameters(layer), 0)
    if not isinstance(layer, nn.Conv2d | nn.Linear | Whitening | LocallyConnected):
        return facts
    # The first dimension of a weight is the outputs; the others are what one output reads.
    local = isinstance(layer, LocallyConnected)
    reads = layer.weight.shape[1] if local else layer.weight[0].numel()
    facts = facts._replace(multiply_adds=output[0].numel() * reads)
    if output.is_meta:
        return facts
    return facts._replace(
        weight_std=layer.weight.float().std().item(),
        standard_deviation=across_images(output),
        magnitude=output.float().abs().mean().item(),
    )


def own_parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters(recurse=False))


def across_images(values: Tensor) -> float:
    """Return the standard deviation over the first dimension, averaged over all others."""
    return values.float().std(dim=0).mean().item()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, then each submodule's own mode again (some may be frozen)."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


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


class Statistics(NamedTuple):
    """One convolution or linear layer on one batch.

    `forward` is the standard deviation of its pre-activations across images, averaged over the
    units; `backward` the same of the gradient of each image's loss with respect to them.
    """

    layer: str
    forward: float
    backward: float


def layer_statistics(network: nn.Module, images: Tensor, labels: Tensor) -> list[Statistics]:
    """Return how much each layer's activations and gradients depend on the image.

    Images (N, C, H, W), N >= 2, and labels, int64 (N,), are on the network's device. Batch norm
    uses the statistics of this batch; dropout is off; the network stays as it is.
    """
    outputs: dict[str, Tensor] = {}

    def note(name: str, _: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        outputs[name] = output
        return output.clone()  # a ReLU in place would overwrite what is differentiated by

    with torch.enable_grad(), on_the_batch(network), ExitStack() as hooks:
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                hooks.enter_context(layer.register_forward_hook(partial(note, name)))
        loss = F.cross_entropy(network.forward(images).float(), labels, reduction="sum")
        gradients = torch.autograd.grad(loss, list(outputs.values()))
    return [
        Statistics(name, across_images(output.detach()), across_images(gradient))
        for (name, output), gradient in zip(outputs.items(), gradients, strict=True)
    ]


def multiply_adds(network: nn.Module, in_channels: int, image_size: int) -> int:
    """Return the multiply-adds per image of convolutions and linear layers."""
    return sum(layer.multiply_adds for layer in shapes(network, in_channels, image_size))


def shapes(network: nn.Module, in_channels: int, image_size: int) -> list[LayerFacts]:
    """Return `layer_facts` of two blank images, where only sizes matter; on any device or meta."""
    blank = next(network.parameters()).new_zeros(2, in_channels, image_size, image_size)
    return layer_facts(network, blank)


def receptive_field(backbone: nn.Module) -> int | None:
    """Return the side in pixels of what one unit of the backbone's output sees.

    r = 1 + Σ (kernel - 1) · dilation · product of the strides before it (Araujo et al. 2019,
    "Computing Receptive Fields of Convolutional Neural Networks"). None unless the backbone is
    convolutions, poolings, norms and residual connections in sequence.
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
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d() | Pool():
            dilation = side(getattr(layer, "dilation", 1))
            yield (side(layer.kernel_size) - 1) * dilation + 1, side(layer.stride)
        case Whitening():
            yield layer.weight.shape[-1], 1
        case LocallyConnected():
            yield layer.kernel, 1
        case WithinMapNorm():
            yield layer.size, 1
        case _ if not isinstance(layer, LOCAL):
            yield None


def side(value: int | tuple[int, ...]) -> int:
    """Return the larger side of a window that torch describes by one number or two."""
    return value if isinstance(value, int) else max(value)
