"""Preprocessing as an exported graph equals the predictor's, to the bit or nearly."""

import pytest
import torch
from torch.nn import functional as F

from alexnet_lightning.inference.exporters import CentreView, CropAndResize
from alexnet_lightning.inference.predictor import Preprocessing


@pytest.mark.parametrize(
    ("size", "resize", "crop"),
    [(32, 32, 32), (40, 40, 32), (32, 256, 224), (256, 224, 224), (64, 37, 36), (53, 97, 64)],
)
def test_it_equals_the_preprocessing(size: int, resize: int, crop: int) -> None:
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.25]
    names = ["a", "b"]
    preprocessing = Preprocessing(names, 3, size, resize, crop, mean, std, pixel_max=1.0)
    torch.manual_seed(0)
    images = torch.randint(256, (2, 3, size, size)).byte()
    found = CentreView(preprocessing)(images)
    expected = preprocessing.views(images, "centre")[:, 0]
    assert found.shape == (2, 3, crop, crop)
    # A pixel rounded differently would differ by 1 / 255 / .3.
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_mean_image_on_pixels_of_255() -> None:
    torch.manual_seed(0)
    mean = torch.rand(1, 9, 9)
    preprocessing = Preprocessing(["a", "b"], 1, 8, 12, 9, mean, [1.0], pixel_max=255.0)
    images = torch.randint(256, (4, 1, 8, 8)).byte()
    expected = preprocessing.views(images, "centre")[:, 0]
    assert torch.allclose(CentreView(preprocessing)(images), expected, atol=1e-4)


@pytest.mark.parametrize(("size", "resize"), [(8, 32), (32, 64), (64, 32), (224, 96), (37, 53)])
def test_the_resize_equals_torchs_to_the_bit(size: int, resize: int) -> None:
    torch.manual_seed(0)
    images = torch.randint(256, (4, 3, size, size)).byte()
    shape = (resize, resize)
    expected = F.interpolate(images, shape, mode="bilinear", antialias=True)
    found = CropAndResize(size, resize, slice(0, resize))(images)
    assert torch.equal(found, expected.float())
    in_fractions = F.interpolate(images.float(), shape, mode="bilinear", antialias=True).round()
    assert not torch.equal(in_fractions, expected.float()), "the reason for a layer of our own"
