"""The net of the paper's figure 1."""

import pytest
from torch import nn

from alexnet_lightning.models import FourLayerNet


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_four_layer_net_has_four_layers_and_one_kind_of_activation(activation: str) -> None:
    network = FourLayerNet(10, 3, 32, activation)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 4
    kind = nn.Tanh if activation == "tanh" else nn.ReLU
    found = {type(m) for m in network.modules() if isinstance(m, nn.Tanh | nn.ReLU)}
    assert found == {kind}
