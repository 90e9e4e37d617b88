"""Plateau and WarmupCosine by the numbers; every kind of schedule from a YAML in a real fit."""

from functools import partial
from math import cos, pi
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.optim import SGD

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.schedules import (
    Plateau,
    WarmupCosine,
    WarmupLinear,
    WarmupPolynomial,
)

from .test_classifier import Rates, quiet_trainer, small

FEW = {"limit_train_batches": 2, "limit_val_batches": 1}


def sgd(lr: float) -> SGD:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates_of_plateau(plateau: Plateau, losses: list[float]) -> list[float]:
    rates = []
    for loss in losses:
        plateau.step(loss)
        rates.append(plateau.optimizer.param_groups[0]["lr"])
    return rates


def test_the_rate_is_divided_by_ten_when_the_loss_stops_falling() -> None:
    plateau = Plateau(sgd(0.01), patience=1)
    assert plateau.monitor == "val/loss"
    rates = rates_of_plateau(plateau, [1.0, 0.9, 0.9, 0.9, 0.9])
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.001, 0.001])


def test_after_its_reductions_a_plateau_is_finished_in_place_of_one_more() -> None:
    plateau = Plateau(sgd(1.0), patience=0, max_reductions=3)
    assert rates_of_plateau(plateau, [1.0] * 4) == pytest.approx([1.0, 0.1, 0.01, 0.001])
    assert (plateau.reductions, plateau.finished) == (3, False)
    assert rates_of_plateau(plateau, [0.5, 0.5]) == pytest.approx([0.001, 0.001])
    assert (plateau.reductions, plateau.finished) == (3, True)


def test_without_a_limit_a_plateau_never_finishes() -> None:
    plateau = Plateau(sgd(1.0), patience=0)
    assert rates_of_plateau(plateau, [1.0] * 7)[-1] == pytest.approx(1e-6)
    assert not plateau.finished


def test_a_plateau_keeps_its_count_as_a_plain_value() -> None:
    first, second = (Plateau(sgd(1.0), patience=0, max_reductions=2) for _ in range(2))
    rates_of_plateau(first, [1.0] * 3)
    second.load_state_dict(first.state_dict())
    assert (second.reductions, second.finished) == (2, False)
    plain = (bool, int, float, str, list, type(None))
    assert all(isinstance(value, plain) for value in first.state_dict().values())


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_training_ends_after_the_last_reduction_and_stays_ended_when_resumed(
    tmp_path: Path,
) -> None:
    # A threshold that no epoch meets: the rate falls after epochs 2 and 3, epoch 4 is the last.
    plateau = partial(Plateau, patience=0, threshold=0.99, max_reductions=2)
    recipe = {"optimizer": partial(SGD, lr=0.01), "lr_scheduler": plateau}

    def fit(resume: Path | None) -> tuple[Trainer, Rates]:
        rates = Rates()
        checkpoint = ModelCheckpoint(tmp_path, save_last=True, save_on_train_epoch_end=True)
        trainer = quiet_trainer(tmp_path, 9, rates, checkpoint, **FEW)
        trainer.fit(small(**recipe), DigitsDataModule(batch_size=20), ckpt_path=resume)
        return trainer, rates

    trainer, rates = fit(None)
    assert [rate for _, rate, _ in rates.seen] == pytest.approx([0.01, 0.01, 0.001, 0.0001])
    assert trainer.current_epoch == 4
    trainer, rates = fit(tmp_path / "last.ckpt")
    assert (trainer.current_epoch, rates.seen) == (4, [])


def test_a_warm_up_in_a_straight_line_then_half_a_cosine() -> None:
    schedule = WarmupCosine(sgd(2.0), warmup_fraction=0.3, final_lr_factor=0.1, total_steps=10)
    rates = []
    for _ in range(11):
        rates.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    falling = [2.0 * (0.1 + 0.9 * (1 + cos(pi * step / 7)) / 2) for step in range(8)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, *falling])
    assert rates[3] == 2.0
    assert rates[10] == pytest.approx(0.2)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_of_the_time_left_is_torchs_polynomial(power: float) -> None:
    rates = []
    for make in (
        partial(WarmupPolynomial, power=power, warmup_fraction=0.0, total_steps=8),
        partial(torch.optim.lr_scheduler.PolynomialLR, power=power, total_iters=8),
    ):
        optimizer = sgd(2.0)
        schedule = make(optimizer)
        of_one = []
        for _ in range(9):
            of_one.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        rates.append(of_one)
    assert rates[0] == pytest.approx(rates[1], abs=1e-12)
    assert rates[0][2] == pytest.approx(2.0 * 0.75**power)
    assert rates[0][8] == 0.0


