"""Resizing transforms against torchvision and Pillow, with the parameters drawn again."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import ks_2samp
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as V

from alexnet_lightning.data import RandomResizedCropFlip, ResizeCropFlip
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.transforms.resizing import (
    draw_boxes,
    resize,
    resize_at_once,
    resize_in_turn,
)
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import difference, noise


@pytest.mark.parametrize("native", [32, 256, 300])
def test_resize_crop_flip_is_pillows_then_torchvisions(native: int) -> None:
    images = noise(6, native)
    ours = ResizeCropFlip(256, 224).augment(images, seeded("cpu", 4))
    again = seeded("cpu", 4)
    top, left = torch.randint(33, (2, 6), generator=again).tolist()
    mirrored = (torch.rand(6, generator=again) < 0.5).tolist()
    assert len(set(zip(top, left, strict=True))) == 6 and len(set(mirrored)) == 2
    for i, image in enumerate(images):
        pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
        pixels = np.array(V.resize(pillow, [256, 256]))
        expected = V.crop(torch.from_numpy(pixels).permute(2, 0, 1), top[i], left[i], 224, 224)
        assert difference(ours[i], V.horizontal_flip(expected) if mirrored[i] else expected) <= 1


@pytest.mark.parametrize(("resize", "window"), [(48, 40), (45, 40), (44, 41), (32, 24), (28, 20)])
@pytest.mark.parametrize("make", [ResizeCropFlip, RandomResizedCropFlip])
def test_evaluation_is_torchvisions_resize_and_centre_crop(
    make: type, resize: int, window: int
) -> None:
    sides = {"crop" if make is ResizeCropFlip else "size": window}
    images = noise()
    ours = make(resize=resize, **sides).evaluate(images)
    theirs = v2.Compose([v2.Resize(resize, antialias=True), v2.CenterCrop(window)])
    for image, result in zip(images, ours, strict=True):
        assert difference(result, theirs(image)) <= 1


@pytest.mark.parametrize(("native", "size"), [(64, 24), (20, 24), (24, 24)])
def test_random_resized_crop_is_torchvisions_with_the_same_boxes(native: int, size: int) -> None:
    images = noise(12, native)
    transform = RandomResizedCropFlip(size, resize=28)
    ours = transform.augment(images, seeded("cpu", 4))
    again = seeded("cpu", 4)
    boxes = draw_boxes(images, transform.scale, transform.ratio, again).T.tolist()
    torch.randint(1, (2, 12), generator=again)
    mirrored = (torch.rand(12, generator=again) < 0.5).tolist()
    assert len({tuple(box) for box in boxes}) == 12, "one box for several images"
    for image, result, box, mirror in zip(images, ours, boxes, mirrored, strict=True):
        expected = V.resized_crop(image, *box, [size, size], antialias=True)
        assert difference(result, V.horizontal_flip(expected) if mirror else expected) <= 1


def torchvisions_boxes(count: int, side: int, **ranges: Any) -> Tensor:
    """Drawn by torchvision: top, left, height, width (4, count)."""
    transform, image = v2.RandomResizedCrop(8, **ranges), torch.zeros(3, side, side)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [transform.make_params([image]) for _ in range(count)]
    names = ("top", "left", "height", "width")
    return torch.tensor([[int(one[name]) for name in names] for one in drawn]).T


@pytest.mark.parametrize(
    "ranges",
    [{"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}, {"scale": (0.5, 1), "ratio": (1, 3)}],
)
def test_boxes_are_distributed_as_torchvisions(ranges: dict[str, Any]) -> None:
    side = 200
    images = torch.zeros(2000, 1, 1, 1).expand(-1, -1, side, side)
    ours = draw_boxes(images, **ranges, generator=seeded("cpu", 0))
    theirs = torchvisions_boxes(2000, side, **ranges)
    top, left, height, width = ours
    assert min(top.min(), left.min()) >= 0 and min(height.min(), width.min()) > 0
    assert max((top + height).max(), (left + width).max()) <= side
    for ours_of, theirs_of in (
        (ours[2] * ours[3], theirs[2] * theirs[3]),  # area
        (ours[3] / ours[2], theirs[3] / theirs[2]),  # shape
        (ours[0] / (side + 1 - ours[2]), theirs[0] / (side + 1 - theirs[2])),  # place
        (ours[1] / (side + 1 - ours[3]), theirs[1] / (side + 1 - theirs[3])),
    ):
        assert ks_2samp(ours_of.numpy(), theirs_of.numpy()).pvalue > 0.01


@pytest.mark.parametrize("ratio", [(2.0, 2.0), (2.0, 3.0), (0.25, 0.5)])
def test_where_no_box_fits_the_largest_in_the_middle(ratio: tuple[float, float]) -> None:
    images = noise(3, 31)
    ours = draw_boxes(images, (1.0, 1.0), ratio, seeded("cpu", 0))
    assert torch.equal(ours, torchvisions_boxes(3, 31, scale=(1.0, 1.0), ratio=ratio))
    assert len(ours.unique(dim=1)[0]) == 1


def test_shape_of_all_boxes_is_kept() -> None:
    boxes = draw_boxes(noise(200, 100), (0.2, 0.3), (0.5, 0.8), seeded("cpu", 0))
    shapes, areas = boxes[3] / boxes[2], boxes[2] * boxes[3] / 100**2
    assert 0.5 - 0.02 < shapes.min() < 0.55
    assert 0.75 < shapes.max() < 0.8 + 0.02
    assert math.isclose(areas.mean(), 0.25, abs_tol=0.01)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (ResizeCropFlip, {"resize": 32, "crop": 40}, "crops 40 px from images resized to 32 px"),
        (ResizeCropFlip, {"crop": 0}, "crops 0 px"),
        (RandomResizedCropFlip, {"size": 300}, "RandomResizedCropFlip crops 300 px"),
        (RandomResizedCropFlip, {"scale": (0.0, 1.0)}, r"scale is \[0.0, 1.0\]"),
        (RandomResizedCropFlip, {"scale": (0.9, 0.1)}, r"scale is \[0.9, 0.1\]"),
        (RandomResizedCropFlip, {"scale": (0.1, 1.5)}, r"scale is \[0.1, 1.5\]"),
        (RandomResizedCropFlip, {"ratio": (0.0, 1.0)}, r"ratio is \[0.0, 1.0\]"),
        (RandomResizedCropFlip, {"ratio": (2.0, 1.0)}, r"ratio is \[2.0, 1.0\]"),
    ],
)
def test_arguments_out_of_range(make: type, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**arguments)


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
