"""Flags that are mistyped or out of range."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_lightning import AlexNetBN, DigitsDataModule, Predictor
from alexnet_lightning.cli.config_files import as_flags
from alexnet_lightning.evaluate import evaluate
from alexnet_lightning.explain import explain
from alexnet_lightning.export import export
from alexnet_lightning.fit import fit
from alexnet_lightning.predict import predict
from alexnet_lightning.system.errors import UserError
from tests.conftest import ROOT
from tests.strangers.conftest import Case

CASES = [
    Case(
        "fit --config {quick} --trainer.max_epoch 3",
        r"^error: .*--trainer\.max_epoch.*; did you mean --trainer\.max_epochs\?$",
    ),
    Case("fit --config {quick} --model.hardest", r"^error: --model\.hardest: no value is given; "),
    Case(
        "fit --config {quick} --data.batch_size --trainer.max_epochs 3",
        r"^error: --data\.batch_size: no value is given; write --data\.batch_size VALUE$",
    ),
    Case(
        "fit --config {quick} --trainer.callbacks+",
        r"^error: --trainer\.callbacks\+: no value is given; ",
    ),
    Case("fit --config {quick} --trainer", r"^error: --trainer: no value is given; "),
    Case("evaluate latest --split", r"^error: --split: no value is given; "),
    Case("fit --config {quick} --model.width wide", r"^error: model\.width: "),
    Case("fit --config {quick} --model.width 0", r"^error: AlexNetBN: width is 0"),
    Case(
        "fit --config {quick} --model.layer_options fc8",
        r"layer_options: give a mapping, as {name: ",
    ),
    Case(
        "fit --config {quick} --model.optimizer SGD --model.layer_options '{{fc9: {{lr: 1}}}}'",
        r"^error: model\.layer_options: no weights to train below a layer named fc9$",
    ),
    Case(
        "fit --config {quick} --model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 1"
        " --model.width 0",
        r"^error: AlexNetBN: width is 0",
    ),
    Case(
        "fit --config {quick} --checkpoint.monitor val/loss",
        r"^error: checkpoint\.mode is max, .* best val/loss would be the worst; give min$",
    ),
    Case(
        "fit --config {digits} --trainer.callbacks+ LearningRateFinder",
        r"^error: trainer\.callbacks: LearningRateFinder .* OneCycleLR sets the rate",
    ),
    Case(
        "fit --config {quick} --trainer.callbacks+ EarlyStopping"
        " --trainer.callbacks.monitor val/top1",
        r"^error: trainer\.callbacks: EarlyStopping\.mode is min, .* give max$",
    ),
    Case(
        "fit --config {quick} --trainer.callbacks+ EarlyStoping",
        r"^error: trainer\.callbacks: no class named EarlyStoping; did you mean EarlyStopping\?$",
    ),
    Case(
        "fit --config {quick} --trainer.logger CSVLoger",
        r"^error: trainer\.logger: no class named CSVLoger; did you mean CSVLogger\?$",
    ),
    Case("fit --config {quick} --trainer.max_time 5", r"^error: trainer\.max_time is 5: give days"),
    Case("fit --config {quick} --model ''", r"^error: model: no class named ''; give a name that"),
    Case("fit --config 'a\nb.yaml'", r"^error: --config: cannot read a\\nb\.yaml: No such file"),
    Case("predict 'no\nrun' a.png", r"^error: no\\nrun: no run there"),
    Case("check_data --data ImageFolderDataModule", r"^error: .*: no such folder; name another"),
    Case("evaluate ''", r"^error: the run's name is empty; give a run folder, a config's name, or"),
    Case("fit --resume ''", r"^error: the run's name is empty; give a run folder"),
    Case("evaluate nowhere", r"^error: .*nowhere"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_command_ends_in_one_line(case: Case, ends: Callable[..., tuple[str, str]]) -> None:
    ends(case, digits=ROOT / "configs" / "digits_bn.yaml")


@pytest.mark.parametrize("name", ["LOCAL_RANK", "SLURM_NTASKS", "SLURM_RESTART_COUNT"])
def test_a_variable_that_is_no_number_is_named(
    name: str, ends: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    ends(Case("fit --config {quick}", f"^error: the environment's {name} is 'x', not a number"))


def test_a_file_whose_name_begins_with_a_dash(
    run: Path, ends: Callable[..., tuple[str, str]], in_tmp: Path
) -> None:
    Image.new("L", (8, 8)).save(in_tmp / "-cat.png")
    ends(Case("predict {run} --top 1 -- -cat.png", r"^-cat\.png ", 0), run=run)


def test_a_rate_that_the_schedule_replaces_is_said(ends: Callable[..., tuple[str, str]]) -> None:
    flags = "--model.optimizer.lr 0.1 --trainer.fast_dev_run true --trainer.accelerator cpu"
    case = Case(f"fit --config {{digits}} {flags}", "", 0)
    out, _ = ends(case, digits=ROOT / "configs" / "digits_bn.yaml")
    assert "model.optimizer.lr 0.1 has no effect: OneCycleLR sets the rate by its max_lr" in out


def test_python_is_refused_like_the_command_line(trained_run: Path) -> None:
    with pytest.raises(UserError, match="split is train: give val or test"):
        evaluate(trained_run, split="train")
    with pytest.raises(UserError, match="limit_test_batches is 0: nothing is evaluated"):
        evaluate(trained_run, overrides={"trainer.limit_test_batches": 0})
    with pytest.raises(UserError, match=r"--top: 2\.5: give a whole number >= 1"):
        predict(trained_run, "a.png", top=2.5)
    with pytest.raises(UserError, match="what: kernel: give kernels"):
        explain(trained_run, what=["kernel"])
    with pytest.raises(UserError, match="format is tflite: give one of"):
        export(trained_run, format="tflite")
    with pytest.raises(UserError, match="config is None: give a YAML file, or a list of them"):
        fit(None)
    with pytest.raises(UserError, match="overrides is 3: give flags, as"):
        fit((), overrides=3)
    with pytest.raises(UserError, match="None is no run: give a run folder"):
        evaluate(None)
    with pytest.raises(UserError, match=r"model\.optimizer is 'Adam': give a function that makes"):
        AlexNetBN(10, 1, 8, "small", 0.05, optimizer="Adam")


def test_python_takes_numbers_of_numpys_and_paths() -> None:
    flags = {
        "trainer.max_epochs": np.int64(3),
        "runs_dir": Path("x"),
        "data.mean": [np.float32(0.5)],
    }
    assert as_flags(flags) == ["--trainer.max_epochs=3", "--runs_dir=x", "--data.mean=[0.5]"]
    with pytest.raises(
        UserError, match=r"overrides: <class .* is no text, .* name a class as text"
    ):
        as_flags({"model": Path})


def test_images_that_would_be_taken_for_black_are_refused(trained_run: Path) -> None:
    predictor, floats = Predictor.load(trained_run), torch.rand(2, 1, 8, 8)
    for use in (predictor.top, predictor.embed, DigitsDataModule().preprocess):
        with pytest.raises(UserError, match=r"float32 of shape \(2, 1, 8, 8\): give uint8 \(N, C"):
            use(floats)
    with pytest.raises(UserError, match="k is 0: give a whole number >= 1"):
        predictor.top(floats.byte(), k=0)
