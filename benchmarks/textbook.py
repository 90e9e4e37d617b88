"""The same network as a textbook port would have it: torch's own LRN, channels first."""

import copy

import torch
from torch import Tensor, nn

from alexnet_lightning.networks.layers import LocalResponseNorm


class InTowers(nn.Module):
    """torch's LRN on each tower by itself."""

    def __init__(self, norm: nn.Module, groups: int) -> None:
        super().__init__()
        self.norm, self.groups = norm, groups

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([self.norm(part) for part in maps.chunk(self.groups, dim=1)], dim=1)


def textbook(network: nn.Module) -> nn.Module:
    """Return a copy with the same weights and the same maths, in the usual layers and layout."""
    port = copy.deepcopy(network)
    for parent in list(port.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, LocalResponseNorm):
                norm = nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
                setattr(parent, name, InTowers(norm, layer.groups) if layer.groups > 1 else norm)
    return port.to(memory_format=torch.contiguous_format)
