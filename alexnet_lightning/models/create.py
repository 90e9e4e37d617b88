"""Variants by name, as in timm."""

from inspect import signature
from typing import TYPE_CHECKING, Any

import alexnet_lightning

if TYPE_CHECKING:
    from alexnet_lightning.training.classifier import ImageClassifier

SMALL_FORM = {"stem": "small", "small_stem": True}  # whichever a variant accepts


def list_models() -> list[str]:
    """Return the names of all variants."""
    return sorted(alexnet_lightning.VARIANTS)


def create_model(
    variant: str,
    /,
    num_classes: int = 1000,
    image_size: int = 224,
    in_channels: int = 3,
    **arguments: Any,
) -> "ImageClassifier":
    """Return a variant with random weights.

    Args:
        variant: one of `list_models()`.
        num_classes: number of classes.
        image_size: side of the images in pixels; up to 64 px the variant takes its small form,
            unless `stem` or `small_stem` says otherwise.
        in_channels: 3 for color, 1 for gray.
        arguments: of the variant, and of `ImageClassifier`.

    Raises:
        ValueError: there is no such variant, or it cannot take images of this size.
    """
    if variant not in alexnet_lightning.VARIANTS:
        raise ValueError(f"no variant is named {variant}; there are {', '.join(list_models())}")
    kind = getattr(alexnet_lightning, variant)
    if image_size <= 64:
        known = accepted(kind)
        small = {name: value for name, value in SMALL_FORM.items() if name in known}
        arguments = {**small, **arguments}
    model: ImageClassifier = kind(
        num_classes=num_classes, in_channels=in_channels, image_size=image_size, **arguments
    )
    return model


def accepted(variant: type["ImageClassifier"]) -> set[str]:
    """Return the names of a variant's arguments, with those that it hands on to its base class."""
    constructors = [vars(base).get("__init__") for base in variant.__mro__]
    return {name for init in constructors if init for name in signature(init).parameters}
