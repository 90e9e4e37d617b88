"""Starting values: what the frameworks, the paper, its authors' code and others since say."""

from typing import Literal

from torch import nn

Init = Literal["default", "paper", "code_2012", "he", "identity"]


def initialise(network: nn.Module, scheme: Init) -> None:
    """Draw the weights and biases of all convolutions and linear layers anew, in place.

    Args:
        network: whose convolutions count from 1 in their order, projections of residual
            connections left out, and whose last linear layer gives the logits.
        scheme: "default" leaves what torch has drawn. "paper" is section 5 of the paper: weights
            N(0, .01); biases 1 in convolutions 2, 4, 5 and the hidden linear layers, else 0.
            "code_2012" is the authors' own (layer-params of net #145): as the paper says, but .03
            in the convolutions from the third on. "he" is He et al. 2015: N(0, 2 / fan in), biases
            0. "identity" is torch's, but of every convolution as many filters as it has inputs
            hand these on as they are (Zagoruyko and Komodakis 2017; Jordan 2024, section 3.3).
            Pixels of 0-255 belong to the paper's and the code's, of order 1 to the others.
    """
    if scheme == "default":
        return
    convolutions = [
        (name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)
    ]
    trunk = [layer for name, layer in convolutions if "projection" not in name]
    if scheme == "identity":
        for convolution in trunk:
            nn.init.dirac_(convolution.weight.data[: convolution.weight.shape[1]])
        return
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    with_bias_one = [trunk[n - 1] for n in (2, 4, 5) if n <= len(trunk)] + linear[:-1]
    for layer in [layer for _, layer in convolutions] + linear:
        if scheme == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            wide = scheme == "code_2012" and layer in trunk[2:]
            nn.init.normal_(layer.weight, std=0.03 if wide else 0.01)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, float(scheme != "he" and layer in with_bias_one))
