"""Data sets as LightningDataModules, and what happens to their batches."""

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.sets.cifar import CIFAR10DataModule, CIFAR100DataModule
from alexnet_lightning.data.sets.digits import DigitsDataModule
from alexnet_lightning.data.sets.image_folder import ImageFolderDataModule
from alexnet_lightning.data.sets.imagenet import ImageNetDataModule
from alexnet_lightning.data.sets.stanford_dogs import StanfordDogsDataModule
from alexnet_lightning.data.sets.tiny_imagenet import TinyImageNetDataModule
from alexnet_lightning.data.transforms.colour import PCANoise
from alexnet_lightning.data.transforms.crops import (
    Flip,
    Identity,
    PadCropAlternatingFlip,
    PadCropFlip,
    Transform,
)
from alexnet_lightning.data.transforms.resizing import (
    ProgressiveResize,
    RandomResizedCropFlip,
    ResizeCropFlip,
)
from alexnet_lightning.data.transforms.targets import CutMix, MixUp, OneHot

__all__ = [
    "CIFAR10DataModule",
    "CIFAR100DataModule",
    "CutMix",
    "DigitsDataModule",
    "Flip",
    "Identity",
    "ImageDataModule",
    "ImageFolderDataModule",
    "ImageNetDataModule",
    "MixUp",
    "OneHot",
    "PCANoise",
    "PadCropAlternatingFlip",
    "PadCropFlip",
    "ProgressiveResize",
    "RandomResizedCropFlip",
    "ResizeCropFlip",
    "StanfordDogsDataModule",
    "TinyImageNetDataModule",
    "Transform",
]
