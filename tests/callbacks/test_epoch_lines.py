"""Progress in a log file."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet_lightning.fit import main as fit


def test_a_pipe_gets_a_line_per_epoch_and_no_bar(
    outcome: Callable[..., tuple[int, str, str]],
    quick_config: Path,
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    flags = ["--config", quick_config, "--trainer.enable_progress_bar", "null"]
    flags += ["--trainer.check_val_every_n_epoch", "2"]
    status, out, err = outcome(fit, *flags)
    assert status == 0
    lines = [line for line in out.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    number = r"\d+\.\d+"
    figures = rf"loss {number}  top-1 {number}%"
    assert re.fullmatch(rf"epoch 1/2  train {figures}  {number} s", lines[0])
    assert re.fullmatch(rf"epoch 2/2  train {figures}  val {figures}  {number} s", lines[1])
    assert "\r" not in out + err
