"""What every transform promises, and those that only move pixels."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from alexnet_lightning.data import (
    Flip,
    Identity,
    PadCropAlternatingFlip,
    PadCropFlip,
    ProgressiveResize,
    RandomResizedCropFlip,
    ResizeCropFlip,
    Transform,
)
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.transforms.crops import crop_by_pixels, crop_by_runs, pad_mirrored
from alexnet_lightning.data.transforms.resizing import resize
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import noise


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


@pytest.mark.parametrize("channels", [1, 3])
def test_pad_crop_flip_is_torchvisions_with_the_same_draws(channels: int) -> None:
    images = noise(12, channels=channels)
    ours = PadCropFlip(4).augment(images, seeded("cpu", 3))
    again = seeded("cpu", 3)
    top, left = torch.randint(9, (2, 12), generator=again).tolist()
    mirrored = (torch.rand(12, generator=again) < 0.5).tolist()
    assert len(set(mirrored)) == 2
    for i, image in enumerate(images):
        expected = V.crop(V.pad(image, [4]), top[i], left[i], 32, 32)
        assert torch.equal(ours[i], V.horizontal_flip(expected) if mirrored[i] else expected)


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_a_mirrored_border_is_torchs_reflection(padding: int) -> None:
    images = noise(3, size=5)
    expected = F.pad(images.float(), [padding] * 4, mode="reflect").byte()
    assert torch.equal(pad_mirrored(images, padding), expected)
    windows = PadCropFlip(padding, border="mirrored").augment(images, seeded("cpu", 3))
    top, left = torch.randint(2 * padding + 1, (2, 3), generator=(again := seeded("cpu", 3)))
    mirrored = torch.rand(3, generator=again) < 0.5
    for i in range(3):
        crop = V.crop(expected[i], int(top[i]), int(left[i]), 5, 5)
        assert torch.equal(windows[i], crop.flip(-1) if mirrored[i] else crop)


def test_a_border_cannot_mirror_more_than_there_is() -> None:
    PadCropFlip(7, border="mirrored").check(8, "centre")
    with pytest.raises(UserError, match=r"images of 8 px have no 8 pixels to mirror"):
        PadCropFlip(8, border="mirrored").check(8, "centre")


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
TRANSFORMS += [ResizeCropFlip(32, 24), RandomResizedCropFlip(24, resize=28)]


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
    assert type(transform) is Identity or not torch.equal(first, other)
    assert torch.equal(transform.evaluate(images), transform.evaluate(images))
    assert torch.equal(images, before), "the split itself was changed"


def test_arguments_out_of_range() -> None:
    with pytest.raises(UserError, match=r"padding is -1"):
        PadCropFlip(-1)


def test_alternating_flips_show_both_sides_in_two_epochs_each_first_half_the_time() -> None:
    images = noise(256, size=8)
    transform = PadCropAlternatingFlip(padding=0)
    first, second, third = (
        transform.augment_in(epoch, images, seeded("cpu", epoch)) for epoch in range(3)
    )
    mirrored = (first == images.flip(-1)).flatten(1).all(dim=1)
    assert 96 < int(mirrored.sum()) < 160
    assert torch.equal(first[~mirrored], images[~mirrored])
    assert torch.equal(second, first.flip(-1))
    assert torch.equal(third, first)


def test_progressive_resize_shrinks_what_its_transform_gives_in_the_first_epochs() -> None:
    images, inner = noise(8), PadCropAlternatingFlip(2)
    transform = ProgressiveResize(inner, size=24, epochs=2)
    transform.check(32, "six")
    for epoch in range(3):
        full = inner.augment_in(epoch, images, seeded("cpu", epoch))
        seen = transform.augment_in(epoch, images, seeded("cpu", epoch))
        assert torch.equal(seen, resize(full, 24) if epoch < 2 else full)
    assert torch.equal(transform.evaluate(images), images)
    with pytest.raises(UserError, match=r"size is 40: give 1 to 32"):
        ProgressiveResize(inner, 40, 2).check(32, "centre")
    with pytest.raises(UserError, match=r"epochs is -1"):
        ProgressiveResize(inner, 24, -1)


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
