"""Five convolutions as one would build them today."""

from typing import Any, final

from alexnet_lightning.classifier import ImageClassifier
from alexnet_lightning.networks.convnet import ConvNet
from alexnet_lightning.networks.modern import Whitening, modern

WHITENING_IMAGES = 5000  # a sample that fixes the covariance of 12-value patches


@final
class AlexNetModern(ImageClassifier):
    """Still five convolutions, all else as of today: 3 × 3, batch norm, global pooling.

    0.85 M parameters at 10 classes, whatever the image size.

    Source: ours; the whitening stem is that of the CIFAR-10 speed records, see
    `networks/modern.py`.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: multiplies the channels of every convolution.
        whitening: whether a fixed 2 × 2 convolution, fitted to training images when `fit` starts,
            comes first.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        width: float = 1.0,
        whitening: bool = False,
        **recipe: Any,
    ) -> None:
        network = modern(num_classes, in_channels, image_size, width, whitening)
        super().__init__(network=network, num_classes=num_classes, **recipe)

    def on_fit_start(self) -> None:
        network, data = self.network, self.trainer.datamodule  # type: ignore[attr-defined]
        stem = next(network.features.children()) if isinstance(network, ConvNet) else None
        if isinstance(stem, Whitening):
            stem.fit(data.sample("train", WHITENING_IMAGES)[0].to(self.device))
