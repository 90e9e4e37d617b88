"""Augmentation on a make-believe GPU: one device, and nothing that the host waits for."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.data.sets.cifar import CIFAR10DataModule
from alexnet_lightning.data.transforms.colour import PCANoise
from alexnet_lightning.data.transforms.crops import (
    Flip,
    Identity,
    PadCropAlternatingFlip,
    PadCropFlip,
    Transform,
)
from alexnet_lightning.data.transforms.resizing import (
    ProgressiveResize,
    RandomResizedCropFlip,
    ResizeCropFlip,
)
from alexnet_lightning.data.transforms.scaling import constants
from alexnet_lightning.data.transforms.statistics import PixelStatistics
from alexnet_lightning.data.transforms.targets import CutMix, MixUp, OneHot, Targets

from .fake import GPU, make_believe

TRANSFORMS = {
    "Identity": (Identity(), 0),  # and the copies to the GPU that its samples need
    "Flip": (Flip(), 1),
    "PadCropFlip": (PadCropFlip(), 1),
    "PadCropAlternatingFlip": (PadCropAlternatingFlip(), 1),
    "ResizeCropFlip": (ResizeCropFlip(40, 32), 1),
    "RandomResizedCropFlip": (RandomResizedCropFlip(28, resize=32), 2),
    "ProgressiveResize": (ProgressiveResize(PadCropFlip(), 24, 2), 1),
}
STATISTICS = PixelStatistics(*(torch.ones(3).double() for _ in range(3)), torch.eye(3).double())


@pytest.fixture(autouse=True)
def no_constants_of_another_test() -> Iterator[None]:
    constants.cache_clear()
    yield
    constants.cache_clear()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_batch_is_augmented_without_waiting(name: str) -> None:
    transform, sent = TRANSFORMS[name]
    for colour, whole in ((None, True), (PCANoise(), False), (PCANoise(reading="code_2012"), True)):
        constants.cache_clear()
        mean: Any = "image" if whole else None
        data = CIFAR10DataModule(transform=transform, colour=colour, mean=mean)
        data.statistics = STATISTICS
        data.mean_image = torch.ones(3, 1, 1)  # fits any size
        with make_believe() as traffic:
            images = torch.empty(8, 3, 32, 32, dtype=torch.uint8, device=GPU)
            labels = torch.empty(8, dtype=torch.int64, device=GPU)
            data.augment(images, labels, 0, 0)  # copies mean and standard deviation
            traffic.counts.clear()
            pixels, _ = data.augment(images, labels, 1, 1)
        assert (pixels.device, pixels.dtype) == (GPU, torch.float32)
        assert pixels.is_contiguous(memory_format=torch.channels_last)
        assert traffic.counts["sent"] == sent + bool(colour)
        assert traffic.counts.total() == traffic.counts["sent"]


def test_of_images_on_the_device_a_batch_sends_the_indices() -> None:
    images = torch.empty(64, 3, 32, 32, dtype=torch.uint8)
    with make_believe() as traffic:
        there = ImageTensors(images, torch.empty(64, dtype=torch.int64)).to(GPU)
        assert traffic.bytes == images.nbytes + 64 * 8
        traffic.counts.clear()
        traffic.bytes = 0
        pixels, labels = there[list(range(8))]
    assert (pixels.device, labels.device, pixels.dtype) == (GPU, GPU, torch.uint8)
    assert (pixels.shape, labels.shape) == ((8, 3, 32, 32), (8,))
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert (+traffic.counts, traffic.bytes) == ({"sent": 1}, 8 * 8)


@pytest.mark.parametrize("targets", [OneHot(), MixUp(), CutMix()])
def test_targets_are_mixed_without_waiting(targets: Targets) -> None:
    data = CIFAR10DataModule(targets=targets, transform=Identity())
    with make_believe() as traffic:
        images = torch.empty(8, 3, 32, 32, dtype=torch.uint8, device=GPU)
        labels = torch.empty(8, dtype=torch.int64, device=GPU)
        data.augment(images, labels, 0, 0)
        traffic.counts.clear()
        pixels, probabilities = data.augment(images, labels, 0, 1)
    assert pixels.device == probabilities.device == GPU
    assert probabilities.dtype == torch.float32
    assert not +traffic.counts


@pytest.mark.parametrize("transform", [transform for transform, _ in TRANSFORMS.values()])
def test_views_are_cut_without_waiting(transform: Transform) -> None:
    with make_believe() as traffic:
        images = torch.empty(8, 3, 32, 32, dtype=torch.uint8, device=GPU)
        for views in ("centre", "flip", "six"):
            assert transform.views(images, views).device == GPU
    assert not +traffic.counts
