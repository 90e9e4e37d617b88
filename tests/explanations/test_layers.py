"""Figures of kernels and maps show the layers' weights and outputs."""

import pytest
import torch

from alexnet_lightning.explanations.images import ShownImages
from alexnet_lightning.explanations.layers import draw_kernels, draw_maps, first_kernels, stages
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.models import AlexNet, AlexNetModern, TorchvisionClassifier


def test_first_kernels_are_those_that_weigh_pixels() -> None:
    network = AlexNet(10, 3, 224, width=0.1).network
    assert first_kernels(network).shape == (8, 3, 11, 11)
    assert torch.equal(first_kernels(network), network.features.conv1.weight)
    whitened = AlexNetModern(10, 3, 32, width=0.1, whitening=True).network
    assert first_kernels(whitened).shape == (24, 3, 2, 2)


def test_a_kernel_is_gray_where_its_weights_are_zero_and_scaled_separately() -> None:
    network = AlexNet(10, 1, 32, stem="small", width=0.1).network
    weight = network.features.conv1.weight
    with torch.no_grad():
        weight.zero_()
        weight[0, 0, 0, 0], weight[1, 0, 2, 2] = 1e-3, -5.0
    figure = draw_kernels(network)
    first, second, third = (a.images[0].get_array() for a in figure.axes[:3])
    assert (first[0, 0], second[2, 2]) == (255, 0)
    assert (third == 128).all()
    assert sum(bool(axes.images) for axes in figure.axes) == 8


def test_stages_of_an_alexnet_are_its_convolutions() -> None:
    network = AlexNet(10, 3, 128, width=0.1).network
    image = torch.randn(1, 3, 128, 128)
    found = stages(network, image)
    assert list(found) == ["pool1", "pool2", "relu3", "relu4", "pool5"]
    maps = image
    for name, layer in network.features.eval().named_children():
        maps = layer(maps)
        if name == "relu4":
            assert torch.equal(found[name], maps[0])


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_stages_of_other_models_are_sizes(name: str) -> None:
    network = TorchvisionClassifier(name, 10, 3, 64).network
    sides = [maps.shape[-1] for maps in stages(network, torch.randn(1, 3, 64, 64)).values()]
    assert sides == [32, 16, 8, 4, 2]
    assert not any(layer._forward_hooks for layer in network.modules())


def test_maps_are_drawn_strongest_first_on_a_stages_scale(trained_run) -> None:
    predictor = Predictor.load(trained_run)
    shown = ShownImages(torch.randint(256, (2, 1, 8, 8), dtype=torch.uint8), ["a", "b"])
    figure = draw_maps(predictor, shown)
    top, below = figure.subfigs
    assert torch.equal(torch.as_tensor(top.axes[0].images[0].get_array()), shown.images[0, 0])
    maps = [axes.images[0].get_array() for axes in below.axes if axes.images]
    assert maps[0].shape == (4, 4)
    assert maps[0].mean() >= maps[1].mean() >= maps[2].mean()
    assert max(each.max() for each in maps[:8]) == 1
