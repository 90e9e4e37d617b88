"""What Mishkin et al. 2017 compare, as arguments: activations, poolings, batch norm, color."""

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn
from torch.optim import SGD

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.models import AlexNet, AlexNet2012, AlexNetModern, FourLayerNet
from alexnet_lightning.models.alexnet import Pooling
from alexnet_lightning.networks.inspect import layer_statistics
from alexnet_lightning.networks.layers import Activation, Maxout
from alexnet_lightning.networks.pooling import StochasticPool
from tests.models.test_alexnet import names, shapes
from tests.models.test_models import build
from tests.training.test_classifier import quiet_trainer, small

PAPER = 62_378_344  # at 1000 classes and 224 px
FC8 = 4096 * 1000 + 1000
CHANNELS = 96 + 256 + 384 + 384 + 256
CHOICES: list[dict[str, Any]] = [
    *({"activation": name} for name in get_args(Activation)),
    *({"pooling": name} for name in get_args(Pooling)[1:]),
    {"norm": "bn_after"},
    {"norm": "bn_after", "activation": "maxout", "towers": "joined", "skip": "plain"},
    {"colour_transform": True},
]


@pytest.mark.parametrize(
    ("choice", "parameters"),
    [
        ({"activation": "prelu"}, PAPER + CHANNELS + 2 * 4096),
        ({"activation": "maxout"}, 2 * (PAPER - FC8) + FC8),
        ({"activation": "none"}, PAPER),
        ({"pooling": "stochastic"}, PAPER),
        ({"pooling": "strided"}, PAPER),
        ({"norm": "bn_after"}, PAPER + 2 * CHANNELS),
        ({"colour_transform": True}, PAPER + (3 * 10 + 10) + (10 * 3 + 3)),
    ],
)
def test_parameters(choice: dict[str, Any], parameters: int) -> None:
    with torch.device("meta"):
        network = AlexNet(1000, 3, 224, **choice).network
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_batch_norm_after_follows_the_activation_and_leaves_the_bias() -> None:
    before, after = (build(AlexNet, norm=norm).network.features for norm in ("bn", "bn_after"))
    rest = "conv3 {} conv4 {} conv5 {} pool5"
    two = "conv1 {} pool1 conv2 {} pool2 "
    assert names(before) == (two + rest).format(*(f"bn{n} relu{n}" for n in range(1, 6)))
    assert names(after) == (two + rest).format(*(f"relu{n} bn{n}" for n in range(1, 6)))
    assert before.conv1.bias is None
    assert after.conv1.bias is not None
    skip = build(AlexNet, norm="bn_after", skip="plain").network.features
    assert names(skip) == names(after)
    assert [len(skip.get_submodule(f"conv{n}").mapping) for n in (2, 3, 4, 5)] == [1] * 4


def test_strides_take_the_place_of_the_poolings() -> None:
    features = build(AlexNet, pooling="strided", norm="none").network.features
    assert "pool" not in names(features)
    strides = [features.get_submodule(f"conv{n}").stride[0] for n in range(1, 6)]
    assert strides == [1, 2, 2, 1, 2], "as in caffenet128_lsuv_nopool.prototxt, its conv1 apart"
    images = torch.zeros(1, 3, 32, 32)
    sides = {name: shape[-1] for name, shape in shapes(features, images).items()}
    assert [sides[f"conv{n}"] for n in range(1, 6)] == [32, 16, 8, 8, 4]
    with pytest.raises(ValueError, match=r"pooling strided: .* give skip none"):
        build(AlexNet, pooling="strided", skip="plain")


def test_another_pooling_takes_every_place_with_the_same_window() -> None:
    features = build(AlexNet2012, pooling="stochastic").network.features
    assert "lrn1 stochastic1 relu1" in names(features)
    pools = [layer for layer in features if isinstance(layer, StochasticPool)]
    assert [(p.kernel_size, p.stride, p.padding, p.ceil_mode) for p in pools] == [
        (3, 2, 0, True)
    ] * 3
    average = build(AlexNet, pooling="average", overlapping=False).network.features
    kinds = [type(average.get_submodule(f"avg{n}")) for n in (1, 2, 5)]
    assert kinds == [nn.AvgPool2d] * 3
    assert average.avg1.kernel_size == 2


def test_maxout_keeps_the_width_and_the_towers_apart() -> None:
    model = build(AlexNet, activation="maxout", towers="apart", norm="lrn").eval()
    features = model.network.features
    found = shapes(features, torch.zeros(1, 3, 32, 32))
    plain = shapes(build(AlexNet).network.features, torch.zeros(1, 3, 32, 32))
    for n in (1, 2, 5):
        assert found[f"maxout{n}"] == plain[f"relu{n}"]
        assert found[f"conv{n}"][0] == 2 * plain[f"conv{n}"][0]
    assert isinstance(model.network.classifier.maxout6, Maxout)
    start = list(features.named_children())
    index = [name for name, _ in start].index("conv2")
    maps = torch.randn(1, *found["pool1"], requires_grad=True)
    out = features[index:](maps)
    out[:, : out.shape[1] // 2].sum().backward()
    assert maps.grad is not None
    first, second = maps.grad.chunk(2, dim=1)
    assert first.any()
    assert not second.any(), "the first tower does not read the second"


def test_the_color_transform_is_no_numbered_convolution() -> None:
    features = build(AlexNet, colour_transform=True, init="paper").network.features
    assert names(features).startswith("colour conv1")
    ones = [n for n in range(1, 6) if features.get_submodule(f"conv{n}").bias.eq(1).all()]
    assert ones == [2, 4, 5]
    assert not features.colour.mix2.bias.any()
    images = torch.randn(2, 3, 4, 4)
    weight = [layer.weight.flatten(1) for layer in (features.colour.mix1, features.colour.mix2)]
    hidden = torch.einsum("oc,nchw->nohw", weight[0], images)
    mixed = torch.einsum("oc,nchw->nohw", weight[1], torch.maximum(hidden, hidden / 3))
    assert torch.allclose(features.colour(images), torch.maximum(mixed, mixed / 3), atol=1e-7)


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_activations_and_gradients_are_measured(choice: dict[str, Any]) -> None:
    network = build(AlexNet, **choice).network
    found = layer_statistics(network, torch.randn(4, 3, 32, 32), torch.arange(4))
    assert all(row.forward > 0 for row in found)
    assert all(row.backward > 0 for row in found)


@pytest.mark.parametrize("name", get_args(Activation))
def test_the_other_families_take_them_too(name: Activation) -> None:
    for variant in (FourLayerNet, AlexNetModern):
        logits = build(variant, activation=name)(torch.randn(2, 3, 32, 32))
        assert logits.shape == (2, 7)
        assert logits.isfinite().all()


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_step_on_digits_changes_every_weight(tmp_path: Path) -> None:
    data = DigitsDataModule(batch_size=50, train_images=200, label_noise=0.1)
    for choice in CHOICES:
        model = small(**choice, init="he", optimizer=lambda groups: SGD(groups, lr=0.1))
        before = {name: value.clone() for name, value in model.named_parameters()}
        one = {"limit_train_batches": 1, "limit_val_batches": 0}
        quiet_trainer(tmp_path, 1, **one).fit(model, data)
        same = [name for name, value in model.named_parameters() if value.equal(before[name])]
        assert same == [], choice
