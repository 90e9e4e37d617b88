"""What `study --list` shows: each run and its state, and how long the rest will take."""

from collections.abc import Sequence
from statistics import fmean

from alexnet_lightning.studies.folder import Cell


def listing(cells: Sequence[Cell], jobs: int) -> str:
    """Return a line per run, and an estimate of the rest with `jobs` runs at once."""
    width = max(len(cell.run.name) for cell in cells)
    lines = [f"{cell.run.name:<{width}}  {cell.state:<8}  {cell.result}".rstrip() for cell in cells]
    finished = sum(cell.state == "finished" for cell in cells)
    return "\n".join([*lines, f"{finished} of {len(cells)} finished{time_left(cells, jobs)}"])


def time_left(cells: Sequence[Cell], jobs: int) -> str:
    """Return how long the unfinished runs will take, by the mean of those of the same variant."""
    seconds: dict[str, list[float]] = {}
    for cell in cells:
        if cell.state == "finished":
            seconds.setdefault(cell.run.variant, []).append(cell.summary["seconds"])
    left = [cell.run.variant for cell in cells if cell.state != "finished"]
    if not left:
        return ""
    if not seconds:
        return "; no run is finished yet to estimate the time from"
    of_all = [each for runs in seconds.values() for each in runs]
    total = sum(fmean(seconds.get(variant, of_all)) for variant in left)
    return f"; about {total / jobs / 60:.0f} min left, {jobs} at a time, plus start-up and tests"
