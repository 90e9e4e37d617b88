"""Images per second against a clock that the test moves."""

from types import SimpleNamespace

import pytest
from lightning.pytorch import Callback

from alexnet_lightning.callbacks import MatrixRate, Throughput, throughput
from alexnet_lightning.system.errors import UserError


class Clock(Callback):
    """A clock that moves only here: seconds per batch, minutes per validation."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(
            throughput, "time", SimpleNamespace(perf_counter=lambda: self.now), raising=True
        )

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.now += 1 if trainer.current_epoch else 4  # the first epoch warms up

    def on_validation_batch_start(self, *args, **kwargs):
        self.now += 60


@pytest.mark.parametrize("val_check_interval", [1.0, 1 / 3])
def test_images_over_seconds_without_validation(
    make_trainer, model, data, monkeypatch, val_check_interval
):
    callback = Throughput()
    trainer = make_trainer(
        callbacks=[callback, Clock(monkeypatch)], val_check_interval=val_check_interval
    )
    trainer.fit(model, data)
    rates = [row[key] for row in trainer.logger.rows if (key := "train/images_per_second") in row]
    assert rates == [24 / 12, 24 / 3, 24 / 3]
    assert callback.images_per_second == 8


def test_the_first_epoch_counts_in_a_run_of_one(make_trainer, model, data, monkeypatch):
    callback = Throughput()
    assert callback.images_per_second is None
    make_trainer(callback, Clock(monkeypatch), max_epochs=1).fit(model, data)
    assert callback.images_per_second == 24 / 12


def test_the_rate_of_the_machine_is_measured_around_the_training(
    make_trainer, model, data, changes_training
):
    assert not changes_training(MatrixRate(64))
    callback = MatrixRate(64)
    make_trainer(callbacks=[callback]).fit(model, data)
    assert set(callback.figures) == {"machine/gflops_before", "machine/gflops_after"}
    # A product of 64 × 64 takes over 10 ns and under a second anywhere.
    assert all(64**3 * 2 / 1e9 < rate < 1e5 for rate in callback.figures.values())


def test_a_rate_needs_a_matrix():
    with pytest.raises(UserError, match=r"MatrixRate\.size is 0: give a number >= 1"):
        MatrixRate(0)
