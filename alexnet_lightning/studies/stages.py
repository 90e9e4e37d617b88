"""The two stages of a study, trials and claim: what is to run now, and the rows that there are."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from alexnet_lightning.studies.csv_rows import Row
from alexnet_lightning.studies.grid import Cell, find, grid
from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.rows import Evidence, gather, merged, read
from alexnet_lightning.studies.tuning import FOLDER, trials, tuned
from alexnet_lightning.system.errors import UserError


def cells_of(study: Study | None, folder: Path) -> list[Cell]:
    """Return all runs of a stage with their folders."""
    return [find(run, folder) for run in grid(study)] if study else []


def trial_rows(study: Study, folder: Path) -> list[Row]:
    """Return the rows of the finished trials."""
    cells = cells_of(trials(study), folder / FOLDER)
    earlier = Evidence(read(folder).tuning, [], [])
    return merged(gather(cells), earlier, [cell.run for cell in cells]).runs


def stages(study: Study, folder: Path) -> Iterator[tuple[Study, Path]]:
    """Yield the trials with their folder, if any, then the claim, if they are finished by then."""
    if first := trials(study):
        yield first, folder / FOLDER
    if chosen := tuned(study, trial_rows(study, folder)):
        yield chosen, folder


def evidence_of(study: Study, folder: Path) -> Evidence:
    """Return the rows of the finished runs, and those of an earlier report of runs now gone."""
    tuning = trial_rows(study, folder)
    cells = cells_of(tuned(study, tuning) or study, folder)
    found = merged(gather(cells), read(folder), [cell.run for cell in cells])
    return replace(found, tuning=tuning)


def check_declared(study: Study, folder: Path) -> None:
    """Raise a UserError if a question became primary after runs of the study had finished."""
    file = folder / "study.yaml"
    if not file.is_file() or not any(folder.glob("*/*/summary.json")):
        return
    asked = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("questions") or []
    declared = [Question(**each) for each in asked if each.get("primary")]
    before = {(*each.sides, each.equivalence) for each in declared}
    for each in study.questions:
        if each.primary and (*each.sides, each.equivalence) not in before:
            raise UserError(
                f"{each.ask}: primary since runs in {folder} have finished: leave primary out, "
                "which makes it exploratory, or name another --output for runs of its own"
            )
