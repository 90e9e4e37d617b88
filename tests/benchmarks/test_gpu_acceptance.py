"""The acceptance on a GPU, rehearsed on the CPU: all of it runs, and what is wrong is said."""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from alexnet_lightning.models.create import list_models
from alexnet_lightning.system.errors import UserError

from .test_benchmarks import BENCHMARKS


@pytest.fixture
def acceptance(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gpu_acceptance")


def last_line(output: str) -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(output.splitlines()[-1])["parts"]
    return parts


@pytest.mark.slow  # under a minute on two idle cores
def test_the_rehearsal_runs_every_part(tmp_path: Path) -> None:
    out = tmp_path / "acceptance.json"
    script = [str(BENCHMARKS / "gpu_acceptance.py"), "--rehearse", "--out", str(out)]
    command = [sys.executable, "-W", "error", *script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = last_line(done.stdout)
    assert parts == last_line(out.read_text())
    states = {name: part["state"] for name, part in parts.items()}
    assert states.pop("float16") == "skipped"
    assert set(states.values()) == {"ok"}, states
    assert parts["resume after a kill"]["equal_tensors"] > 20


def test_a_part_that_is_wrong_or_late_is_said(
    acceptance: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def other_pixels(*_: Any) -> Any:
        return acceptance.require(False, "pixels differ by 9")

    parts = {name: acceptance.PARTS[name] for name in ("float16", "rates")}
    monkeypatch.setattr(acceptance, "PARTS", {"augmentation": other_pixels, **parts})
    assert acceptance.main(["--rehearse"]) == 1
    found = last_line(capsys.readouterr().out)
    assert {name: part["state"] for name, part in found.items()} == {
        "augmentation": "WRONG",
        "float16": "skipped",
        "rates": "ok",
    }
    assert "pixels differ by 9" in found["augmentation"]["why"]
    assert acceptance.main(["--rehearse", "--minutes", "0"]) == 0
    assert "no time left" in last_line(capsys.readouterr().out)["rates"]["why"]


def test_a_training_is_wrong_for_its_own_limit_and_skipped_for_the_deadline(
    acceptance: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(deadline: float) -> None:
        setting = acceptance.Setting(torch.device("cpu"), True, None, deadline)
        process = subprocess.Popen(["sleep", "60"], stderr=subprocess.PIPE, text=True)
        acceptance.finish(setting, process)

    with pytest.raises(acceptance.SkippedError, match="give more --minutes"):
        finish(time.monotonic())
    monkeypatch.setattr(acceptance, "LONGEST_TRAINING", 0.1)
    with pytest.raises(acceptance.WrongError, match="has not ended"):
        finish(time.monotonic() + 300)


def test_every_variant_is_compared(acceptance: ModuleType) -> None:
    found = acceptance.logits(acceptance.Setting(torch.device("cpu"), False, None))
    assert found["variants"] == len(list_models())
    assert 0 < found["largest_difference"] < 1e-4, "float32 against float64"


def test_other_values_than_the_cpus_are_wrong(
    acceptance: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = acceptance.Setting(torch.device("cpu"), True, None)
    answers = iter([[torch.ones(3), torch.ones(2)], [torch.ones(3), torch.tensor([1.0, 1.01])]])
    monkeypatch.setattr(acceptance, "answers", lambda *_: next(answers))
    with pytest.raises(acceptance.WrongError, match="logits or gradients differ"):
        acceptance.logits(setting)
    losses = iter([[2.3, 2.2], [2.3, 2.1]])
    monkeypatch.setattr(acceptance, "steps", lambda *_: next(losses))
    with pytest.raises(acceptance.WrongError, match="losses differ"):
        acceptance.training(setting)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_how_to_rehearse(acceptance: ModuleType) -> None:
    with pytest.raises(UserError, match="--rehearse"):
        acceptance.main([])
