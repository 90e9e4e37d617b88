"""The field's other networks, trained and looked at in the same way."""

from typing import Any, final

from alexnet_lightning.networks.torchvision_net import TorchvisionNet
from alexnet_lightning.training.classifier import ImageClassifier


@final
class TorchvisionClassifier(ImageClassifier):
    """Any classification model of torchvision by its name: resnet18, mobilenet_v3_small, …

    Source: `torchvision.models`; write-up 3's ResNet-18, and the baselines it wished for.

    Args:
        name: as in `torchvision.models.list_models()`.
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        small_stem: for images of 32 px: the first convolution becomes 3 × 3 with stride 1, and a
            max pool that directly follows it is left out.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        in_channels: int,
        image_size: int,
        small_stem: bool = False,
        **recipe: Any,
    ) -> None:
        network = TorchvisionNet(name, num_classes, in_channels, image_size, small_stem)
        super().__init__(network=network, num_classes=num_classes, **recipe)
