"""Write-up 4's fine tunings: every stage more than one 3 × 3 convolution.

The write-up gives no widths and no image size. Chosen here: AlexNet's own channels, and 2,816
hidden units, which at 32 px and 10 classes make its "about 15.9 M parameters" for #1.
"""

from collections.abc import Sequence

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.rows import (
    Row,
    Window,
    convolutions,
    fully_connected,
    scaled,
    widened,
)

# Pooling 3/2 in stage 1, 2/2 in stages 2 to 5.
FINE_TUNING_1 = (
    Row(96, 3, padding=1, then="relu"),
    Row(96, 3, padding=1, then="relu pool"),
    Row(256, 3, padding=1, then="relu"),
    Row(256, 3, padding=1, then="relu half"),
    Row(384, 3, padding=1, then="relu"),
    Row(384, 3, padding=1, then="relu half"),
    Row(384, 3, padding=1, then="relu"),
    Row(384, 3, padding=1, then="relu half"),
    Row(256, 3, padding=1, then="relu"),
    Row(256, 3, padding=1, then="relu half"),
)
# 2, 2, 2, 3, 3 convolutions with batch norm; pooling 3/2 after each stage.
FINE_TUNING_2 = (
    Row(96, 3, padding=1, then="bn relu"),
    Row(96, 3, padding=1, then="bn relu pool"),
    Row(256, 3, padding=1, then="bn relu"),
    Row(256, 3, padding=1, then="bn relu pool"),
    Row(384, 3, padding=1, then="bn relu"),
    Row(384, 3, padding=1, then="bn relu pool"),
    Row(384, 3, padding=1, then="bn relu"),
    Row(384, 3, padding=1, then="bn relu"),
    Row(384, 3, padding=1, then="bn relu pool"),
    Row(256, 3, padding=1, then="bn relu"),
    Row(256, 3, padding=1, then="bn relu"),
    Row(256, 3, padding=1, then="bn relu pool"),
)
HIDDEN = 2816


def double_conv(
    rows: Sequence[Row],
    num_classes: int,
    in_channels: int,
    image_size: int,
    width: float = 1.0,
    dropout: float = 0.5,
) -> ConvNet:
    """Return five stages of convolutions and three fully connected layers.

    Args:
        rows: one of the tables above.
        num_classes: units of the last layer.
        in_channels: channels of the image.
        image_size: side of the image in pixels, at least 17: five poolings halve it.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping a hidden unit of the classifier.

    Raises:
        ValueError: nothing is left of the image.
    """
    rows = widened(rows, width)
    features, side = convolutions(rows, in_channels, image_size, Window(3, 2, padding=1))
    fc6 = nn.Linear(rows[-1].channels * side**2, scaled(HIDDEN, width))
    return ConvNet(features, fully_connected(fc6, num_classes, dropout))
