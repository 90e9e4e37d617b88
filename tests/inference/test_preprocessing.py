"""Other images are preprocessed as the test images were."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.data.transforms.crops import Identity, PadCropFlip
from alexnet_lightning.data.transforms.resizing import RandomResizedCropFlip, ResizeCropFlip
from alexnet_lightning.inference.predictor import Preprocessing

TRANSFORMS = [
    Identity(),
    PadCropFlip(1),
    ResizeCropFlip(12, 9),
    ResizeCropFlip(6, 6),
    RandomResizedCropFlip(5, resize=11),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("mean", [None, "image"])
@pytest.mark.parametrize("pixel_max", [1.0, 255.0])
def test_it_equals_the_data_sets(transform, mean, pixel_max) -> None:
    data = DigitsDataModule(transform=transform, mean=mean, pixel_max=pixel_max)
    torch.manual_seed(0)
    images = torch.randint(256, (6, 1, 8, 8)).byte()
    split = ImageTensors(images, torch.arange(6))
    data.adopt({"train": split, "val": split, "test": split})
    ours = Preprocessing(**data.preprocessing())
    assert torch.equal(ours.views(images, "centre")[:, 0], data.preprocess(images))
    flipped = data.normalise(transform.views(images, "flip")[:, 1])
    assert torch.equal(ours.views(images, "flip")[:, 1], flipped)


def test_color_becomes_gray_as_in_pillow() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image, content = Image.fromarray(pixels), io.BytesIO()
    image.save(content, "png")
    ours = Preprocessing(**DigitsDataModule().preprocessing())
    grey = ours.decode(content.getvalue())
    assert grey.shape == (1, 8, 8)
    difference = grey[0].int().numpy() - np.asarray(image.convert("L")).astype(int)
    assert abs(difference).max() <= 1, "Pillow rounds in fixed point"


def test_an_image_of_any_shape_becomes_the_data_sets_square() -> None:
    content = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(content, "png")
    ours = Preprocessing(**DigitsDataModule().preprocessing())
    assert torch.equal(ours.decode(content.getvalue()), torch.full((1, 8, 8), 255).byte())
