"""An image among others of its data set: its nearest ones, and its position in a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images, seeded
from alexnet_lightning.explanations.images import RIGHT, WRONG, ShownImages, batches, brief, show
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.embeddings import most_frequent, name_components, scatter
from alexnet_lightning.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEARCHED = 10_000  # training images at most: with 4,096 features each they take 160 MB
SAMPLE = 1000  # validation images, the sample of `EmbeddingPCA` if that draws as many
CLASSES = 10  # in color


class Neighbours:
    """The training images whose penultimate features are nearest, by Euclidean distance.

    As on the right of figure 4 of Krizhevsky et al. 2012. Of a training split of more than `most`
    images, a random sample is searched, always the same.
    """

    def __init__(self, predictor: Predictor, images: Images, most: int = SEARCHED) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.predictor = predictor
        order = torch.randperm(len(images), generator=seeded("cpu", 0))[:most]
        self.images = images.subset(order.sort().values)
        rows = [predictor.embed(part)["penultimate"] for part in batches(self.images, "embedding")]
        self.index = NearestNeighbors().fit(torch.cat(rows).numpy())

    def nearest(self, images: Tensor, count: int = 6) -> tuple[Tensor, Tensor]:
        """Return distances float32 and indices in `self.images` (N, count), nearest first.

        `images` are decoded, uint8 (N, C, S, S); count is less if there are not as many.
        """
        rows = self.predictor.embed(images)["penultimate"].numpy()
        distances, indices = self.index.kneighbors(rows, min(count, len(self.images)))
        return torch.from_numpy(distances).float(), torch.from_numpy(indices).long()


def draw_neighbours(neighbours: Neighbours, shown: ShownImages, count: int = 6) -> Figure:
    """Return a figure with a row per image: itself, then its nearest training images.

    All are as the network sees them, `Preprocessing.centre`.
    """
    names, seen = neighbours.predictor.class_names, neighbours.predictor.preprocessing.centre
    _, indices = neighbours.nearest(shown.images, count)
    widths = [1, 0.25, *[1] * indices.shape[1]]
    with new_figure(1.45 * sum(widths), 1.7 * len(indices) + 0.8) as figure:
        grid = figure.subplots(len(indices), len(widths), squeeze=False, width_ratios=widths)
        given = zip(grid, seen(shown.images), shown.titles, indices, strict=True)
        for line, image, title, row in given:
            show(line[0], image, brief(title))
            line[1].set_axis_off()
            found, labels = neighbours.images[row]
            for axes, neighbour, label in zip(line[2:], seen(found), labels.tolist(), strict=True):
                other = title in names and names[label] != title
                show(axes, neighbour, brief(names[label]), WRONG if other else RIGHT)
        searched = len(neighbours.images)
        title = f"Nearest of {searched:,} training images by penultimate features"
        figure.suptitle(f"{title}\nleft: {shown.kind}; then their classes, red if another")
    return figure


class Planes:
    """The first two principal components of "features" and "penultimate" of a split's images.

    Of a split of more than `most` images, they are fitted to a random sample, always the same.
    `kind` says in the figure what images they are.
    """

    def __init__(
        self, predictor: Predictor, images: Images, kind: str = "validation", most: int = SAMPLE
    ) -> None:
        from sklearn.decomposition import PCA

        self.predictor, self.kind = predictor, kind
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
        found = self.predictor.embed(image[None])
        rows = {name: row.double().numpy() for name, row in found.items()}
        return {n: torch.from_numpy(self.spaces[n].transform(row))[0] for n, row in rows.items()}


def draw_planes(planes: Planes, image: Tensor) -> Figure:
    """Return a figure of both planes with a star at the position of an image, uint8 (C, S, S)."""
    names, shown = planes.predictor.class_names, most_frequent(planes.labels, CLASSES)
    points = planes.place(image)
    with new_figure(4.2, 8.6) as figure:  # narrow, for a column of the demo
        for axes, (name, point) in zip(figure.subplots(2, 1), points.items(), strict=True):
            scatter(axes, planes.points[name], planes.labels, shown, names)
            axes.plot(*point, "*", ms=22, color="black", mec="white", mew=1.5, label="the image")
            name_components(axes, planes.spaces[name].explained_variance_ratio_)
            axes.set_title(name)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        figure.suptitle(f"{len(planes.labels):,} {planes.kind} images")
    return figure
