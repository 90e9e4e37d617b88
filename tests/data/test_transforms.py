"""Batch transforms against torchvision and Pillow, image by image."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from alexnet_lightning.data import Flip, Identity, PadCropFlip, ResizeCropFlip, Transform
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.transforms import crop, resize
from alexnet_lightning.errors import UserError


def noise(count: int = 8, size: int = 32, channels: int = 3) -> Tensor:
    shape = (count, channels, size, size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded("cpu", 1))


def test_crop_is_torchvisions_crop_and_flip() -> None:
    images = noise(6)
    top, left = torch.tensor([0, 3, 8, 0, 5, 8]), torch.tensor([8, 0, 2, 0, 7, 8])
    mirrored = torch.tensor([True, False, True, False, True, False])
    windows = crop(images, top, left, mirrored, 24)
    assert windows.is_contiguous(memory_format=torch.channels_last)
    for i in range(6):
        expected = V.crop(images[i], int(top[i]), int(left[i]), 24, 24)
        assert torch.equal(windows[i], V.horizontal_flip(expected) if mirrored[i] else expected)


@pytest.mark.parametrize("size", [20, 48, 256])
def test_resize_is_torchvisions_and_pillows(size: int) -> None:
    images = noise(3)
    resized = resize(images, size)
    assert resized.dtype == torch.uint8
    for image, ours in zip(images, resized, strict=True):
        theirs = V.resize(image, [size, size], antialias=True)
        assert (ours.int() - theirs.int()).abs().max() <= 1
        pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
        pixels = np.array(pillow.resize((size, size), Image.Resampling.BILINEAR))
        assert (ours.int() - torch.from_numpy(pixels).permute(2, 0, 1).int()).abs().max() <= 1


def test_resize_through_float_agrees_with_the_uint8_kernel() -> None:
    images = noise(2)
    by_float = resize(images.float(), 48)
    assert by_float.dtype == torch.uint8
    assert (by_float.int() - resize(images, 48).int()).abs().max() <= 1


def test_evaluation_is_torchvisions_centre_crop() -> None:
    images = noise(2)
    for side, window in ((48, 40), (45, 40), (44, 41)):
        ours = ResizeCropFlip(side, window).evaluate(images)
        assert torch.equal(ours, V.center_crop(resize(images, side), [window, window]))


def test_pad_crop_gives_windows_of_the_black_framed_image() -> None:
    images = noise(16, size=8)
    framed = torch.nn.functional.pad(images, [2] * 4)
    windows = PadCropFlip(2, flip=False).augment(images, seeded("cpu", 3))
    places = set()
    for image, window in zip(framed, windows, strict=True):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(V.crop(image, top, left, 8, 8), window)
        ]
        assert len(found) == 1
        places.update(found)
    assert len(places) > 5, "one place for the whole batch"


def test_every_place_and_both_mirrors_are_drawn() -> None:
    image = noise(1, size=4).expand(400, -1, -1, -1)
    windows = PadCropFlip(1).augment(image, seeded("cpu", 0))
    assert len(windows.flatten(1).unique(dim=0)) == 3 * 3 * 2


def test_flip_mirrors_about_half() -> None:
    images = noise(400, size=4)
    flipped = Flip().augment(images, seeded("cpu", 0))
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    assert (mirrored | (flipped == images).flatten(1).all(1)).all()
    assert 150 < mirrored.sum() < 250


TRANSFORMS = [Identity(), Flip(), PadCropFlip(), PadCropFlip(1, False), ResizeCropFlip(48, 40)]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_contract(transform: Transform, channels: int) -> None:
    images = noise(channels=channels)
    before = images.clone()
    side = transform.output_size(32)
    first, again, other = (transform.augment(images, seeded("cpu", n)) for n in (5, 5, 6))
    for out in (first, transform.evaluate(images)):
        assert out.shape == (8, channels, side, side)
        assert out.dtype == torch.uint8
    assert torch.equal(first, again)
    assert isinstance(transform, Identity) or not torch.equal(first, other)
    assert torch.equal(transform.evaluate(images), transform.evaluate(images))
    assert torch.equal(images, before), "the split itself was changed"


def test_arguments_out_of_range() -> None:
    with pytest.raises(UserError, match=r"resize=32, crop=40"):
        ResizeCropFlip(resize=32, crop=40)
    with pytest.raises(UserError, match=r"padding is -1"):
        PadCropFlip(-1)
