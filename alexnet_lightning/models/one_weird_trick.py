"""torchvision's AlexNet, layer for layer, so that its weights fit."""

from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from alexnet_lightning.networks.base import ConvNet, Stem
from alexnet_lightning.networks.rows import Row, Window, convolutions, scaled, stemmed, widen
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.classifier import ImageClassifier

# torchvision/models/alexnet.py
ONE_WEIRD_TRICK = (
    Row(64, kernel=11, stride=4, padding=2, then="relu pool"),
    Row(192, kernel=5, padding=2, then="relu pool"),
    Row(384, kernel=3, padding=1, then="relu"),
    Row(256, kernel=3, padding=1, then="relu"),
    Row(256, kernel=3, padding=1, then="relu pool"),
)


@final
class AlexNetOWT(ImageClassifier):
    """torchvision's AlexNet, its pretrained weights included. 61,100,840 parameters.

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as
    torchvision builds it; report 1.

    Args:
        num_classes: number of classes; set by the data. The last layer is a new one where the
            weights have another number.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), or "small" for images of 32 px and less.
        width: factor on the channels of every hidden layer, rounded to multiples of 8.
        dropout: probability of dropping an input of fc6 and of fc7.
        weights: "imagenet" downloads torchvision's; else a file with a state dict of that form.
        freeze_backbone: whether only the fully connected layers are trained.

    Raises:
        UserError: the weights cannot be read, or do not fit.
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
        freeze_backbone: bool = False,
        **recipe: Any,
    ) -> None:
        rows, pool = stemmed(widen(ONE_WEIRD_TRICK, width), Window(), stem)
        features, side = convolutions(rows, in_channels, image_size, pool)
        positions = side if stem == "small" else 6
        hidden = scaled(4096, width)
        classifier = nn.Sequential(
            nn.Dropout(dropout),  # before fc6 and before fc7, as in torchvision, not after them
            nn.Linear(rows[-1].channels * positions**2, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )
        # Its gradient on CUDA is not deterministic, so not where there is nothing to average.
        avgpool = nn.AdaptiveAvgPool2d(positions) if side != positions else None
        network = ConvNet(nn.Sequential(*features), classifier, avgpool)
        super().__init__(network=network, num_classes=num_classes, **recipe)
        if weights is not None:
            try:
                load_weights(network, read_weights(weights))
            except RuntimeError as error:
                reason = one_line(error)
                raise UserError(f"model.weights: {weights} does not fit: {reason}") from error
        network.features.requires_grad_(not freeze_backbone)


def load_weights(network: ConvNet, weights: dict[str, Tensor]) -> None:
    """Copy weights named as torchvision's into the network, the last layer only where it fits."""
    own = network.state_dict()
    last = {name: value for name, value in own.items() if name.startswith("classifier.6.")}
    if any(weights.get(name, value).shape != value.shape for name, value in last.items()):
        weights = weights | last
    network.load_state_dict(weights)


def read_weights(weights: str) -> dict[str, Tensor]:
    """Return a state dict with torchvision's names, downloaded ("imagenet") or from a file."""
    try:
        if weights == "imagenet":
            from torchvision.models import AlexNet_Weights  # here: it would slow down every --help

            return AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
        return torch.load(Path(weights), weights_only=True, map_location="cpu")
    except Exception as error:  # no network, no file, a damaged one: whatever it is
        raise UserError(
            f"model.weights: cannot get {weights} ({one_line(error)}); "
            "give imagenet, or a file that torch.save made of a torchvision alexnet's state_dict"
        ) from error
