"""A run's mistakes on its test images, and what training after the best epoch changed of them."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from alexnet_lightning.data.batches import Images
from alexnet_lightning.explanations.images import (
    brief,
    gallery,
    notice,
    percent,
    split_probabilities,
)
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.curves import Rows, by_epochs, plot_metric
from alexnet_lightning.plots.style import COLOURS, new_figure
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.own_variant import own_variant
from alexnet_lightning.training.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISTAKES, DIFFERENCES = 24, 18  # images shown
Seen = Callable[[Tensor], Tensor]


def most_confident(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return the indices of at most `count` misclassified images, the most confident first."""
    confidence, predicted = probabilities.max(dim=1)
    wrong = (predicted != labels).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True, stable=True)[:count]]


def draw_mistakes(
    images: Images, probabilities: Tensor, class_names: Sequence[str], seen: Seen | None = None
) -> Figure:
    """Return a figure of a split's most confident mistakes, from all its probabilities (N, K).

    `seen` gives what the network sees of stored images, as `Preprocessing.centre`.
    """
    chosen = most_confident(probabilities, images.labels, MISTAKES)
    pixels, labels = images[chosen]
    captions = []
    for row, label in zip(probabilities[chosen], labels.tolist(), strict=True):
        said, true = (percent(class_names[i], row[i].item()) for i in (int(row.argmax()), label))
        captions.append(f"{said}\nis {true}")
    wrong = int((probabilities.argmax(dim=1) != images.labels).sum())
    title = f"Most confident of {wrong:,} mistakes in {len(images):,} test images"
    if not wrong:
        return notice(title, "The network is right on all of them.")
    return gallery(seen(pixels) if seen else pixels, captions, title)


class Judged(NamedTuple):
    """A checkpoint, "best" or "last", its epoch from 1, and its test probabilities (N, K)."""

    name: str
    epoch: int
    probabilities: Tensor

    def figures(self, labels: Tensor) -> dict[str, float]:
        """Return top-1, top-5 if there are more than five classes, and the loss."""
        classes = self.probabilities.shape[1]
        hits = self.probabilities.topk(min(5, classes)).indices == labels[:, None]
        found = {"top1": hits[:, 0].double().mean().item()}
        if classes > 5:
            found["top5"] = hits.any(dim=1).double().mean().item()
        return {**found, "loss": F.nll_loss(self.probabilities.double().log(), labels).item()}

    def line(self, labels: Tensor) -> str:
        figures = self.figures(labels)
        loss = figures.pop("loss")
        words = [f"{name.replace('top', 'top-')} {value:.2%}" for name, value in figures.items()]
        return f"{self.name} (epoch {self.epoch}): {', '.join([*words, f'loss {loss:.4f}'])}"


def judged(run: RunFolder, which: str, images: Images, device: str = "cpu") -> Judged:
    """Return the predictions of a run's best or last checkpoint for a split."""
    checkpoint = run.read(which)
    predictor = Predictor(checkpoint, device=device, variant=own_variant(run))
    probabilities = split_probabilities(predictor, images)
    return Judged(which, checkpoint["epoch"] + 1, probabilities)


def read_rows(path: Path) -> Rows:
    """Return the rows of a metrics.csv, without its empty cells."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot read the run's metrics ({error.strerror})") from None
    try:
        return [{key: float(value) for key, value in row.items() if value} for row in rows]
    except (ValueError, TypeError) as error:  # no number, or more cells than columns
        raise UserError(
            f"{path}: {one_line(error)}: this is not what `fit` wrote; restore it"
        ) from None


def agreement(best: Tensor, last: Tensor, labels: Tensor) -> dict[str, int]:
    """Return the number of images for each outcome of two predicted classes (N,)."""
    first, second = best == labels, last == labels
    outcomes = {
        "both right": first & second,
        "only best right": first & ~second,
        "only last right": ~first & second,
        "both wrong, same class": ~first & ~second & (best == last),
        "both wrong, different": ~first & ~second & (best != last),
    }
    return {name: int(images.sum()) for name, images in outcomes.items()}


def draw_curves_and_counts(
    rows: Rows, best: Judged, last: Judged, labels: Tensor, targets: str = ""
) -> Figure:
    """Return a figure of the run's curves, both checkpoints marked, and where they agree."""
    counts = agreement(best.probabilities.argmax(1), last.probabilities.argmax(1), labels)
    with new_figure(13, 4.4) as figure:
        loss, accuracy, bars = figure.subplots(1, 3, width_ratios=[1, 1, 0.9])
        classes = best.probabilities.shape[1]
        for axes, metric, unit, chance in (
            (loss, "loss", "cross-entropy (nats)", math.log(classes)),
            (accuracy, "top1", "accuracy (%)", 100 / classes),
        ):
            plot_metric(axes, rows, metric, "-", targets)
            for judged, line in ((best, "--"), (last, ":")):
                look = {"color": "#555555", "linestyle": line, "lw": 1.4, "zorder": 1}
                axes.axvline(judged.epoch, label=f"{judged.name} checkpoint", **look)
            by_epochs(axes, unit, chance)
        handles, names = loss.get_legend_handles_labels()
        names = [name.removesuffix(" loss") for name in names]
        figure.legend(handles, names, loc="outside lower center", ncols=5)
        bars.barh(list(counts), list(counts.values()), color=COLOURS[0])
        bars.bar_label(bars.containers[0], labels=[f" {count:,}" for count in counts.values()])
        bars.invert_yaxis()
        bars.margins(x=0.15)
        bars.grid(axis="y", visible=False)
        bars.set(xlabel="test images")
        lines = f"{best.line(labels)}\n{last.line(labels)}"
        figure.suptitle(f"{len(labels):,} test images: {lines}")
    return figure


def draw_differences(
    images: Images, best: Judged, last: Judged, names: Sequence[str], seen: Seen | None = None
) -> Figure:
    """Return a figure of the images that the two classify differently, most different first.

    `seen` gives what the network sees of stored images, as `Preprocessing.centre`.
    """
    differ = best.probabilities.argmax(1) != last.probabilities.argmax(1)
    candidates = differ.nonzero().flatten()
    distance = (best.probabilities[differ] - last.probabilities[differ]).abs().sum(1)
    chosen = candidates[distance.argsort(descending=True, stable=True)[:DIFFERENCES]]
    pixels, labels = images[chosen]
    captions = []
    for index, label in zip(chosen.tolist(), labels.tolist(), strict=True):
        lines = [f"is {brief(names[label])}"]
        for judged in (best, last):
            value, found = judged.probabilities[index].max(0)
            lines.append(f"{judged.name}: {percent(names[int(found)], value.item())}")
        captions.append("\n".join(lines))
    title = f"Best and last differ on {len(candidates):,} of {len(images):,} test images"
    more = f", most on these {len(chosen)}" if len(candidates) > len(chosen) else ""
    if not len(candidates):
        return notice(title, f"Epochs {best.epoch} and {last.epoch} give the same class for each.")
    return gallery(seen(pixels) if seen else pixels, captions, title + more)
