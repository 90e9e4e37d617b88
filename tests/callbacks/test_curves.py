"""Loss and accuracy curves, also of short and broken runs."""

from types import SimpleNamespace

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from alexnet_lightning.callbacks import LearningCurves
from alexnet_lightning.callbacks.curves import best_epoch, by_epoch, draw_curves, top_metrics

ROWS = [
    {"epoch": 0, "step": 4, "train/loss_step": 9.0, "lr": 0.1},
    {"epoch": 0, "step": 9, "val/loss": 2.0, "train/loss": 2.5, "val/top1": 0.1, "val/top10": 0.9},
    {"epoch": 1, "step": 14, "val/loss": 1.4},
    {"epoch": 1, "step": 19, "val/loss": 1.0, "train/loss": 1.5, "val/top1": 0.6, "val/top2": 0.7},
    {"epoch": 2, "step": 29, "val/loss": float("nan"), "train/loss": 0.5, "val/top1": 0.6},
    {"step": 29, "test/loss": 1.0},
]


def trainer_with(monitor: str | None, mode: str = "min") -> SimpleNamespace:
    return SimpleNamespace(checkpoint_callback=ModelCheckpoint(monitor=monitor, mode=mode))


@pytest.mark.parametrize("epochs", [1, 3])
def test_fit_ends_with_both_figures(make_trainer, model, data, tmp_path, wandb_record, epochs):
    make_trainer(callbacks=[LearningCurves()], max_epochs=epochs).fit(model, data)
    for name in ("loss", "accuracy"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert list(wandb_record.images) == ["figures/loss", "figures/accuracy"]


class BreakOff(Callback):
    """Raises in the third epoch."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise self.error


@pytest.mark.parametrize(
    ("error", "seen"), [(KeyboardInterrupt, SystemExit), (RuntimeError, RuntimeError)]
)
def test_a_run_broken_off_has_its_curves(make_trainer, model, data, tmp_path, error, seen):
    trainer = make_trainer(callbacks=[LearningCurves(), BreakOff(error)])
    with pytest.raises(seen):
        trainer.fit(model, data)
    assert (tmp_path / "figures" / "loss.png").is_file()


@pytest.mark.parametrize("arguments", [{"logger": False}, {"fast_dev_run": True}], ids=str)
def test_without_metrics_there_are_no_figures(make_trainer, model, data, tmp_path, arguments):
    make_trainer(callbacks=[LearningCurves()], **arguments).fit(model, data)
    assert not (tmp_path / "figures").exists()


def test_epochs_count_from_one_and_the_last_value_of_each_stays():
    assert by_epoch(ROWS, "train/loss") == {1: 2.5, 2: 1.5, 3: 0.5}
    assert by_epoch(ROWS[:4], "val/loss") == {1: 2.0, 2: 1.0}
    assert by_epoch(ROWS, "test/loss") == {}


def test_accuracies_are_those_logged_by_rising_k():
    assert top_metrics(ROWS) == ["top1", "top2", "top10"]


@pytest.mark.parametrize(
    ("monitor", "mode", "best"),
    [
        ("val/loss", "min", (2, "val/loss")),
        ("val/top1", "max", (2, "val/top1")),  # the first of equals, as ModelCheckpoint has it
        ("val/other", "max", None),
        (None, "min", None),
    ],
)
def test_best_epoch_is_that_of_the_checkpoint(monitor, mode, best):
    assert best_epoch(trainer_with(monitor, mode), ROWS) == best


def test_a_loss_that_is_not_a_number_is_never_best():
    rows = [{"epoch": epoch, "val/loss": loss} for epoch, loss in enumerate([float("nan"), 3, 2])]
    assert best_epoch(trainer_with("val/loss"), rows) == (3, "val/loss")


def test_without_a_checkpoint_there_is_no_best_epoch():
    assert best_epoch(SimpleNamespace(checkpoint_callback=None), ROWS) is None


def test_lines_axes_and_legend(monkeypatch):
    figures = []
    monkeypatch.setattr(
        "alexnet_lightning.callbacks.curves.save_figure",
        lambda trainer, figure, name: figures.append(figure),
    )
    draw_curves(None, ROWS, (2, "val/loss"), "accuracy", ["top1", "top2"], "accuracy (%)")
    (axes,) = figures[0].axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["val top-1", "val top-2", "best epoch: 2 (val/loss)"]
    assert lines["val top-1"].get_ydata() == pytest.approx([10, 60, 60])
    assert axes.get_xlim() == (0.5, 3.5)
    figures[0].draw_without_rendering()
    assert [tick for tick in axes.get_xticks() if 0.5 <= tick <= 3.5] == [1, 2, 3]
