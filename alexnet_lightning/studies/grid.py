"""The runs of a study: variants times seeds, and the command line of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies.plan import Study
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class Run:
    """One cell of the grid: its variant's name, its seed and its other flags of `fit`."""

    variant: str
    seed: int
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name in messages, and of its log file."""
        return f"{self.variant}-seed{self.seed}"

    def arguments(self, folder: Path) -> list[str]:
        """Return the command line of `fit`."""
        own = [f"--seed_everything={self.seed}", f"--name={self.variant}", f"--runs_dir={folder}"]
        return [*self.flags, *own]


def grid(study: Study) -> list[Run]:
    """Return all runs, seed by seed, so that every variant soon has a result."""
    flags = {}
    for name, variant in study.variants.items():
        overrides = (study.overrides | variant.overrides).items()
        flags[name] = (
            *(f"--config={path}" for path in variant.config or study.base),
            *(f"--{key}={each if isinstance(each, str) else json.dumps(each)}"
              for key, each in overrides),
        )  # fmt: skip
    return [Run(name, seed, flags[name]) for seed in study.seeds for name in study.variants]


def resolved(run: Run, folder: Path) -> dict[str, Any]:
    """Return the whole configuration of a run, as its config.yaml will have it.

    Raises:
        UserError: `fit` would refuse it.
    """
    try:
        return parsed(run.arguments(folder))
    except UserError as error:
        raise UserError(f"{run.name}: {error}") from error


def parsed(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the whole configuration that a command line of `fit` gives; builds nothing."""
    from alexnet_lightning.cli.experiment import ExperimentCLI

    configuration: dict[str, Any] = yaml.safe_load(ExperimentCLI(arguments).resolved())
    return configuration
