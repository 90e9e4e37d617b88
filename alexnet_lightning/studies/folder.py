"""The folder of a study: which of its runs are finished, running, broken or waiting."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from filelock import FileLock, Timeout

from alexnet_lightning.studies.grid import Run, resolved
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

State = Literal["finished", "running", "broken", "waiting"]
# Keys that may differ, with all below them: where a run was trained and kept, what was shown.
ELSEWHERE = (
    "runs_dir", "recovery", "trainer.accelerator", "trainer.devices", "trainer.num_nodes",
    "trainer.strategy", "trainer.sync_batchnorm", "trainer.plugins", "trainer.enable_progress_bar",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A run of the grid and its folder, if it has begun."""

    run: Run
    folder: RunFolder | None

    @cached_property
    def state(self) -> State:
        """How far the run is."""
        return "waiting" if self.folder is None else state_of(self.folder)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The figures of a finished run; empty for another."""
        if self.folder is None or not self.folder.summary.is_file():
            return {}
        figures: dict[str, Any] = json.loads(self.folder.summary.read_text())
        return figures

    @property
    def result(self) -> str:
        """Test accuracy and seconds of a finished run; empty for another."""
        if self.state != "finished":
            return ""
        top1 = self.summary.get("test/top1")
        accuracy = "" if top1 is None else f"{top1:.2%} test top-1, "
        return f"{accuracy}{self.summary['seconds']:.0f} s"


def state_of(run: RunFolder) -> State:
    """Tell how far a run is that has begun."""
    if run.summary.is_file():
        return "finished"
    return "running" if is_locked(run) else "broken"


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
    """Return a run with its folder: the finished one if there is one, else the newest."""
    same = [
        RunFolder(path.parent)
        for path in sorted((folder / run.variant).glob("*/config.yaml"))
        if yaml.safe_load(path.read_text())["seed_everything"] == run.seed
    ]
    same.sort(key=lambda candidate: candidate.summary.is_file())
    return Cell(run, same[-1] if same else None)


def check_unchanged(cell: Cell, folder: Path) -> None:
    """Raise a UserError if a run was begun with another configuration than the study asks for."""
    wanted = resolved(cell.run, folder)
    if cell.folder is None:
        return
    begun = yaml.safe_load(cell.folder.config.read_text())
    changed = sorted(
        key
        for key in differences(begun, wanted)
        if not f"{key}.".startswith(tuple(f"{known}." for known in ELSEWHERE))
    )
    if changed:
        raise UserError(
            f"{cell.folder.path}: this run was begun with other settings than the study now has "
            f"({', '.join(changed[:3])}): name another --output, or delete the run to repeat it"
        )


def differences(one: Any, other: Any, key: str = "") -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys in which two configurations differ, with both values."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return {} if one == other else {key: (one, other)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in {**one, **other}:
        inner = f"{key}.{name}" if key else str(name)
        found |= differences(one.get(name), other.get(name), inner)
    return found
