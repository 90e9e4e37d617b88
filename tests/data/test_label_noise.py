"""Wrong training labels and fewer training images: which, how many, and never another split."""

from typing import Any

import pytest
import torch

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.system.errors import UserError


def digits(**arguments: Any) -> DigitsDataModule:
    data = DigitsDataModule(**arguments)
    data.setup()
    return data


def listed(data: DigitsDataModule) -> set[bytes]:
    """The training images; a few of the digits are the same twice."""
    pixels, _ = data.splits["train"][range(len(data.splits["train"]))]
    return {image.numpy().tobytes() for image in pixels}


def test_that_many_training_labels_are_wrong_and_the_rest_is_as_without() -> None:
    clean, noisy = digits(seed=3), digits(seed=3, label_noise=0.15)
    for split in ("train", "val", "test"):
        every = range(len(clean.splits[split]))
        (pixels, labels), (same, found) = clean.splits[split][every], noisy.splits[split][every]
        assert torch.equal(pixels, same), f"{split}: the same images in the same order"
        wrong = labels != found
        assert wrong.sum() == (180 if split == "train" else 0)  # .15 · 1,197 = 179.55
        assert set(found.tolist()) == set(range(10))
    assert (clean.wrong_labels, noisy.wrong_labels) == (0, 180)
    assert noisy.identity.difference(clean.identity) == "train has 1,197 images, but not the same"


def test_every_other_class_is_as_likely() -> None:
    clean, noisy = digits(), digits(label_noise=1.0)
    shift = (noisy.splits["train"].labels - clean.splits["train"].labels) % 10
    counts = shift.bincount(minlength=10)
    assert counts[0] == 0
    expected = 1197 / 9
    chi_square = float(((counts[1:] - expected) ** 2 / expected).sum())
    assert chi_square < 26.1, "99.9 % of uniform samples, 8 degrees of freedom"


def test_the_seed_alone_says_which_and_more_noise_keeps_the_wrong_ones() -> None:
    labels = {noise: digits(label_noise=noise).splits["train"].labels for noise in (0.0, 0.05, 0.5)}
    assert torch.equal(labels[0.5], digits(label_noise=0.5).splits["train"].labels)
    few, many = (labels[noise] != labels[0.0] for noise in (0.05, 0.5))
    assert (many | ~few).all()
    other = digits(label_noise=0.5, seed=1)
    assert not torch.equal(other.splits["train"].labels, labels[0.5])


def test_fewer_images_are_a_part_of_more_and_leave_the_other_splits() -> None:
    whole, half, few = digits(), digits(train_images=600), digits(train_images=50)
    assert [len(data.splits["train"]) for data in (whole, half, few)] == [1197, 600, 50]
    assert listed(few) < listed(half) < listed(whole)
    for split in ("val", "test"):
        assert torch.equal(few.splits[split].labels, whole.splits[split].labels)
    assert few.identity.figures()["data/train_images"] == 50
    assert digits(train_images=50, label_noise=0.5).wrong_labels == 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_noise": 1.5}, "data.label_noise is 1.5: give a number from 0 to 1"),
        ({"label_noise": -0.1}, "data.label_noise is -0.1: give a number from 0 to 1"),
        ({"train_images": 0}, "data.train_images is 0: give a number >= 1"),
        ({"train_images": 1198}, "data.train_images is 1198: give 1 to 1197"),
    ],
)
def test_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        digits(**arguments)
