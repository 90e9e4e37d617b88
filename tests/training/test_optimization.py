"""Groups, rates and decay on the optimiser itself; their proportions under every schedule."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    StepLR,
)

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.muon import MuonSGD
from alexnet_lightning.training.optimization import (
    build_optimizer,
    keep_lr_factors,
    needs_total_steps,
)
from alexnet_lightning.training.schedules import Plateau, WarmupCosine

from .test_classifier import quiet_trainer, small


@pytest.fixture
def module() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def test_biases_and_norms_are_a_group_with_its_own_rate_and_decay(module: nn.Sequential) -> None:
    make = partial(SGD, lr=0.01, momentum=0.9, weight_decay=5e-4)
    weights, biases = build_optimizer(
        make, module, bias_lr_factor=2.0, decay_biases=False
    ).param_groups
    assert (weights["name"], biases["name"]) == ("weights", "biases")
    assert [p.ndim for p in weights["params"]] == [4, 2]
    assert [p.ndim for p in biases["params"]] == [1, 1, 1, 1]
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 5e-4)
    assert (biases["lr"], biases["weight_decay"]) == (0.02, 0.0)
    assert weights["momentum"] == biases["momentum"] == 0.9


def test_without_a_word_both_groups_are_treated_alike(module: nn.Sequential) -> None:
    make = partial(SGD, lr=0.01, weight_decay=5e-4)
    groups = build_optimizer(make, module).param_groups
    assert {group["lr"] for group in groups} == {0.01}
    assert {group["weight_decay"] for group in groups} == {5e-4}


def test_the_backbone_may_learn_more_slowly_and_the_logged_rate_is_the_heads() -> None:
    model = small()
    groups = build_optimizer(
        partial(SGD, lr=0.01), model, bias_lr_factor=2.0, backbone_lr_factor=0.1
    ).param_groups
    rates = {group["name"]: group["lr"] for group in groups}
    assert rates == pytest.approx(
        {"weights": 0.01, "biases": 0.02, "backbone weights": 0.001, "backbone biases": 0.002}
    )
    assert groups[0]["name"] == "weights"
    names = {id(p): name for name, p in model.named_parameters()}
    for group in groups:
        found = {names[id(p)].split(".")[1] for p in group["params"]}
        assert found == {"features" if group["name"].startswith("backbone") else "classifier"}
    assert sum(len(group["params"]) for group in groups) == len(names)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_backbone_that_does_not_learn_is_frozen_by_other_means(factor: float) -> None:
    with pytest.raises(
        UserError, match=r"^model\.backbone_lr_factor is .*: give a number > 0, or freeze"
    ):
        build_optimizer(partial(SGD, lr=0.01), small(), backbone_lr_factor=factor)


def test_a_factor_for_a_backbone_that_is_not_there(module: nn.Sequential) -> None:
    with pytest.raises(UserError, match=r"^model\.backbone_lr_factor: the network has no layers"):
        build_optimizer(partial(SGD, lr=0.01), module, backbone_lr_factor=0.1)


def test_a_bias_that_learns_backwards() -> None:
    with pytest.raises(UserError, match=r"^model\.bias_lr_factor is -1: give a number >= 0$"):
        build_optimizer(partial(SGD, lr=0.01), small(), bias_lr_factor=-1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nope": {"lr": 0.1}}, "no weights to train below a layer named nope"),
        ({"classifier": {"epochs": 0}}, "epochs of classifier is 0: give a number >= 1"),
        (
            {"classifier": {"weight_deca": 0.1}},
            r"classifier: weight_deca is no option of SGD; did you mean weight_decay\?",
        ),
        ({"classifier": {"momentum": -1.0}}, "classifier: Invalid momentum value: -1.0"),
    ],
)
def test_options_of_a_layer_that_would_have_no_effect(
    options: dict[str, dict[str, float]], message: str
) -> None:
    with pytest.raises(UserError, match=rf"^model\.layer_options: {message}$"):
        build_optimizer(partial(SGD, lr=0.01, momentum=0.9), small(), layer_options=options)


def test_options_of_a_layer_for_every_optimizer(module: nn.Sequential) -> None:
    for make in (partial(torch.optim.AdamW, lr=0.1), partial(MuonSGD, lr=0.1), Adam):
        groups = build_optimizer(make, module, layer_options={"2": {"weight_decay": 0.5}})
        assert groups.param_groups[-1]["weight_decay"] == 0.5


def test_a_layers_own_rate_stays_in_proportion() -> None:
    options = {"classifier": {"lr": 0.05}, "conv1.bias": {"lr": 0.01}}
    optimizer = build_optimizer(
        partial(SGD, lr=0.01), small(), bias_lr_factor=2.0, layer_options=options
    )
    for group in optimizer.param_groups:
        group["lr"] = 0.001  # as OneCycleLR's one max_lr
    keep_lr_factors(StepLR(optimizer, 1))
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == pytest.approx(
        {"weights": 0.001, "biases": 0.002, "classifier": 0.005, "conv1.bias": 0.002}
    )


def test_frozen_parameters_are_left_out(module: nn.Sequential) -> None:
    module[0].requires_grad_(False)
    groups = build_optimizer(partial(SGD, lr=0.01), module).param_groups
    assert sum(len(group["params"]) for group in groups) == 4


def test_the_factors_hold_whichever_group_is_the_first() -> None:
    model = small()
    model.network.classifier.requires_grad_(False)
    optimizer = build_optimizer(
        partial(SGD, lr=0.01), model, bias_lr_factor=2.0, backbone_lr_factor=0.5
    )
    schedule = LambdaLR(optimizer, lambda step: 1.0)
    for group in optimizer.param_groups:
        group["lr"] = 0.03
    keep_lr_factors(schedule)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.03, 0.06])


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
    assert build_optimizer(make, module).param_groups[0].get("fused") is fused


class RatesOfGroups(Callback):
    """Note the rates of all groups when a batch begins, at the step, and when it has ended."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def note(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.note(trainer)

    def on_before_optimizer_step(self, trainer: Trainer, *_: Any) -> None:
        self.note(trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        self.note(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.note(trainer)


FEW = {"limit_train_batches": 2, "limit_val_batches": 1}
OPEN = {"total_steps": None, "epochs": None, "steps_per_epoch": None}  # as from a YAML
SCHEDULES = {
    "Plateau": partial(Plateau, patience=0, threshold=0.99, min_lr=0.004),
    "WarmupCosine": partial(WarmupCosine, final_lr_factor=0.1, total_steps=None),
    "OneCycleLR": partial(OneCycleLR, max_lr=0.1, **OPEN),
    "OneCycleLR of given steps": partial(OneCycleLR, max_lr=0.1, total_steps=20),
    "CyclicLR": partial(CyclicLR, base_lr=0.001, max_lr=0.1, step_size_up=3),
    "CosineAnnealingLR": partial(CosineAnnealingLR, T_max=3, eta_min=0.002),
    "StepLR": partial(StepLR, step_size=1),
    "LinearLR": partial(LinearLR, total_iters=2),
}


@pytest.mark.parametrize(
    ("name", "interval"),
    [*((name, "step") for name in SCHEDULES), ("StepLR", "epoch"), ("CosineAnnealingLR", "epoch")],
)
def test_the_factors_hold_at_every_step_of_every_schedule(
    tmp_path: Path, name: str, interval: str
) -> None:
    model = small(
        optimizer=partial(SGD, lr=0.01, momentum=0.9),
        lr_scheduler=SCHEDULES[name],
        lr_interval=interval,
        bias_lr_factor=2.0,
        backbone_lr_factor=0.25,
    )
    rates = RatesOfGroups()
    quiet_trainer(tmp_path, 3, rates, **FEW).fit(model, DigitsDataModule(batch_size=20))
    assert len(rates.seen) == 3 * (2 * 3 + 1)
    for first, *others in rates.seen:
        assert others == pytest.approx([2.0 * first, 0.25 * first, 0.5 * first], rel=1e-12)
    assert len({first for first, *_ in rates.seen}) > 1, "the schedule must have moved the rate"


def test_a_schedule_sets_the_logged_rate_as_it_would_without_factors(tmp_path: Path) -> None:
    def rates(**factors: float) -> list[float]:
        model = small(
            optimizer=partial(SGD, lr=0.01, momentum=0.9),
            lr_scheduler=partial(CosineAnnealingLR, T_max=3, eta_min=0.002),
            lr_interval="step",
            **factors,
        )
        seen = RatesOfGroups()
        quiet_trainer(tmp_path, 2, seen, **FEW).fit(model, DigitsDataModule(batch_size=20))
        return [first for first, *_ in seen.seen]

    assert rates(bias_lr_factor=2.0, backbone_lr_factor=0.1) == rates()


def test_only_a_schedule_with_an_open_budget_needs_one() -> None:
    assert needs_total_steps(partial(OneCycleLR, max_lr=0.1, total_steps=None, epochs=None))
    assert needs_total_steps(partial(WarmupCosine, total_steps=None))
    assert not needs_total_steps(partial(OneCycleLR, max_lr=0.1, total_steps=50))
    assert not needs_total_steps(partial(StepLR, step_size=3))


def test_one_kernel_updates_all_parameters_unless_told_otherwise(
    module: nn.Sequential, quick_config: Path
) -> None:
    from_yaml = ExperimentCLI(["--config", str(quick_config)]).model.optimizer
    assert from_yaml is not None
    for make in (from_yaml, Adam, partial(Adam, lr=0.1)):
        assert build_optimizer(make, module).param_groups[0]["fused"] is True
    for make in (partial(Adam, fused=False), partial(Adam, foreach=True), lambda p: Adam(p)):
        assert not build_optimizer(make, module).param_groups[0]["fused"]
