"""The position of an image among validation images, in both embeddings of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images, seeded
from alexnet_lightning.explanations.images import batches
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.embeddings import most_frequent, scatter
from alexnet_lightning.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE = 1000  # validation images, the sample of `EmbeddingPCA` if that draws as many
CLASSES = 10  # in color


class Planes:
    """The first two principal components of "features" and "penultimate" of validation images.

    Of a split of more than `most` images, they are fitted to a random sample, always the same.
    """

    def __init__(self, predictor: Predictor, images: Images, most: int = SAMPLE) -> None:
        from sklearn.decomposition import PCA

        self.predictor = predictor
        sample = images.subset(torch.randperm(len(images), generator=seeded("cpu", 0))[:most])
        self.labels = sample.labels
        parts = [predictor.embed(part) for part in batches(sample, "embedding")]
        self.spaces, self.points = {}, {}
        for name in parts[0]:
            rows = torch.cat([part[name] for part in parts]).double().numpy()
            self.spaces[name] = PCA(2, svd_solver="full")  # exact, not randomized
            self.points[name] = torch.from_numpy(self.spaces[name].fit_transform(rows))

    def place(self, image: Tensor) -> dict[str, Tensor]:
        """Return the coordinates (2,) of a decoded image, uint8 (C, S, S), in each plane."""
        rows = self.predictor.embed(image[None])
        return {
            name: torch.from_numpy(space.transform(rows[name].double().numpy()))[0]
            for name, space in self.spaces.items()
        }


def draw_planes(planes: Planes, image: Tensor) -> Figure:
    """Return a figure of both planes with a star at the position of an image, uint8 (C, S, S)."""
    names = planes.predictor.class_names
    shown = most_frequent(planes.labels, CLASSES)
    with new_figure(8, 5) as figure:
        for axes, (name, point) in zip(
            figure.subplots(1, 2), planes.place(image).items(), strict=True
        ):
            scatter(axes, planes.points[name], planes.labels, shown, names)
            axes.plot(*point, "*", ms=22, color="black", mec="white", mew=1.5, label="the image")
            explained = planes.spaces[name].explained_variance_ratio_
            axes.set_title(name)
            axes.set_xlabel(f"PC 1 ({explained[0]:.1%} of variance)")
            axes.set_ylabel(f"PC 2 ({explained[1]:.1%} of variance)")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure
