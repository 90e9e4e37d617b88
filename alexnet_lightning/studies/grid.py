"""The runs of a study: the command line of each, its folder, and how far it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from filelock import FileLock, Timeout

from alexnet_lightning.studies.csv_rows import Row, read_rows
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder, in_new_words

# Keys that may differ, with all below them: where a run was trained and kept, what was shown. No
# run is finished that has diverged without being allowed to.
ELSEWHERE = (
    "runs_dir", "recovery", "allow_divergence", "data.init_args.storage", "trainer.accelerator",
    "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.sync_batchnorm",
    "trainer.plugins", "trainer.enable_progress_bar", "trainer.logger",
)  # fmt: skip


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


@dataclass(frozen=True)
class Cell:
    """A run of the grid, its folder, if it has begun here, and its row in an earlier report."""

    run: Run
    folder: RunFolder | None
    row: Row | None = None

    @cached_property
    def state(self) -> str:
        """One of finished, running, unfinished and waiting."""
        if self.folder is None:
            return "waiting" if self.row is None else "finished"
        return state_of(self.folder)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The figures of a finished run; empty for another."""
        return self.folder.read_summary() if self.folder else self.row or {}

    @property
    def result(self) -> str:
        """Test accuracy and seconds of a finished run; empty for another."""
        if self.state != "finished":
            return ""
        top1 = self.summary.get("test/top1")
        accuracy = "" if top1 is None else f"{top1:.2%} test top-1, "
        diverged = "diverged, " if "diverged_at_step" in self.summary else ""
        return f"{diverged}{accuracy}{self.summary['seconds']:.0f} s"


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
    """Return the whole configuration of a run, as its config.yaml will have it."""
    try:
        return parsed(run.arguments(folder))
    except UserError as error:
        raise UserError(f"{run.name}: {error}") from error


