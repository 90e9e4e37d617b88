"""A real offline W&B run, read back with wandb's own reader; and training without W&B."""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from lightning.pytorch.loggers import WandbLogger

from alexnet_lightning.fit import main as fit
from alexnet_lightning.training import tracking
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.trackers import wandb as ours
from tests.training.trackers import conftest

FIGURES = ("loss", "accuracy", "embeddings", "confusion")


def inspect(run: Path, *flags: str) -> str:
    (folder,) = conftest.segments_of(run)
    return conftest.inspect(folder, *flags)


@pytest.fixture(scope="module")
def summary(run: Path) -> dict[str, Any]:
    return json.loads(inspect(run, "--summary"))


def test_the_config_is_the_resolved_one(summary: dict[str, Any]) -> None:
    config = summary["config"]
    assert config["model"]["class_path"] == "alexnet_lightning.AlexNetBN"
    assert config["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.001
    assert config["data"]["init_args"]["batch_size"] == 200
    assert config["trainer"]["max_epochs"] == 2


def test_the_history_has_the_scalars_of_metrics_csv(run: Path) -> None:
    records = [json.loads(line) for line in inspect(run).splitlines()]
    logged = json.dumps([record for record in records if record.get("type") == "history"])
    columns = (run / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"lr", "train/top1", "val/top5", "test/loss", "train/images_per_second"} < set(columns)
    for key in columns:
        if key != "step":
            assert f'"{key}"' in logged, key


def test_the_summary_has_best_and_test_figures(run: Path, summary: dict[str, Any]) -> None:
    kept = json.loads((run / "summary.json").read_text())
    shown = summary["summary"]
    for key in ("val/top1", "val/loss", "test/top1", "test/top5", "best_epoch", "parameters"):
        assert shown[key] == pytest.approx(kept[key], rel=1e-6), key
    assert shown["best_checkpoint"] == kept["best_checkpoint"]
    assert summary["state"] == "finished"


def test_the_media_are_there(run: Path, summary: dict[str, Any]) -> None:
    (folder,) = run.glob("wandb/offline-run-*")
    for name in FIGURES:
        assert f"figures/{name}" in summary["summary"]
        assert list(folder.glob(f"files/media/images/figures/{name}_*.png")), name
    assert "test/per_class_accuracy" in summary["summary"]
    assert list(folder.glob("files/media/table/**/*.table.json"))


def test_the_best_checkpoint_is_one_artifact(quick_config: Path, in_tmp: Path) -> None:
    fit(["--config", str(quick_config), "--log_best", "true"])
    (run,) = in_tmp.glob("runs/quick/*")
    records = [json.loads(line) for line in inspect(run).splitlines()]
    artifacts = [each["artifact"] for each in records if each["type"] == "artifact"]
    (record,) = [each for each in artifacts if each["type"] == "model"]  # others are tables
    (started,) = [each["run"] for each in records if each["type"] == "run"]
    assert (record["name"], record["type"]) == ("quick", "model")
    assert {"best", f"quick-{run.name}"} <= set(record["aliases"])
    assert record["run_id"] == started["run_id"], "the run that made it"
    (file,) = record["manifest"]["contents"]
    best = (run / "checkpoints" / "best.ckpt").read_bytes()
    assert (file["path"], int(file["size"])) == ("best.ckpt", len(best))
    assert base64.b64decode(file["digest"]) == hashlib.md5(best).digest()
    summary = json.loads((run / "summary.json").read_text())
    assert json.loads(record["metadata"])["test/top1"] == summary["test/top1"]


def test_without_w_and_b_there_is_no_artifact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracking.close([], {}, tmp_path / "best.ckpt")
    assert capsys.readouterr().out.startswith("--log_best: there is no W&B run")


@pytest.fixture
def new_process() -> Iterator[None]:
    """wandb reads its variables once in a process."""
    wandb.teardown()
    yield
    wandb.teardown()


def test_its_own_variables_do_what_w_and_b_documents(
    tmp_path: Path, new_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, elsewhere = RunFolder(tmp_path / "runs" / "quick" / "1"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, value in (
        ("RUN_ID", "mine"),
        ("RESUME", "must"),
        ("NAME", "a name"),
        ("TAGS", "one,two"),
        ("NOTES", "a note"),
        ("DIR", str(elsewhere)),
        ("ENTITY", "us"),
        ("PROJECT", "ours"),
        ("RUN_GROUP", "a group"),
        ("JOB_TYPE", "a job"),
        ("MODE", "offline"),
    ):
        monkeypatch.setenv(f"WANDB_{name}", value)
    logger = ours.wandb_logger(run, {})
    assert logger is not None
    settings = logger.experiment.settings
    assert (settings.resume, settings.run_group, settings.run_job_type) == (
        "must",
        "a group",
        "a job",
    )
    tracking.close([logger], {})
    said = json.loads(inspect(elsewhere, "--summary"))
    expected = {"run_id": "mine", "name": "a name", "notes": "a note", "tags": ["one", "two"]}
    expected |= {"entity": "us", "project": "ours"}
    assert {key: said[key] for key in expected} == expected
    assert not list(run.path.glob("wandb/*run-*"))
    assert run.wandb_id == "mine", "so that --resume goes on in it"


def test_a_resumed_run_goes_on_in_its_w_and_b_run(
    tmp_path: Path, new_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    run = RunFolder(tmp_path / "runs" / "quick" / "1")
    ids = []
    for _ in range(2):
        logger = ours.wandb_logger(run, {})
        assert logger is not None
        ids.append(logger.experiment.id)
        tracking.close([logger], {})
    assert ids[0] == ids[1]


@pytest.mark.parametrize("logger", ["disabled", "missing", "broken", "false", "other"])
def test_training_does_not_need_wandb(
    logger: str,
    quick_config: Path,
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags: list[str] = []
    if logger == "disabled":
        monkeypatch.setenv("WANDB_MODE", "disabled")
    elif logger == "missing":
        monkeypatch.setitem(sys.modules, "wandb", None)
    elif logger == "broken":
        monkeypatch.setattr("wandb.init", lambda **_: (_ for _ in ()).throw(OSError("disk full")))
    elif logger == "false":
        flags = ["--trainer.logger", "false"]
    else:
        flags = ["--trainer.logger", "lightning.pytorch.loggers.CSVLogger"]
        flags += ["--trainer.logger.save_dir", "other", "--trainer.logger.name", "csv"]
    fit(["--config", str(quick_config), "--trainer.max_epochs", "1", *flags])
    (run,) = in_tmp.glob("runs/quick/*")
    assert (run / "summary.json").is_file()
    assert "val/top1" in (run / "metrics.csv").read_text()
    assert not list(run.glob("wandb/*run-*"))
    said = capsys.readouterr().out
    assert ("W&B is not installed" in said) == (logger == "missing")
    assert ("W&B did not start (disk full)" in said) == (logger == "broken")
    assert bool(list(in_tmp.glob("other/csv/version_0/metrics.csv"))) == (logger == "other")


def test_a_login_is_found_where_wandb_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not ours.logged_in()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.wandb.ai login user password 0123456789\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert ours.logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not ours.logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "0123456789")
    assert ours.logged_in()


def test_only_rank_zero_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The others have a dummy in its place, whose attributes are functions.
    monkeypatch.setattr("lightning.pytorch.utilities.rank_zero_only.rank", 1)
    logger = WandbLogger(save_dir=tmp_path)
    tracking.close([logger], {"val/top1": 0.5})
    assert not list(tmp_path.iterdir())
