"""Data sets as LightningDataModules, and the transforms of their batches."""

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.cifar import CIFAR10DataModule
from alexnet_lightning.data.digits import DigitsDataModule
from alexnet_lightning.data.transforms import (
    Flip,
    Identity,
    PadCropFlip,
    ResizeCropFlip,
    Transform,
)

__all__ = [
    "CIFAR10DataModule",
    "DigitsDataModule",
    "Flip",
    "Identity",
    "ImageDataModule",
    "PadCropFlip",
    "ResizeCropFlip",
    "Transform",
]
