"""A connection around a convolution: He et al. 2015, "Deep Residual Learning", figure 2."""

from typing import Literal

import torch
from torch import Tensor, nn

Skip = Literal["none", "plain", "scaled"]


class Residual(nn.Module):
    """x ↦ P(x) + a · F(x), with F a convolution that keeps the maps' size.

    Args:
        mapping: F.
        in_channels, out_channels: of F. P is the identity where they are equal, else a 1 × 1
            convolution.
        skip: "plain" has a = 1. "scaled" learns a, which starts at 0, so that the network starts
            out as if F were not there and its signal neither grows nor shrinks with depth: SkipInit
            (De and Smith 2020), ReZero (Bachlechner et al. 2020).
    """

    def __init__(self, mapping: nn.Module, in_channels: int, out_channels: int, skip: Skip) -> None:
        super().__init__()
        self.mapping = mapping
        self.projection: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.projection = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.scale = nn.Parameter(torch.zeros(())) if skip == "scaled" else None

    def forward(self, maps: Tensor) -> Tensor:
        branch = self.mapping(maps)
        return self.projection(maps) + (branch if self.scale is None else self.scale * branch)
