"""Embedding spaces: where images lie in them, their main plane, how well they separate classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

if TYPE_CHECKING:
    import numpy as np

CHUNK = 128  # images per forward pass
NEIGHBOURS = FOLDS = 5
NOISE = 1e-6  # relative to the largest value: less than this is float32 rounding, not variance


def embed(trainer: Trainer, pl_module: Any, images: Tensor) -> dict[str, Tensor]:
    """Both taps of the images, each (N, D) float32 on the CPU, in evaluation mode."""
    precision = trainer.precision_plugin
    taps: dict[str, list[Tensor]] = {}
    with evaluating(pl_module), torch.no_grad(), precision.forward_context():
        for chunk in images.split(CHUNK):
            found = pl_module.embed(precision.convert_input(chunk.to(pl_module.device)))
            for tap, values in found.items():
                taps.setdefault(tap, []).append(values.float().cpu())
    return {tap: torch.cat(values) for tap, values in taps.items()}


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, then each submodule's own mode again (some may be frozen)."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@dataclass(frozen=True)
class Projection:
    """First two principal components: coordinates (N, 2), shares of the variance, D before."""

    coordinates: Tensor
    explained: tuple[float, float]
    dimensions: int


def project(embeddings: Tensor, previous: Tensor | None = None) -> Projection:
    """Principal component analysis to two dimensions, signs as in the previous projection.

    Args:
        embeddings: (N, D), finite, N >= 2; a constant space gives zeros and no variance.
        previous: (N, 2) coordinates of the same images earlier; without it, or with another N,
            each component's largest loading is positive (scikit-learn's rule).
    """
    from sklearn.decomposition import PCA

    values = centred(embeddings)
    count, dimensions = values.shape
    coordinates, explained = torch.zeros(count, 2), torch.zeros(2)
    if values.any():
        kept = min(2, dimensions)
        pca = PCA(kept, svd_solver="full")  # exact and without a draw, unlike "auto"
        coordinates[:, :kept] = torch.from_numpy(pca.fit_transform(values))
        explained[:kept] = torch.from_numpy(pca.explained_variance_ratio_)
    if previous is not None and previous.shape == coordinates.shape:
        against = (coordinates * previous).sum(0) < 0
        coordinates = torch.where(against, -coordinates, coordinates)
    first, second = explained.tolist()
    return Projection(coordinates, (first, second), dimensions)


def separability(embeddings: Tensor, labels: Tensor) -> dict[str, float]:
    """How well a space separates the classes, by Euclidean distance.

    `knn5` is the accuracy, in [0, 1], of five nearest neighbours under stratified five-fold
    cross-validation; with fewer images a class, of as many folds as two classes can fill, over
    the classes that fill them. `silhouette` is the mean silhouette, in [-1, 1]. A score that the
    sample is too small for is left out.

    Args:
        embeddings: (N, D), finite.
        labels: (N,), int64.
    """
    from sklearn.metrics import pairwise_distances, silhouette_score

    distances, classes = pairwise_distances(centred(embeddings)), labels.numpy()
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
    """Share of images whose class the vote of their neighbours in the other folds finds."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    smallest_rest = len(classes) - -(-len(classes) // folds)
    neighbours = KNeighborsClassifier(min(NEIGHBOURS, smallest_rest), metric="precomputed")
    found = cross_val_predict(neighbours, distances, classes, cv=StratifiedKFold(folds))
    return float((found == classes).mean())


def centred(embeddings: Tensor) -> np.ndarray:
    """Embeddings minus their mean as float64 (N, D); exactly zero where all are the same."""
    values = embeddings.double()
    scale = values.abs().max()
    values = values - values.mean(0)
    return (values if values.abs().max() > NOISE * scale else torch.zeros_like(values)).numpy()
