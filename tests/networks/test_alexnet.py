"""The table against the paper: geometry, parameters, order of layers."""

import pytest
import torch
from torch import nn

from alexnet_lightning.networks.alexnet import alexnet, scaled


def shapes(network: nn.Sequential, images: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Output shape of every named layer, without the batch."""
    found = {}
    for name, layer in network.named_children():
        images = layer(images)
        found[name] = tuple(images.shape[1:])
    return found


def test_maps_have_the_papers_sizes() -> None:
    network = alexnet(10, in_channels=3, image_size=224)
    with torch.no_grad():
        found = shapes(network.features, torch.zeros(1, 3, 224, 224))
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
    network = alexnet(classes, in_channels=3, image_size=224)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_lrn_follows_the_first_two_relus_with_the_papers_constants() -> None:
    names = list(dict(alexnet(10, 3, 224, width=0.1).features.named_children()))
    assert " ".join(names) == (
        "conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5"
    )
    norm = alexnet(10, 3, 224, width=0.1).features.norm1
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1e-4, 0.75, 2.0)


def test_batch_norm_stands_between_convolution_and_relu_and_takes_over_the_bias() -> None:
    features = alexnet(10, 3, 224, width=0.1, norm="batch").features
    names = list(dict(features.named_children()))
    assert names[:4] == ["conv1", "norm1", "relu1", "pool1"]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in features) == 5
    assert all(layer.bias is None for layer in features if isinstance(layer, nn.Conv2d))


def test_dropout_is_on_the_outputs_of_fc6_and_fc7() -> None:
    network = alexnet(10, 3, 32, stem="small", width=0.1, dropout=0.3)
    names = list(dict(network.classifier.named_children()))
    assert names == ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]
    assert network.classifier.drop6.p == network.classifier.drop7.p == 0.3


@pytest.mark.parametrize(("size", "side"), [(32, 4), (28, 4), (16, 2), (8, 1)])
def test_the_small_stem_keeps_enough_of_small_images(size: int, side: int) -> None:
    network = alexnet(10, in_channels=1, image_size=size, stem="small", width=0.1)
    with torch.no_grad():
        maps = network.features(torch.zeros(2, 1, size, size))
    assert maps.shape == (2, 24, side, side)
    assert network(torch.zeros(2, 1, size, size)).shape == (2, 10)


def test_an_image_too_small_for_the_stem_is_refused() -> None:
    with pytest.raises(ValueError, match=r"images of 32 px are too small for stem imagenet.*small"):
        alexnet(10, in_channels=3, image_size=32)


@pytest.mark.parametrize(("channels", "width", "expected"), [(96, 0.5, 48), (384, 0.01, 8)])
def test_width_rounds_to_multiples_of_eight(channels: int, width: float, expected: int) -> None:
    assert scaled(channels, width) == expected
