"""Data sets as LightningDataModules, and what happens to their batches."""

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.cifar import CIFAR10DataModule, CIFAR100DataModule
from alexnet_lightning.data.colour import PCANoise
from alexnet_lightning.data.digits import DigitsDataModule
from alexnet_lightning.data.image_folder import ImageFolderDataModule
from alexnet_lightning.data.imagenet import ImageNetDataModule
from alexnet_lightning.data.resizing import ProgressiveResize, RandomResizedCropFlip, ResizeCropFlip
from alexnet_lightning.data.stanford_dogs import StanfordDogsDataModule
from alexnet_lightning.data.targets import CutMix, MixUp, OneHot
from alexnet_lightning.data.tiny_imagenet import TinyImageNetDataModule
from alexnet_lightning.data.transforms import (
    Flip,
    Identity,
    PadCropAlternatingFlip,
    PadCropFlip,
    Transform,
)

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
