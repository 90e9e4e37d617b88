"""What only looks on fails in one warning, after the checkpoint, and training goes on."""

from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger, Logger

from alexnet_lightning.callbacks import LearningCurves
from alexnet_lightning.fit import fit
from alexnet_lightning.training.onlookers import Onlooker, looking_on


class Failing(Onlooker):
    """Raises what it is given, whenever it is called."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_train_epoch_end(self, *_: object) -> None:
        raise self.error


def test_a_failure_is_one_warning_with_part_and_reason() -> None:
    failing = Failing(OSError(30, "Read-only file system", "/proc/x"))
    with pytest.warns(UserWarning) as warned:
        for _ in range(3):
            failing.on_train_epoch_end()
    (only,) = warned
    assert str(only.message) == (
        "Failing.on_train_epoch_end failed, and the run goes on without it "
        "(OSError: [Errno 30] Read-only file system: '/proc/x')"
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), BrokenPipeError()], ids=repr)
def test_signals_and_a_closed_pipe_are_no_failures(error: BaseException) -> None:
    with pytest.raises(type(error)):
        Failing(error).on_train_epoch_end()


def test_a_logger_of_any_class_looks_on(tmp_path: Path) -> None:
    logger: Logger = looking_on(CSVLogger("/proc/none"))
    with pytest.warns(UserWarning, match=r"CSVLogger.log_metrics failed, .*/proc/none"):
        logger.log_metrics({"a": 1.0})
    logger = looking_on(CSVLogger(tmp_path))
    logger.log_metrics({"a": 1.0})
    logger.save()
    assert list(tmp_path.rglob("metrics.csv"))


def test_a_training_survives_all_that_looks_on(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "HOME"):
        monkeypatch.setenv(name, "/proc/x")  # usual in containers
    seen = []

    def fail(name: str) -> None:
        seen.append([*in_tmp.rglob("last.ckpt"), *in_tmp.rglob("summary.json")])
        raise ValueError(f"{name} cannot be drawn")

    def embed(*_: object) -> None:
        fail("embeddings")

    def draw(*_: object) -> None:
        fail("curves")

    def confusion(*_: object) -> None:
        fail("a_b^c")

    monkeypatch.setattr("alexnet_lightning.callbacks.embedding_pca.embed", embed)
    monkeypatch.setattr(LearningCurves, "_draw", draw)
    monkeypatch.setattr("alexnet_lightning.callbacks.confusion.confusion_figure", confusion)
    with pytest.warns(UserWarning) as warned:
        figures = fit(quick_config, {"trainer.max_epochs": 1})
    said = {str(each.message).partition(" failed, and ")[0] for each in warned}
    assert said >= {
        "EmbeddingPCA.on_train_end",
        "LearningCurves.on_train_end",
        "ConfusionMatrix.on_test_epoch_end",
    }
    assert all(seen), "the epoch's checkpoint was written before"
    assert "test/top1" in figures and Path(figures["run"], "summary.json").is_file()
