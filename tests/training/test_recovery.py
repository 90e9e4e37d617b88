"""What is kept of a run, and how many times."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from alexnet_lightning.system import signals
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import rotate
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.recovery import Recovery, check_steps


def test_so_many_are_kept_and_there_is_always_a_last(tmp_path: Path) -> None:
    for content in "abcd":
        rotate(tmp_path, keep=3)
        part = tmp_path / "part"
        part.write_text(content)
        part.replace(tmp_path / "last.ckpt")
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"last.ckpt": "d", "last-1.ckpt": "c", "last-2.ckpt": "b"}
    rotate(tmp_path, keep=3)
    assert (tmp_path / "last.ckpt").read_text() == "d", "gone until the next is written"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_n_steps": 0}, "recovery.every_n_steps is 0"),
        ({"every_n_minutes": 0.0}, "recovery.every_n_minutes is 0"),
        ({"keep": 0}, "recovery.keep is 0"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Recovery(Path(), MetricsCSV(Path()), **arguments)  # type: ignore[arg-type]


def test_the_first_signal_is_noted_and_the_second_obeyed(tmp_path: Path) -> None:
    code = (
        "import signal, sys; from alexnet_lightning.system import signals\n"
        "signals.listen(*signals.STOP)\n"
        "signal.raise_signal(signal.SIGINT); print(signals.received.name, flush=True)\n"
        "signal.raise_signal(signal.SIGINT); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "SIGINT\n"
    assert "Ctrl-C again leaves at once" in done.stderr
    assert done.returncode == -signal.SIGINT


def test_listening_needs_no_slow_import() -> None:
    code = "import sys; from alexnet_lightning.system import signals; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_statuses_are_those_of_the_shell() -> None:
    assert signals.Stopped(signal.SIGINT).status == 130
    assert signals.Stopped(signal.SIGTERM).status == 143


def test_more_patience_is_not_overruled_by_the_checkpoint(run: Path, tmp_path: Path) -> None:
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    before, now = (EarlyStopping("val/loss", patience=patience) for patience in (1, 5))
    content["callbacks"][now.state_key] = before.state_dict()
    trainer: Any = SimpleNamespace(
        callbacks=[now], world_size=1, fit_loop=SimpleNamespace(load_state_dict=None)
    )
    module: Any = SimpleNamespace(lr_scheduler=None)
    Recovery(tmp_path, MetricsCSV(tmp_path)).on_load_checkpoint(trainer, module, content)
    now.load_state_dict(content["callbacks"][now.state_key])
    assert now.patience == 5


def test_another_number_of_processes_is_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    trainer: Any = SimpleNamespace(
        callbacks=[], world_size=2, fit_loop=SimpleNamespace(load_state_dict=None)
    )
    module: Any = SimpleNamespace(lr_scheduler=None)
    Recovery(tmp_path, MetricsCSV(tmp_path)).on_load_checkpoint(trainer, module, content)
    assert capsys.readouterr().out == "resumed by 2 processes, begun by 1: other batches\n"


@pytest.mark.parametrize(
    ("now", "total", "fits"), [(24, None, True), (12, None, False), (12, 24, True)]
)
def test_a_schedule_over_the_run_needs_the_steps_it_was_laid_out_over(
    now: int, total: int | None, fits: bool
) -> None:
    cycle = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=total)
    trainer: Any = SimpleNamespace(estimated_stepping_batches=now)
    module: Any = SimpleNamespace(lr_scheduler=cycle)
    state = {"lr_schedulers": [{"total_steps": 24}]}
    if fits:
        check_steps(trainer, module, state)
        return
    with pytest.raises(
        UserError, match=r"laid out over 24 steps, and with .* there are 12; resume"
    ):
        check_steps(trainer, module, state)
