"""A study as SLURM job arrays: one per variant, with a task per seed."""

import shlex
from pathlib import Path

import yaml

from alexnet_lightning.studies.grid import Run, find, grid
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError

BATCH_SCRIPT = Path("train.sbatch")


def job_array(plan: Study, name: str, folder: Path) -> str:
    """Write FOLDER/submit.sh, which submits the runs that are not finished or running.

    `name` is the W&B group that the runs share. Returns what to do next, in one line.
    """
    if not BATCH_SCRIPT.is_file():
        raise UserError(f"--slurm: no {BATCH_SCRIPT} here: run this in a checkout of the project")
    left: dict[str, list[Run]] = {}
    for run in grid(plan):
        if find(run, folder).state in ("waiting", "broken"):
            left.setdefault(run.variant, []).append(run)
    if not left:
        return f"nothing to submit: all runs in {folder} are finished or running"
    lines = [
        "#!/bin/bash",
        f"# {' '.join(plan.title.split())}: written by study --slurm; the flags are fit's.",
        "set -e",
        f"cd {shlex.quote(str(Path.cwd()))}",
        f"mkdir -p {shlex.quote(str(folder / 'logs'))}  # sbatch makes no folders",
        f"export WANDB_RUN_GROUP={shlex.quote(name)}",
        *(shlex.join(submission(runs, name, folder)) for runs in left.values()),
    ]
    script = folder / "submit.sh"
    with replacing(script) as part:
        part.write_text("\n".join(lines) + "\n")
        part.chmod(0o755)
    return f"to submit {sum(map(len, left.values()))} runs as {len(left)} job arrays: {script}"


def submission(runs: list[Run], name: str, folder: Path) -> list[str]:
    """Return the command line of `sbatch` for the seeds of one variant."""
    variant, flags = runs[0].variant, runs[0].flags
    files = [flag.removeprefix("--config=") for flag in flags if flag.startswith("--config=")]
    if not files:
        raise UserError(f"--slurm: {BATCH_SCRIPT} needs a configuration: give the study a base")
    for path in files[1:]:
        if "seed_everything" in yaml.safe_load(Path(path).read_text()):
            raise UserError(
                f"--slurm: {path} sets seed_everything, which {BATCH_SCRIPT} gives before it: "
                "leave it out there, or make it the first configuration"
            )
    return [
        # One process per run, as elsewhere in a study: a second would double the images per step.
        *("sbatch", "--nodes=1", "--ntasks-per-node=1"),
        f"--array={','.join(str(run.seed) for run in runs)}",
        f"--job-name={name}-{variant}",
        f"--output={folder / 'logs' / f'{variant}-%A_%a.out'}",
        *("--export=ALL", str(BATCH_SCRIPT), files[0], *flags[1:]),
        *(f"--name={variant}", f"--runs_dir={folder}"),
    ]
