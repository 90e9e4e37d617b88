"""Sizes against the paper and torchvision, deviations against a loop, the field against NaNs."""

import copy
from collections import OrderedDict
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from alexnet_lightning.models import AlexNet, AlexNetBN
from alexnet_lightning.models.alexnet import ALEXNET, ALEXNET_2012
from alexnet_lightning.networks.init import initialise
from alexnet_lightning.networks.inspect import (
    evaluating,
    layer_facts,
    layer_statistics,
    multiply_adds,
    own_parameters,
    receptive_field,
    shapes,
)
from alexnet_lightning.networks.layers import LocalResponseNorm
from alexnet_lightning.networks.rows import Row, Window, convolutions


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network() -> nn.Module:
    """Small, with batch norm, dropout and a residual connection."""
    torch.manual_seed(0)
    return AlexNetBN(10, 3, 32, stem="small", width=0.1, skip="scaled").network


def test_grouped_convolutions_and_linear_layers_by_hand() -> None:
    layers = OrderedDict(
        conv=nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
        relu=nn.ReLU(),
        flat=nn.Flatten(),
        fc=nn.Linear(6 * 4 * 4, 5),
    )
    conv, relu, _, fc = shapes(nn.Sequential(layers), in_channels=4, image_size=8)
    assert (conv.name, conv.kind, conv.shape) == ("conv", "Conv2d", (6, 4, 4))
    assert conv.parameters == 6 * 2 * 3 * 3 + 6
    assert conv.multiply_adds == 6 * 4 * 4 * 2 * 3 * 3
    assert (relu.parameters, relu.multiply_adds, relu.standard_deviation) == (0, 0, None)
    assert (fc.shape, fc.parameters, fc.multiply_adds) == ((5,), 96 * 5 + 5, 96 * 5)


@pytest.mark.parametrize(
    "name", ["alexnet", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"]
)
def test_multiply_adds_are_those_that_torchvision_prints(name: str) -> None:
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
    printed = models.get_model_weights(name).DEFAULT.meta["_ops"]  # in thousand millions
    assert multiply_adds(network, 3, 224) / 1e9 == pytest.approx(printed, abs=6e-4)


def test_parameters_of_all_layers_add_up(network: nn.Module) -> None:
    found = sum(layer.parameters for layer in shapes(network, 3, 32))
    assert found == sum(parameter.numel() for parameter in network.parameters())


def test_a_layer_that_runs_twice_has_its_parameters_once() -> None:
    layer = nn.Linear(4, 4)
    facts = layer_facts(nn.Sequential(layer, nn.Sequential(layer)), torch.randn(2, 4))
    assert [found.parameters for found in facts] == [own_parameters(layer), 0]
    assert sum(found.multiply_adds for found in facts) == 32


def test_spread_is_across_images_and_not_within_one() -> None:
    layer = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 3.0]).view(2, 1, 1, 1))
        layer.bias.fill_(10.0)
    within = torch.arange(4.0).view(1, 1, 2, 2)
    same = layer_facts(nn.Sequential(layer), within.repeat(3, 1, 1, 1))[0]
    assert same.standard_deviation == same.fraction == 0
    apart = layer_facts(nn.Sequential(layer), torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1))[0]
    assert apart.standard_deviation == pytest.approx((2**0.5 + 3 * 2**0.5) / 2)
    assert apart.magnitude == pytest.approx(10)
    assert apart.fraction == pytest.approx(0.2 * 2**0.5)
    assert apart.weight_std == pytest.approx(2**0.5)


def test_a_layer_of_zeros_has_no_share() -> None:
    layer = nn.Linear(3, 3)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    assert layer_facts(nn.Sequential(layer), torch.randn(4, 3))[0].fraction is None


