"""Groups, rates and decay on the optimiser itself; schedules under a real Trainer."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from alexnet_lightning.optimization import build_optimizer, needs_total_steps


@pytest.fixture
def module() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def test_biases_and_norms_are_a_group_with_its_own_rate_and_decay(module: nn.Sequential) -> None:
    make = partial(SGD, lr=0.01, momentum=0.9, weight_decay=5e-4)
    weights, biases = build_optimizer(
        make, module, bias_lr_factor=2.0, decay_biases=False
    ).param_groups
    assert [p.ndim for p in weights["params"]] == [4, 2]
    assert [p.ndim for p in biases["params"]] == [1, 1, 1, 1]
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 5e-4)
    assert (biases["lr"], biases["weight_decay"]) == (0.02, 0.0)
    assert weights["momentum"] == biases["momentum"] == 0.9


def test_without_a_word_both_groups_are_treated_alike(module: nn.Sequential) -> None:
    make = partial(SGD, lr=0.01, weight_decay=5e-4)
    groups = build_optimizer(make, module, 1.0, True).param_groups
    assert {group["lr"] for group in groups} == {0.01}
    assert {group["weight_decay"] for group in groups} == {5e-4}


def test_frozen_parameters_are_left_out(module: nn.Sequential) -> None:
    module[0].requires_grad_(False)
    groups = build_optimizer(partial(SGD, lr=0.01), module, 1.0, True).param_groups
    assert sum(len(group["params"]) for group in groups) == 4


@pytest.mark.parametrize(
    ("make", "fused"),
    [
        (partial(Adam, lr=0.1), True),
        (partial(Adam, lr=0.1, fused=False), False),
        (partial(torch.optim.Rprop, lr=0.1), None),
    ],
)
def test_fused_where_the_optimizer_has_it_and_nobody_said_otherwise(
    module: nn.Sequential, make: partial, fused: bool | None
) -> None:
    assert build_optimizer(make, module, 1.0, True).param_groups[0].get("fused") is fused


def test_only_a_schedule_with_an_open_budget_needs_one() -> None:
    assert needs_total_steps(partial(OneCycleLR, max_lr=0.1, total_steps=None, epochs=None))
    assert not needs_total_steps(partial(OneCycleLR, max_lr=0.1, total_steps=50))
    assert not needs_total_steps(partial(StepLR, step_size=3))
