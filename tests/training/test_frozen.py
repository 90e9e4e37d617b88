"""What is frozen in one network is frozen in another of its kind, and nothing else."""

import torch
from torch import nn

from alexnet_lightning.training.frozen import freeze_parts, frozen_parts


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))


def test_another_network_is_frozen_alike() -> None:
    one, other = network(), network()
    one[0].requires_grad_(False)
    one[1].track_running_stats = False
    other[2].requires_grad_(False)
    freeze_parts(other, frozen_parts(one))
    trained = [name for name, each in other.named_parameters() if each.requires_grad]
    assert trained == ["1.weight", "1.bias", "2.weight", "2.bias"]
    before = other[1].running_mean.clone()
    other[:2](torch.ones(1, 1, 4, 4))
    assert other[1].running_mean.equal(before)
    freeze_parts(other, frozen_parts(network()))
    assert all(each.requires_grad for each in other.parameters())
    other[:2](torch.ones(1, 1, 4, 4))
    assert not other[1].running_mean.equal(before)
