"""Soft targets against torchvision, from the same seed."""

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from alexnet_lightning.data import CutMix, MixUp, OneHot
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.transforms.targets import Targets
from alexnet_lightning.system.errors import UserError

LABELS = torch.tensor([0, 3, 1, 2, 3, 0])
ALL = [OneHot(), MixUp(0.4), CutMix(1.0)]


def pixels(channels: int = 3) -> Tensor:
    images = torch.randn(6, channels, 16, 16, generator=seeded("cpu", 1))
    return images.contiguous(memory_format=torch.channels_last)


def test_one_hot() -> None:
    images = pixels()
    mixed, shares = OneHot().mix(images, LABELS, 4, seeded("cpu", 0))
    assert torch.equal(mixed, images)
    assert shares.dtype == torch.float32
    assert torch.equal(shares, torch.eye(4)[LABELS])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MixUp(0.4), v2.MixUp(alpha=0.4, num_classes=4)),
        (CutMix(0.7), v2.CutMix(alpha=0.7, num_classes=4)),
    ],
    ids=["MixUp", "CutMix"],
)
def test_they_are_torchvisions(ours: Targets, theirs: torch.nn.Module) -> None:
    for seed in range(4):
        mixed, shares = ours.mix(pixels(), LABELS, 4, seeded("cpu", seed))
        start = torch.randint(2**62, (), generator=seeded("cpu", seed))
        with torch.random.fork_rng():
            torch.manual_seed(int(start))
            expected, expected_shares = theirs(pixels(), LABELS)
        assert torch.equal(mixed, expected)
        assert torch.equal(shares, expected_shares)


@pytest.mark.parametrize("targets", ALL, ids=lambda targets: type(targets).__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_contract(targets: Targets, channels: int) -> None:
    images, labels = pixels(channels), LABELS.clone()
    state = torch.get_rng_state()
    mixed, shares = targets.mix(images, labels, 4, seeded("cpu", 2))
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator moved"
    assert mixed.shape == images.shape
    assert mixed.dtype == shares.dtype == torch.float32
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert shares.shape == (6, 4)
    assert torch.allclose(shares.sum(dim=1), torch.ones(6))
    assert shares.min() >= 0
    assert torch.equal(images, pixels(channels))
    assert torch.equal(labels, LABELS)

    torch.rand(3)
    again, _ = targets.mix(images, labels, 4, seeded("cpu", 2))
    assert torch.equal(mixed, again)
    other, _ = targets.mix(images, labels, 4, seeded("cpu", 3))
    assert isinstance(targets, OneHot) or not torch.equal(mixed, other)


def test_shares_are_those_of_the_pixels() -> None:
    images = LABELS.float()[:, None, None, None].expand(-1, 1, 16, 16).contiguous()
    for targets in (MixUp(1.0), CutMix(1.0)):
        mixed, shares = targets.mix(images, LABELS, 4, seeded("cpu", 0))
        assert torch.allclose(mixed.mean(dim=(1, 2, 3)), shares @ torch.arange(4.0), atol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_arguments_out_of_range(alpha: float) -> None:
    for make in (MixUp, CutMix):
        with pytest.raises(UserError, match=rf"{make.__name__}.alpha is {alpha}: give"):
            make(alpha)
