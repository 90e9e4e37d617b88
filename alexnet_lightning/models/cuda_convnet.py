"""The authors' nets for CIFAR-10 of 2012, named after the errors that cuda-convnet states.

Source: cuda-convnet, `example-layers/` (layers-80sec, layers-18pct, layers-conv-local-13pct). All
sizes round up. Weights start from a normal distribution whose standard deviation the file of each
net states, biases at 0; the input are pixels of 0 to 255 minus their mean.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, final

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.layers import (
    ACTIVATIONS,
    Activation,
    LocallyConnected,
    WithinMapNorm,
    pieces,
)
from alexnet_lightning.networks.rows import Row, Window, convolutions, scaled, widen
from alexnet_lightning.training.classifier import ImageClassifier

LAYERS_80SEC = (
    Row(32, kernel=5, padding=2, then="pool relu"),
    Row(32, kernel=5, padding=2, then="relu avg"),
    Row(64, kernel=5, padding=2, then="relu avg"),
)
LAYERS_18PCT = (
    Row(32, kernel=5, padding=2, then="pool relu mapnorm"),
    Row(32, kernel=5, padding=2, then="relu avg mapnorm"),
    Row(64, kernel=5, padding=2, then="relu avg"),
)
LAYERS_13PCT = (
    Row(64, kernel=5, padding=2, then="relu pool"),
    Row(64, kernel=5, padding=2, then="relu pool"),
)
POOLING = Window(3, 2, ceil=True)


@final
class FourLayerNet(ImageClassifier):
    """The net of the paper's figure 1: 26 % error on CIFAR-10 within 80 seconds on a GPU of 2012.

    145,578 parameters at 32 px and 10 classes.

    Source: cuda-convnet, layers-80sec.cfg; Krizhevsky et al. 2012, figure 1, which compares ReLU
    with tanh.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        activation: after all hidden layers, see `networks.layers.ACTIVATIONS`.
        width: factor on the channels of every hidden layer, rounded to multiples of 8.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        activation: Activation = "relu",
        width: float = 1.0,
        **recipe: Any,
    ) -> None:
        rows = widen(LAYERS_80SEC, width, activation)
        features, side = convolutions(rows, in_channels, image_size, POOLING)
        hidden = scaled(64, width)
        head = OrderedDict[str, nn.Module](
            fc4=nn.Linear(rows[-1].channels * side**2, hidden * pieces(activation)),
            act4=ACTIVATIONS[activation](hidden),
            fc5=nn.Linear(hidden, num_classes),
        )
        network = ConvNet(features, nn.Sequential(head))
        start(network, (1e-4, 0.01, 0.01, 0.1, 0.1))
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class ThreeConvNet(ImageClassifier):
    """Three convolutions with norms within the maps, and the logits: 18 % error on CIFAR-10.

    89,578 parameters at 32 px and 10 classes.

    Source: cuda-convnet, layers-18pct.cfg.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: factor on the channels of every convolution, rounded to multiples of 8.
    """

    def __init__(
        self, num_classes: int, in_channels: int, image_size: int, width: float = 1.0, **recipe: Any
    ) -> None:
        rows = widen(LAYERS_18PCT, width)
        features, side = convolutions(rows, in_channels, image_size, POOLING)
        for name in ("mapnorm1", "mapnorm2"):
            features.set_submodule(name, WithinMapNorm(size=3, alpha=5e-5))
        logits = nn.Linear(rows[-1].channels * side**2, num_classes)
        network = ConvNet(features, nn.Sequential(OrderedDict(fc4=logits)))
        start(network, (1e-4, 0.01, 0.01, 0.01))
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class LocalNet(ImageClassifier):
    """Two convolutions, two locally connected layers and the logits: 13 % error on CIFAR-10.

    1,116,490 parameters at 24 px and 10 classes.

    Source: cuda-convnet, layers-conv-local-13pct.cfg.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data: 24, crops of CIFAR-10's 32.
        width: factor on the channels of every hidden layer, rounded to multiples of 8.
    """

    def __init__(
        self, num_classes: int, in_channels: int, image_size: int, width: float = 1.0, **recipe: Any
    ) -> None:
        rows = widen(LAYERS_13PCT, width)
        features, side = convolutions(rows, in_channels, image_size, POOLING)
        channels, local = rows[-1].channels, scaled(32, width)
        for number in (3, 4):
            layer = LocallyConnected(channels, local, side, kernel=3, padding=1)
            features.add_module(f"local{number}", layer)
            features.add_module(f"relu{number}", nn.ReLU(inplace=True))
            channels = local
        logits = nn.Linear(channels * side**2, num_classes)
        network = ConvNet(features, nn.Sequential(OrderedDict(fc5=logits)))
        start(network, (1e-4, 0.01, 0.04, 0.04, 0.01))
        super().__init__(network=network, num_classes=num_classes, **recipe)


def start(network: nn.Module, deviations: Sequence[float]) -> None:
    """Sample each layer's weights with its standard deviation, in place; biases are 0."""
    layers = [
        layer
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear | LocallyConnected)
    ]
    for layer, deviation in zip(layers, deviations, strict=True):
        nn.init.normal_(layer.weight, std=deviation)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
