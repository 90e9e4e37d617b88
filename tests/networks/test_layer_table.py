"""The text table of a network's layers."""

import pytest
import torch
from torch import nn
from torchvision import models

from alexnet_lightning.networks.inspect import LayerFacts, layer_facts, shapes
from alexnet_lightning.networks.layer_table import MAX_LINES, in_few_lines, layer_table


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_elementwise_layers_have_no_line() -> None:
    with torch.device("meta"):
        network = nn.Sequential(*[nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout()])
    lines = layer_table(shapes(network, 3, 8), parameters(network)).splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "0", "2", "total"]


@pytest.mark.parametrize(("name", "first"), [("resnet18", "layer1.0"), ("densenet121", "features")])
def test_blocks_of_deep_networks_add_up(name: str, first: str) -> None:
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
    facts = shapes(network, 3, 64)
    blocks = in_few_lines(facts)
    lines = layer_table(blocks, parameters(network)).splitlines()
    assert 5 < len(lines) <= MAX_LINES + 2
    assert any(line.startswith(first) for line in lines)
    assert sum(block.parameters for block in blocks) == parameters(network)
    assert sum(block.multiply_adds for block in blocks) == sum(f.multiply_adds for f in facts)


def test_measures_have_columns_of_their_own() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    facts = layer_facts(network, torch.randn(4, 3))
    _, linear, norm, _ = layer_table(facts, parameters(network), measured=True).splitlines()
    assert f"{facts[0].standard_deviation:.2g}" in linear.split()
    assert norm.split()[-3:] == ["–"] * 3


def test_a_change_of_shape_alone_makes_a_line() -> None:
    facts = [LayerFacts(name, "", (3, 9, 9), 0, 0) for name in ("pad", "relu")]
    lines = layer_table(facts, 0).splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "pad", "total"]
