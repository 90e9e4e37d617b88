"""What the loss compares with in training, where it is more than a class index."""

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from alexnet_lightning.system.errors import UserError


class Targets(ABC):
    """Makes of a batch's class indices what each class' share of the target is."""

    @abstractmethod
    def mix(
        self, images: Tensor, labels: Tensor, num_classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Return images (N, C, S, S) and shares, float32 (N, num_classes) with rows of sum 1.

        Args:
            images: normalised, float32 (N, C, S, S).
            labels: int64 (N,).
            num_classes: number of classes.
            generator: the only source of chance.
        """


class OneHot(Targets):
    """1 for the class, 0 for all others, as in write-up 1: the same loss as of class indices."""

    def mix(
        self, images: Tensor, labels: Tensor, num_classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        return images, F.one_hot(labels, num_classes).float()


class Mixed(Targets):
    """A transform of torchvision's, which draws from torch's global state, by our generator."""

    @abstractmethod
    def transform(self, num_classes: int) -> torch.nn.Module:
        """Return it; called with images and labels."""

    def mix(
        self, images: Tensor, labels: Tensor, num_classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        start = torch.randint(2**62, (), generator=generator, device=generator.device)
        with torch.random.fork_rng(devices=[]):  # its draws are on the CPU, wherever the images are
            # Not torch.manual_seed, which would set the devices' states too.
            torch.default_generator.manual_seed(int(start))
            images, shares = self.transform(num_classes)(images, labels)
        return images, shares


class MixUp(Mixed):
    """Each image mixed with its neighbour in the batch, and so their classes; torchvision's.

    One weight a batch, from Beta(alpha, alpha). Source: Zhang et al. 2018.

    Args:
        alpha: > 0; 1 draws all weights alike, less than 1 mostly leaves one of the two.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = positive("MixUp.alpha", alpha)

    def transform(self, num_classes: int) -> torch.nn.Module:
        from torchvision.transforms import v2

        return v2.MixUp(alpha=self.alpha, num_classes=num_classes)


class CutMix(Mixed):
    """A window of each image taken from its neighbour in the batch, and so their classes.

    torchvision's, with one window a batch. Source: Yun et al. 2019.

    Args:
        alpha: > 0; the window's share of the image is from Beta(alpha, alpha).
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = positive("CutMix.alpha", alpha)

    def transform(self, num_classes: int) -> torch.nn.Module:
        from torchvision.transforms import v2

        return v2.CutMix(alpha=self.alpha, num_classes=num_classes)


def positive(name: str, value: float) -> float:
    """Return a value that must be > 0; UserError if it is not."""
    if value <= 0:
        raise UserError(f"{name} is {value}: give a number > 0")
    return value
