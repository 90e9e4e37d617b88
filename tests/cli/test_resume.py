"""What a finished run says when it is resumed: what ended it, and what to do."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from alexnet_lightning.cli import resume
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.cli.resume import check_cut, ended_by, resume_flag
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.recovery import cut_short, finish_epoch
from alexnet_lightning.training.run_folder import RunFolder

STATE = "EarlyStopping{'monitor': 'val/loss', 'mode': 'min'}"


@pytest.fixture(scope="module")
def checkpoint(run: Path) -> dict[str, Any]:
    """The last checkpoint of a run that ended after two epochs of six steps."""
    content: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return content


@pytest.fixture(scope="module")
def cli(run: Path) -> ExperimentCLI:
    return ExperimentCLI(
        [
            "--config",
            str(run / "config.yaml"),
            "--trainer.callbacks+",
            "EarlyStopping",
            "--trainer.callbacks.monitor",
            "val/loss",
            "--trainer.callbacks.patience",
            "2",
        ]
    )


@pytest.fixture
def timed(run: Path) -> ExperimentCLI:
    flags = ["--trainer.callbacks+=Timer", "--trainer.callbacks.duration=00:00:01:00"]
    return ExperimentCLI(["--config", str(run / "config.yaml"), *flags])


@pytest.mark.parametrize(("seconds", "over"), [(61.0, True), (59.0, False)])
def test_a_timer_of_the_users_ended_a_run(
    timed: ExperimentCLI, checkpoint: dict[str, Any], run: Path, seconds: float, over: bool
) -> None:
    timed.config.trainer.max_epochs = -1
    states = {"Timer": {"time_elapsed": {"train": seconds}}}
    reason = ended_by(checkpoint | {"callbacks": states}, RunFolder(run), timed)
    said = "the duration of its Timer was reached; resume it with a larger one"
    assert reason == (said if over else None)


@pytest.fixture
def ended(
    cli: ExperimentCLI, checkpoint: dict[str, Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str | None]:
    """Say what ended a run with these flags of the Trainer and these states in its checkpoint."""

    def say(schedule: str | None = None, states: Any = None, rates: Any = (), **flags: Any) -> Any:
        monkeypatch.setattr(resume, "laid_out_schedule", lambda cli: schedule)
        for key, value in {"max_epochs": -1, **flags}.items():
            monkeypatch.setitem(cli.config.trainer.__dict__, key, value)
        content = checkpoint | {"callbacks": states or {}, "lr_schedulers": list(rates)}
        return ended_by(content, RunFolder(run), cli)

    return say


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"max_epochs": 2}, "--trainer.max_epochs was reached; resume it with a larger"),
        ({"max_epochs": 3}, None),
        ({"max_epochs": None}, None),
        ({"max_steps": 12}, "--trainer.max_steps was reached; resume it with a larger"),
        ({"max_epochs": None, "max_steps": 13}, None),
        (
            {"max_epochs": 2, "schedule": "OneCycleLR"},
            "--trainer.max_epochs was reached, where its OneCycleLR ends; start a new run",
        ),
        (
            {"max_time": "00:00:01:00", "states": {"Timer": {"time_elapsed": {"train": 61.0}}}},
            "--trainer.max_time was reached; resume it with a larger one",
        ),
        ({"max_time": "00:00:02:00", "states": {"Timer": {"time_elapsed": {"train": 61.0}}}}, None),
        (
            {"states": {STATE: {"wait_count": 2, "patience": 2}}},
            "EarlyStopping on val/loss ended it",
        ),
        ({"states": {STATE: {"wait_count": 1, "patience": 1}}}, None),
        (
            {"states": {STATE: {"wait_count": 0, "stopping_reason": 4}}},
            "EarlyStopping on val/loss ended it",
        ),
        ({"rates": [{"finished": True}]}, "model.lr_scheduler had made its max_reductions"),
    ],
)
def test_what_ended_a_run(
    ended: Callable[..., str | None], facts: dict[str, Any], reason: str | None
) -> None:
    found = ended(**facts)
    assert found is None if reason is None else str(found).startswith(reason), found


def test_an_epoch_that_was_cut_short_counts_as_one(checkpoint: dict[str, Any]) -> None:
    assert not cut_short(checkpoint)
    content = deepcopy(checkpoint)
    loop = content["loops"]["fit_loop"]
    loop["epoch_loop.batch_progress"] |= {
        "is_last_batch": False,
        "current": dict.fromkeys(["ready", "started", "processed", "completed"], 3),
    }
    assert cut_short(content)
    check_cut(Path("last.ckpt"), content, None)
    with pytest.raises(UserError, match="its OneCycleLR would not come to its end; start a new"):
        check_cut(Path("last.ckpt"), content, "OneCycleLR")
    finish_epoch(loop, batches=6)
    assert not cut_short(content)
    assert loop == checkpoint["loops"]["fit_loop"]
    loop["epoch_loop.val_loop.batch_progress"]["total"]["ready"] = 0
    with pytest.raises(UserError, match="was not validated, so that it cannot go on; start a new"):
        check_cut(Path("last.ckpt"), content, None)


def test_two_runs_at_once_are_refused() -> None:
    with pytest.raises(UserError, match="--resume is given 2 times: resume one run at a time"):
        resume_flag(["--resume", "A", "--resume=B"])
