"""cuda-convnet's nets for CIFAR-10: parameters, order of layers, initialization."""

import pytest
import torch
from torch import nn

from alexnet_lightning.models import FourLayerNet, LocalNet, ThreeConvNet
from alexnet_lightning.networks.layers import LocallyConnected
from alexnet_lightning.training.classifier import ImageClassifier


@pytest.mark.parametrize(
    ("variant", "side", "parameters", "deviations"),
    [
        (FourLayerNet, 32, 145_578, [1e-4, 0.01, 0.01, 0.1, 0.1]),
        (ThreeConvNet, 32, 89_578, [1e-4, 0.01, 0.01, 0.01]),
        (LocalNet, 24, 1_116_490, [1e-4, 0.01, 0.04, 0.04, 0.01]),
    ],
)
def test_it_has_the_files_parameters_and_initialization(
    variant: type[ImageClassifier], side: int, parameters: int, deviations: list[float]
) -> None:
    torch.manual_seed(0)
    network = variant(10, 3, side).network
    assert sum(p.numel() for p in network.parameters()) == parameters
    kinds = nn.Conv2d | nn.Linear | LocallyConnected
    layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
    found = [float(layer.weight.detach().std()) for layer in layers]
    assert found == pytest.approx(deviations, rel=0.06)
    assert all((layer.bias == 0).all() for layer in layers)


def test_figure_1_compares_two_activations() -> None:
    for activation, kind in (("relu", nn.ReLU), ("tanh", nn.Tanh)):
        network = FourLayerNet(10, 3, 32, activation).network
        found = [type(m) for m in network.modules() if isinstance(m, nn.Tanh | nn.ReLU)]
        assert found == [kind] * 4
