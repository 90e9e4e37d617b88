"""Variants by name, as in timm."""

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import alexnet_lightning
from alexnet_lightning.system.text import did_you_mean

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
        ValueError: there is no such variant, or it cannot take images or classes of this number.
        TypeError: it has no such argument.
    """
    if variant not in alexnet_lightning.VARIANTS:
        raise ValueError(f"no variant is named {variant}; there are {', '.join(list_models())}")
    sizes = {"num_classes": num_classes, "image_size": image_size, "in_channels": in_channels}
    for name, size in sizes.items():
        least = 2 if name == "num_classes" else 1
        if not isinstance(size, int) or size < least:
            raise ValueError(f"{name} is {size}: give a whole number >= {least}")
    kind = getattr(alexnet_lightning, variant)
    known = accepted(kind)
    for name in arguments.keys() - known:
        hint = did_you_mean(name, known, f"see help({variant})")
        raise TypeError(f"{name}: no such argument of {variant}; {hint}")
    if image_size <= 64:
        small = {name: value for name, value in SMALL_FORM.items() if name in known}
        arguments = {**small, **arguments}
    model: ImageClassifier = kind(**sizes, **arguments)
    return model


def accepted(kind: type) -> set[str]:
    """Return the names of a class's arguments, with those that it hands on to its base classes."""
    constructors = [vars(base).get("__init__") for base in kind.__mro__]
    parameters = [p for init in constructors if init for p in signature(init).parameters.values()]
    passed = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return {parameter.name for parameter in parameters if parameter.kind not in passed} - {"self"}
