"""train.sbatch on a real SLURM: two tasks make one run; a signal, a requeue, the same figures."""

import csv
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import slurm

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.all_cores,
    pytest.mark.skipif(slurm.missing() is not None, reason=str(slurm.missing())),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.Slurm]:
    # Not under pytest's folder, which is closed to others: munge refuses that.
    root = Path("/tmp") / f"slurm-{tmp_path_factory.getbasetemp().name}-{time.time_ns()}"
    try:
        with slurm.running(root) as started:
            yield started
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout as a user has it: the script, the configs, and Python where it expects it."""
    shutil.copy(ROOT / "train.sbatch", tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    python = Path(sys.executable).parent
    activate.write_text(f"export PATH={python}:$PATH PYTHONPATH={ROOT} OMP_NUM_THREADS=1\n")
    return tmp_path


def the_run(place: Path) -> Path:
    (run,) = place.glob("runs/*/*")
    return run


def figures(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "train/images_per_second"} for row in rows]


def submit(cluster: slurm.Slurm, place: Path, config: Path, epochs: int, **environment: str) -> int:
    flags = ["--trainer.max_epochs", str(epochs), "--trainer.log_every_n_steps", "1"]
    return cluster.submit(place, "train.sbatch", str(config), *flags, **environment)


def test_two_tasks_make_one_run_and_a_requeued_one_ends_the_same(
    cluster: slurm.Slurm, place: Path, quick_config: Path
) -> None:
    config, epochs = quick_config, 30
    job = submit(cluster, place, config, epochs)
    state = cluster.wait(job)
    log = (place / f"alexnet_lightning-{job}.out").read_text()
    assert state == "COMPLETED", log
    assert "MEMBER: 2/2" in log
    undisturbed = the_run(place)
    assert undisturbed.name.endswith(f"-slurm{job}")
    assert json.loads((undisturbed / "summary.json").read_text())["test/images"] == 300
    kept = figures(undisturbed)
    assert len(kept) > epochs
    shutil.rmtree(place / "runs")

    job = submit(cluster, place, config, epochs)
    until = time.monotonic() + 60
    while not list(place.glob("runs/*/*/checkpoints/last.ckpt")):
        assert time.monotonic() < until, (place / f"alexnet_lightning-{job}.out").read_text()
        time.sleep(0.05)
    cluster.run("scancel", "--signal=USR1", str(job))
    state = cluster.wait(job)
    log = (place / f"alexnet_lightning-{job}.out").read_text()
    assert state == "COMPLETED", log
    assert f"SLURM will run job {job} again" in log
    assert "resuming after step" in log
    assert figures(the_run(place)) == kept
    assert len({path.name.rsplit("-", 1)[-1] for path in the_run(place).glob("wandb/*run-*")}) == 1


def test_without_srun_is_one_line(cluster: slurm.Slurm, place: Path, quick_config: Path) -> None:
    script = place / "wrong.sbatch"
    text = (place / "train.sbatch").read_text().replace("exec srun python", "exec python")
    script.write_text(text)
    job = cluster.submit(place, "wrong.sbatch", str(quick_config))
    assert cluster.wait(job) == "FAILED"
    log = (place / f"alexnet_lightning-{job}.out").read_text()
    assert "error: this SLURM job has 2 tasks, but was started without srun" in log
    assert not (place / "runs").exists()
