"""torchvision's AlexNet, from scratch or from its weights."""

from pathlib import Path
from typing import Any, final

import torch

from alexnet_lightning.networks.alexnet import Stem
from alexnet_lightning.networks.one_weird_trick import load_weights, one_weird_trick
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.classifier import ImageClassifier


@final
class AlexNetOWT(ImageClassifier):
    """torchvision's AlexNet, its pretrained weights included. 61,100,840 parameters.

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as
    torchvision builds it; write-up 1.

    Args:
        num_classes: number of classes; set by the data. The last layer is new where the weights
            have another number.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), or "small" for images of 32 px and less.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping an input of fc6 and of fc7.
        weights: "imagenet" downloads torchvision's; else a file with a state dict of that form.
        freeze_trunk: whether only the fully connected layers learn.

    Raises:
        UserError: the weights cannot be had, or do not fit.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        stem: Stem = "imagenet",
        width: float = 1.0,
        dropout: float = 0.5,
        weights: str | None = None,
        freeze_trunk: bool = False,
        **recipe: Any,
    ) -> None:
        network = one_weird_trick(num_classes, in_channels, image_size, stem, width, dropout)
        super().__init__(network=network, num_classes=num_classes, **recipe)
        if weights is not None:
            try:
                load_weights(network, read_weights(weights))
            except RuntimeError as error:
                reason = one_line(error)
                raise UserError(f"model.weights: {weights} does not fit: {reason}") from error
        network.features.requires_grad_(not freeze_trunk)


def read_weights(weights: str) -> dict[str, torch.Tensor]:
    """Return a state dict with torchvision's names, downloaded ("imagenet") or from a file.

    Raises:
        UserError: it cannot be had.
    """
    try:
        if weights == "imagenet":
            from torchvision.models import AlexNet_Weights  # here: it would slow down every --help

            return AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
        return torch.load(Path(weights), weights_only=True, map_location="cpu")
    except Exception as error:  # no network, no file, a damaged one: whatever it is
        reason = one_line(error)
        raise UserError(
            f"model.weights: cannot get {weights} ({reason}); "
            "give imagenet, or a file that torch.save made of a torchvision alexnet's state_dict"
        ) from error
