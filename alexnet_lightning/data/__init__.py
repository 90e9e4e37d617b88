"""Data sets as LightningDataModules, and what happens to their batches."""

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.cifar import CIFAR10DataModule
from alexnet_lightning.data.colour import PCANoise
from alexnet_lightning.data.digits import DigitsDataModule
from alexnet_lightning.data.targets import CutMix, MixUp, OneHot
from alexnet_lightning.data.transforms import (
    Flip,
    Identity,
    PadCropFlip,
    ResizeCropFlip,
    Transform,
)

__all__ = [
    "CIFAR10DataModule",
    "CutMix",
    "DigitsDataModule",
    "Flip",
    "Identity",
    "ImageDataModule",
    "MixUp",
    "OneHot",
    "PCANoise",
    "PadCropFlip",
    "ResizeCropFlip",
    "Transform",
]
