"""Signal propagation: how much of each activation and gradient depends on the image."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.networks.inspect import across_images, on_the_batch


class Spread(NamedTuple):
    """One convolution or linear layer on one batch.

    Args:
        layer: its name in the state dict.
        forward: standard deviation of its pre-activations across images, averaged over the units.
        backward: the same of the gradient of each image's loss with respect to them.
    """

    layer: str
    forward: float
    backward: float


def spreads(network: nn.Module, images: Tensor, labels: Tensor) -> list[Spread]:
    """Return the standard deviations of every layer that has weights; the network stays as it is.

    Batch norm uses the statistics of this batch; dropout is off.

    Args:
        network: maps images to logits.
        images: (N, C, H, W), N >= 2, on the network's device.
        labels: (N,), int64.
    """
    outputs: dict[str, Tensor] = {}

    def note(name: str, _: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        outputs[name] = output
        return output.clone()  # a ReLU in place would overwrite what is differentiated by

    handles = [
        layer.register_forward_hook(partial(note, name))
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    try:
        with torch.enable_grad(), on_the_batch(network):
            loss = F.cross_entropy(network.forward(images).float(), labels, reduction="sum")
            gradients = torch.autograd.grad(loss, list(outputs.values()))
    finally:
        for handle in handles:
            handle.remove()
    return [
        Spread(name, across_images(output.detach()), across_images(gradient))
        for (name, output), gradient in zip(outputs.items(), gradients, strict=True)
    ]
