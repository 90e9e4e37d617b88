"""The net of the paper's figure 1: how much sooner ReLU learns CIFAR-10 than tanh."""

from collections import OrderedDict

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.rows import Row, Window, convolutions, widened, with_activation

# The paper only says "four-layer": these are the authors' usual CIFAR-10 layers of that year
# (cuda-convnet, "layers-80sec"): three convolutions and the logits.
FOUR_LAYERS = (
    Row(32, kernel=5, padding=2, then="pool relu"),
    Row(32, kernel=5, padding=2, then="relu avg"),
    Row(64, kernel=5, padding=2, then="relu avg"),
)


def four_layer(
    num_classes: int, in_channels: int, image_size: int, activation: str, width: float
) -> ConvNet:
    """Return three convolutions and one linear layer, with "relu" or "tanh" for `activation`."""
    rows = widened(with_activation(FOUR_LAYERS, activation), width)
    features, side = convolutions(rows, in_channels, image_size, Window(3, 2, ceil=True))
    logits = nn.Linear(rows[-1].channels * side**2, num_classes)
    return ConvNet(features, nn.Sequential(OrderedDict(fc4=logits)))
