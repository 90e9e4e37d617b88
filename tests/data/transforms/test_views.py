"""Views of test images against torchvision's five and ten crops."""

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as V

from alexnet_lightning.data import (
    DigitsDataModule,
    Flip,
    Identity,
    PadCropFlip,
    RandomResizedCropFlip,
    ResizeCropFlip,
)
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import noise


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("crop", [24, 25, 32])  # 7 pixels to move: the middle is rounded
def test_ten_views_are_torchvisions_ten_crop(channels: int, crop: int) -> None:
    images = noise(5, channels=channels)
    ours = ResizeCropFlip(resize=32, crop=crop).views(images, "ten")
    assert ours.shape == (5, 10, channels, crop, crop)
    for image, views in zip(images, ours, strict=True):
        assert torch.equal(views, torch.stack(v2.TenCrop(crop)(image)))


def test_ten_views_of_resized_images() -> None:
    images = noise(5)
    ours = RandomResizedCropFlip(40, resize=48).views(images, "ten")
    for image, views in zip(images, ours, strict=True):
        resized = V.resize(image, [48, 48], antialias=True)
        expected = torch.stack(V.ten_crop(resized, [40]))
        assert (views.int() - expected.int()).abs().max() <= 1


def test_report_3s_twenty_views_are_the_ten_twice() -> None:
    ten = ResizeCropFlip(32, 24).views(noise(5)[:1], "ten")[0]
    twenty = torch.cat([ten, ten.flip(-1)])
    different, counts = twenty.flatten(1).unique(dim=0, return_counts=True)
    assert torch.equal(different, ten.flatten(1).unique(dim=0))
    assert counts.tolist() == [2] * 10


@pytest.mark.parametrize(
    "transform",
    [Identity(), Flip(), PadCropFlip(), ResizeCropFlip(48, 40)],
    ids=lambda t: type(t).__name__,
)
def test_centre_and_its_mirror_image(
    transform: Identity | Flip | PadCropFlip | ResizeCropFlip,
) -> None:
    images = noise(5)
    centre = transform.evaluate(images)
    assert torch.equal(transform.views(images, "centre"), centre[:, None])
    both = transform.views(images, "flip")
    assert torch.equal(both, torch.stack([centre, centre.flip(-1)], dim=1))


def test_six_views_are_the_centre_and_its_shifts_and_their_mirror_images() -> None:
    images = noise(5)
    six = ResizeCropFlip(48, 40).views(images, "six")
    centre, up_left, down_right = six[:, :3].unbind(dim=1)
    assert torch.equal(centre, ResizeCropFlip(48, 40).evaluate(images))
    assert torch.equal(up_left[..., :-1, :-1], centre[..., 1:, 1:])
    assert torch.equal(up_left[..., -1, :-1], centre[..., -2, 1:]), "mirrored at the edge"
    assert torch.equal(down_right[..., 1:, 1:], centre[..., :-1, :-1])
    assert torch.equal(down_right[..., 1:, 0], centre[..., :-1, 1]), "mirrored at the edge"
    assert torch.equal(six[:, 3:], six[:, :3].flip(-1)), "shifted first"


def test_ten_views_need_room() -> None:
    for transform in (Flip(), ResizeCropFlip(24, 24)):
        with pytest.raises(UserError, match=r"data.views is ten, but .* uses the whole image"):
            DigitsDataModule(transform=transform, views="ten")
    DigitsDataModule(transform=ResizeCropFlip(24, 20), views="ten")
