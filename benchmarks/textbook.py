"""The same network as in a textbook port: torch's own LRN and pooling, channels first.

`train_step.py` compares with it: same weights, same function.
"""

import copy
import math

import torch
from torch import Tensor, nn

from alexnet_lightning.networks.layers import LocalResponseNorm, StretchedLinear


class InTowers(nn.Module):
    """torch's LRN on each tower separately."""

    def __init__(self, norm: nn.Module, groups: int) -> None:
        super().__init__()
        self.norm, self.groups = norm, groups

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([self.norm(part) for part in maps.chunk(self.groups, dim=1)], dim=1)


def pool_first(layer: StretchedLinear) -> nn.Sequential:
    """Return the same weights after the average pooling that torchvision has."""
    positions, side = layer.positions, math.isqrt(layer.stretch.shape[1])
    channels = layer.in_features // positions**2
    plain = nn.Linear(layer.in_features, layer.out_features)
    plain.load_state_dict(layer.state_dict())
    maps = nn.Unflatten(1, (channels, side, side))
    return nn.Sequential(maps, nn.AdaptiveAvgPool2d(positions), nn.Flatten(), plain)


def textbook(network: nn.Module) -> nn.Module:
    """Return a copy with the same weights in the usual layers and memory layout."""
    port = copy.deepcopy(network)
    for parent in list(port.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, LocalResponseNorm):
                norm = nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
                setattr(parent, name, InTowers(norm, layer.groups) if layer.groups > 1 else norm)
            if isinstance(layer, StretchedLinear):
                setattr(parent, name, pool_first(layer))
    return port.to(memory_format=torch.contiguous_format)
