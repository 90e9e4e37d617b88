"""Files that an earlier version wrote: every command must read them for ever after.

`fixtures/earlier` is a run of commit fa2974c, killed after two of four epochs, and its best
checkpoint exported. `uninterrupted.csv` is what that version logged of the same run unkilled.
"""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alexnet_lightning.evaluate import main as evaluate
from alexnet_lightning.export import main as export
from alexnet_lightning.fit import main as fit
from alexnet_lightning.inference.exporters import read_safetensors
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.predict import main as predict

EARLIER = Path(__file__).parent / "fixtures" / "earlier"
Outcome = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_dir(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run that may be written to."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    return Path(shutil.copytree(EARLIER, in_tmp / "runs" / "earlier" / "20261126-173516"))


def last_row(path: Path, key: str) -> float:
    """The last value of a column of a metrics.csv."""
    with path.open(newline="") as file:
        return [float(row[key]) for row in csv.DictReader(file) if row[key]][-1]


def test_it_is_evaluated(run_dir: Path, outcome: Outcome) -> None:
    status, out, _ = outcome(evaluate, run_dir)
    assert status == 0
    row = next(line for line in out.splitlines() if line.startswith("test"))
    assert row.split() == ["test", "14.67", "%", "63.67", "%", "2.2945", "of", "300", "images"]


def test_it_predicts_what_it_did(run_dir: Path, outcome: Outcome, in_tmp: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    Image.fromarray(load_digits().images[0].astype("uint8") * 16).save(in_tmp / "zero.png")
    status, out, _ = outcome(predict, run_dir, in_tmp / "zero.png", "--json")
    assert status == 0
    expected = Predictor(read_safetensors(EARLIER / "earlier.safetensors"))
    (wanted,) = expected.predict([in_tmp / "zero.png"])
    (found,) = json.loads(out)
    assert found["classes"] == wanted.classes
    assert found["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-6)


@pytest.mark.parametrize("kind", ["safetensors", "pt2"])
def test_it_is_exported(kind: str, run_dir: Path, outcome: Outcome) -> None:
    status, out, _ = outcome(export, run_dir, "--format", kind)
    assert status == 0
    assert f"best.{kind}" in out


def test_it_resumes_to_the_end_that_it_would_have_had(run_dir: Path, outcome: Outcome) -> None:
    status, out, _ = outcome(fit, "--resume", run_dir)
    assert status == 0, out
    for key in ("train/loss", "val/loss", "test/loss", "lr"):
        wanted = last_row(EARLIER / "uninterrupted.csv", key)
        assert last_row(run_dir / "metrics.csv", key) == pytest.approx(wanted, rel=1e-4)
    best = torch.load(run_dir / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["variant"] == "AlexNetBNSkip"
