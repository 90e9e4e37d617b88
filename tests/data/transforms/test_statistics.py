"""What is measured of a training set against numpy."""

import numpy as np
import pytest
import torch

from alexnet_lightning.data import DigitsDataModule, Identity, ResizeCropFlip
from alexnet_lightning.data.batches import ImageTensors, seeded
from alexnet_lightning.data.transforms import statistics
from alexnet_lightning.data.transforms.statistics import mean_image, pixel_statistics


@pytest.fixture
def colours() -> ImageTensors:
    """40 images whose pixels' colours have a known covariance."""
    axes = torch.linalg.qr(torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]).T)[0]
    lengths = torch.tensor([40.0, 15.0, 6.0])
    drawn = torch.randn(40, 32, 32, 3, generator=seeded("cpu", 0)) * lengths
    pixels = (drawn @ axes.T + 128).round().clamp(0, 255).byte()
    return ImageTensors(pixels.permute(0, 3, 1, 2), torch.arange(40))


def test_axes_of_a_known_covariance(colours: ImageTensors) -> None:
    found = pixel_statistics(colours)
    expected = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]).double()
    expected = (expected / expected.norm(dim=1, keepdim=True)).T
    assert torch.allclose(found.eigenvectors, expected, atol=0.02)
    assert torch.allclose(
        found.eigenvalues.sqrt() * 255, torch.tensor([40.0, 15.0, 6.0]).double(), rtol=0.02
    )


@pytest.mark.parametrize("chunk", [7, 500])
def test_they_are_numpys(
    colours: ImageTensors, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    found = pixel_statistics(colours)
    pixels = colours.images.permute(1, 0, 2, 3).reshape(3, -1).numpy() / 255
    covariance = np.cov(pixels, bias=True)
    assert np.allclose(found.mean, pixels.mean(axis=1), atol=1e-12)
    assert np.allclose(found.std, pixels.std(axis=1), atol=1e-12)
    vectors, values = found.eigenvectors.numpy(), found.eigenvalues.numpy()
    assert np.allclose(vectors @ np.diag(values) @ vectors.T, covariance, atol=1e-12)
    assert np.allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    assert (np.diff(values) < 0).all()
    assert (vectors[0] > 0).all()


def test_of_real_digits() -> None:
    data = DigitsDataModule()
    data.setup()
    train = data.splits["train"]
    pixels = train[torch.arange(len(train))][0].numpy() / 255
    found = pixel_statistics(train)
    assert np.allclose(found.mean, pixels.mean(), atol=1e-12)
    assert np.allclose(found.std, pixels.std(), atol=1e-12)
    assert np.allclose(found.eigenvalues, pixels.var(), atol=1e-12)
    assert found.eigenvectors.tolist() == [[1.0]]


def test_images_of_one_color_have_no_deviation() -> None:
    grey = ImageTensors(torch.full((3, 3, 4, 4), 100, dtype=torch.uint8), torch.arange(3))
    found = pixel_statistics(grey)
    assert found.eigenvalues.abs().max() < 1e-9
    assert torch.isfinite(found.std).all()


@pytest.mark.parametrize("chunk", [7, 500])
def test_mean_image_is_the_plain_mean(
    colours: ImageTensors, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    for transform in (Identity(), ResizeCropFlip(40, 36)):
        expected = transform.evaluate(colours.images).double().mean(dim=0) / 255
        found = mean_image(colours, transform)
        assert found.dtype == torch.float32
        assert torch.allclose(found.double(), expected, atol=1e-7)


def test_mean_image_is_subtracted_pixel_by_pixel() -> None:
    data = DigitsDataModule(mean="image", std=[0.5], pixel_max=255.0)
    data.setup()
    images = data.splits["train"][list(range(9))][0]
    assert data.mean_image is not None
    expected = (images.double() / 255 - data.mean_image) / 0.5 * 255
    assert torch.allclose(data.preprocess(images).double(), expected, atol=1e-3)
