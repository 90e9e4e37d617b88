"""The net of the paper's figure 1: how much faster CIFAR-10 is learned with ReLU than with tanh."""

from collections import OrderedDict
from typing import Any, Literal, final

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.rows import Row, Window, convolutions, widen
from alexnet_lightning.training.classifier import ImageClassifier

# The paper only says "four-layer": these are the authors' usual CIFAR-10 layers of that year
# (cuda-convnet, "layers-80sec"): three convolutions and the logits.
FOUR_LAYERS = (
    Row(32, kernel=5, padding=2, then="pool relu"),
    Row(32, kernel=5, padding=2, then="relu avg"),
    Row(64, kernel=5, padding=2, then="relu avg"),
)


@final
class FourLayerNet(ImageClassifier):
    """Three convolutions and the logits, with ReLU or tanh, for CIFAR-10.

    Source: Krizhevsky et al. 2012, figure 1.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        activation: "relu" or "tanh".
        width: factor on the channels of every convolution, rounded to multiples of 8.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        activation: Literal["relu", "tanh"] = "relu",
        width: float = 1.0,
        **recipe: Any,
    ) -> None:
        rows = widen(FOUR_LAYERS, width, activation)
        features, side = convolutions(rows, in_channels, image_size, Window(ceil=True))
        logits = nn.Linear(rows[-1].channels * side**2, num_classes)
        network = ConvNet(features, nn.Sequential(OrderedDict(fc4=logits)))
        super().__init__(network=network, num_classes=num_classes, **recipe)
