"""best.ckpt is of the best epoch, however many files are kept, and however they are named."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from alexnet_lightning.training.checkpoints import BestCheckpoint


class Score(Callback):
    """Logs a given score at each validation."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)

    def on_validation_epoch_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            pl_module.log("score", self.scores.pop(0))


def kept(folder: Path) -> dict[str, int]:
    """Return the epoch, from 1, of each checkpoint."""
    return {
        path.name: torch.load(path, weights_only=True)["epoch"] + 1
        for path in sorted(folder.glob("**/*.ckpt"))
    }


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({}, {}),
        ({"filename": "mine"}, {"mine.ckpt": 1}),
        ({"save_top_k": 2}, {"epoch=0-step=3.ckpt": 1, "epoch=1-step=6.ckpt": 2}),
        ({"save_top_k": 2, "filename": "mine"}, {"mine.ckpt": 1, "mine-v1.ckpt": 2}),
        (
            {"save_top_k": -1, "filename": "at{epoch}", "auto_insert_metric_name": False},
            {"at0.ckpt": 1, "at1.ckpt": 2, "at2.ckpt": 3},
        ),
    ],
    ids=str,
)
def test_the_best_is_the_best(
    make_trainer, model, data, tmp_path, options: dict[str, Any], others: dict[str, int]
):
    ours = {"filename": "best", "monitor": "score", "enable_version_counter": False} | options
    best = BestCheckpoint(tmp_path / "kept", mode="min", save_on_train_epoch_end=True, **ours)
    beside = ModelCheckpoint(tmp_path / "theirs", "theirs", "score", mode="max")
    scores = Score(0.45, 0.70, 0.89)
    trainer = make_trainer(scores, beside, best, enable_checkpointing=True)
    trainer.fit(model, data)
    assert kept(tmp_path / "kept") == {"best.ckpt": 1, **others}
    assert kept(tmp_path / "theirs") == {"theirs.ckpt": 3}


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        ({"val_check_interval": 2}, 2),  # of 3 steps an epoch: not at its end
        ({"check_val_every_n_epoch": 2}, 6),
        ({"check_val_every_n_epoch": 9}, None),
    ],
    ids=str,
)
def test_a_checkpoint_has_the_weights_that_were_validated(
    make_trainer, model, data, tmp_path, arguments: dict[str, Any], step: int | None
):
    best = BestCheckpoint(
        tmp_path, filename="best", monitor="score", mode="max", save_on_train_epoch_end=True
    )
    scores = Score(0.9, 0.1, 0.1)
    make_trainer(scores, best, enable_checkpointing=True, **arguments).fit(model, data)
    found = [torch.load(path, weights_only=True) for path in tmp_path.glob("*.ckpt")]
    assert [each["global_step"] for each in found] == ([step] if step else [])
