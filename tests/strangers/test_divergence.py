"""A loss that is not finite ends a training; a network that has diverged is not used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.strangers.conftest import Case

FIT = "fit --config {quick} --embedding_pca.every_n_epochs 0 "
RATE = "--model.optimizer SGD --model.optimizer.lr 1e30 "
WHAT = r"^error: the training loss is (nan|inf) at step 2, with a learning rate of 1e\+30: "
ALLOWED = "--allow_divergence true --trainer.max_steps 3 --trainer.limit_val_batches 0 "
UNUSABLE = r"^error: the network's outputs are not finite: its training has diverged"


pytestmark = pytest.mark.filterwarnings("ignore:EmbeddingPCA draws nothing")


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture
def ends_with_run(ends: Callable[..., Any], in_tmp: Path) -> Callable[[Case], tuple[str, Path]]:
    """Run a case that fails within a training; return its error and the run folder."""

    def check(case: Case) -> tuple[str, Path]:
        _, err = ends(case, nothing=False)
        (run,) = in_tmp.glob("runs/quick/*")
        return err, run

    return check


@pytest.fixture
def diverged(own_run: Path) -> Path:
    """A run whose weights are not finite."""
    for path in own_run.glob("checkpoints/*.ckpt"):
        content = torch.load(path, weights_only=True)
        *_, weights = content["state_dict"].values()
        weights *= float("inf")
        torch.save(content, path)
    return own_run


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ("", WHAT),
        ("--trainer.max_steps 3", WHAT),  # ends within the epoch
        ("--trainer.max_steps 1", r"^error: test/loss is nan after step 1: "),
        ("--recovery.every_n_steps 1", WHAT),  # a checkpoint of each step
    ],
)
def test_a_training_that_diverges_stops(
    flags: str, what: str, ends_with_run: Callable[..., Any]
) -> None:
    error, run = ends_with_run(Case(FIT + RATE + flags, what + "the training has diverged"))
    kept = list(run.glob("checkpoints/*.ckpt"))
    assert bool(kept) == ("what stood before is kept in" in error)
    assert not (run / "summary.json").exists()
    steps = [torch.load(path, weights_only=True)["global_step"] for path in kept]
    assert max(steps, default=0) <= 1, "nothing is kept that came after"


def test_a_validation_that_is_not_finite_stops(ends_with_run: Callable[..., Any]) -> None:
    flags = "--trainer.limit_train_batches 1 "
    what = r"^error: val/loss is (nan|inf) after step 1: the training has diverged; what stood "
    _, run = ends_with_run(Case(FIT + RATE + flags, what + "before has no checkpoint"))
    assert not list(run.glob("checkpoints/*.ckpt"))


def test_a_study_of_divergence_may_go_on(ends: Callable[..., Any], in_tmp: Path) -> None:
    out, _ = ends(Case(FIT + RATE + ALLOWED + "--checkpoint.monitor null", r"^run ", 0))
    assert "\ndiverged    at step 2: the loss is not finite from there on\n" in out
    (run,) = in_tmp.glob("runs/quick/*")
    assert json.loads((run / "summary.json").read_text())["diverged_at_step"] == 2
    ends(Case("report runs", r"report\.html$", 0))
    assert "| diverged |" in (in_tmp / "runs" / "report.md").read_text()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("predict {run} {image} --json", UNUSABLE),
        ("export {run} --format onnx", UNUSABLE),
        ("explain {run}", UNUSABLE),
        ("serve {run} --port 8765", UNUSABLE),
        ("demo {run} --port 8765", UNUSABLE),
        ("evaluate {run}", "^error: --checkpoint: best gives a loss of nan"),
    ],
)
def test_a_diverged_network_is_not_used(
    command: str, what: str, diverged: Path, ends: Callable[..., Any], tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 99).save(image := tmp_path / "one.png")
    ends(Case(command, what), run=diverged, image=image)
