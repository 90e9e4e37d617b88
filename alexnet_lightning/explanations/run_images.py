"""What a run's network makes of its data set, as the values that the run's page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Images, seeded
from alexnet_lightning.explanations.images import batches, run_data, split_probabilities
from alexnet_lightning.explanations.mistakes import MISTAKES, most_confident
from alexnet_lightning.explanations.thumbnails import figure_url, image_url, sheet_url, thumbnails
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.confusion import confusion_figure
from alexnet_lightning.plots.embeddings import (
    SCORES,
    Projection,
    most_frequent,
    project,
    separability,
)
from alexnet_lightning.plots.style import COLOURS
from alexnet_lightning.system import progress
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.own_variant import own_variant
from alexnet_lightning.training.run_folder import RunFolder

POINTS = 500  # images in a plane at most: their thumbnails take up to 1 MB
TILE, COLUMNS = 48, 25  # largest side in pixels of such a thumbnail; thumbnails in a row
LARGE = 96  # largest side in pixels of a mistake; the page shows all images at this size
VIEW, EDGE = 400, 10  # width of a plane and its empty edge, in units of its drawing
CELLS = 20  # classes of a confusion matrix that is a table at most; of more it is a figure
PAIRS = 10  # most confused pairs that are told
GRAY = "#d8d8d8"  # of the less frequent classes


def look(run: RunFolder, device: str) -> dict[str, Any]:
    """Return embeddings, confusion and mistakes of a run's best checkpoint, by these names.

    Where it or the data set is not to be had, `missing` says why; `epoch` is the checkpoint's.
    """
    if not any(run.file(which).is_file() for which in ("best", "last")):
        return {"missing": "The run has no checkpoint yet."}
    found: dict[str, Any] = {}
    try:
        stored = run.read("best")
        found |= {"epoch": stored.get("epoch", 0) + 1}
        predictor = Predictor(stored, device=device, variant=own_variant(run))
        found["classes"] = len(predictor.class_names)
        with progress.told("opening the run's data set"):
            data = run_data(run, False, predictor.trained_on)
        predictor.views = data.views  # as in the run's own test
        found |= {"embeddings": embeddings(predictor, data), **judged(predictor, data)}
    except (UserError, OSError) as error:
        found["missing"] = str(error)
    return found


def embeddings(predictor: Predictor, data: ImageDataModule) -> dict[str, Any] | None:
    """Return the planes of both embeddings of a sample, always the same, and its thumbnails.

    None if it has under three images, or the embeddings are not finite.
    """
    split: Split = "val" if data.has_validation else "train"
    images = data.splits[split]
    order = torch.randperm(len(images), generator=seeded("cpu", 0))[:POINTS]
    sample = images.subset(order)
    parts, tiles = [], []
    said: list[int] = []
    for pixels in batches(sample, "embedding"):
        parts.append(predictor.embed(pixels))
        tiles.append(thumbnails(predictor.preprocessing.centre(pixels), TILE))
        said += predictor.probabilities(pixels).argmax(1).tolist()
    spaces = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    if len(sample) < 3 or not all(space.isfinite().all() for space in spaces.values()):
        return None
    names, labels = predictor.class_names, sample.labels
    shown = most_frequent(labels, len(COLOURS))
    colours = {label: COLOURS[index] for index, label in enumerate(shown)}
    legend = [(names[label], colour) for label, colour in colours.items()]
    if others := len(names) - len(shown):
        legend.append((f"less frequent classes ({others})", GRAY))
    captions = [
        names[label] if label == guess else f"{names[label]}, taken for {names[guess]}"
        for label, guess in zip(labels.tolist(), said, strict=True)
    ]
    return {
        "planes": [plane(name, space, labels) for name, space in spaces.items()],
        "colours": [colours.get(label, GRAY) for label in labels.tolist()],
        "captions": captions,
        "legend": legend,
        "sheet": sheet_url(torch.cat(tiles), COLUMNS),
        "columns": COLUMNS,
        "view": VIEW,
        "side": LARGE,
        "kind": "validation" if split == "val" else "training",
        "of": len(images),
    }


def plane(name: str, space: Tensor, labels: Tensor) -> dict[str, Any]:
    """Return the points of a space (N, D) in its first two components, and what is said of it."""
    found = project(space)
    scores = [SCORES[key].format(value) for key, value in separability(space, labels).items()]
    first, second = found.explained
    axes = f"across PC 1 ({first:.1%} of variance), up PC 2 ({second:.1%})"
    return {
        "name": name,
        "points": positions(found),
        "words": "; ".join([f"{found.dimensions:,} dimensions", *scores, axes]),
    }


def positions(found: Projection) -> list[tuple[float, float]]:
    """Return the points of a projection in the units of the drawing, where y goes down."""
    low, high = found.coordinates.amin(0), found.coordinates.amax(0)
    within = (found.coordinates - low) / (high - low).clamp(min=1e-12)
    return [
        (round(EDGE + x * (VIEW - 2 * EDGE), 1), round(VIEW - EDGE - y * (VIEW - 2 * EDGE), 1))
        for x, y in within.tolist()
    ]


def judged(predictor: Predictor, data: ImageDataModule) -> dict[str, Any]:
    """Return the confusion of the test images, and the most confident mistakes."""
    images, names = data.splits["test"], predictor.class_names
    probabilities = split_probabilities(predictor, images)
    counts = multiclass_confusion_matrix(probabilities, images.labels, len(names))
    return {
        "confusion": confusion(counts, names),
        "mistakes": mistakes(predictor, images, probabilities),
        "wrong": int((probabilities.argmax(1) != images.labels).sum()),
        "tested": len(images),
    }


def confusion(counts: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """Return a confusion matrix (K, K), by true and by predicted class, as rows or a figure."""
    totals = counts.sum(1).tolist()
    wrong = counts - counts.diag().diag()
    values, indices = wrong.flatten().topk(min(PAIRS, wrong.numel()))
    pairs = [
        (names[index // len(names)], names[index % len(names)], count, totals[index // len(names)])
        for count, index in zip(values.tolist(), indices.tolist(), strict=True)
        if count
    ]
    if len(names) > CELLS:
        return {"figure": figure_url(confusion_figure(counts, list(names), "Test")), "pairs": pairs}
    rows = [
        (name, total, [100 * count / max(total, 1) for count in row])
        for name, total, row in zip(names, totals, counts.tolist(), strict=True)
    ]
    return {"names": names, "rows": rows, "pairs": pairs}


def mistakes(predictor: Predictor, images: Images, probabilities: Tensor) -> list[dict[str, Any]]:
    """Return the most confident mistakes: image, both classes and their probabilities."""
    chosen = most_confident(probabilities, images.labels, MISTAKES)
    if not len(chosen):
        return []
    pixels, labels = images[chosen]
    small = thumbnails(predictor.preprocessing.centre(pixels), LARGE)
    shown = zip(chosen.tolist(), small, probabilities[chosen], labels.tolist(), strict=True)
    return [
        {
            "url": image_url(image),
            "file": images.name(index),
            "said": predictor.class_names[int(row.argmax())],
            "is": predictor.class_names[label],
            "confidence": f"{row.max():.1%}",
            "of_true": f"{row[label]:.1%}",
        }
        for index, image, row, label in shown
    ]
