"""The bundled digits."""

import torch

from alexnet_lightning.data import DigitsDataModule, PadCropFlip


def test_splits_are_whole_stratified_and_seeded() -> None:
    data, again, other = DigitsDataModule(), DigitsDataModule(), DigitsDataModule(seed=1)
    for module in (data, again, other):
        module.setup()
    assert [len(data.splits[split]) for split in ("train", "val", "test")] == [1197, 300, 300]
    for split in data.splits.values():
        fraction = split.labels.bincount(minlength=10) / len(split)
        assert (fraction - 0.1).abs().max() < 0.01
    assert torch.equal(data.splits["val"].images, again.splits["val"].images)
    assert not torch.equal(data.splits["val"].images, other.splits["val"].images)
    assert torch.equal(data.splits["test"].images, other.splits["test"].images)


def test_images_and_constants() -> None:
    data = DigitsDataModule()
    data.setup()
    images = torch.cat([split.images for split in data.splits.values()])
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == torch.uint8
    assert (int(images.min()), int(images.max())) == (0, 255)
    # No two digits are alike, so the splits are disjoint.
    assert len(images.flatten(1).unique(dim=0)) == 1797
    pixels = images.double() / 255
    assert abs(pixels.mean() - data.mean[0]) < 1e-4
    assert abs(pixels.std() - data.std[0]) < 1e-4


def test_defaults() -> None:
    data = DigitsDataModule()
    assert (data.num_classes, data.in_channels, data.image_size) == (10, 1, 8)
    assert data.class_names[3] == "3"
    assert isinstance(data.transform, PadCropFlip)
    assert not data.transform.flip
