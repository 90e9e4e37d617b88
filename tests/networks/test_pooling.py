"""Poolings against one window at a time in numpy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from alexnet_lightning.networks.inspect import receptive_field
from alexnet_lightning.networks.pooling import MaxAveragePool, StochasticPool

WINDOWS = [(3, 2, 0, False), (3, 2, 1, False), (2, 2, 0, False), (3, 2, 0, True)]


def pooled(
    maps: np.ndarray, window: tuple[int, int, int, bool], of: Callable[[np.ndarray], float]
) -> np.ndarray:
    """`of` every window's values; windows over the right and bottom edge read zeros there."""
    size, stride, padding, ceil = window
    rounded = np.ceil if ceil else np.floor
    side = 1 + int(rounded((maps.shape[-1] + 2 * padding - size) / stride))
    edges = (padding, padding + size)
    padded = np.pad(maps, ((0, 0), (0, 0), edges, edges))
    out = np.empty((*maps.shape[:2], side, side))
    for n, c, y, x in np.ndindex(*out.shape):
        corner = padded[n, c, y * stride :, x * stride :]
        out[n, c, y, x] = of(corner[:size, :size])
    return out


def mean_by_size(values: np.ndarray) -> float:
    """Σ p a of Zeiler and Fergus, p = a / Σ a."""
    positive = np.maximum(values, 0)
    return (positive**2).sum() / positive.sum() if positive.any() else 0.0


@pytest.mark.parametrize("window", WINDOWS)
def test_stochastic_pooling_in_evaluation_is_the_mean_by_probability(
    window: tuple[int, int, int, bool],
) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    maps[:, 0] = -1.0  # no positive value: 0
    pool = StochasticPool(*window).eval()
    assert np.allclose(pool(maps).numpy(), pooled(maps.numpy(), window, mean_by_size))
    positive = (maps.abs() + 0.1)[:, :1].requires_grad_()
    assert torch.autograd.gradcheck(pool, positive)
    assert pool.train()(maps).shape == nn.MaxPool2d(*window[:3], ceil_mode=window[3])(maps).shape


@pytest.mark.parametrize("window", WINDOWS)
def test_stochastic_pooling_in_training_takes_one_value_and_its_gradient(
    window: tuple[int, int, int, bool],
) -> None:
    torch.manual_seed(0)
    maps = torch.rand(2, 3, 8, 8).mul(10).requires_grad_()  # all different
    sampled = StochasticPool(*window)(maps)
    upstream = torch.rand_like(sampled)
    sampled.backward(upstream)
    expected = torch.zeros_like(maps)
    for n, c, y, x in np.ndindex(*sampled.shape):
        at = (maps[n, c] == sampled[n, c, y, x]).nonzero()
        assert len(at) == 1, "a value of the map"
        row, column = at[0].tolist()
        for index, start in ((row, y), (column, x)):
            assert 0 <= index - (start * window[1] - window[2]) < window[0], "of this window"
        expected[n, c, row, column] += upstream[n, c, y, x]
    assert maps.grad is not None
    assert torch.allclose(maps.grad, expected)


def test_stochastic_pooling_samples_in_proportion_and_each_window_by_itself() -> None:
    torch.manual_seed(0)
    row = torch.tensor([[1.0, 2.0, 5.0, 3.0, 4.0]]).expand(1, 1, 5, 5)
    maps = torch.cat([row[..., :1, :], torch.full((1, 1, 2, 5), -7.0)], dim=2)
    maps = torch.cat([maps, torch.zeros(1, 1, 2, 5)], dim=2).expand(40_000, 1, 5, 5)
    left, right = StochasticPool(3, 2)(maps)[:, 0, 0].T
    for value, probability in ((1.0, 1 / 8), (2.0, 2 / 8), (5.0, 5 / 8)):
        assert (left == value).float().mean() == pytest.approx(probability, abs=0.01)
    for value, probability in ((5.0, 5 / 12), (3.0, 3 / 12), (4.0, 4 / 12)):
        assert (right == value).float().mean() == pytest.approx(probability, abs=0.01)
    both = ((left == 5) & (right == 5)).float().mean()
    assert both == pytest.approx(5 / 8 * 5 / 12, abs=0.01), "the 5 that the windows share"
    assert StochasticPool(3, 2)(-maps[:2]).max() == 7.0
    assert not StochasticPool(3, 2)(torch.zeros(2, 1, 5, 5)).any()


@pytest.mark.parametrize("window", WINDOWS[:3])
def test_max_average_is_the_sum_of_both(window: tuple[int, int, int, bool]) -> None:
    torch.manual_seed(0)
    maps = torch.rand(2, 3, 8, 8, dtype=torch.float64)  # positive: the maximum is no zero outside
    expected = pooled(maps.numpy(), window, lambda values: values.max() + values.mean())
    pool = MaxAveragePool(*window)
    assert np.allclose(pool(maps).numpy(), expected)
    assert torch.autograd.gradcheck(pool, maps[:1, :1].requires_grad_())


@pytest.mark.parametrize("pool", [MaxAveragePool(3, 2), StochasticPool(3, 2), nn.MaxPool2d(3, 2)])
def test_the_receptive_field_counts_them(pool: nn.Module) -> None:
    backbone = nn.Sequential(nn.Conv2d(1, 1, 3), pool, nn.Conv2d(1, 1, 3))
    assert receptive_field(backbone) == 3 + 2 + 2 * 2