def test_batch_norm_takes_the_statistics_of_the_batch(images: torch.Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    far = layer_facts(network, 255 * images)[2]
    near = layer_facts(network, images)[2]
    assert far.standard_deviation == pytest.approx(near.standard_deviation, rel=1e-3)


def test_looking_leaves_no_trace(network: nn.Module, images: torch.Tensor) -> None:
    network.train()
    network.features.bn1.eval()  # frozen, and to stay so
    modes = [layer.training for layer in network.modules()]
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    chance = torch.get_rng_state()

    layer_facts(network, images)
    shapes(network, 3, 32)
    with pytest.raises(RuntimeError):
        layer_facts(network, images[:, :2])  # too few channels: it fails on the way

    assert [layer.training for layer in network.modules()] == modes
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)
    assert network.features.bn1.track_running_stats
    assert not any(layer._forward_hooks for layer in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_compiled_network_is_looked_at_as_it_is(network: nn.Module) -> None:
    expected = shapes(network, 3, 32)

    def compiled(*_: object) -> None:
        raise AssertionError("a look must not compile")

    network._compiled_call_impl = compiled
    assert shapes(network, 3, 32) == expected


def test_the_fall_of_the_papers_starting_values() -> None:
    """The orders of magnitude that were measured on CIFAR-10, here on smooth noise."""
    torch.manual_seed(0)
    noise = torch.randn(16, 3, 4, 4) * 0.25
    pixels = nn.functional.interpolate(noise, size=32, mode="bilinear")
    network = AlexNet(10, 3, 32, stem="small", width=0.25).network
    found = {}
    for scheme in ("paper", "code_2012", "he"):
        initialise(network, scheme)
        found[scheme] = [
            f for f in layer_facts(network, pixels) if f.standard_deviation is not None
        ]
    assert 1e-3 < found["paper"][0].standard_deviation < 0.1
    assert 1e-8 < found["paper"][-1].standard_deviation < 1e-5
    assert found["code_2012"][-1].fraction > 10 * found["paper"][-1].fraction
    assert found["he"][-1].fraction > 0.1


def columns_seen(backbone: nn.Module, size: int) -> int:
    """From the first to the last column whose NaN reaches a unit in the middle."""
    seen = []
    with torch.no_grad():
        for column in range(size):
            image = torch.zeros(1, 1, size, size)
            image[..., column] = torch.nan
            maps = backbone.eval()(image)
            if maps[..., maps.shape[-1] // 2].isnan().any():
                seen.append(column)
    return seen[-1] - seen[0] + 1


def backbones() -> Iterator[nn.Module]:
    rows = (Row(8, 5, stride=2, then="bn relu lrn pool"), Row(8, 3, padding=1, then="relu avg"))
    yield convolutions(rows, 1, 64, Window())[0]
    yield convolutions(rows, 1, 64, Window(2, 2), skip="plain")[0]
    yield convolutions((Row(8, 3, then="mapnorm half"), Row(8, 2)), 1, 64, Window())[0]
    yield nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2), nn.Tanh(), nn.MaxPool2d(3, 1, dilation=2))


@pytest.mark.parametrize("backbone", list(backbones()))
def test_the_receptive_field_is_what_a_unit_depends_on(backbone: nn.Module) -> None:
    assert receptive_field(backbone) == columns_seen(backbone, 64)


@pytest.mark.parametrize(
    ("rows", "pool", "pixels"),
    [(ALEXNET, Window(), 195), (ALEXNET_2012, Window(ceil=True), 195 + 4 * 8)],
)
def test_receptive_field_of_alexnet(rows: tuple[Row, ...], pool: Window, pixels: int) -> None:
    """With the norm within maps of 5 × 5, where a step is 8 px."""
    assert receptive_field(convolutions(rows, 3, 224, pool)[0]) == pixels


def test_receptive_field_is_unknown_for_other_graphs() -> None:
    assert receptive_field(models.resnet18(weights=None)) is None
    assert receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1))) is None


def test_local_response_norm_reads_one_place() -> None:
    assert receptive_field(nn.Sequential(LocalResponseNorm(4), nn.Conv2d(4, 4, 3))) == 3


def test_spreads_of_one_layer_are_those_by_hand() -> None:
    torch.manual_seed(0)
    layer, images = nn.Linear(5, 3), torch.randn(8, 5)
    labels = torch.arange(8) % 3
    (found,) = layer_statistics(nn.Sequential(layer), images, labels)
    logits = layer(images)
    gradient = logits.softmax(dim=1) - F.one_hot(labels, 3)  # of cross entropy, image by image
    assert found.layer == "0"
    assert found.forward == pytest.approx(logits.std(dim=0).mean().item())
    assert found.backward == pytest.approx(gradient.std(dim=0).mean().item(), rel=1e-5)


def test_measuring_spreads_leaves_no_trace() -> None:
    network = AlexNet(10, 3, 16, stem="small", width=0.05).network
    before = copy.deepcopy(network.state_dict())
    images, state = torch.rand(4, 3, 16, 16), torch.get_rng_state()
    found = layer_statistics(network, images, torch.arange(4))
    assert torch.equal(torch.get_rng_state(), state), "dropout must not draw"
    assert [row.layer.split(".")[-1] for row in found] == [
        *(f"conv{number}" for number in range(1, 6)), "fc6", "fc7", "fc8",
    ]  # fmt: skip
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.training and all(part.training for part in network.modules())


def test_each_layer_gets_its_own_mode_back():
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3))
    network[1].eval()  # a frozen layer
    with pytest.raises(KeyError), evaluating(network):
        assert not any(layer.training for layer in network.modules())
        raise KeyError
    assert [layer.training for layer in network.modules()] == [True, True, False]
