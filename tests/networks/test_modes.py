"""Evaluation mode and back."""

import pytest
from torch import nn

from alexnet_lightning.networks.modes import evaluating


def test_each_layer_gets_its_own_mode_back():
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3))
    network[1].eval()  # a frozen layer
    with pytest.raises(KeyError), evaluating(network):
        assert not any(layer.training for layer in network.modules())
        raise KeyError
    assert [layer.training for layer in network.modules()] == [True, True, False]
