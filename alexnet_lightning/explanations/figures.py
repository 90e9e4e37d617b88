"""The figures that explain a run, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.explanations import comparison
from alexnet_lightning.explanations.grad_cam import draw_grad_cam
from alexnet_lightning.explanations.images import ShownImages, run_data, split_probabilities
from alexnet_lightning.explanations.kernels import draw_kernels, draw_maps
from alexnet_lightning.explanations.mistakes import draw_mistakes
from alexnet_lightning.explanations.neighbours import Neighbours, draw_neighbours
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.training.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 6  # test images, if no others are given
OF_DATA = {"mistakes", "neighbours", "best_last"}  # need the data set
OF_IMAGES = {"maps", "gradcam", "neighbours"}  # need images from anywhere


class Subject:
    """A run to explain.

    Args:
        run: its folder.
        which: checkpoint, see `RunFolder.read`.
        device: to compute on.
        files: images to look at; None for test images.
    """

    def __init__(
        self, run: RunFolder, which: str, device: str, files: Sequence[Path] | None
    ) -> None:
        self.run = run
        self.device = device
        self.predictor = Predictor(run.read(which), device=device)
        self.files = files

    @cached_property
    def data(self) -> ImageDataModule:
        """The run's data set."""
        return run_data(self.run)

    @cached_property
    def images(self) -> ShownImages:
        """The images to look at."""
        if self.files:
            return ShownImages.of_files(self.predictor, self.files)
        return ShownImages.of_split(self.data, "test", IMAGES)

    def open(self, names: Collection[str]) -> None:
        """Read what these figures need, to report what is missing before the first is drawn."""
        if OF_IMAGES.intersection(names):
            _ = self.images
        if OF_DATA.intersection(names):
            _ = self.data

    def figures(self, name: str) -> Iterator[tuple[str, Figure]]:
        """Yield the figures of a kind with the names of their files."""
        predictor = self.predictor
        match name:
            case "kernels":
                yield name, draw_kernels(predictor.model.network)
            case "maps":
                yield name, draw_maps(predictor, self.images)
            case "gradcam":
                yield name, draw_grad_cam(predictor, self.images)
            case "neighbours":
                yield (
                    name,
                    draw_neighbours(Neighbours(predictor, self.data.splits["train"]), self.images),
                )
            case "mistakes":
                test = self.data.splits["test"]
                probabilities = split_probabilities(predictor, test)
                yield name, draw_mistakes(test, probabilities, predictor.class_names)
            case "best_last":
                test = self.data.splits["test"]
                rows = comparison.read_rows(self.run.metrics)
                best = comparison.judged(self.run, "best", test, self.device)
                last = comparison.judged(self.run, "last", test, self.device)
                yield name, comparison.draw_curves_and_counts(rows, best, last, test.labels)
                names = predictor.class_names
                yield f"{name}_differences", comparison.draw_differences(test, best, last, names)
