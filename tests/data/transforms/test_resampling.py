"""Crops, resizing and resized boxes against torchvision and Pillow, image by image."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from alexnet_lightning.data.transforms.crops import crop_by_pixels, crop_by_runs
from alexnet_lightning.data.transforms.resizing import resize, resize_at_once, resize_in_turn
from tests.data.conftest import difference, noise


@pytest.mark.parametrize("cut", [crop_by_runs, crop_by_pixels])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_crop_is_torchvisions_crop_and_flip(
    cut: Callable[..., Tensor], channels: int, layout: torch.memory_format
) -> None:
    images = noise(6, channels=channels).contiguous(memory_format=layout)
    before = images.clone()
    top, left = torch.tensor([0, 3, 8, 0, 5, 8]), torch.tensor([8, 0, 2, 0, 7, 8])
    mirrored = torch.tensor([True, False, True, False, True, False])
    windows = cut(images, top, left, mirrored, 24)
    assert windows.is_contiguous(memory_format=torch.channels_last)
    for i in range(6):
        expected = V.crop(images[i], int(top[i]), int(left[i]), 24, 24)
        assert torch.equal(windows[i], V.horizontal_flip(expected) if mirrored[i] else expected)
    assert torch.equal(images, before)


@pytest.mark.parametrize("cut", [crop_by_runs, crop_by_pixels])
def test_mirroring_whole_images_leaves_the_originals(cut: Callable[..., Tensor]) -> None:
    images, corner = noise(6), torch.zeros(6, dtype=torch.long)
    before = images.clone()
    assert torch.equal(cut(images, corner, corner, corner == 0, 32), before.flip(-1))
    assert torch.equal(images, before)


@pytest.mark.parametrize("size", [20, 48, 256])
def test_resize_is_torchvisions_and_pillows(size: int) -> None:
    images = noise(3)
    resized = resize(images, size)
    assert resized.dtype == torch.uint8
    for image, ours in zip(images, resized, strict=True):
        assert difference(ours, V.resize(image, [size, size], antialias=True)) <= 1
        pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
        pixels = np.array(pillow.resize((size, size), Image.Resampling.BILINEAR))
        assert difference(ours, torch.from_numpy(pixels).permute(2, 0, 1)) <= 1


def test_resize_through_float_agrees_with_the_uint8_kernel() -> None:
    images = noise(2)
    by_float = resize(images.float(), 48)
    assert by_float.dtype == torch.uint8
    assert difference(by_float, resize(images, 48)) <= 1


# Whole, enlarged 1 to 6 times, reduced up to 4 times, in one direction only, a single pixel.
BOXES = [(0, 0, 96, 96), (5, 7, 10, 8), (40, 3, 24, 24), (0, 0, 96, 12), (93, 0, 3, 96)]
BOXES += [(95, 95, 1, 1), (1, 2, 95, 94)]


@pytest.mark.parametrize("way", [resize_in_turn, resize_at_once])
@pytest.mark.parametrize("channels", [1, 3])
def test_boxes_are_torchvisions_resized_crop(way: Callable[..., Tensor], channels: int) -> None:
    images = noise(len(BOXES), 96, channels)
    before = images.clone()
    ours = way(images, torch.tensor(BOXES).T, 24)
    assert ours.dtype == torch.uint8
    assert ours.is_contiguous(memory_format=torch.channels_last)
    for image, result, box in zip(images, ours, BOXES, strict=True):
        expected = V.resized_crop(image, *box, [24, 24], antialias=True)
        assert difference(result, expected) <= 1
    assert torch.equal(images, before)


def test_boxes_resized_at_once_are_rounded_to_nearest() -> None:
    images = noise(len(BOXES), 96)
    ours = resize_at_once(images, torch.tensor(BOXES).T, 24)
    for image, result, box in zip(images, ours, BOXES, strict=True):
        exact = V.resized_crop(image.float(), *box, [24, 24], antialias=True)
        assert (result - exact).abs().max() <= 0.5001
