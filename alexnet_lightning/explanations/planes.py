"""Where a picture falls among validation images, in both spaces that a network embeds them in."""

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

SAMPLE = 1000  # validation images, those of `EmbeddingPCA` where it draws as many
CLASSES = 10  # in colour


class Planes:
    """The first two principal components of "features" and "penultimate".

    Args:
        predictor: the network.
        images: the validation split; of more than `most`, as many at random, the same each time.
        most: images that the components are found from, >= 2.
    """

    def __init__(self, predictor: Predictor, images: Images, most: int = SAMPLE) -> None:
        from sklearn.decomposition import PCA

        self.predictor = predictor
        sample = images.subset(torch.randperm(len(images), generator=seeded("cpu", 0))[:most])
        self.labels = sample.labels
        parts = [predictor.embed(part) for part in batches(sample, "embedding")]
        self.spaces, self.points = {}, {}
        for tap in parts[0]:
            rows = torch.cat([part[tap] for part in parts]).double().numpy()
            self.spaces[tap] = PCA(2, svd_solver="full")  # exact and without a draw
            self.points[tap] = torch.from_numpy(self.spaces[tap].fit_transform(rows))

    def place(self, picture: Tensor) -> dict[str, Tensor]:
        """Return where a picture, uint8 (C, S, S), falls in each plane: (2,)."""
        rows = self.predictor.embed(picture[None])
        return {
            tap: torch.from_numpy(space.transform(rows[tap].double().numpy()))[0]
            for tap, space in self.spaces.items()
        }


def draw_planes(planes: Planes, picture: Tensor) -> Figure:
    """Return a figure of both planes with a star where the picture, uint8 (C, S, S), falls."""
    names = planes.predictor.class_names
    shown = most_frequent(planes.labels, CLASSES)
    with new_figure(8, 5) as figure:
        for axes, (tap, place) in zip(
            figure.subplots(1, 2), planes.place(picture).items(), strict=True
        ):
            scatter(axes, planes.points[tap], planes.labels, shown, names)
            axes.plot(*place, "*", ms=22, color="black", mec="white", mew=1.5, label="the picture")
            shares = planes.spaces[tap].explained_variance_ratio_
            axes.set_title(tap)
            axes.set_xlabel(f"PC 1 ({shares[0]:.1%} of variance)")
            axes.set_ylabel(f"PC 2 ({shares[1]:.1%} of variance)")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure
