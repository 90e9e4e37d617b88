"""What `study --list` shows: each run and its state, and how long the rest will take."""

from collections.abc import Sequence

from alexnet_lightning.studies.folder import Cell


def listing(cells: Sequence[Cell], jobs: int) -> str:
    """Return a table with a line a run, and below it what is done and an estimate of the rest.

    Args:
        cells: all runs of the study.
        jobs: how many run at once.
    """
    width = max(len(cell.run.name) for cell in cells)
    lines = [
        f"{cell.run.name:<{width}}  {cell.state:<8}  {figures(cell)}".rstrip() for cell in cells
    ]
    finished = sum(cell.state == "finished" for cell in cells)
    lines.append(f"{finished} of {len(cells)} finished{estimate(cells, jobs)}")
    return "\n".join(lines)


def figures(cell: Cell) -> str:
    """Return the test accuracy and the time of a finished run."""
    if cell.state != "finished":
        return ""
    top1 = cell.summary.get("test/top1")
    shown = "" if top1 is None else f"{100 * top1:6.2f} % test top-1"
    return f"{shown} {cell.summary['seconds']:8.0f} s"


def estimate(cells: Sequence[Cell], jobs: int) -> str:
    """Return how long the unfinished runs will take, by the mean of those of the same variant."""
    seconds = [cell.summary["seconds"] for cell in cells if cell.state == "finished"]
    left = [cell for cell in cells if cell.state != "finished"]
    if not left:
        return ""
    if not seconds:
        return "; no run is finished yet to tell the time by"
    total = 0.0
    for cell in left:
        alike = [
            other.summary["seconds"]
            for other in cells
            if other.state == "finished" and other.run.variant == cell.run.variant
        ] or seconds
        total += sum(alike) / len(alike)
    return f"; about {total / jobs / 60:.0f} min left, {jobs} at a time, beside start-up and tests"
