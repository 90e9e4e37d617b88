"""What the words of --trainer.logger start."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger, Logger

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.fit import main as fit
from alexnet_lightning.training import tracking
from alexnet_lightning.training.run_folder import RunFolder


@pytest.fixture
def names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trackers are their words, so that it needs none of the packages."""

    def started(name: str) -> Any:
        return lambda *_: SimpleNamespace(name=name)

    monkeypatch.setattr(tracking, "wandb_logger", started("wandb"))
    for name in tracking.NEEDING_PACKAGES:
        monkeypatch.setitem(tracking.NEEDING_PACKAGES, name, started(name))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], ["wandb"]),
        (["--trainer.logger=wandb"], ["wandb"]),
        (["--trainer.logger", "TensorBoard"], ["tensorboard"]),
        (["--trainer.logger", "MLFlow"], ["mlflow"]),
        (["--trainer.logger", "CSV"], []),
        (["--trainer.logger", "false"], []),
        (["--trainer.logger", "[tensorboard, MLflow, csv]"], ["tensorboard", "mlflow"]),
        (["--trainer.logger=wandb", "--trainer.logger+=tensorboard"], ["wandb", "tensorboard"]),
        (
            [
                *("--trainer.logger+", "mlflow", "--trainer.logger+", "CSVLogger"),
                *("--trainer.logger.save_dir", "x", "--trainer.logger.name", "own"),
            ],
            ["mlflow", "own"],
        ),
    ],
)
def test_the_words_that_people_write(
    flags: list[str], expected: list[str], quick_config: Path, names_alone: None, tmp_path: Path
) -> None:
    cli = ExperimentCLI(["--config", str(quick_config), *flags])
    assert [logger.name for logger in cli.trackers(RunFolder(tmp_path))] == expected
    again = tmp_path / "config.yaml"
    again.write_text(cli.resolved)
    cli = ExperimentCLI(["--config", str(again)])
    assert [logger.name for logger in cli.trackers(RunFolder(tmp_path))] == expected


@pytest.mark.parametrize("name", ["TensorBoard", "mlflow"])
def test_a_missing_package_is_one_line(
    name: str, quick_config: Path, mistake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    said = mistake("fit", "--config", quick_config, "--trainer.logger+", name)
    assert said == (
        f"trainer.logger: {name} needs a package that is not installed: "
        f"pip install 'alexnet-lightning[{name.lower()}]'"
    )


def test_csv_is_metrics_csv_alone(quick_config: Path, in_tmp: Path) -> None:
    fit(["--config", str(quick_config), "--trainer.max_epochs", "1", "--trainer.logger", "csv"])
    (run,) = in_tmp.glob("runs/quick/*")
    assert "val/top1" in (run / "metrics.csv").read_text()
    assert {path.name for path in run.iterdir()} == {
        *(".lock", "checkpoints", "config.yaml", "figures", "metrics.csv", "summary.json")
    }


def test_one_that_does_not_start_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Any:
        raise OSError("disk\nfull")

    monkeypatch.setitem(tracking.NEEDING_PACKAGES, "mlflow", fail)
    other = CSVLogger(tmp_path)
    assert tracking.start(["MLflow", other], RunFolder(tmp_path), {}) == [other]
    assert capsys.readouterr().out.startswith("MLflow did not start (disk")


def test_a_checkpoint_that_was_not_taken_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer, said in ((None, 0), (False, 1), (True, 0)):  # it has failed, and has said so
        monkeypatch.setattr(tracking, "keep_checkpoint", lambda *_, found=answer: found)
        tracking.close([CSVLogger(tmp_path)], {}, tmp_path / "best.ckpt")
        assert capsys.readouterr().out.count("--log_best: there is no W&B run") == said


def test_other_ranks_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning.pytorch.utilities.rank_zero_only.rank", 1)
    assert tracking.start(["tensorboard", "mlflow"], RunFolder(tmp_path), {}) == []
    assert not list(tmp_path.iterdir())


def test_a_logger_of_scalars_alone_is_shown_nothing_more(tmp_path: Path) -> None:
    logger: Logger = CSVLogger(tmp_path)
    tracking.show_figure(logger, "figures/loss", tmp_path / "none.png", 1)
    tracking.show_table(logger, "embeddings", ["a"], [[1]], 1)
    assert not list(tmp_path.iterdir())
