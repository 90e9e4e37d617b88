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
    "CIFAR10DataModule": "sets.cifar",
    "CIFAR100DataModule": "sets.cifar",
    "CutMix": "transforms.targets",
    "DigitsDataModule": "sets.digits",
    "Flip": "transforms.crops",
    "Identity": "transforms.crops",
    "ImageDataModule": "base",
    "ImageFolderDataModule": "sets.image_folder",
    "ImageNetDataModule": "sets.imagenet",
    "MixUp": "transforms.targets",
    "OneHot": "transforms.targets",
    "PCANoise": "transforms.colour",
    "PadCropAlternatingFlip": "transforms.crops",
    "PadCropFlip": "transforms.crops",
    "ProgressiveResize": "transforms.resizing",
    "RandomResizedCropFlip": "transforms.resizing",
    "ResizeCropFlip": "transforms.resizing",
    "StanfordDogsDataModule": "sets.stanford_dogs",
    "TinyImageNetDataModule": "sets.tiny_imagenet",
    "Transform": "transforms.crops",
}
__all__ = list(MODULES)


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
