"""The nets of 2012, written a second time with torch's own functions from the authors' files."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alexnet_lightning.models import AlexNet2012, FourLayerNet, LocalNet, ThreeConvNet
from alexnet_lightning.training.classifier import ImageClassifier


def across_maps(maps: Tensor) -> Tensor:
    return torch.cat([F.local_response_norm(x, 5, 1e-4, 0.75, 2.0) for x in maps.chunk(2, 1)], 1)


def within_maps(maps: Tensor, size: int, scale: float) -> Tensor:
    sums = F.avg_pool2d(maps**2, size, 1, size // 2, divisor_override=1)
    return maps / (1 + scale / size**2 * sums) ** 0.75


def max_pool(maps: Tensor, size: int = 3) -> Tensor:
    return F.max_pool2d(maps, size, 2, ceil_mode=True)


def mean_pool(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, 3, 2, ceil_mode=True)


def drop(values: Tensor, training: bool) -> Tensor:
    return values * (torch.empty_like(values).bernoulli_(0.5) if training else 0.5)


def local(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """3 × 3 with padding 1, one position at a time."""
    padded, side = F.pad(maps, (1, 1, 1, 1)), maps.shape[-1]
    columns = [
        padded[:, :, y : y + 3, x : x + 3].flatten(1) @ weight[y * side + x] + bias[y * side + x]
        for y in range(side)
        for x in range(side)
    ]
    return torch.stack(columns, 2).unflatten(2, (side, side))


def net_145(images: Tensor, weights: Iterator[Tensor], training: bool, number: int = 145) -> Tensor:
    """layers-145.cfg and its three ablations."""

    def conv(maps: Tensor, **options: Any) -> Tensor:
        return F.conv2d(maps, next(weights), next(weights), **options)

    def fully(values: Tensor, towers: int = 1) -> Tensor:
        weight, bias = next(weights), next(weights)
        parts = zip(values.chunk(towers, 1), weight.chunk(towers), bias.chunk(towers), strict=True)
        return torch.cat([F.linear(*part) for part in parts], 1)

    normed, pool = number != 148, 2 if number == 147 else 3
    crossing = 2 if number == 150 else 1
    x = conv(F.pad(images, (0, 3, 0, 3)), stride=4)
    x = max_pool(across_maps(x) if normed else x, pool).relu()
    x = conv(x, padding=1 if number == 147 else 2, groups=2).relu()
    x = max_pool(within_maps(across_maps(x), 5, 1e-3) if normed else x, pool)
    x = conv(x, padding=1, groups=crossing).relu()
    x = conv(x, padding=1, groups=2).relu()
    x = max_pool(conv(x, padding=0 if number == 147 else 1, groups=2), pool).relu()
    x = drop(fully(x.flatten(1), crossing).relu(), training)
    x = drop(fully(x, crossing).relu(), training)
    return fully(x)


def net_80sec(images: Tensor, weights: Iterator[Tensor], training: bool) -> Tensor:
    x = max_pool(F.conv2d(images, next(weights), next(weights), padding=2)).relu()
    x = mean_pool(F.conv2d(x, next(weights), next(weights), padding=2).relu())
    x = mean_pool(F.conv2d(x, next(weights), next(weights), padding=2).relu())
    x = F.linear(x.flatten(1), next(weights), next(weights)).relu()
    return F.linear(x, next(weights), next(weights))


def net_18pct(images: Tensor, weights: Iterator[Tensor], training: bool) -> Tensor:
    x = max_pool(F.conv2d(images, next(weights), next(weights), padding=2)).relu()
    x = within_maps(x, 3, 5e-5)
    x = mean_pool(F.conv2d(x, next(weights), next(weights), padding=2).relu())
    x = within_maps(x, 3, 5e-5)
    x = mean_pool(F.conv2d(x, next(weights), next(weights), padding=2).relu())
    return F.linear(x.flatten(1), next(weights), next(weights))


def net_13pct(images: Tensor, weights: Iterator[Tensor], training: bool) -> Tensor:
    x = max_pool(F.conv2d(images, next(weights), next(weights), padding=2).relu())
    x = max_pool(F.conv2d(x, next(weights), next(weights), padding=2).relu())
    x = local(x, next(weights), next(weights)).relu()
    x = local(x, next(weights), next(weights)).relu()
    return F.linear(x.flatten(1), next(weights), next(weights))


def ablation(number: int) -> Callable[..., Tensor]:
    return lambda images, weights, training: net_145(images, weights, training, number)


NETS = {
    "145": (AlexNet2012, {}, net_145, 224),
    "147": (AlexNet2012, {"overlapping": False}, ablation(147), 224),
    "148": (AlexNet2012, {"norm": "none"}, ablation(148), 224),
    "150": (AlexNet2012, {"towers": "apart"}, ablation(150), 224),
    "80sec": (FourLayerNet, {}, net_80sec, 32),
    "18pct": (ThreeConvNet, {}, net_18pct, 32),
    "13pct": (LocalNet, {}, net_13pct, 24),
}
# At 1000 classes and 224 px, and at 10 classes; counted from the files.
PARAMETERS = {
    "145": 60_965_224,
    "147": 60_965_224,
    "148": 60_965_224,
    "150": 60_714_408,
    "80sec": 145_578,
    "18pct": 89_578,
    "13pct": 1_116_490,
}


@pytest.mark.parametrize("name", NETS)
def test_parameters(name: str) -> None:
    variant, arguments, _, side = NETS[name]
    with torch.device("meta"):
        network = variant(1000 if side == 224 else 10, 3, side, **arguments).network
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NETS)
def test_logits_and_gradients_are_those_of_the_second_writing(name: str) -> None:
    variant, arguments, second, side = NETS[name]
    torch.manual_seed(0)
    width = {"width": 0.1} if variant is AlexNet2012 else {}
    model: ImageClassifier = variant(10, 3, side, **width, **arguments).double()
    weights = list(model.network.parameters())
    # In float64, where no maximum changes its place by rounding.
    for weight in weights:  # so that no layer is idle, whatever it starts from
        torch.nn.init.normal_(weight, std=1.5 / max(1, weight[0].numel()) ** 0.5)
    images = 50 * torch.randn(4, 3, side, side, dtype=torch.float64)
    with torch.no_grad():
        logits = model.network.eval()(images)
        expected = second(images, iter(weights), training=False)
    assert logits.std() > 1e-2
    assert torch.allclose(logits, expected, rtol=1e-5)
    gradients = []
    for forward in (
        model.network.train(),
        lambda images: second(images, iter(weights), training=True),
    ):
        torch.manual_seed(1)  # the same masks
        loss = F.cross_entropy(forward(images) / 10, torch.arange(4))
        gradients.append(torch.autograd.grad(loss, weights))
    for found, wanted in zip(*gradients, strict=True):
        assert found.abs().max() > 0
        assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-7 * float(wanted.abs().max()))
