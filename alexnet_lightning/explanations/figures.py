"""The figures that explain a run, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_lightning.explanations import mistakes
from alexnet_lightning.explanations.images import ShownImages, run_data, split_probabilities
from alexnet_lightning.explanations.layers import draw_grad_cam, draw_kernels, draw_maps
from alexnet_lightning.explanations.neighbours import Neighbours, draw_neighbours
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.style import write_png
from alexnet_lightning.system import progress
from alexnet_lightning.training.run_folder import BEST, LAST, RunFolder, note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 6  # test images, if no others are given
OF_DATA = {"mistakes", "neighbours", "best_last"}  # need the data set
OF_IMAGES = {"maps", "gradcam", "neighbours"}  # need images from anywhere


def write_figures(
    run: RunFolder,
    names: Sequence[str],
    files: Sequence[Path],
    predictor: Predictor,
    to: Path,
    accept_changed: bool = False,
) -> list[Path]:
    """Write figures as PNG files to a folder; see the command `explain`."""
    missing = [
        file.name for file in (run.checkpoints / BEST, run.checkpoints / LAST) if not file.is_file()
    ]
    if "best_last" in names and missing:
        note(f"{run.path} has no {missing[0]} to compare: best_last is left out")
        names = [name for name in names if name != "best_last"]
    shown, data = None, None  # read now, so that what is missing shows before the first is drawn
    if OF_DATA.intersection(names) or (OF_IMAGES.intersection(names) and not files):
        with progress.told("opening the run's data set"):
            data = run_data(run, True, predictor.trained_on, accept_changed)
    if OF_IMAGES.intersection(names) and files:
        shown = ShownImages.of_files(predictor, files)
    elif data:
        shown = ShownImages.of_split(data, "test", IMAGES)
    paths = []
    for name in progress.each(names, "drawing"):
        for stem, figure in figures(name, predictor, shown, run, data):
            paths.append(to / f"{stem}.png")
            write_png(figure, paths[-1])
    return paths


def figures(
    name: str, predictor: Predictor, shown: Any, run: RunFolder, data: Any
) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of a name, and the stems of their files."""
    names, seen = predictor.class_names, predictor.preprocessing.centre
    match name:
        case "kernels":
            yield name, draw_kernels(predictor.model.network)
        case "maps":
            yield name, draw_maps(predictor, shown)
        case "gradcam":
            yield name, draw_grad_cam(predictor, shown)
        case "neighbours":
            yield name, draw_neighbours(Neighbours(predictor, data.splits["train"]), shown)
        case "mistakes":
            test = data.splits["test"]
            found = split_probabilities(predictor, test)
            yield name, mistakes.draw_mistakes(test, found, names, seen)
        case "best_last":
            test, device = data.splits["test"], str(predictor.device)
            rows = mistakes.read_rows(run.metrics)
            smoothing = getattr(predictor.model, "label_smoothing", 0)
            soft = f"label smoothing {smoothing:g}" if smoothing else ""
            best, last = (mistakes.judged(run, which, test, device) for which in ("best", "last"))
            yield name, mistakes.draw_curves_and_counts(rows, best, last, test.labels, soft)
            yield f"{name}_differences", mistakes.draw_differences(test, best, last, names, seen)
