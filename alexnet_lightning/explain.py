"""Draw what a trained network looks at: python -m alexnet_lightning.explain runs/NAME/DATE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.explanations import comparison
from alexnet_lightning.explanations.grad_cam import draw_grad_cam
from alexnet_lightning.explanations.images import Pictures, run_data, split_probabilities
from alexnet_lightning.explanations.kernels import draw_kernels, draw_maps
from alexnet_lightning.explanations.mistakes import draw_mistakes
from alexnet_lightning.explanations.neighbours import Neighbours, draw_neighbours
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.style import DPI
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.training.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = 6  # test images looked at where no others are named
# What each needs of the data set: nothing, pictures of any origin, or the data set itself.
WHAT = {
    "kernels": "the first layer's kernels",
    "maps": "what each stage makes of a picture",
    "gradcam": "which places of a picture speak for which class",
    "mistakes": "the most confident mistakes on the test split",
    "neighbours": "the training images nearest to a picture, by penultimate features",
    "best_last": "the best checkpoint against the last",
}
OF_DATA = {"mistakes", "neighbours", "best_last"}
OF_PICTURES = {"maps", "gradcam", "neighbours"}


def explain(args: Sequence[str]) -> None:
    """Write figures of a run into its folder and print where they are.

    Raises:
        UserError: no such run, checkpoint or image; the data cannot be had.
    """
    parser = CommandParser(
        prog="python -m alexnet_lightning.explain",
        description=__doc__,
        epilog="; ".join(f"{name}: {meaning}" for name, meaning in WHAT.items()),
        allow_abbrev=False,
    )
    parser.add_argument("run_dir", type=Path, help="run folder, as fit prints it")
    parser.add_argument("--what", nargs="+", choices=list(WHAT), default=list(WHAT), help="figures")
    parser.add_argument(
        "--images", nargs="+", type=Path, help=f"to look at; default: {PICTURES} test images"
    )
    parser.add_argument("--checkpoint", default="best", help="best (default), last or a path")
    parser.add_argument("--device", default="cpu", help="as cpu (default) or cuda")
    parser.add_argument("--output", type=Path, help="folder; default: figures/ of the run")
    options = parser.parse_args(args)
    subject = Subject(
        RunFolder.find(options.run_dir), options.checkpoint, options.device, options.images
    )
    subject.open(set(options.what))
    folder = options.output or subject.run.path / "figures"
    for what in options.what:
        for name, figure in subject.figures(what):
            path = folder / f"{name}.png"
            with replacing(path) as part:
                figure.savefig(part, dpi=DPI)
            print(path)


class Subject:
    """A run that figures are drawn of.

    Args:
        run: its folder.
        which: checkpoint.
        device: where it computes.
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
    def pictures(self) -> Pictures:
        """Those to look at."""
        if self.files:
            return Pictures.of_files(self.predictor, self.files)
        return Pictures.of_split(self.data, "test", PICTURES)

    def open(self, what: set[str]) -> None:
        """Read what these figures need, so that what is missing shows before the first of them."""
        if what & OF_PICTURES:
            _ = self.pictures
        if what & OF_DATA:
            _ = self.data

    def figures(self, what: str) -> Iterator[tuple[str, Figure]]:
        """Yield the figures of a kind and the names of their files."""
        predictor = self.predictor
        match what:
            case "kernels":
                yield "kernels", draw_kernels(predictor.model.network)
            case "maps":
                yield "maps", draw_maps(predictor, self.pictures)
            case "gradcam":
                yield "gradcam", draw_grad_cam(predictor, self.pictures)
            case "neighbours":
                neighbours = Neighbours(predictor, self.data.splits["train"])
                yield "neighbours", draw_neighbours(neighbours, self.pictures)
            case "mistakes":
                test = self.data.splits["test"]
                yield (
                    "mistakes",
                    draw_mistakes(
                        test, split_probabilities(predictor, test), predictor.class_names
                    ),
                )
            case "best_last":
                yield from self.best_last()

    def best_last(self) -> Iterator[tuple[str, Figure]]:
        """Yield curves with both checkpoints marked, and the images that they differ on."""
        test = self.data.splits["test"]
        rows = comparison.read_rows(self.run.metrics)
        best, last = (
            comparison.judged(self.run, which, test, self.device) for which in ("best", "last")
        )
        yield "best_last", comparison.draw_curves_and_counts(rows, best, last, test.labels)
        yield (
            "best_last_differences",
            comparison.draw_differences(test, best, last, self.predictor.class_names),
        )


if __name__ == "__main__":
    run_command(explain)
