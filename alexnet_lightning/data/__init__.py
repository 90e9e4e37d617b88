"""Data sets as LightningDataModules, and the transforms of their batches.

The names are imported when they are first used: a trained network needs the transforms and the
image decoder, but not Lightning.
"""

# ruff: noqa: F401  # exported
from typing import TYPE_CHECKING, Any

import alexnet_lightning

if TYPE_CHECKING:
    from alexnet_lightning import (
        CIFAR10DataModule,
        CIFAR100DataModule,
        CutMix,
        DigitsDataModule,
        Flip,
        Identity,
        ImageDataModule,
        ImageFolderDataModule,
        ImageNetDataModule,
        MixUp,
        OneHot,
        PadCropAlternatingFlip,
        PadCropFlip,
        PCANoise,
        ProgressiveResize,
        RandomResizedCropFlip,
        ResizeCropFlip,
        StanfordDogsDataModule,
        TinyImageNetDataModule,
        Transform,
    )

__all__ = [name for name, module in alexnet_lightning.PUBLIC.items() if module.startswith("data.")]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(alexnet_lightning, name)
