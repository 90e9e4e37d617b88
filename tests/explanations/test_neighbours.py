"""Neighbours and planes of embeddings, of a network trained on digits."""

import pytest
import torch

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.explanations.images import RIGHT, WRONG, ShownImages
from alexnet_lightning.explanations.neighbours import (
    SAMPLE,
    Neighbours,
    Planes,
    draw_neighbours,
    draw_planes,
)
from alexnet_lightning.inference.predictor import Predictor


@pytest.fixture(scope="module")
def data() -> DigitsDataModule:
    data = DigitsDataModule()
    data.setup()
    return data


@pytest.fixture(scope="module")
def neighbours(trained_run, data) -> Neighbours:
    return Neighbours(Predictor.load(trained_run), data.splits["train"])


def test_a_training_image_is_its_own_nearest_neighbour(neighbours, data) -> None:
    images, _ = data.splits["train"][[3, 500, 1100]]
    distances, indices = neighbours.nearest(images, 4)
    assert indices[:, 0].tolist() == [3, 500, 1100]
    assert distances[:, 0].max() < 1e-3
    assert (distances.diff(dim=1) >= 0).all()


def test_distances_are_euclidean_between_penultimate_features(neighbours, data) -> None:
    images, _ = data.splits["test"][[0]]
    distances, indices = neighbours.nearest(images, 2)
    pairs = torch.cat([images, neighbours.images[indices[0]][0]])
    rows = neighbours.predictor.embed(pairs)["penultimate"]
    assert torch.allclose(distances[0], (rows[1:] - rows[0]).norm(dim=1), atol=1e-3)


def test_a_large_split_is_searched_in_part_always_the_same(trained_run, data) -> None:
    predictor, train = Predictor.load(trained_run), data.splits["train"]
    first, again = (Neighbours(predictor, train, most=20) for _ in range(2))
    assert len(first.images) == 20
    assert torch.equal(first.images[range(20)][0], again.images[range(20)][0])
    assert first.nearest(train[[0]][0], 50)[1].shape == (1, 20), "no more than there are"


def test_the_figure_colours_other_classes(neighbours, data) -> None:
    shown = ShownImages(data.splits["test"][[0, 1]][0], [data.class_names[0], "holiday.png"])
    figure = draw_neighbours(neighbours, shown, count=3)
    drawn = [axes for axes in figure.axes if axes.images]
    words = [axes.xaxis.label for axes in drawn]
    assert [word.get_text() for word in words[::4]] == ["0", "holiday.png"]
    for word in words[1:4]:
        assert word.get_color() == (RIGHT if word.get_text() == "0" else WRONG)
    assert {word.get_color() for word in words[5:]} == {RIGHT}, "their class is unknown"
    assert "left: an image, with its file's name" in figure.get_suptitle()


def test_a_validation_image_falls_on_its_own_point(trained_run, data) -> None:
    images = data.splits["val"]
    assert len(images) < SAMPLE
    planes = Planes(Predictor.load(trained_run), images)
    pixels, labels = images[torch.arange(20)]
    for image, label in zip(pixels, labels, strict=True):
        for name, point in planes.place(image).items():
            points = planes.points[name]
            distances = (points - point).norm(dim=1)
            assert distances.min() < 1e-4 * points.std()
            assert planes.labels[distances.argmin()] == label


def test_the_image_is_a_star_in_both(trained_run, data) -> None:
    images = data.splits["val"]
    planes = Planes(Predictor.load(trained_run), images, most=50)
    image = images[torch.tensor([3])][0][0]
    figure = draw_planes(planes, image)
    assert [axes.get_title() for axes in figure.axes] == ["features", "penultimate"]
    for axes, place in zip(figure.axes, planes.place(image).values(), strict=True):
        (star,) = axes.lines
        assert star.get_xydata()[0].tolist() == place.tolist()
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "the image"
