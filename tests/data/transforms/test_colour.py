"""Colour noise: its covariance against theory, in each reading."""

from typing import Any, Literal

import pytest
import torch

from alexnet_lightning.data import DigitsDataModule, Identity, PCANoise
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.transforms.statistics import PixelStatistics
from alexnet_lightning.system.errors import UserError

COVARIANCE = torch.tensor(
    [[0.070, 0.050, 0.030], [0.050, 0.060, 0.040], [0.030, 0.040, 0.065]], dtype=torch.float64
)
VALUES, VECTORS = (part.flip(-1) for part in torch.linalg.eigh(COVARIANCE))
STATISTICS = PixelStatistics(torch.zeros(3), COVARIANCE.diagonal().sqrt(), VALUES, VECTORS)
DRAWS = 10_000


@pytest.mark.parametrize("probability", [1.0, 0.5])
@pytest.mark.parametrize(
    # Σ s_i² p_i p_iᵀ is the covariance itself where s_i² = λ_i, and its square where s_i = λ_i.
    ("reading", "expected"),
    [("deviation", COVARIANCE), ("code_2012", COVARIANCE), ("paper", COVARIANCE @ COVARIANCE)],
)
def test_covariance_is_the_formulas(
    reading: Literal["deviation", "code_2012", "paper"], expected: torch.Tensor, probability: float
) -> None:
    noise = PCANoise(0.1, probability, reading).draw(STATISTICS, DRAWS, seeded("cpu", 0))
    assert noise.shape == (DRAWS, 3)
    assert noise.dtype == torch.float32
    products = noise.double()[:, :, None] * noise.double()[:, None, :]
    error = 4 * products.std(dim=0) / DRAWS**0.5
    assert ((products.mean(dim=0) - probability * 0.1**2 * expected).abs() < error).all()
    assert (error < 0.2 * products.mean(dim=0).max()).all(), "too wide to tell"
    assert (noise.mean(dim=0).abs() < 4 * noise.std(dim=0) / DRAWS**0.5).all()
    untouched = (noise == 0).all(dim=1).double().mean()
    assert abs(untouched - (1 - probability)) < 0.02


def test_draws_come_from_the_generator_alone() -> None:
    first = PCANoise().draw(STATISTICS, 5, seeded("cpu", 1))
    torch.rand(3)
    assert torch.equal(first, PCANoise().draw(STATISTICS, 5, seeded("cpu", 1)))
    assert not torch.equal(first, PCANoise().draw(STATISTICS, 5, seeded("cpu", 2)))
    assert len(first.unique(dim=0)) == 5


def test_one_step_for_all_pixels_of_an_image() -> None:
    data = DigitsDataModule(transform=Identity(), colour=PCANoise(std=0.5), pixel_max=255.0)
    data.setup()
    images, labels = data.splits["train"][list(range(20))]
    noisy, _ = data.augment(images, labels, 0, 0)
    steps = (noisy - data.preprocess(images)).flatten(1)
    assert (steps - steps[:, :1]).abs().max() < 1e-3
    # With one channel, the standard deviation along the only axis is that of the pixels,
    # which normalisation divides by.
    assert steps[:, 0].abs().min() > 0
    assert 0.3 * 255 < steps[:, 0].std() < 0.7 * 255


def test_the_code_of_2012_divides_its_input_in_training() -> None:
    seen = []
    for reading in ("deviation", "code_2012"):
        colour = PCANoise(std=0.1, reading=reading)
        data = DigitsDataModule(transform=Identity(), colour=colour, pixel_max=255.0)
        data.setup()
        images, labels = data.splits["train"][list(range(20))]
        seen.append((data.augment(images, labels, 0, 0)[0], data.preprocess(images)))
    assert torch.allclose(seen[0][0] / 1.1, seen[1][0], rtol=1e-6)
    assert torch.equal(seen[0][1], seen[1][1]), "evaluation stays"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"std": -0.1}, "PCANoise.std is -0.1"),
        ({"probability": 1.5}, "PCANoise.probability is 1.5"),
        ({"probability": -0.5}, "PCANoise.probability is -0.5"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        PCANoise(**arguments)
