"""Soft targets: what the loss compares with in training instead of class indices."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from alexnet_lightning.system.errors import UserError


class Targets(ABC):
    """Turns the class indices of a batch into probabilities of the classes."""

    @abstractmethod
    def mix(
        self, images: Tensor, labels: Tensor, num_classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Return images and probabilities, float32 (N, num_classes), random by `generator` alone.

        The images are normalized, float32 (N, C, S, S), the labels int64 (N,).
        """


class OneHot(Targets):
    """1 for the class, 0 for all others, as in report 1: the same loss as of class indices."""

    def mix(
        self, images: Tensor, labels: Tensor, num_classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        return images, F.one_hot(labels, num_classes).float()


class Mixed(Targets):
    """The transform of torchvision with the name of the class, random by our generator."""

    def __init__(self, alpha: float) -> None:
        if not 0 < alpha < math.inf:
            raise UserError(f"{type(self).__name__}.alpha is {alpha}: give a number > 0")
        self.alpha = alpha

    def mix(
        self, images: Tensor, labels: Tensor, num_classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        from torchvision.transforms import v2

        transform = getattr(v2, type(self).__name__)(alpha=self.alpha, num_classes=num_classes)
        start = torch.randint(2**62, (), generator=generator, device=generator.device)
        with torch.random.fork_rng(devices=[]):  # it samples on the CPU, wherever the images are
            # torch.manual_seed would set the generators of the devices too.
            torch.default_generator.manual_seed(int(start))
            mixed: tuple[Tensor, Tensor] = transform(images, labels)
        return mixed


class MixUp(Mixed):
    """Each image mixed with the previous one of the batch, and so their classes.

    torchvision's, with one weight per batch, from Beta(alpha, alpha). Source: Zhang et al. 2018.

    Args:
        alpha: > 0; 1 makes all weights equally likely, less than 1 mostly leaves one image.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        super().__init__(alpha)


class CutMix(Mixed):
    """A rectangle of each image replaced by the previous one's, and so a fraction of the target.

    torchvision's, with one rectangle per batch. Source: Yun et al. 2019.

    Args:
        alpha: > 0; the fraction of the image that is replaced is from Beta(alpha, alpha).
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha)