def test_a_group_of_fewer_epochs_comes_to_the_end_of_its_own_course() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    optimizer.add_param_group({"params": torch.nn.Parameter(torch.zeros(1)), "lr": 4.0, "steps": 4})
    schedule = WarmupLinear(optimizer, warmup_fraction=0.0, total_steps=8)
    rates = []
    for _ in range(8):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert [rate for rate, _ in rates] == pytest.approx([2 * (1 - step / 8) for step in range(8)])
    assert [rate for _, rate in rates] == pytest.approx([4, 3, 2, 1, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Plateau, {"max_reductions": -1}, "max_reductions is -1"),
        (WarmupCosine, {"total_steps": 9, "warmup_fraction": 1.0}, "warmup_fraction is 1.0"),
        (WarmupCosine, {"total_steps": 9, "final_lr_factor": 1.5}, "final_lr_factor is 1.5"),
        (WarmupCosine, {"total_steps": 0}, "total_steps is 0"),
        (WarmupPolynomial, {"total_steps": 9, "power": 0.0}, "power is 0.0"),
    ],
)
def test_arguments_out_of_range(kind: type, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(sgd(0.1), **arguments)


class RatesOfSteps(Callback):
    """Note the rate that every step is taken with."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_optimizer_step(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def rates_of_a_fit(config: Path, folder: Path, schedule: dict[str, Any]) -> list[float]:
    """Train two epochs of three steps as the command does, from the YAML alone."""
    content = yaml.safe_load(config.read_text())
    content["model"]["init_args"]["lr_scheduler"] = schedule
    content["data"]["init_args"]["batch_size"] = 20
    content["trainer"].update(limit_train_batches=3, limit_val_batches=1)
    path = folder / "schedule.yaml"
    path.write_text(yaml.safe_dump(content))
    cli = ExperimentCLI(["--config", str(path)])
    trainer = cli.bare_trainer(folder)
    rates = RatesOfSteps()
    trainer.callbacks.append(rates)  # type: ignore[attr-defined]
    trainer.fit(cli.model, datamodule=cli.datamodule)
    return [rate / 0.001 for rate in rates.seen]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"class_path": "StepLR", "init_args": {"step_size": 1}}, [1, 1, 1, 0.1, 0.1, 0.1]),
        ({"class_path": "CosineAnnealingLR", "init_args": {"T_max": 2}}, [1, 1, 1, 0.5, 0.5, 0.5]),
        (
            # Of six steps .3 · 6 - 1 = .8 up, the others down to nothing.
            {
                "class_path": "OneCycleLR",
                "init_args": {"max_lr": 0.001, "anneal_strategy": "linear"},
            },
            [0.04, *(1 - (step - 0.8) / 4.2 for step in range(1, 6))],
        ),
        (
            {"class_path": "WarmupCosine", "init_args": {"warmup_fraction": 0.5}},
            [0.25, 0.5, 0.75, 1, 0.75, 0.25],
        ),
        (
            {"class_path": "WarmupLinear", "init_args": {"warmup_fraction": 0.0}},
            [1 - step / 6 for step in range(6)],
        ),
        (
            {"class_path": "WarmupPolynomial", "init_args": {"power": 0.5, "warmup_fraction": 0.0}},
            [(1 - step / 6) ** 0.5 for step in range(6)],
        ),
        ({"class_path": "Plateau", "init_args": {"patience": 0, "threshold": 0.99}}, [1] * 6),
    ],
    ids=lambda value: value["class_path"] if isinstance(value, dict) else "",
)
def test_a_schedule_from_the_yaml(
    quick_config: Path, tmp_path: Path, schedule: dict[str, Any], expected: list[float]
) -> None:
    found = rates_of_a_fit(quick_config, tmp_path, schedule)
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_wrong_argument_is_said_before_training(quick_config: Path, tmp_path: Path) -> None:
    schedule = {"class_path": "WarmupCosine", "init_args": {"warmup_fraction": 2.0}}
    with pytest.raises(UserError, match=r"model\.lr_scheduler: warmup_fraction is 2\.0"):
        rates_of_a_fit(quick_config, tmp_path, schedule)
