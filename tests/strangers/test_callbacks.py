"""Loggers and callbacks of Lightning's that users add: each works, or is refused in one line."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import BackboneFinetuning, LearningRateFinder
from lightning.pytorch.loggers import comet
from lightning_utilities.core.imports import RequirementCache
from torch import Tensor
from torch.optim import SGD

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.evaluate import evaluate
from alexnet_lightning.models import TorchvisionClassifier
from alexnet_lightning.training.schedules import WarmupCosine
from tests.strangers.conftest import Case
from tests.training.test_classifier import quiet_trainer, small

TRIED = "fit --config {quick} --trainer.fast_dev_run true"
REFUSED = "fit --config {quick} --trainer.callbacks+"
PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"
CASES = [
    Case(f"{TRIED} --trainer.callbacks+ LearningRateMonitor", "", 0),
    Case(f"{TRIED} --trainer.callbacks+ DeviceStatsMonitor", "", 0),
    Case(f"{TRIED} --trainer.callbacks+ Timer --trainer.callbacks.duration 01:00:00:00", "", 0),
    Case(
        f"{TRIED} --trainer.callbacks+ EarlyStopping --trainer.callbacks.monitor train/loss", "", 0
    ),
    Case(f"{TRIED} --model.lr_scheduler {PLATEAU}", "", 0),
    Case(
        f"{TRIED} --model.lr_scheduler {PLATEAU} --trainer.check_val_every_n_epoch 2",
        r"^error: model\.lr_scheduler: a plateau steps once an epoch",
    ),
    Case(
        "fit --config {quick} --model.lr_scheduler StepLR --model.lr_scheduler.step_size 0",
        r"^error: model\.lr_scheduler: integer modulo by zero$",
    ),
    Case(
        f"{REFUSED} BaseFinetuning",
        r"^error: trainer\.callbacks: BaseFinetuning .* give BackboneFinetuning$",
    ),
    Case(
        f"{REFUSED} OperationsCount",
        r"^error: trainer\.callbacks: .* OperationsCount; did you mean OperationCount\?$",
    ),
    Case(
        f"{REFUSED} OnExceptionCheckpoint --trainer.callbacks.dirpath x",
        r"^error: trainer\.callbacks: OnExceptionCheckpoint .* leave it out",
    ),
    Case(
        f"{REFUSED} BackboneFinetuning --model.backbone_lr_factor 0.1",
        r"^error: trainer\.callbacks: BackboneFinetuning .* leave out backbone_lr_factor$",
    ),
    Case(
        f"{REFUSED} BatchSizeFinder",
        r"^error: trainer\.callbacks: BatchSizeFinder .* give --data\.batch_size$",
    ),
    Case(
        f"{REFUSED} BackboneFinetuning --trainer.devices 2 --trainer.strategy ddp_spawn",
        r"^error: trainer\.callbacks: BackboneFinetuning .* 2 processes; give --trainer\.devices",
    ),
    Case(
        f"{REFUSED} ModelPruning --trainer.callbacks.pruning_fn l1_unstructured",
        r"^error: trainer\.callbacks: ModelPruning prunes after the validation",
    ),
    Case(
        f"{REFUSED} StochasticWeightAveraging --trainer.callbacks.swa_lrs 0.1",
        r"^error: trainer\.callbacks: StochasticWeightAveraging averages .*ema\.yaml",
    ),
    Case(
        f"{REFUSED} ModelPruning --trainer.callbacks.pruning_fn foo",
        r"^error: ModelPruning: The provided `pruning_fn` foo isn't available",
    ),
    Case(
        f"{REFUSED} LearningRateFinder --trainer.callbacks.attr_name foo",
        r"^error: trainer: The attribute name for the learning rate was set to foo",
    ),
    Case(
        f"{REFUSED} GradientAccumulationScheduler --trainer.callbacks.scheduling '{{{{1: 2}}}}'"
        " --trainer.accumulate_grad_batches 2",
        r"^error: trainer: You have set `accumulate_grad_batches` and are using",
    ),
    Case("fit --config {quick} --checkpoint.mode foo", r"^error: checkpoint: `mode` can be min"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_works_or_is_refused_in_one_line(
    case: Case, ends: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    ends(case)


def test_a_missing_package_is_named(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comet, "_COMET_AVAILABLE", RequirementCache("no-such-package>=3"))
    needed = r'^error: CometLogger: needs a package .*: pip install "no-such-package>=3"$'
    ends(Case("fit --config {quick} --trainer.logger CometLogger", needed))
    ends(Case("fit --config {quick} --trainer.logger+ CometLogger", needed))


def test_several_loggers(quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    flags = ["--trainer.max_epochs=1"]
    for folder in ("one", "two"):
        flags += ["--trainer.logger+=CSVLogger", f"--trainer.logger.save_dir={folder}"]
    from alexnet_lightning.fit import experiment

    run = Path(experiment([f"--config={quick_config}", *flags])["run"])
    for folder in ("one", "two"):
        (table,) = (in_tmp / folder).rglob("metrics.csv")
        assert "val/top1" in table.read_text()
    assert evaluate(run)["test/top1"] == json.loads((run / "summary.json").read_text())["test/top1"]


@pytest.mark.parametrize(
    "callback",
    [
        {"class_path": "Timer", "init_args": {"duration": "00:01:00:00"}},
        {"class_path": "StochasticWeightAveraging", "init_args": {"swa_lrs": 0.1}},
        {"class_path": "ModelPruning", "init_args": {"pruning_fn": "l1_unstructured"}},
    ],
    ids=lambda callback: callback["class_path"],
)
def test_a_callback_is_kept_as_it_was_given(
    callback: dict[str, object], quick_config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
    first = ExperimentCLI([f"--config={quick_config}", f"--config={path}", "--name=x"]).resolved
    path.write_text(first)
    assert ExperimentCLI([f"--config={path}"]).resolved == first


def test_a_found_rate_trains_as_if_it_had_been_given(tmp_path: Path) -> None:
    def trained(lr: float, *callbacks: Callback) -> tuple[Any, dict[str, Tensor]]:
        model = small(
            optimizer=partial(SGD, lr=lr),
            lr_scheduler=partial(WarmupCosine, warmup_fraction=0.0, total_steps=None),
            bias_lr_factor=2.0,
        )
        trainer = quiet_trainer(tmp_path, 2, *callbacks)
        trainer.fit(model, DigitsDataModule(batch_size=80))
        return model, trainer.callback_metrics

    finder = LearningRateFinder(num_training_steps=20, max_lr=0.1)
    model, figures = trained(123.0, finder)
    assert finder.optimal_lr is not None
    assert model.lr == finder.optimal_lr.suggestion()
    assert figures == trained(model.lr)[1]


def test_the_backbone_is_frozen_and_then_trained(tmp_path: Path) -> None:
    model = small(optimizer=partial(SGD, lr=0.1), bias_lr_factor=2.0)
    before = {key: values.clone() for key, values in model.state_dict().items()}
    unfreezing = BackboneFinetuning(unfreeze_backbone_at_epoch=1, train_bn=False)
    quiet_trainer(tmp_path, 1, unfreezing).fit(model, DigitsDataModule(batch_size=200))
    moved = {key.split(".")[1] for key in before if not before[key].equal(model.state_dict()[key])}
    assert moved == {"classifier"}
    model = small(optimizer=partial(SGD, lr=0.1), bias_lr_factor=2.0)
    before = {key: values.clone() for key, values in model.state_dict().items()}
    quiet_trainer(tmp_path, 2, unfreezing).fit(model, DigitsDataModule(batch_size=200))
    moved = {key.split(".")[1] for key in before if not before[key].equal(model.state_dict()[key])}
    assert moved == {"features", "classifier"}


def test_the_backbone_of_a_torchvision_network() -> None:
    model = TorchvisionClassifier("resnet18", num_classes=10, in_channels=3, image_size=32)
    layers = list(model.backbone)
    assert layers[0] is model.network.model.conv1
    assert layers[-1] is model.network.model.layer4
