"""What MLflow's own client, and its server, say of a run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from alexnet_lightning.fit import main as fit
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.trackers.mlflow import mlflow_logger
from tests.serving import free_port
from tests.training.trackers.conftest import FIGURES, Scalars, scalars_of

mlflow = pytest.importorskip("mlflow", reason="needs mlflow")


def address(run: Path) -> str:
    return f"sqlite:///{run.parents[1] / 'mlflow' / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(tracked: Path) -> Any:
    return mlflow.MlflowClient(address(tracked))


def id_of(run: Path) -> str:
    return (run / "mlflow" / "run_id.txt").read_text().strip()


def scalars(run: Path) -> Scalars:
    client, name = mlflow.MlflowClient(address(run)), id_of(run)
    return {
        (key, point.step): point.value
        for key in client.get_run(name).data.metrics
        for point in client.get_metric_history(name, key)
    }


@pytest.mark.parametrize("which", ["tracked", "resumed"])
def test_the_scalars_are_those_of_metrics_csv(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    assert scalars(run) == scalars_of(run)


def test_the_figures_are_those_of_the_folder(tracked: Path, client: Any, tmp_path: Path) -> None:
    found: dict[str, list[tuple[int, str]]] = {}
    for file in client.list_artifacts(id_of(tracked), "images"):
        if file.path.endswith(".png"):
            key, _, step, *_ = Path(file.path).name.split("+")
            found.setdefault(key.replace("~", "/"), []).append((int(step), file.path))
    assert set(found) == FIGURES
    assert sorted(step for step, _ in found["figures/embeddings"]) == [6, 12]
    for key, files in found.items():
        shown = Image.open(client.download_artifacts(id_of(tracked), max(files)[1], tmp_path))
        kept = Image.open(tracked / f"{key}.png").convert("RGB")
        assert np.array_equal(np.asarray(shown), np.asarray(kept)), key


def test_the_tables_are_those_of_the_folder(tracked: Path, client: Any, tmp_path: Path) -> None:
    for key in ("test/per_class_accuracy", "embeddings"):
        path = client.download_artifacts(id_of(tracked), f"tables/{key}.csv", tmp_path)
        kept = tracked / "figures" / f"{Path(key).name}.csv"
        assert Path(path).read_text() == kept.read_text()


def test_the_run_has_configuration_figures_and_the_best_checkpoint(
    tracked: Path, client: Any, tmp_path: Path
) -> None:
    run = client.get_run(id_of(tracked))
    assert (run.info.run_name, run.info.status) == (f"quick/{tracked.name}", "FINISHED")
    assert run.data.params["model/init_args/width"] == "0.05"
    summary = client.download_artifacts(id_of(tracked), "summary.json", tmp_path)
    assert json.loads(Path(summary).read_text()) == json.loads(
        (tracked / "summary.json").read_text()
    )
    best = client.download_artifacts(id_of(tracked), "checkpoints/best.ckpt", tmp_path)
    assert Path(best).read_bytes() == (tracked / "checkpoints" / "best.ckpt").read_bytes()


def test_a_resumed_run_goes_on_in_its_mlflow_run(resumed: Path) -> None:
    client = mlflow.MlflowClient(address(resumed))
    (experiment,) = [each for each in client.search_experiments() if each.name != "Default"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.info.status) == (id_of(resumed), "FINISHED")


def test_its_own_variables_say_where_the_run_is(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    for _ in range(2):  # the second time it goes on
        logger = mlflow_logger(RunFolder(in_tmp / "runs" / "quick" / "1"), {"a": {"b": 1}})
    client = mlflow.MlflowClient("sqlite:///elsewhere.db")
    experiment = client.get_experiment_by_name("mine")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.data.params) == (logger.run_id, {"a/b": "1"})
    assert not (in_tmp / "runs" / "mlflow").exists()


def test_where_it_does_not_start_the_training_goes_on(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/none/mlflow.db")
    fit(["--config", str(quick_config), "--trainer.max_epochs", "1", "--trainer.logger", "mlflow"])
    assert "mlflow did not start (" in capsys.readouterr().out
    (summary,) = in_tmp.glob("runs/quick/*/summary.json")
    assert "test/top1" in json.loads(summary.read_text())


@pytest.fixture
def server(tracked: Path) -> Iterator[str]:
    """Where MLflow's own server answers, on this machine."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", address(tracked)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            requests.get(f"{url}/health", timeout=5)
            break
        except requests.ConnectionError:
            time.sleep(0.5)
    yield url
    process.terminate()
    process.wait()


@pytest.mark.slow
def test_its_server_gives_the_same(tracked: Path, server: str) -> None:
    def ask(what: str, **query: str) -> Any:
        query |= {"run_id": id_of(tracked)}
        return requests.get(f"{server}/{what}", query, timeout=60)

    expected = scalars_of(tracked)
    data = ask("api/2.0/mlflow/runs/get").json()["run"]["data"]
    assert {each["key"] for each in data["metrics"]} == {key for key, _ in expected}
    for key in ("val/top1", "train/loss", "val/penultimate_silhouette"):
        points = ask("api/2.0/mlflow/metrics/get-history", metric_key=key).json()["metrics"]
        found = {(key, point["step"]): point["value"] for point in points}
        assert found == {each: value for each, value in expected.items() if each[0] == key}
    table = ask("get-artifact", path="tables/test/per_class_accuracy.csv").text
    kept = (tracked / "figures" / "per_class_accuracy.csv").read_text()
    assert table.splitlines() == kept.splitlines()
