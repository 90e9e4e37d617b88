"""Steps of equal size in all directions for filters; torch's SGD for all else."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from alexnet_lightning.training.muon import MuonSGD, orthogonalized


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32)])
def test_orthogonalized_keeps_the_singular_vectors(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ orthogonalized(matrix, 5) @ right.T  # diagonal where the vectors are the same
    assert torch.allclose(turned, turned.diagonal().diag(), atol=1e-3)
    large = values > 0.1 * values.max()
    assert turned.diagonal()[large].min() > 0.5
    assert turned.diagonal().max() < 1.3


def test_filters_have_norm_one_and_a_step_does_not_see_the_gradients_scale() -> None:
    torch.manual_seed(0)
    start, gradient = torch.randn(8, 3, 3, 3), torch.randn(8, 3, 3, 3)
    ends = []
    for scale in (1.0, 1e3):
        filters = nn.Parameter(start.clone())
        filters.grad = scale * gradient
        MuonSGD([filters], lr=0.1).step()
        ends.append(filters.detach())
    assert torch.allclose(*ends, atol=1e-5)
    unit = start * 8**0.5 / start.norm()
    step = (unit - ends[0]).flatten(1)
    assert torch.allclose(step, 0.1 * orthogonalized(gradient.flatten(1), 3), atol=1e-5)


def test_the_rest_is_torchs_sgd_with_nesterovs_momentum() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Linear(5, 3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    muon = MuonSGD(
        ours.parameters(), lr=0.02, rest_lr_factor=5.0, rest_momentum=0.8, weight_decay=0.01
    )
    sgd = SGD(theirs.parameters(), lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01)
    for _ in range(5):
        images = torch.randn(4, 5)
        for layer, optimizer in ((ours, muon), (theirs, sgd)):
            optimizer.zero_grad()
            layer(images).square().sum().backward()
            optimizer.step()
    assert torch.allclose(ours.weight, theirs.weight, rtol=1e-5)
    assert torch.allclose(ours.bias, theirs.bias, rtol=1e-5)


def test_it_goes_on_from_its_state_to_the_bit() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    optimizer = MuonSGD(network.parameters(), lr=0.05)

    def train(network: nn.Module, optimizer: MuonSGD, seed: int) -> None:
        torch.manual_seed(seed)
        optimizer.zero_grad()
        network(torch.randn(8, 3, 5, 5)).square().mean().backward()
        optimizer.step()

    train(network, optimizer, 1)
    later = copy.deepcopy(network)
    resumed = MuonSGD(later.parameters(), lr=0.9)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(network, optimizer, 2)
    train(later, resumed, 2)
    for left, right in zip(network.parameters(), later.parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize(
    "wrong",
    [{"lr": -1.0}, {"momentum": 1.0}, {"rest_momentum": -0.1}, {"iterations": 0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_arguments_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*: give a number"):
        MuonSGD([nn.Parameter(torch.zeros(2))], **wrong)
