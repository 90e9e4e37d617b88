"""What may change on resuming: every row of the table, and the same table in the docs."""

import re
from pathlib import Path
from typing import Any

import pytest

from alexnet_lightning.cli.changes import TABLE, Row, check_changes, judged, row_of, settings
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
RUN = Path("runs/digits_bn/20260101-000000")
STOPPING = [{"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": {}}]
AVERAGE = [{"class_path": "lightning.pytorch.callbacks.EMAWeightAveraging", "init_args": {}}]
# Key, its value in the run and in the command, and what the line says; of one key per row at least.
EXACT: list[tuple[str, Any, Any]] = [
    ("trainer.max_epochs", 2, 4),
    ("trainer.max_steps", -1, 100),
    ("trainer.max_time", "00:00:01:00", "00:01:00:00"),
    ("data.root", "data", "/elsewhere"),
    ("pretrained", None, "runs/other/20260101-000000"),
    ("trainer.logger.save_dir", "a", "b"),
]
SAID: list[tuple[str, Any, Any, str]] = [
    ("trainer.devices", "auto", 2, "was auto and is 2: another number of processes"),
    ("trainer.precision", None, "bf16-mixed", "was null and is bf16-mixed: numbers are rounded"),
    ("trainer.gradient_clip_val", None, 1.0, "was null and is 1.0: the steps are others"),
    ("checkpoint.monitor", "val/top1", "val/loss", "was val/top1 and is val/loss: the best"),
    ("trainer.callbacks", None, STOPPING, "was null and is .*EarlyStopping.*: a callback that is"),
]
REFUSED: list[tuple[str, Any, Any, str]] = [
    ("name", "quick", "other", "is quick in .* and cannot become other .*stays in its folder"),
    ("seed_everything", 0, 5, "is 0 in .* become 5 .*everything random"),
    ("data.batch_size", 200, 32, "is 200 in .* become 32 .*other steps"),
    ("trainer.accumulate_grad_batches", 1, 2, "is 1 in .* become 2 .*other steps"),
    ("data", "CIFAR10DataModule", "DigitsDataModule", "is CIFAR10.* become DigitsDataModule"),
    ("data.pixel_max", 1.0, 255.0, "is 1.0 in .* become 255.0 .*input"),
    ("model.optimizer", "Adam", "SGD", "is Adam in .* become SGD .*their state"),
    ("model.optimizer.lr", 0.001, 0.1, "is 0.001 in .* become 0.1 .*their settings"),
    ("model.lr_scheduler", None, "OneCycleLR", "is null in .* become OneCycleLR"),
    ("model", "AlexNet", "AlexNetBN", "is AlexNet in .* become AlexNetBN .*another model"),
    ("model.width", 0.25, 0.5, "is 0.25 in .* become 0.5 .*another model"),
    ("trainer.inference_mode", True, False, "is true in .* become false .*not known"),
    ("trainer.callbacks", None, AVERAGE, "is null in .* its state is a part of the training"),
    ("trainer.callbacks", AVERAGE, None, "is .*Averaging.* in .* its state is a part of the tra"),
]


@pytest.mark.parametrize(("key", "old", "new"), EXACT)
def test_allowed_and_exact(key: str, old: Any, new: Any) -> None:
    assert judged(RUN, {key: old}, {key: new}, schedule=None) == []


@pytest.mark.parametrize(("key", "old", "new", "line"), SAID)
def test_allowed_and_said(key: str, old: Any, new: Any, line: str) -> None:
    (said,) = judged(RUN, {key: old}, {key: new}, schedule=None)
    assert re.match(f"{key} {line}", said)


@pytest.mark.parametrize(("key", "old", "new", "line"), REFUSED)
def test_refused_in_a_line_with_both_values(key: str, old: Any, new: Any, line: str) -> None:
    with pytest.raises(UserError, match=rf"^{key} {line}.*; leave it out, or start a new run$"):
        judged(RUN, {key: old}, {key: new}, schedule=None)


@pytest.mark.parametrize("key", ["trainer.max_epochs", "trainer.max_steps"])
def test_a_schedule_over_the_length_keeps_it(key: str) -> None:
    with pytest.raises(UserError, match="its OneCycleLR is laid out over the run's length"):
        judged(RUN, {key: 2}, {key: 4}, schedule="OneCycleLR")
    assert judged(RUN, {"trainer.max_time": None}, {"trainer.max_time": "x"}, "OneCycleLR") == []


def test_every_row_is_tried_and_in_the_docs() -> None:
    assert {row_of(case[0]) for case in (*EXACT, *SAID, *REFUSED)} == set(TABLE)
    page = (ROOT / "docs" / "train.md").read_text()
    begun = page.index("| keys | on resuming | because |")
    assert page[begun:].split("\n\n")[0].splitlines()[2:] == [as_markdown(row) for row in TABLE]


def as_markdown(row: Row) -> str:
    return f"| {', '.join(f'`{key}`' for key in row.keys)} | {row.verdict} | {row.why} |"


def test_a_configuration_is_compared_by_the_keys_of_flags(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--config", str(run / "config.yaml")]
    cli = ExperimentCLI([*own, "--model.optimizer.lr=0.1", "--trainer.max_epochs=9"])
    before = settings(cli, run / "config.yaml")
    assert before["model"] == "AlexNetBN"
    assert before["model.optimizer.lr"] == 0.001
    assert {key for key in before if row_of(key) is None} == set(), "keys that the table lacks"
    with pytest.raises(UserError, match=r"^model.optimizer.lr is 0.001 in .* become 0.1"):
        check_changes(RunFolder(run), cli)
    check_changes(RunFolder(run), ExperimentCLI([*own, "--trainer.devices=2"]))
    assert capsys.readouterr().out.startswith(f"{run}: trainer.devices was auto and is")
