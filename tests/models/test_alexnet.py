"""The tables against the paper and against the authors' code: sizes, parameters, order."""

from typing import Any

import pytest
import torch
from torch import nn

from alexnet_lightning.models import (
    AlexNet,
    AlexNet2012,
    AlexNetBN,
    AlexNetBNSkip,
    AlexNetSkip,
    AlexNetSkipScaled,
)
from alexnet_lightning.models.alexnet import ALEXNET, IN_TOWERS, in_towers
from alexnet_lightning.networks.layers import Residual
from alexnet_lightning.networks.rows import scaled
from tests.models.test_models import build


def shapes(network: nn.Sequential, images: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Output shape of every named layer, without the batch."""
    found = {}
    with torch.no_grad():
        for name, layer in network.named_children():
            images = layer(images)
            found[name] = tuple(images.shape[1:])
    return found


def names(network: nn.Sequential) -> str:
    return " ".join(name for name, _ in network.named_children())


def test_maps_have_the_papers_sizes() -> None:
    found = shapes(AlexNet(10, 3, 224).network.features, torch.zeros(1, 3, 224, 224))
    assert [found[f"conv{n}"] for n in range(1, 6)] == [
        (96, 55, 55),
        (256, 27, 27),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
    ]
    assert found["pool5"] == (256, 6, 6)


@pytest.mark.parametrize(("classes", "parameters"), [(1000, 62_378_344), (10, 58_322_314)])
def test_parameters_at_224_px(classes: int, parameters: int) -> None:
    network = AlexNet(classes, in_channels=3, image_size=224).network
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_every_layer_of_the_authors_net_is_where_their_code_has_it() -> None:
    features = AlexNet2012(1000, 3, 224).network.features
    assert names(features) == (
        "pad1 conv1 lrn1 pool1 relu1 conv2 relu2 lrn2 mapnorm2 pool2 "
        "conv3 relu3 conv4 relu4 conv5 pool5 relu5"
    )
    found = shapes(features, torch.zeros(1, 3, 224, 224))
    assert found["pad1"] == (3, 227, 227), "right and bottom"
    sides = {"conv1": 55, "pool1": 27, "conv2": 27, "pool2": 13, "conv3": 13, "conv5": 13}
    assert {name: found[name][-1] for name in sides} == sides
    assert found["pool5"] == (256, 6, 6)
    assert [features.get_submodule(f"conv{n}").groups for n in range(1, 6)] == [1, 2, 1, 2, 2]
    assert features.lrn1.groups == features.lrn2.groups == 2
    assert features.mapnorm2.size == 5


def test_the_authors_net_has_their_parameters_layer_by_layer() -> None:
    network = AlexNet2012(1000, 3, 224).network
    counts = [
        sum(p.numel() for p in layer.parameters())
        for layer in [*network.features, *network.classifier]
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    assert counts[:5] == [34_944, 307_456, 885_120, 663_936, 442_624]
    assert counts[5:] == [37_752_832, 16_781_312, 4_097_000]
    assert sum(counts) == 60_965_224


def test_lrn_follows_the_first_two_relus_with_the_papers_constants() -> None:
    features = AlexNet(10, 3, 224, width=0.1).network.features
    assert names(features) == (
        "conv1 relu1 lrn1 pool1 conv2 relu2 lrn2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5"
    )
    norm = features.lrn1
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1e-4, 0.75, 2.0)


def test_batch_norm_stands_between_convolution_and_relu_and_takes_over_the_bias() -> None:
    features = AlexNetBN(10, 3, 224, width=0.1).network.features
    assert names(features).startswith("conv1 bn1 relu1 pool1 conv2 bn2 relu2")
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in features) == 5
    assert all(layer.bias is None for layer in features if isinstance(layer, nn.Conv2d))


def test_each_ablation_changes_one_thing() -> None:
    bare = AlexNet(10, 3, 224, width=0.1, norm="none").network
    assert "lrn" not in names(bare.features)
    tanh = AlexNet(10, 3, 224, width=0.1, activation="tanh").network
    assert not any(isinstance(layer, nn.ReLU) for layer in tanh.modules())
    assert sum(isinstance(layer, nn.Tanh) for layer in tanh.modules()) == 7
    apart = AlexNet(10, 3, 224, width=0.1, overlapping=False).network.features.pool1
    assert (apart.kernel_size, apart.stride) == (2, 2)
    groups = [[row.groups for row in in_towers(ALEXNET, towers)] for towers in IN_TOWERS]
    assert groups == [[1] * 5, [1, 2, 1, 2, 2], [1, 2, 2, 2, 2]]


@pytest.mark.parametrize("variant", [AlexNet, AlexNet2012])
def test_the_ablations_build_and_differ(variant: type[AlexNet]) -> None:
    images = torch.randn(2, 3, 32, 32)
    choices: list[dict[str, Any]] = [
        {},
        {"norm": "none"},
        {"norm": "bn"},
        {"overlapping": False},
        {"towers": "one" if variant is AlexNet2012 else "joined"},
        {"towers": "apart"},
        {"activation": "tanh"},
        {"skip": "plain"},
        {"skip": "padded"},
        {"norm": "bn", "skip": "scaled"},
    ]
    with torch.no_grad():
        logits = [build(variant, **choice).eval()(images) for choice in choices]
    assert all(found.shape == (2, 7) for found in logits)
    assert len(torch.stack(logits).flatten(1).unique(dim=0)) == len(choices)


@pytest.mark.parametrize(
    ("variant", "arguments"),
    [
        (AlexNetBN, {"norm": "bn"}),
        (AlexNetSkip, {"skip": "plain"}),
        (AlexNetBNSkip, {"norm": "bn", "skip": "plain"}),
        (AlexNetSkipScaled, {"skip": "scaled"}),
    ],
)
def test_thin_variants_are_alexnet_with_other_defaults(variant, arguments) -> None:
    found, expected = build(variant), build(AlexNet, **arguments)
    assert dict(found.hparams) == dict(expected.hparams)
    state = expected.state_dict()
    assert list(found.state_dict()) == list(state)
    assert all(torch.equal(value, state[name]) for name, value in found.state_dict().items())


def test_dropout_is_on_the_outputs_of_fc6_and_fc7() -> None:
    network = AlexNet(10, 3, 32, stem="small", width=0.1, dropout=0.3).network
    assert names(network.classifier) == "fc6 relu6 drop6 fc7 relu7 drop7 fc8"
    assert network.classifier.drop6.p == network.classifier.drop7.p == 0.3


@pytest.mark.parametrize(("size", "side"), [(32, 4), (16, 2), (8, 1)])
@pytest.mark.parametrize("variant", [AlexNet, AlexNet2012])
def test_the_small_stem_keeps_enough_of_small_images(
    variant: type[AlexNet], size: int, side: int
) -> None:
    network = variant(10, 1, size, stem="small", width=0.1).network
    images = torch.zeros(2, 1, size, size)
    with torch.no_grad():
        assert network.features(images).shape == (2, 24, side, side)
        assert network(images).shape == (2, 10)


def test_other_sizes_are_averaged_to_the_six_by_six_that_fc6_reads() -> None:
    at_224 = AlexNet(10, 3, 224, width=0.1).network
    for size in (64, 96, 160, 192, 288):
        network = AlexNet(10, 3, size, width=0.1).network
        network.load_state_dict(at_224.state_dict())
        images = torch.randn(2, 3, size, size)
        with torch.no_grad():
            stretched = nn.AdaptiveAvgPool2d(6)(network.features(images)).flatten(1)
            expected = at_224.classifier.eval()(stretched)
            assert torch.allclose(network.eval()(images), expected, atol=1e-6), size


def test_an_image_too_small_for_the_stem_is_refused() -> None:
    with pytest.raises(ValueError, match=r"images of 32 px are too small.*stem small"):
        AlexNet(10, in_channels=3, image_size=32)


@pytest.mark.parametrize(("channels", "width", "expected"), [(96, 0.5, 48), (384, 0.01, 8)])
def test_width_rounds_to_multiples_of_eight(channels: int, width: float, expected: int) -> None:
    assert scaled(channels, width) == expected


def test_skips_go_around_convolutions_two_to_five_and_change_nothing_else() -> None:
    plain, skipping = (AlexNet(10, 3, 224, skip=skip).network for skip in ("none", "plain"))
    blocks = {n for n, layer in skipping.features.named_children() if isinstance(layer, Residual)}
    assert blocks == {"conv2", "conv3", "conv4", "conv5"}
    projections = 96 * 256 + 256 * 384 + 384 * 256  # conv4 keeps its channels
    plain_count, count = (sum(p.numel() for p in n.parameters()) for n in (plain, skipping))
    assert count - plain_count == projections
    assert [n for n, _ in plain.features.named_children()] == [
        n for n, _ in skipping.features.named_children()
    ]


@pytest.mark.parametrize("choice", [{"init": "hee"}, {"norm": "ln"}, {"skip": "al"}])
def test_a_choice_that_does_not_exist_is_refused(choice: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="give one of"):
        AlexNet(10, 3, 32, stem="small", width=0.05, **choice)
