"""Embedding spaces: principal components, class separability, and a figure of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from alexnet_lightning.plots.style import color_and_marker, label, new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCORES = {"knn5": "5-NN accuracy {:.1%}", "silhouette": "silhouette {:.2f}"}
NEIGHBORS = FOLDS = 5
COMPONENTS = 50  # what t-SNE and UMAP are usually given
NOISE = 1e-6  # relative to the largest value: less than this is float32 rounding, not variance


class Projection(NamedTuple):
    """First two principal components, and more of them."""

    coordinates: Tensor  # (N, 2)
    explained: tuple[float, float]  # fraction of the variance, for each component
    dimensions: int  # of the embeddings
    components: Tensor  # (N, up to 50) that the coordinates are the first two of


def project(embeddings: Tensor, previous: Tensor | None = None) -> Projection:
    """Principal component analysis to two dimensions, signs as in the previous projection.

    Args:
        embeddings: (N, D), finite, N >= 2; a constant space gives zeros and no variance.
        previous: (N, 2) coordinates of the same images earlier; without it, or with another N,
            each component's largest loading is positive (scikit-learn's rule).
    """
    from sklearn.decomposition import PCA

    values = centered(embeddings)
    count, dimensions = values.shape
    components, explained = torch.zeros(count, 2), torch.zeros(2)
    if values.any():
        kept = min(COMPONENTS, *values.shape)
        pca = PCA(kept, svd_solver="full")  # exact and not random, unlike "auto"
        components = torch.zeros(count, max(2, kept))
        components[:, :kept] = torch.from_numpy(pca.fit_transform(values))
        explained[: min(2, kept)] = torch.from_numpy(pca.explained_variance_ratio_[:2])
    coordinates = components[:, :2].clone()  # it is kept in checkpoints, the rest is not
    if previous is not None and previous.shape == coordinates.shape:
        against = (coordinates * previous).sum(0) < 0
        coordinates = torch.where(against, -coordinates, coordinates)
        components[:, :2] = coordinates
    first, second = explained.tolist()
    return Projection(coordinates, (first, second), dimensions, components)


def separability(embeddings: Tensor, labels: Tensor) -> dict[str, float]:
    """How well a space separates the classes, by Euclidean distance.

    `knn5` is the accuracy, in [0, 1], of five nearest neighbors under stratified five-fold
    cross-validation; with fewer images per class, of as many folds as two classes can fill, over
    the classes that fill them. `silhouette` is the mean silhouette, in [-1, 1]. A score that the
    sample is too small for is left out. Embeddings (N, D) are finite.
    """
    from sklearn.metrics import pairwise_distances, silhouette_score

    distances, classes = pairwise_distances(centered(embeddings)), labels.numpy()
    scores = {}
    counts = labels.bincount()
    folds = min(FOLDS, int(counts.sort(descending=True).values[1])) if len(counts) > 1 else 0
    if folds > 1:
        large = (counts[labels] >= folds).numpy()
        scores["knn5"] = knn_accuracy(distances[large][:, large], classes[large], folds)
    if 1 < int((counts > 0).sum()) < len(labels):
        scores["silhouette"] = float(silhouette_score(distances, classes, metric="precomputed"))
    return scores


def knn_accuracy(distances: np.ndarray, classes: np.ndarray, folds: int) -> float:
    """Fraction of images classified correctly by their neighbors in the other folds."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    smallest_rest = len(classes) - -(-len(classes) // folds)
    neighbors = KNeighborsClassifier(min(NEIGHBORS, smallest_rest), metric="precomputed")
    found = cross_val_predict(neighbors, distances, classes, cv=StratifiedKFold(folds))
    return float((found == classes).mean())


def centered(embeddings: Tensor) -> np.ndarray:
    """Embeddings minus their mean as float64 (N, D); exactly zero where all are the same."""
    values = embeddings.double()
    scale = values.abs().max()
    values = values - values.mean(0)
    return (values if values.abs().max() > NOISE * scale else torch.zeros_like(values)).numpy()


def embeddings_figure(
    projections: Mapping[str, Projection],
    scores: Mapping[str, Mapping[str, float]],
    labels: Tensor,
    class_names: Sequence[str],
    title: str,
    max_classes: int = 10,
) -> Figure:
    """Return a figure with the plane of each embedding, by its name, side by side.

    Args:
        projections, labels: of the same N images.
        scores: from `separability`.
        max_classes: classes drawn in color, the most frequent ones; the others are gray.
    """
    shown = most_frequent(labels, max_classes)
    with new_figure(11, 5) as figure:
        panels = figure.subplots(1, len(projections), squeeze=False)[0]
        for axes, (name, found) in zip(panels, projections.items(), strict=True):
            scatter(axes, found.coordinates, labels, shown, class_names)
            parts = [SCORES[score].format(value) for score, value in scores[name].items()]
            axes.set_title(f"{name}: {found.dimensions:,} dimensions\n{', '.join(parts)}")
            name_components(axes, found.explained)
        figure.suptitle(title)
        handles, names = panels[-1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", markerscale=1.6)
    return figure


def name_components(axes: Axes, explained: Sequence[float]) -> None:
    x, y = (f"PC {n} ({part:.1%} of variance)" for n, part in enumerate(explained, 1))
    axes.set(xlabel=x, ylabel=y)


def most_frequent(labels: Tensor, count: int) -> list[int]:
    """The `count` classes with most images, the lower label first on a tie; sorted by label."""
    images = labels.bincount()
    ranked = images.argsort(descending=True, stable=True)[:count]
    return sorted(ranked[images[ranked] > 0].tolist())


def scatter(
    axes: Axes, coordinates: Tensor, labels: Tensor, shown: list[int], class_names: Sequence[str]
) -> None:
    """Points in one color and marker per class; those of classes not shown lie gray behind."""
    colored = torch.isin(labels, torch.tensor(shown))
    size = 24 if colored.sum() <= 500 else 14
    look: Any = {"s": size, "alpha": 0.8, "edgecolors": "black", "linewidths": 0.25}
    if not colored.all():
        others = f"less frequent classes ({len(class_names) - len(shown)})"
        x, y = coordinates[~colored].T
        axes.scatter(x, y, s=8, color="#d8d8d8", linewidths=0, label=others)
    for index, number in enumerate(shown):
        look["color"], look["marker"] = color_and_marker(index)
        points = coordinates[labels == number].T
        axes.scatter(*points, label=label(class_names[number]), **look)
