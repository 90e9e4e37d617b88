"""Layers against their formulas, those of 2012 against slow, obvious numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from alexnet_lightning.networks.layers import (
    Dropout2012,
    GlobalMaxPool,
    LocalResponseNorm,
    Residual,
    StretchedLinear,
    Whitening,
    WithinMapNorm,
)
from alexnet_lightning.networks.rows import Row, Window, convolutions


def lrn(maps: np.ndarray, size: int, alpha: float, beta: float, k: float, groups: int):
    """The formula of section 3.3, one value at a time."""
    out = np.empty_like(maps)
    tower = maps.shape[1] // groups
    for n, c, y, x in np.ndindex(*maps.shape):
        low, high = max(c // tower * tower, c - size // 2), min((c // tower + 1) * tower - 1, c + 2)
        total = sum(maps[n, other, y, x] ** 2 for other in range(low, high + 1))
        out[n, c, y, x] = maps[n, c, y, x] / (k + alpha / size * total) ** beta
    return out


def within_map(maps: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    out = np.empty_like(maps)
    for n, c, y, x in np.ndindex(*maps.shape):
        near = maps[n, c, max(0, y - size // 2) : y + 3, max(0, x - size // 2) : x + 3]
        out[n, c, y, x] = maps[n, c, y, x] / (k + alpha / size**2 * (near**2).sum()) ** beta
    return out


def convolve(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, groups: int):
    """A convolution without padding whose windows may hang over the edge, sizes rounded up."""
    side, kernel = maps.shape[-1], weight.shape[-1]
    out = 1 + int(np.ceil((side - kernel) / stride))
    maps = np.pad(maps, ((0, 0), (0, 0), (0, kernel), (0, kernel)))
    result = np.empty((len(maps), len(weight), out, out))
    reads, makes = maps.shape[1] // groups, len(weight) // groups
    for n, c, y, x in np.ndindex(*result.shape):
        first = c // makes * reads
        window = maps[n, first : first + reads, y * stride :, x * stride :][:, :kernel, :kernel]
        result[n, c, y, x] = (window * weight[c]).sum() + bias[c]
    return result


@pytest.mark.parametrize("groups", [1, 2])
def test_lrn_is_the_formula(groups: int) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 12, 3, 4) * 20
    norm = LocalResponseNorm(12, alpha=0.1, groups=groups)
    expected = lrn(maps.double().numpy(), 5, 0.1, 0.75, 2.0, groups)
    assert np.allclose(norm(maps).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("channels", [3, 96, 100, 256])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_lrn_is_torchs_in_value_and_gradient(
    channels: int, layout: torch.memory_format, beta: float
) -> None:
    torch.manual_seed(0)
    images = torch.randn(4, channels, 7, 5).to(memory_format=layout)
    upstream = torch.randn_like(images)
    results = []
    norms = (
        nn.LocalResponseNorm(5, alpha=1e-4, beta=beta, k=2.0),
        LocalResponseNorm(channels, beta=beta),
    )
    for norm in norms:
        maps = images.clone().requires_grad_()
        normed = norm(maps)
        normed.backward(upstream)
        assert maps.grad is not None
        results.append((normed.detach(), maps.grad))
    (theirs, their_gradient), (ours, our_gradient) = results
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert torch.allclose(our_gradient, their_gradient, atol=1e-5)


def test_lrns_gradient_is_the_slope() -> None:
    norm = LocalResponseNorm(7, alpha=0.5).double()
    maps = torch.randn(2, 7, 2, 2, dtype=torch.float64, requires_grad=True)
    norm.forward = lambda x: _in_double(norm, x)  # type: ignore[method-assign]
    assert torch.autograd.gradcheck(norm, (maps,))


def _in_double(norm: LocalResponseNorm, maps: torch.Tensor) -> torch.Tensor:
    from alexnet_lightning.networks.layers import Normalise

    return Normalise.apply(maps, norm.band, norm.size // 2, norm.beta, norm.k)


def test_lrn_works_in_float32_under_autocast() -> None:
    maps = torch.full((1, 8, 2, 2), 300.0, dtype=torch.float16, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        normed = LocalResponseNorm(8)(maps)
    assert normed.dtype == torch.float16
    expected = nn.LocalResponseNorm(5, k=2.0)(maps.float())
    assert torch.allclose(normed.float(), expected, rtol=1e-3), "300² is more than float16 holds"
    normed.sum().backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


def test_the_within_map_norm_is_the_formula() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 6, 7) * 20
    expected = within_map(maps.double().numpy(), 5, 0.1, 0.75, 1.0)
    assert np.allclose(WithinMapNorm(alpha=0.1)(maps).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("side", "stride", "groups"), [(12, 4, 1), (11, 3, 2), (9, 2, 2)])
def test_towers_and_sizes_that_round_up(side: int, stride: int, groups: int) -> None:
    torch.manual_seed(0)
    rows = [Row(4, kernel=5, stride=stride, groups=groups, then="")]
    features, out = convolutions(rows, 2, side, Window(3, 2, ceil=True))
    images = torch.randn(2, 2, side, side)
    with torch.no_grad():
        found = features(images).numpy()
    weight, bias = (p.detach().double().numpy() for p in features.conv1.parameters())
    expected = convolve(images.double().numpy(), weight, bias, stride, groups)
    assert found.shape[-1] == out
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("side", [1, 2, 4, 5])
def test_the_stretched_linear_layer_is_average_pooling_and_a_linear_layer(side: int) -> None:
    torch.manual_seed(0)
    layer = StretchedLinear(3, side, positions=6, out_features=7).double()
    plain = nn.Linear(3 * 36, 7).double()
    plain.load_state_dict(layer.state_dict())
    maps = torch.randn(4, 3, side, side, dtype=torch.double)
    ours = layer(maps.flatten(1))
    theirs = plain(nn.AdaptiveAvgPool2d(6)(maps).flatten(1))
    assert torch.allclose(ours, theirs)
    for loss in (ours, theirs):
        loss.square().sum().backward()
    assert torch.allclose(layer.weight.grad, plain.weight.grad)
    assert torch.allclose(layer.bias.grad, plain.bias.grad)


def test_a_residual_adds_its_input() -> None:
    block = Residual(nn.Conv2d(4, 4, 3, padding=1), 4, 4, "plain")
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), maps + block.mapping(maps))
    assert isinstance(block.projection, nn.Identity)


@pytest.mark.parametrize("channels", [6, 3])
def test_a_padded_residual_adds_its_input_to_the_channels_that_both_have(channels: int) -> None:
    block = Residual(nn.Conv2d(4, channels, 3, padding=1), 4, channels, "padded")
    maps, shared = torch.randn(2, 4, 5, 5), min(4, channels)
    found, branch = block(maps), block.mapping(maps)
    assert torch.equal(found[:, :shared], maps[:, :shared] + branch[:, :shared])
    assert torch.equal(found[:, shared:], branch[:, shared:])
    assert not any(block.projection.parameters())


def test_a_scaled_residual_starts_without_its_branch_and_can_learn_it() -> None:
    block = Residual(nn.Conv2d(4, 6, 3, padding=1), 4, 6, "scaled")
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), block.projection(maps))
    block(maps).square().sum().backward()
    assert block.scale is not None
    assert block.scale.grad is not None
    assert block.scale.grad != 0


def test_whitened_patches_are_uncorrelated_and_of_unit_variance() -> None:
    torch.manual_seed(0)
    images = torch.randn(200, 3, 8, 8)
    images = images + images.roll(1, -1) + images.mean(1, keepdim=True)  # correlated, as images are
    stem = Whitening(3)
    stem.fit(images, floor=0.0)
    outputs = nn.functional.conv2d(images, stem.weight[:12]).transpose(0, 1).flatten(1)
    moments = outputs @ outputs.T / outputs.shape[1]
    assert torch.allclose(moments, torch.eye(12), atol=1e-3)
    assert torch.equal(stem.weight[12:], -stem.weight[:12])
    assert stem(images).shape == (200, 24, 7, 7)
    assert "weight" in stem.state_dict()


def test_a_stem_that_is_trained_keeps_torchs_initialization() -> None:
    torch.manual_seed(0)
    stem = Whitening(3, bias=True, trained=True)
    start = stem.weight.detach().clone()
    stem.fit(torch.randn(50, 3, 8, 8))
    assert torch.equal(stem.weight, start)
    assert stem.weight.requires_grad
    assert start.abs().max().item() == pytest.approx(12**-0.5, rel=0.05), "torch's, of 12 inputs"
    stem(torch.randn(2, 3, 8, 8)).square().sum().backward()
    assert stem.weight.grad is not None


def test_the_dropout_of_2012_is_todays_with_other_numbers() -> None:
    """Half the deviation, a quarter of the rate and four times the decay in the layer that reads.

    v ← .9 v - ε (decay · w + gradient) for w' = w / 2: the mask times 2 doubles the gradient, so a
    quarter of the rate moves w' by half of what w moves.
    """
    torch.manual_seed(0)
    inputs = torch.randn(20, 16, 12, dtype=torch.float64)
    weight = torch.randn(5, 12, dtype=torch.float64)
    outputs = []
    for dropout, scale in ((Dropout2012(0.5), 1.0), (nn.Dropout(0.5), 0.5)):
        layer = nn.Linear(12, 5, bias=False, dtype=torch.float64)
        layer.weight.data = weight * scale
        optimizer = torch.optim.SGD(
            layer.parameters(), lr=0.1 * scale**2, momentum=0.9, weight_decay=0.05 / scale**2
        )
        torch.manual_seed(1)
        for values in inputs:
            logits = layer(dropout(values))
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, torch.arange(16) % 5).backward()
            optimizer.step()
        outputs.append((logits.detach(), layer(dropout.eval()(inputs[0])).detach()))
    for old, new in zip(*outputs, strict=True):
        assert torch.allclose(old, new, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_global_max_pooling_is_torchs_in_value_and_gradient(layout: torch.memory_format) -> None:
    # After a ReLU many values are equal, and only one of them gets the gradient.
    maps = torch.randn(4, 6, 5, 5).relu().mul(torch.arange(6).view(1, 6, 1, 1) % 2)
    ours, theirs = (maps.clone(memory_format=layout).requires_grad_() for _ in range(2))
    found, expected = GlobalMaxPool()(ours), nn.AdaptiveMaxPool2d(1)(theirs)
    assert torch.equal(found, expected)
    upstream = torch.randn_like(found)
    found.backward(upstream)
    expected.backward(upstream)
    assert torch.equal(ours.grad, theirs.grad)
