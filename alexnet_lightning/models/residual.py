"""Write-up 0: AlexNet with batch norm, with residual connections, with both; and the cure."""

from typing import Any, final

from alexnet_lightning.networks.alexnet import ALEXNET, Stem, alexnet, with_batch_norm
from alexnet_lightning.training.classifier import ImageClassifier


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
        rows = with_batch_norm(ALEXNET)
        network = alexnet(num_classes, in_channels, image_size, rows, stem, width, dropout)
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class AlexNetSkip(ImageClassifier):
    """AlexNet with a residual connection around convolutions 2 to 5.

    Source: write-up 0, "skip connections without batch norm"; 1 × 1 projections where shapes
    differ.

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
        network = alexnet(
            num_classes, in_channels, image_size, ALEXNET, stem, width, dropout, skip="plain"
        )
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class AlexNetBNSkip(ImageClassifier):
    """AlexNet with batch norm in place of LRN and residual connections.

    Source: write-up 0, "batch norm with skip connections": `AlexNetBN` and `AlexNetSkip` in one.

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
        rows = with_batch_norm(ALEXNET)
        network = alexnet(
            num_classes, in_channels, image_size, rows, stem, width, dropout, skip="plain"
        )
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class AlexNetSkipScaled(ImageClassifier):
    """AlexNetSkip whose branches count from zero: skip without batch norm that does train.

    Source: ours, after SkipInit (De and Smith 2020) and ReZero (Bachlechner et al. 2020): the
    answer to write-up 0's first conclusion.

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
        network = alexnet(
            num_classes, in_channels, image_size, ALEXNET, stem, width, dropout, skip="scaled"
        )
        super().__init__(network=network, num_classes=num_classes, **recipe)
