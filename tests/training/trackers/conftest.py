"""Runs on digits with W&B and every tracker whose package is installed; tests only read them."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.fit import main as fit
from alexnet_lightning.system import signals
from tests.test_resume import BATCHES, interrupt, raise_signal

TRACKERS = ["WandB", *(name for name in ("TensorBoard", "MLflow") if find_spec(name.lower()))]
FIGURES = {f"figures/{name}" for name in ("loss", "accuracy", "embeddings", "confusion")}
Scalars = dict[tuple[str, int], float]


@pytest.fixture(scope="session")
def tracked(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two epochs with all trackers at once."""
    root = tmp_path_factory.mktemp("tracked")
    flags = ["--trainer.logger", json.dumps([*TRACKERS, "csv"]), "--log_best", "true"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        fit(["--config", str(quick_config), *flags, "--runs_dir", str(root)])
    return next(root.glob("quick/*"))


@pytest.fixture(scope="session")
def resumed(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was interrupted in its second epoch and resumed."""
    root = tmp_path_factory.mktemp("resumed")
    flags = [*BATCHES, "--trainer.logger", json.dumps(TRACKERS), "--trainer.max_epochs", "3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        build = ExperimentCLI.build_trainer
        interrupt(patch, build, 17, raise_signal(signal.SIGTERM))
        with pytest.raises(signals.Stopped):
            fit(["--config", str(quick_config), *flags, "--runs_dir", str(root)])
        signals.forget()
        interrupt(patch, build, None)
        time.sleep(1)  # W&B names its folders by the second
        fit(["--resume", str(next(root.glob("quick/*")))])
    return next(root.glob("quick/*"))


def scalars_of(run: Path) -> Scalars:
    """What metrics.csv has, by name and step."""
    with (run / "metrics.csv").open() as file:
        return {
            (key, int(row["step"])): float(value)
            for row in csv.DictReader(file)
            for key, value in row.items()
            if value and key != "step"
        }


def segments_of(run: Path) -> list[Path]:
    """The offline W&B folders of a run, oldest first."""
    return sorted(run.glob("wandb/offline-run-*"))


def inspect(folder: Path, *flags: str) -> str:
    """What wandb's own reader says of an offline run, as JSON."""
    command = [program("wandb"), "leet", "inspect", str(folder), "--json", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def history_of(folder: Path) -> list[dict[str, Any]]:
    records = map(json.loads, inspect(folder).splitlines())
    return [record["history"]["item"] for record in records if record.get("type") == "history"]


def program(name: str) -> str:
    """A program of this environment."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or name


@pytest.fixture
def own_copy(resumed: Path, tmp_path: Path) -> Path:
    """A copy of the resumed run, beside whose W&B files sync writes what it has uploaded."""
    return shutil.copytree(resumed, tmp_path / "my runs" / resumed.name, symlinks=True)
