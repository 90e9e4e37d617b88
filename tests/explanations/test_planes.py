"""The position of an image among others."""

import torch

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.explanations.planes import SAMPLE, Planes, draw_planes
from alexnet_lightning.inference.predictor import Predictor


def test_a_validation_image_falls_on_its_own_point(trained_run) -> None:
    images = DigitsDataModule().load()["val"]
    assert len(images) < SAMPLE
    planes = Planes(Predictor.load(trained_run), images)
    pixels, labels = images[torch.arange(20)]
    for image, label in zip(pixels, labels, strict=True):
        for name, point in planes.place(image).items():
            points = planes.points[name]
            distances = (points - point).norm(dim=1)
            assert distances.min() < 1e-4 * points.std()
            assert planes.labels[distances.argmin()] == label


def test_the_image_is_a_star_in_both(trained_run) -> None:
    images = DigitsDataModule().load()["val"]
    planes = Planes(Predictor.load(trained_run), images, most=50)
    image = images[torch.tensor([3])][0][0]
    figure = draw_planes(planes, image)
    assert [axes.get_title() for axes in figure.axes] == ["features", "penultimate"]
    for axes, place in zip(figure.axes, planes.place(image).values(), strict=True):
        (star,) = axes.lines
        assert star.get_xydata()[0].tolist() == place.tolist()
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "the image"
