"""What a scheduler's environment means for a run, and what is wrong with it."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from alexnet_lightning.system import signals
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training import cluster

JOB = {"SLURM_JOB_ID": "12", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "train"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One without any scheduler."""
    for name in (*JOB, "SLURM_STEP_ID", "SLURM_ARRAY_JOB_ID", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def put(environment: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)


def test_a_job_has_a_name_over_its_restarts(environment: pytest.MonkeyPatch) -> None:
    assert cluster.job() is None
    put(environment, TORCHELASTIC_RUN_ID="none")
    assert cluster.job() is None
    put(environment, TORCHELASTIC_RUN_ID="my run/1")
    assert cluster.job() == "torchrunmy_run_1"
    put(environment, **JOB)
    assert cluster.job() == "slurm12"
    put(environment, SLURM_ARRAY_JOB_ID="10", SLURM_ARRAY_TASK_ID="3")
    assert cluster.job() == "slurm10_3"


def test_only_a_restarted_job_goes_on_by_itself(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(environment, **JOB)
    for name in ("20260101-000000-slurm11", "20260101-000001-slurm12"):
        (tmp_path / "exp" / name).mkdir(parents=True)
        (tmp_path / "exp" / name / "config.yaml").touch()
    assert cluster.restarted_run(tmp_path, "exp") is None
    put(environment, SLURM_RESTART_COUNT="1")
    run = cluster.restarted_run(tmp_path, "exp")
    assert run is not None
    assert run.path.name == "20260101-000001-slurm12"
    assert cluster.restarted_run(tmp_path, "other") is None


def test_a_start_that_would_hang_or_train_twice_is_refused(environment: pytest.MonkeyPatch) -> None:
    cluster.check()
    put(environment, **JOB)
    with pytest.raises(UserError, match="has 2 tasks, but was started without srun"):
        cluster.check()
    put(environment, SLURM_STEP_ID="0")
    cluster.check()
    put(environment, SLURM_JOB_NAME="bash")
    with pytest.raises(UserError, match="SLURM calls this job bash"):
        cluster.check()
    put(environment, SLURM_NTASKS="1")
    cluster.check()


def test_a_stopped_job_asks_for_another_run(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def scontrol(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=len(asked) - 1, stderr="not\nallowed")

    environment.setattr(subprocess, "run", scontrol)
    put(environment, **JOB)
    cluster.after(signals.Stopped(signals.signal.SIGTERM), Path("runs/a/b"))
    assert not asked
    assert "--resume runs/a/b" in capsys.readouterr().out
    requeue = signals.Stopped(signals.REQUEUE)
    cluster.after(requeue, Path("runs/a/b"))
    assert asked == [["scontrol", "requeue", "12"]]
    assert "it resumes by itself" in capsys.readouterr().out
    cluster.after(requeue, Path("runs/a/b"))
    out = capsys.readouterr().out
    assert "scontrol requeue 12: not allowed" in out
    assert "--resume runs/a/b" in out


@pytest.mark.parametrize(
    ("processes", "batches", "expected"),
    [
        (1, 1, None),
        (2, 1, "2 processes × 128 images = 256 images per step"),
        (2, 3, "2 processes × 128 images × 3 batches accumulated = 768 images per step"),
    ],
)
def test_a_step_says_how_many_images_it_has(
    processes: int, batches: int, expected: str | None
) -> None:
    trainer = SimpleNamespace(accumulate_grad_batches=batches, world_size=processes)
    line = cluster.batch_line(trainer, 128)  # type: ignore[arg-type]
    assert line is None if expected is None else expected in (line or "")