def parsed(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the whole configuration that a command line of `fit` gives; builds nothing."""
    from alexnet_lightning.cli.experiment import ExperimentCLI

    return yaml.safe_load(ExperimentCLI(arguments).resolved)


def check_values(run: Run, folder: Path) -> None:
    """Raise a UserError for a run that `fit` would refuse; builds its network, opens no data."""
    from alexnet_lightning.cli.experiment import ExperimentCLI, listed
    from alexnet_lightning.cli.ranges import check_ranges
    from alexnet_lightning.training.tracking import check_packages

    try:
        cli = ExperimentCLI(run.arguments(folder))
        check_ranges(cli.config.trainer)
        check_packages(listed(cli.config.trainer.logger))
        _ = cli.model
    except UserError as error:
        raise UserError(f"{run.name}: {error}") from error


def state_of(run: RunFolder) -> str:
    """Tell how far a run is that has begun."""
    if run.summary.is_file():
        return "finished"
    return "running" if is_locked(run) else "unfinished"


def is_locked(run: RunFolder) -> bool:
    """Tell whether a process trains in a run folder."""
    if not (run.path / ".lock").exists():
        return False
    try:
        with FileLock(run.path / ".lock", timeout=0):
            return False
    except Timeout:
        return True


def find(run: Run, folder: Path) -> Cell:
    """Return a run with its row and folder: the finished one if there is one, else the newest."""
    same = [
        RunFolder(path.parent)
        for path in sorted((folder / run.variant).glob("*/config.yaml"))
        if yaml.safe_load(path.read_text(encoding="utf-8"))["seed_everything"] == run.seed
    ]
    same.sort(key=lambda candidate: candidate.summary.is_file())
    return Cell(run, same[-1] if same else None, row_of(run, folder))


def row_of(run: Run, folder: Path) -> Row | None:
    """Return the row of a run in an earlier report in the folder; of a trial, beside its folder."""
    for path in (folder / "runs.csv", folder.parent / f"{folder.name}.csv"):
        for row in read_rows(path) if path.is_file() else []:
            if (row.get("variant"), row.get("seed")) == (run.variant, run.seed):
                return row
    return None


def settings_of(flags: Sequence[str]) -> dict[str, str]:
    """Return what a row says of a run's flags: its configurations, and the other flags."""
    configs = [flag.split("=", 1)[1] for flag in flags if flag.startswith("--config=")]
    others = [flag[2:] for flag in flags if not flag.startswith("--config=")]
    return {"config": " ".join(configs), "overrides": " ".join(others)}


def check_unchanged(cell: Cell, folder: Path) -> None:
    """Raise a UserError if a run was begun with another configuration than the study asks for."""
    if cell.folder is None:
        check_row(cell, folder)
        return
    wanted = resolved(cell.run, folder)
    config = cell.folder.config
    changed = changed_keys(yaml.safe_load(in_new_words(config.read_text(encoding="utf-8"))), wanted)
    if changed:  # arguments that its version did not have are at their defaults: slower
        changed = changed_keys(parsed([f"--config={config}"]), wanted)
    if changed:
        raise UserError(
            f"{cell.folder.path}: this run was begun with other settings than the study now has "
            f"({', '.join(changed[:3])}): name another --output, or delete the run to repeat it"
        )


def changed_keys(begun: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return the dotted keys in which two configurations differ, without those of ELSEWHERE."""
    keys = {*differences(begun, wanted), *differences(wanted, begun)}
    elsewhere = tuple(f"{key}." for key in ELSEWHERE)
    return sorted(key for key in keys if not f"{key}.".startswith(elsewhere))


def check_rows(cells: Sequence[Cell], folder: Path) -> None:
    """Raise a UserError for a run whose folder is gone and whose row is of other settings."""
    for cell in cells:
        if cell.folder is None:
            check_row(cell, folder)


def check_row(cell: Cell, folder: Path) -> None:
    """Raise a UserError if the row of a run is of other settings."""
    for key, wanted in settings_of(cell.run.flags).items():
        if cell.row is not None and cell.row.get(key, "") != wanted:
            raise UserError(
                f"{folder / 'runs.csv'}: the row of {cell.run.name} has {key} "
                f"{cell.row.get(key, '')!r}, the study {wanted!r}: name another --output, or "
                "delete the row to repeat the run"
            )


def differences(base: Any, config: Any, key: str = "") -> dict[str, Any]:
    """Return by dotted key the values of a configuration that differ from those of another."""
    if key.endswith("class_path"):  # classes may have moved between the two
        base, config = (str(path).rsplit(".", 1)[-1] for path in (base, config))
    if not (isinstance(base, Mapping) and isinstance(config, Mapping)):
        return {} if base == config else {key: config}
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= differences(base.get(name), value, f"{key}.{name}" if key else str(name))
    return found


def listing(cells: Sequence[Cell], jobs: int) -> str:
    """Return a line per run, and an estimate of the rest with `jobs` runs at once."""
    width = max(len(cell.run.name) for cell in cells)
    lines = [f"{cell.run.name:<{width}}  {cell.state:<8}  {cell.result}".rstrip() for cell in cells]
    finished = sum(cell.state == "finished" for cell in cells)
    return "\n".join([*lines, f"{finished} of {len(cells)} finished{time_left(cells, jobs)}"])


def time_left(cells: Sequence[Cell], jobs: int) -> str:
    """Return how long the unfinished runs will take, by the mean of those of the same variant."""
    seconds: dict[str, list[float]] = {}
    left = []
    for cell in cells:
        if cell.state == "finished":
            seconds.setdefault(cell.run.variant, []).append(cell.summary["seconds"])
        else:
            left.append(cell.run.variant)
    if not left:
        return ""
    if not seconds:
        return "; no run is finished yet to estimate the time from"
    of_all = [each for runs in seconds.values() for each in runs]
    total = sum(fmean(seconds.get(variant, of_all)) for variant in left)
    return f"; about {total / jobs / 60:.0f} min left, {jobs} at a time, plus start-up and tests"
