"""One final class per architecture: what it is, where it comes from, which network it builds.

`num_classes`, `in_channels` and `image_size` are set by the data; `recipe` is the arguments of
`ImageClassifier`.
"""

from typing import Any, final

from alexnet_lightning.classifier import ImageClassifier
from alexnet_lightning.networks.alexnet import Stem, alexnet


@final
class AlexNet(ImageClassifier):
    """The paper's net as most ports have it: one tower, LRN, overlapping pooling.

    Source: Krizhevsky et al. 2012, section 3.5; write-ups 0, 2, 3 and 4. 62,378,344 parameters at
    1000 classes and 224 px, 58,322,314 at 10 classes.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), or "small" for images of 32 px and less.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping an output of fc6 and fc7.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        stem: Stem = "imagenet",
        width: float = 1.0,
        dropout: float = 0.5,
        **recipe: Any,
    ) -> None:
        network = alexnet(num_classes, in_channels, image_size, stem, width, "lrn", dropout)
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class AlexNetBN(ImageClassifier):
    """AlexNet with batch norm after every convolution, in place of LRN.

    Source: write-up 0, "batch norm without skip connections".

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), or "small" for images of 32 px and less.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping an output of fc6 and fc7.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        stem: Stem = "imagenet",
        width: float = 1.0,
        dropout: float = 0.5,
        **recipe: Any,
    ) -> None:
        network = alexnet(num_classes, in_channels, image_size, stem, width, "batch", dropout)
        super().__init__(network=network, num_classes=num_classes, **recipe)
