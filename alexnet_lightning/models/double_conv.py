"""Write-up 4: stages of several 3 × 3 convolutions."""

from typing import Any, final

from alexnet_lightning.networks.double_conv import FINE_TUNING_1, FINE_TUNING_2, double_conv
from alexnet_lightning.training.classifier import ImageClassifier


@final
class DoubleConvAlexNet(ImageClassifier):
    """Two 3 × 3 convolutions in each of AlexNet's stages. 15.9 M parameters at 10 classes, 32 px.

    Source: write-up 4, "fine tuning #1"; it gives no widths, see `networks/double_conv.py`.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping a hidden unit of the classifier.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        width: float = 1.0,
        dropout: float = 0.5,
        **recipe: Any,
    ) -> None:
        network = double_conv(FINE_TUNING_1, num_classes, in_channels, image_size, width, dropout)
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class DoubleConvBNAlexNet(ImageClassifier):
    """Two or three 3 × 3 convolutions with batch norm in each of AlexNet's stages.

    Source: write-up 4, "fine tuning #2"; it gives no widths, see `networks/double_conv.py`.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping a hidden unit of the classifier.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        width: float = 1.0,
        dropout: float = 0.5,
        **recipe: Any,
    ) -> None:
        network = double_conv(FINE_TUNING_2, num_classes, in_channels, image_size, width, dropout)
        super().__init__(network=network, num_classes=num_classes, **recipe)
