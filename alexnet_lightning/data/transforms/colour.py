"""Color noise along the principal components of the training pixels."""

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from alexnet_lightning.data.transforms.statistics import PixelStatistics
from alexnet_lightning.system.errors import UserError


class PCANoise:
    """Shift the color of each image by a random step along the principal components of color.

    The step is Σ a_i · s_i · p_i, with a_i from N(0, std²) and p_i the eigenvectors of the
    covariance of the training pixels' colors.

    Source: Krizhevsky et al. 2012, section 4.1; report 1 applies it to half of the images.

    Args:
        std: standard deviation of the a_i, >= 0.
        probability: that an image is shifted, 0 to 1.
        reading: what s_i is. "deviation": the standard deviation along p_i. "code_2012": the same,
            and the network's input is divided by 1 + std in training, as in the authors' code,
            where 32 images share a crop and a flip, and the noise is off in the last epochs (not
            here). "paper": the eigenvalue (its square, for pixels in 0-1), as in the text.
    """

    def __init__(
        self,
        std: float = 0.1,
        probability: float = 1.0,
        reading: Literal["deviation", "code_2012", "paper"] = "deviation",
    ) -> None:
        if not 0 <= std < math.inf:
            raise UserError(f"PCANoise.std is {std}: give a number >= 0")
        if not 0 <= probability <= 1:
            raise UserError(f"PCANoise.probability is {probability}: give a number from 0 to 1")
        self.std = std
        self.probability = probability
        self.reading = reading
        self.divisor = 1 + std if reading == "code_2012" else 1.0

    def draw(self, statistics: PixelStatistics, count: int, generator: Generator) -> Tensor:
        """Sample the step of each image, for pixels in 0-1: float32 (count, C) on the CPU."""
        values, vectors = (part.float() for part in statistics[2:])
        lengths = values if self.reading == "paper" else values.sqrt()
        drawn = torch.randn(count, len(values), generator=generator)
        chosen = torch.rand(count, 1, generator=generator)
        return (drawn * self.std * lengths) @ vectors.T * (chosen < self.probability)
