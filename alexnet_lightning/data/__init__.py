"""Data sets as LightningDataModules, and the transforms of their batches.

The names are imported when they are first used (PEP 562): a trained network needs the transforms
and the image decoder, but not Lightning.
"""

# ruff: noqa: F401  # exported by name
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

MODULES = {
    "base": ["ImageDataModule"],
    "sets.cifar": ["CIFAR10DataModule", "CIFAR100DataModule"],
    "sets.digits": ["DigitsDataModule"],
    "sets.image_folder": ["ImageFolderDataModule"],
    "sets.imagenet": ["ImageNetDataModule"],
    "sets.stanford_dogs": ["StanfordDogsDataModule"],
    "sets.tiny_imagenet": ["TinyImageNetDataModule"],
    "transforms.colour": ["PCANoise"],
    "transforms.crops": ["Flip", "Identity", "PadCropAlternatingFlip", "PadCropFlip", "Transform"],
    "transforms.resizing": ["ProgressiveResize", "RandomResizedCropFlip", "ResizeCropFlip"],
    "transforms.targets": ["CutMix", "MixUp", "OneHot"],
}
HOMES = {name: module for module, names in MODULES.items() for name in names}
__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
