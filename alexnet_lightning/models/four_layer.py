"""The net of the paper's figure 1."""

from typing import Any, Literal, final

from alexnet_lightning.networks.four_layer import four_layer
from alexnet_lightning.training.classifier import ImageClassifier


@final
class FourLayerNet(ImageClassifier):
    """Three convolutions and the logits, with ReLU or tanh, for CIFAR-10.

    Source: Krizhevsky et al. 2012, figure 1; the paper only says "four-layer", see
    `networks/four_layer.py` for the layers.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        activation: "relu" or "tanh".
        width: multiplies the channels of every convolution.
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
        network = four_layer(num_classes, in_channels, image_size, activation, width)
        super().__init__(network=network, num_classes=num_classes, **recipe)
