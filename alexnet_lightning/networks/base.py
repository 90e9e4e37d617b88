"""The protocol that every network here follows, whoever built it: a backbone and a head."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn

Stem = Literal["imagenet", "small"]


class Network(nn.Module, ABC):
    """Maps images (N, C, H, W) to logits (N, K)."""

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))

    @abstractmethod
    def forward_features(self, images: Tensor) -> Tensor:
        """Return the output of the backbone, feature maps (N, C', H', W')."""

    @abstractmethod
    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the logits (N, K), or with `pre_logits` the input (N, D) of the last layer."""

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return "features" (N, D), the backbone's output, and "penultimate" (N, D').

        The latter is the input of the last layer.
        """
        features = self.forward_features(images)
        penultimate = self.forward_head(features, pre_logits=True)
        return {"features": features.flatten(1), "penultimate": penultimate}

    @abstractmethod
    def backbone_end(self) -> tuple[nn.Module, bool]:
        """Return the layer where the backbone ends, and whether before it (its input) or after."""

    def backbone_layers(self) -> list[nn.Module]:
        """Return the layers of the backbone, in order."""
        return [self.backbone_end()[0]]

    @abstractmethod
    def stage_layers(self) -> Iterator[tuple[str, str | None, nn.Module]]:
        """Yield name, stage (None: told by the maps' size) and module of possible feature maps."""


class ConvNet(Network):
    """logits = classifier(flatten(avgpool(features(images)))).

    Args:
        features: the backbone, images (N, C, H, W) to feature maps (N, C', H', W').
        classifier: the head, flattened maps to logits (N, K); its last layer is the linear one.
        avgpool: pooling between the two; none by default.
    """

    def __init__(
        self, features: nn.Sequential, classifier: nn.Sequential, avgpool: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = avgpool or nn.Identity()
        self.classifier = classifier

    def forward_features(self, images: Tensor) -> Tensor:
        return self.features(images)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        head = self.classifier[:-1] if pre_logits else self.classifier
        return head(self.avgpool(features).flatten(1))

    def backbone_end(self) -> tuple[nn.Module, bool]:
        return self.features, False

    def stage_layers(self) -> Iterator[tuple[str, str | None, nn.Module]]:
        for name, layer in self.features.named_children():
            yield name, re.sub(r"^\D+(?=\d)", "", name), layer  # conv3, bn3 and relu3 are stage 3
