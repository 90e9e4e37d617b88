"""SLURM and torchrun: the job that this process belongs to, and how it is run again."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.plugins.environments import SLURMEnvironment

from alexnet_lightning.system import signals
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import RunFolder


def job() -> str | None:
    """Return what names this job, over its restarts: "slurm1234_5", or None outside any."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"slurm{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    if number := os.environ.get("SLURM_JOB_ID"):
        return f"slurm{number}"
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return None if name == "none" else "torchrun" + re.sub(r"[^\w.-]", "_", name)


NUMBERS = (
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT"),
    *("SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_RESTART_COUNT"),
)


def check() -> None:
    """Raise a UserError if SLURM started this in a way that would hang, or train several times."""
    for name in NUMBERS:
        if not (value := os.environ.get(name, "0")).isdecimal():
            raise UserError(f"the environment's {name} is {value!r}, not a number: unset it")
    tasks = int(os.environ.get("SLURM_NTASKS", 1))
    in_step = "SLURM_STEP_ID" in os.environ
    name = os.environ.get("SLURM_JOB_NAME", "")
    # Interactive is the shell of salloc, where one process by itself is meant.
    if tasks == 1 or name == "interactive" or (in_step and name != "bash"):
        return
    if not in_step:
        raise UserError(
            f"this SLURM job has {tasks} tasks, but was started without srun and would wait for "
            "the others: put srun before python"
        )
    raise UserError(
        f"SLURM calls this job {name}, by which Lightning takes it for a shell: each of its "
        f"{tasks} tasks would train by itself; give it a --job-name, or call python without a shell"
    )


def environment() -> list[Any]:
    """Return the plugin that a job of SLURM needs; Lightning's own would requeue by itself."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def batch_line(trainer: Trainer, batch_size: int) -> str | None:
    """Return how many images a step has, where that is not the batch size."""
    steps, processes = trainer.accumulate_grad_batches, trainer.world_size
    if steps * processes == 1:
        return None
    factors = [f"{processes} processes"] if processes > 1 else []
    factors += [f"{batch_size} images"] + ([f"{steps} batches accumulated"] if steps > 1 else [])
    return (
        f"{' × '.join(factors)} = {processes * batch_size * steps:,} images per step; the learning "
        f"rate is not scaled for it (in proportion it would be {processes * steps} times as high)"
    )


def restarted_run(root: Path, name: str) -> RunFolder | None:
    """Return the run that this job began before it was restarted; None the first time."""
    restarts = [os.environ.get(f"{who}_RESTART_COUNT", "0") for who in ("SLURM", "TORCHELASTIC")]
    if not any(map(int, restarts)):
        return None
    folders = sorted((root / name).glob(f"*-{job()}"))
    return RunFolder(folders[-1]) if folders and RunFolder(folders[-1]).config.is_file() else None


def after(stop: signals.Stopped, folder: Path) -> None:
    """Say how to resume a stopped run; on SLURM's own signal ask SLURM to requeue the job."""
    if stop.signum == signals.REQUEUE and (number := os.environ.get("SLURM_JOB_ID")):
        asked = subprocess.run(["scontrol", "requeue", number], capture_output=True, text=True)
        if asked.returncode == 0:
            say(f"{folder}: kept; SLURM will run job {number} again, and it resumes by itself")
            return
        say(f"scontrol requeue {number}: {' '.join(asked.stderr.split())}")
    say(f"stopped; to resume: python -m alexnet_lightning.fit --resume {folder}")
