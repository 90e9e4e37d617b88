"""A study on other machines: SLURM job arrays, or a W&B sweep whose agents divide the runs."""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies.grid import Run, find, grid, resolved
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError

BATCH_SCRIPT = Path("train.sbatch")


def job_array(plan: Study, name: str, folder: Path) -> str:
    """Write FOLDER/submit.sh for the runs not finished or running; return what to do next."""
    if not BATCH_SCRIPT.is_file():
        raise UserError(f"--slurm: no {BATCH_SCRIPT} here: run this in a checkout of the project")
    left: dict[str, list[Run]] = {}
    for run in grid(plan):
        if find(run, folder).state in ("waiting", "unfinished"):
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
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.chmod(0o755)
    return f"to submit {sum(map(len, left.values()))} runs as {len(left)} job arrays: {script}"


def submission(runs: list[Run], name: str, folder: Path) -> list[str]:
    """Return the command line of `sbatch` for the seeds of one variant."""
    variant, flags = runs[0].variant, runs[0].flags
    files = [flag.removeprefix("--config=") for flag in flags if flag.startswith("--config=")]
    if not files:
        raise UserError(f"--slurm: {BATCH_SCRIPT} needs a configuration: give the study a base")
    for path in files[1:]:
        if "seed_everything" in yaml.safe_load(Path(path).read_text(encoding="utf-8")):
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


def write_sweep(plan: Study, name: str, folder: Path) -> str:
    """Write FOLDER/sweep.yaml and FOLDER/sweep/VARIANT.yaml; return what to do next, in one line.

    The variants are whole configurations, since their overrides need not form a product; the name
    of the file is the folder of the runs, where the study finds them.
    """
    files = []
    for run in grid(replace(plan, seeds=plan.seeds[:1])):
        files.append(str(folder / "sweep" / f"{run.variant}.yaml"))
        write(Path(files[-1]), without_seed(run, folder))
    path = folder / "sweep.yaml"
    write(path, described(plan, name, folder, files))
    count = plan.sweep.runs(len(files) * len(plan.seeds))
    return (
        f"to start {count} runs: wandb sweep {path}, then the wandb agent "
        "that it names, here and on other machines with this folder"
    )


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a YAML file."""
    with replacing(path) as part:
        part.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def described(plan: Study, name: str, folder: Path, files: list[str]) -> dict[str, Any]:
    """Return the sweep. Keys: https://docs.wandb.ai/models/sweeps/sweep-config-keys"""
    from alexnet_lightning.training.trackers import PROJECT

    # Runs of other settings than the study's are none of its runs.
    place = folder / "search" if plan.sweep.parameters else folder
    fit = ["${interpreter}", "-m", "alexnet_lightning.fit", f"--runs_dir={place}", "${args}"]
    return {
        "name": name,
        "description": " ".join(plan.title.split()),
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "program": "alexnet_lightning/fit.py",  # W&B needs the key; the command names the module
        "command": ["${env}", f"WANDB_RUN_GROUP={name}", *fit],
        **plan.sweep.keys(),
        "metric": {"name": "val/top1", "goal": "maximize"},
        "parameters": {
            "config": {"values": files},
            "seed_everything": {"values": plan.seeds},
            **{key: {"value": value} for key, value in shared(plan).items()},
            **plan.sweep.parameters,
        },
    }


def shared(plan: Study) -> dict[str, int | float]:
    """Return the numbers that no variant changes, to be edited in one file of the sweep."""
    changed = tuple(f"{key}." for each in plan.variants.values() for key in each.overrides)
    return {
        key: value
        for key, value in plan.overrides.items()
        if isinstance(value, int | float) and not f"{key}.".startswith(changed)
    }


def without_seed(run: Run, folder: Path) -> dict[str, Any]:
    """Return the configuration of a variant without what its runs differ in."""
    configuration = resolved(run, folder)
    of_data = configuration["data"]["init_args"]
    other = resolved(replace(run, seed=run.seed + 1), folder)
    if other["data"]["init_args"]["seed"] != of_data["seed"]:  # it follows the run's
        del of_data["seed"]
    # `fit` gets them from the sweep's parameters, its command and the file's name.
    given = ("seed_everything", "runs_dir", "name")
    return {key: value for key, value in configuration.items() if key not in given}
