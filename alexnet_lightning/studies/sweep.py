"""A study as a sweep of W&B: its agents, on any machine that has the folder, share the runs."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies.grid import Run, grid, resolved
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.training.tracking import PROJECT

# `fit` finds them by itself: from the sweep's parameters, its command and the file's name.
GIVEN_ELSEWHERE = ("seed_everything", "runs_dir", "name")


def sweep(plan: Study, name: str, folder: Path) -> str:
    """Write FOLDER/sweep.yaml and, for each variant, FOLDER/sweep/VARIANT.yaml.

    The variants are whole configurations, since their overrides need not form a product; the name
    of the file is the folder of the runs, where the study finds them.

    Args:
        plan: the study.
        name: of the sweep, and of the W&B group that its runs share.
        folder: of the study.

    Returns:
        The lines that say how to start it and how to see what came of it.
    """
    files = []
    for run in grid(replace(plan, seeds=plan.seeds[:1])):
        path = folder / "sweep" / f"{run.variant}.yaml"
        with replacing(path) as part:
            part.write_text(yaml.safe_dump(without_seed(run, folder), sort_keys=False))
        files.append(str(path))
    path = folder / "sweep.yaml"
    with replacing(path) as part:
        part.write_text(yaml.safe_dump(described(plan, name, folder, files), sort_keys=False))
    return (
        f"to start {len(files) * len(plan.seeds)} runs: wandb sweep {path}, then the wandb agent "
        "that it names, here and on other machines with this folder\n"
        f"to see them: python -m alexnet_lightning.study --config {folder / 'study.yaml'} "
        f"--output {folder} --list"
    )


def described(plan: Study, name: str, folder: Path, files: list[str]) -> dict[str, Any]:
    """Return the sweep.

    Its keys: https://docs.wandb.ai/models/sweeps/sweep-config-keys
    """
    fit = ["${interpreter}", "-m", "alexnet_lightning.fit", f"--runs_dir={folder}", "${args}"]
    return {
        "name": name,
        "description": " ".join(plan.title.split()),
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "program": "alexnet_lightning/fit.py",  # W&B asks for it; the command names it as a module
        "command": ["${env}", f"WANDB_RUN_GROUP={name}", *fit],
        "method": "grid",
        "metric": {"name": "val/top1", "goal": "maximize"},
        "parameters": {
            "config": {"values": files},
            "seed_everything": {"values": plan.seeds},
            **{key: {"value": value} for key, value in shared(plan).items()},
        },
    }


def shared(plan: Study) -> dict[str, int | float]:
    """Return the numbers that no variant changes: in the sweep they are in one place to edit."""
    changed = {key for variant in plan.variants.values() for key in variant.overrides}
    return {
        key: value
        for key, value in plan.overrides.items()
        if isinstance(value, int | float)
        and not any(key == other or key.startswith(f"{other}.") for other in changed)
    }


def without_seed(run: Run, folder: Path) -> dict[str, Any]:
    """Return the configuration of a variant, which leaves open what its runs differ in."""
    configuration = resolved(run, folder)
    of_data = configuration["data"]["init_args"]
    other = resolved(replace(run, seed=run.seed + 1), folder)
    if other["data"]["init_args"]["seed"] != of_data["seed"]:  # it follows the run's
        del of_data["seed"]
    return {key: value for key, value in configuration.items() if key not in GIVEN_ELSEWHERE}
