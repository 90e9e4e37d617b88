"""The variants, one file per family: the table, its builder and the final LightningModules.

`num_classes`, `in_channels` and `image_size` are set by the data; `recipe` and `options` are the
arguments of the base class.
"""

from alexnet_lightning.models.alexnet import (
    AlexNet,
    AlexNet2012,
    AlexNetBN,
    AlexNetBNSkip,
    AlexNetSkip,
    AlexNetSkipScaled,
)
from alexnet_lightning.models.double_conv import DoubleConvAlexNet, DoubleConvBNAlexNet
from alexnet_lightning.models.four_layer import FourLayerNet
from alexnet_lightning.models.modern import AlexNetModern
from alexnet_lightning.models.one_weird_trick import AlexNetOWT
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
