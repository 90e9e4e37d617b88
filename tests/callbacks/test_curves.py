"""Learning curves of finished, short and interrupted runs."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from alexnet_lightning.callbacks import LearningCurves
from alexnet_lightning.callbacks.curves import best_epoch, data_title
from alexnet_lightning.training.checkpoints import BestCheckpoint

NAN = float("nan")
ROWS = [
    {"epoch": epoch, "val/loss": loss, "val/top1": top1}
    for epoch, (loss, top1) in enumerate([(NAN, 0.1), (1.0, 0.6), (2.0, 0.6)])
]


def test_fit_ends_with_both_figures(make_trainer, model, data, tmp_path, wandb_logger):
    trainer = make_trainer(LearningCurves(), max_epochs=1)
    trainer.fit(model, data)
    for name in ("loss", "accuracy"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    logged = [call.args[0] for call in wandb_logger.log_image.call_args_list]
    assert logged == ["figures/loss", "figures/accuracy"]
    assert data_title(trainer) == "TinyData: 24 training, 30 validation images"


class Interruption(Callback):
    """Raises in the third epoch."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise self.error


@pytest.mark.parametrize(
    ("error", "seen"), [(KeyboardInterrupt, SystemExit), (RuntimeError, RuntimeError)]
)
def test_an_interrupted_run_has_its_curves(make_trainer, model, data, tmp_path, error, seen):
    trainer = make_trainer(LearningCurves(), Interruption(error))
    with pytest.raises(seen):
        trainer.fit(model, data)
    assert (tmp_path / "figures" / "loss.png").is_file()


@pytest.mark.parametrize("arguments", [{"logger": False}, {"fast_dev_run": True}], ids=str)
def test_without_metrics_there_are_no_figures(make_trainer, model, data, tmp_path, arguments):
    make_trainer(LearningCurves(), **arguments).fit(model, data)
    assert not (tmp_path / "figures").exists()


def test_before_the_setup_the_title_is_empty():
    assert data_title(SimpleNamespace(datamodule=None)) == ""


@pytest.mark.parametrize(
    ("monitor", "mode", "best"),
    [
        ("val/loss", "min", (2, "val/loss")),  # never a loss that is not a number
        ("val/top1", "max", (2, "val/top1")),  # the first of equals, as in ModelCheckpoint
        ("val/other", "max", None),
        (None, "min", None),
    ],
)
def test_best_epoch_is_that_of_the_checkpoint(monitor, mode, best):
    others = ModelCheckpoint(monitor="val/top5")
    ours = BestCheckpoint(Path(), monitor=monitor, mode=mode)
    assert best_epoch(SimpleNamespace(checkpoint_callbacks=[others, ours]), ROWS) == best


def test_without_a_checkpoint_there_is_no_best_epoch():
    assert (
        best_epoch(
            SimpleNamespace(checkpoint_callbacks=[ModelCheckpoint(monitor="val/top1")]), ROWS
        )
        is None
    )
