"""Every activation against its formula in numpy, in value and gradient."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.stats import norm

from alexnet_lightning.networks.layers import ACTIVATIONS, Activation, Whitening

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017
FORMULAS: dict[Activation, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.where(x > 0, x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "very_leaky_relu": lambda x: np.maximum(x, x / 3),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),  # at its initialization
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: SCALE * np.where(x > 0, x, ALPHA * (np.exp(x) - 1)),
    "gelu": lambda x: x * norm.cdf(x),
    "tanh": np.tanh,
    "maxout": lambda x: np.maximum(x[:, 0::2], x[:, 1::2]),
    "none": lambda x: x,
}


@pytest.mark.parametrize("name", get_args(Activation))
@pytest.mark.parametrize("shape", [(3, 4, 5, 5), (3, 8)])
def test_it_is_its_formula_and_its_gradient_the_slope(
    name: Activation, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(2, *shape, dtype=torch.float64)[0]
    layer = ACTIVATIONS[name](shape[1]).double()
    outputs = layer(inputs.clone())  # some work in place
    assert np.allclose(outputs.detach().numpy(), FORMULAS[name](inputs.numpy()))
    assert torch.autograd.gradcheck(lambda x: layer(x.clone()), inputs.requires_grad_())


def test_all_have_a_formula_here_and_the_slopes_of_prelu_are_learned_per_channel() -> None:
    assert set(ACTIVATIONS) == set(get_args(Activation)) == set(FORMULAS)
    layer = ACTIVATIONS["prelu"](3)
    maps = -torch.ones(2, 3, 4, 4) * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    layer(maps).sum().backward()
    (slopes,) = layer.parameters()
    assert slopes.grad is not None
    assert slopes.grad.tolist() == [-32.0, -64.0, -96.0]


def test_whitening_takes_any_activation_but_maxout() -> None:
    images = torch.randn(2, 3, 6, 6)
    stem = Whitening(3, "tanh")
    filtered = torch.nn.functional.conv2d(images, stem.weight)
    assert torch.equal(stem(images), filtered.tanh())
    with pytest.raises(ValueError, match="activation maxout"):
        Whitening(3, "maxout")
