"""Weight initialization: torch's default, the paper's, its authors' code's, and later schemes."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from alexnet_lightning.networks.inspect import evaluating

Init = Literal["default", "paper", "code_2012", "he", "lsuv", "identity"]


def initialise(
    network: nn.Module, scheme: Init, image_shape: tuple[int, int, int] = (3, 32, 32)
) -> None:
    """Sample the weights and biases of all convolutions and linear layers again, in place.

    Args:
        network: whose last linear layer gives the logits. Convolutions are numbered from 1 in their
            order, without the projections of residual connections and the color transform.
        scheme: "default" keeps torch's initialization. "paper" is section 5 of the paper: weights
            N(0, .01); biases 1 in convolutions 2, 4, 5 and the hidden linear layers, else 0.
            "code_2012" is the authors' own (layer-params of net #145): as "paper", with .03 from
            the third convolution on. "he" is He et al. 2015: N(0, 2 / fan in), biases 0.
            "lsuv" is Mishkin and Matas 2016: orthonormal, then divided by the deviation of the
            layer's output, here for images of noise N(0, 1) in place of the data's; biases 0.
            "identity" is torch's, but in every convolution as many filters as it has inputs are the
            identity (Zagoruyko and Komodakis 2017; Jordan 2024, section 3.3). "paper" and
            "code_2012" assume pixels of 0 to 255, the others pixels of order 1.
        image_shape: (C, H, W) of the images, for "lsuv".
    """
    if scheme not in get_args(Init):
        raise ValueError(f"init is {scheme}: give one of {', '.join(get_args(Init))}")
    if scheme == "default":
        return
    named = [(n, layer) for n, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    numbered = [layer for name, layer in named if not {"projection", "colour"} & {*name.split(".")}]
    if scheme == "identity":
        for convolution in numbered:
            nn.init.dirac_(convolution.weight.data[: convolution.weight.shape[1]])
        return
    if scheme == "lsuv":
        _unit_variance(network, torch.randn(64, *image_shape))
        return
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    layers: list[nn.Conv2d | nn.Linear] = [*(layer for _, layer in named), *linear]
    with_bias_one = [numbered[n - 1] for n in (2, 4, 5) if n <= len(numbered)] + linear[:-1]
    for layer in layers:
        if scheme == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            wide = scheme == "code_2012" and layer in numbered[2:]
            nn.init.normal_(layer.weight, std=0.03 if wide else 0.01)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, float(scheme != "he" and layer in with_bias_one))


@torch.no_grad()
def _unit_variance(network: nn.Module, images: Tensor) -> None:
    """Give the outputs of all layers variance 1 for these images, in one pass through them."""

    def divide(layer: Any, inputs: Any, output: Tensor) -> Tensor:
        deviation = output.std()
        layer.weight /= deviation
        return output / deviation

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    hooks = [layer.register_forward_hook(divide) for layer in layers]
    with evaluating(network):  # without dropout
        network(images)
    for hook in hooks:
        hook.remove()
