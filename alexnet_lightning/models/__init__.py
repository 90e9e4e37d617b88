"""One final class per architecture: what it is, where it comes from, which network it builds.

`num_classes`, `in_channels` and `image_size` are set by the data; `recipe` is the arguments of
`ImageClassifier`. Each file here has its networks in the file of the same name in `networks/`.
"""

from alexnet_lightning.models.alexnet import AlexNet, AlexNet2012
from alexnet_lightning.models.double_conv import DoubleConvAlexNet, DoubleConvBNAlexNet
from alexnet_lightning.models.four_layer import FourLayerNet
from alexnet_lightning.models.modern import AlexNetModern
from alexnet_lightning.models.one_weird_trick import AlexNetOWT
from alexnet_lightning.models.residual import (
    AlexNetBN,
    AlexNetBNSkip,
    AlexNetSkip,
    AlexNetSkipScaled,
)
from alexnet_lightning.models.torchvision import TorchvisionClassifier

__all__ = [
    "AlexNet",
    "AlexNet2012",
    "AlexNetBN",
    "AlexNetBNSkip",
    "AlexNetModern",
    "AlexNetOWT",
    "AlexNetSkip",
    "AlexNetSkipScaled",
    "DoubleConvAlexNet",
    "DoubleConvBNAlexNet",
    "FourLayerNet",
    "TorchvisionClassifier",
]
