"""Layers of 2012 that torch has slowly or not at all."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

BLOCK = 32  # channels; measured best of 32, 64, 128 at 96 and at 256 channels on an AMD EPYC


class LocalResponseNorm(nn.Module):
    """Divide each value by a function of its neighbours in the maps beside it.

    y[c] = x[c] · (k + alpha / size · Σ x[c']²) ^ -beta, c' within size // 2 of c, in c's own group.
    The values are `torch.nn.LocalResponseNorm`'s; the time is a third of it and less on a CPU.

    Source: Krizhevsky et al. 2012, section 3.3, with alpha divided by the size as in their code.

    Args:
        channels: maps of the input (N, channels, H, W).
        size: maps that count, odd.
        alpha, beta, k: constants of the formula.
        groups: towers, which do not see each other; divides `channels`.
    """

    def __init__(
        self,
        channels: int,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.groups = size, alpha, beta, k, groups
        place, tower = torch.arange(channels), torch.arange(channels) // (channels // groups)
        near = (place[:, None] - place).abs() <= size // 2
        band = near & (tower[:, None] == tower)
        # The sum over neighbours as one matrix product, which every processor is fast at.
        self.register_buffer("band", band.float() * (alpha / size), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        # In 16 bits the squares overflow.
        with torch.autocast(maps.device.type, enabled=False):
            normed: Tensor = Normalise.apply(
                maps.float(), self.band, self.size // 2, self.beta, self.k
            )
        return normed.to(maps.dtype)

    def extra_repr(self) -> str:
        return (
            f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, groups={self.groups}"
        )


class Normalise(torch.autograd.Function):
    """x · (k + band · x²) ^ -beta and its gradient, on maps with the channels last."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, band: Tensor, reach: int, beta: float, k: float) -> Tensor:
        maps = maps.contiguous(memory_format=torch.channels_last)
        denominator = across(maps.square(), band, reach).add_(k)
        ctx.save_for_backward(maps, band, denominator)
        ctx.reach, ctx.beta = reach, beta
        return power(denominator, beta).mul_(maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        maps, band, denominator = ctx.saved_tensors
        direct = power(denominator, ctx.beta).mul_(gradient)
        through = across((direct * maps).div_(denominator), band, ctx.reach)
        return direct.addcmul_(through, maps, value=-2 * ctx.beta), None, None, None, None


def across(maps: Tensor, band: Tensor, reach: int) -> Tensor:
    """Return the symmetric matrix `band` (C, C) times maps (N, C, H, W), channels last.

    Args:
        reach: how far from its diagonal `band` has values.
    """
    channels = len(band)
    rows = maps.permute(0, 2, 3, 1).reshape(-1, channels)
    sums = torch.empty_like(rows)
    # In blocks along the diagonal, since the rest of the matrix is zero; a GPU rather has one call.
    block = BLOCK if maps.device.type == "cpu" else channels
    for start in range(0, channels, block):
        end = min(start + block, channels)
        near = slice(max(0, start - reach), end + reach)
        torch.mm(rows[:, near], band[near, start:end], out=sums[:, start:end])
    count, _, height, width = maps.shape
    return sums.view(count, height, width, channels).permute(0, 3, 1, 2)


def power(denominator: Tensor, beta: float) -> Tensor:
    """Return `denominator ^ -beta`, by square roots for the paper's .75: they vectorise."""
    if beta == 0.75:
        root = denominator.rsqrt()
        return root.sqrt().mul_(root)
    return denominator.pow(-beta)


class WithinMapNorm(nn.Module):
    """Divide each value by a function of its neighbours in the same map.

    y = x · (k + alpha / size² · Σ x²) ^ -beta over a size × size window, zeros outside the map.

    Source: the authors' code of 2012, net #145, after conv2; not in the paper. Only the window is
    known to us: the constants are taken to be those of the norm across maps.

    Args:
        size: side of the window, odd.
        alpha, beta, k: constants of the formula.
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            values = maps.float()
            mean = F.avg_pool2d(values.square(), self.size, stride=1, padding=self.size // 2)
            normed = values * (self.k + self.alpha * mean).pow(-self.beta)
        return normed.to(maps.dtype)


class StretchedLinear(nn.Linear):
    """A linear layer that reads maps as if they were stretched to more places.

    y = W · (S · x) is computed as (W · S) · x, where S is `AdaptiveAvgPool2d(places)` from fewer
    places: the same function of the same weight, with fewer multiply-adds by (places / side)².

    Args:
        channels: maps of the input (N, channels · side²), flattened.
        side: of the maps in pixels, below `places`.
        places: side that the weight (out_features, channels · places²) is made for.
        out_features: units.
    """

    stretch: Tensor

    def __init__(self, channels: int, side: int, places: int, out_features: int) -> None:
        super().__init__(channels * places**2, out_features)
        self.places = places
        one_by_one = torch.eye(side**2).unflatten(1, (side, side))
        stretched = F.adaptive_avg_pool2d(one_by_one, places).flatten(1)
        self.register_buffer("stretch", stretched.T.contiguous(), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        read = self.weight.view(-1, self.places**2) @ self.stretch
        return F.linear(maps, read.view(self.out_features, -1), self.bias)
