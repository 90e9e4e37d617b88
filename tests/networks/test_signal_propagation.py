"""Spreads against values by hand, and that looking changes nothing."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from alexnet_lightning.models.alexnet import alexnet
from alexnet_lightning.networks.signal_propagation import spreads


def test_spreads_of_one_layer_are_those_by_hand() -> None:
    torch.manual_seed(0)
    layer, images = nn.Linear(5, 3), torch.randn(8, 5)
    labels = torch.arange(8) % 3
    (found,) = spreads(nn.Sequential(layer), images, labels)
    logits = layer(images)
    gradient = logits.softmax(dim=1) - F.one_hot(labels, 3)  # of cross entropy, image by image
    assert found.layer == "0"
    assert found.forward == pytest.approx(logits.std(dim=0).mean().item())
    assert found.backward == pytest.approx(gradient.std(dim=0).mean().item(), rel=1e-5)


def test_looking_leaves_no_trace() -> None:
    network = alexnet(10, 3, 16, stem="small", width=0.05).train()
    before = copy.deepcopy(network.state_dict())
    images, state = torch.rand(4, 3, 16, 16), torch.get_rng_state()
    found = spreads(network, images, torch.arange(4))
    assert torch.equal(torch.get_rng_state(), state), "dropout must not draw"
    assert [row.layer.split(".")[-1] for row in found] == [
        *(f"conv{number}" for number in range(1, 6)), "fc6", "fc7", "fc8",
    ]  # fmt: skip
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.training and all(part.training for part in network.modules())
