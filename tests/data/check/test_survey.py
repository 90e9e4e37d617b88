"""Copies are found wherever they lie, broken files named, colours measured on the same reading."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors, seeded
from alexnet_lightning.data.check import survey as survey_module
from alexnet_lightning.data.check.survey import (
    Place,
    contradicts,
    copies,
    crosses,
    digests_of,
    originals,
    survey,
)
from alexnet_lightning.data.storage.decoding import BrokenImageError
from alexnet_lightning.data.transforms.statistics import pixel_statistics
from alexnet_lightning.system.errors import UserError

SIZE = 4


def noise(count: int, seed: int) -> ImageTensors:
    generator = seeded("cpu", seed)
    pixels = torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    return ImageTensors(pixels, torch.arange(count) % 3, [f"{seed}-{i}" for i in range(count)])


@pytest.fixture
def splits() -> dict[Split, Images]:
    """Noise with copies: train 1 = train 7 = val 2 (label 1, 1, 2), train 3 = test 0 (0, 0),
    train 4 = train 5 (1, 2), val 1 = test 4 (1, 1)."""
    train, val, test = noise(9, 1), noise(5, 2), noise(6, 3)
    train.images[7] = val.images[2] = train.images[1]
    test.images[0] = train.images[3]
    train.images[5] = train.images[4]
    test.images[4] = val.images[1]
    return {"train": train, "val": val, "test": test}


def test_copies_are_grouped_over_all_splits(splits: dict[Split, Images]) -> None:
    found = survey(splits, SIZE)
    assert found.copies == [
        [Place("train", 1, 1), Place("train", 7, 1), Place("val", 2, 2)],
        [Place("train", 3, 0), Place("test", 0, 0)],
        [Place("train", 4, 1), Place("train", 5, 2)],
        [Place("val", 1, 1), Place("test", 4, 1)],
    ]
    assert [crosses(group) for group in found.copies] == [True, True, False, True]
    assert [contradicts(group) for group in found.copies] == [True, False, True, False]
    assert found.duplicates == 5
    assert (found.leaked("val", "train"), found.leaked("test", "train")) == (1, 1)
    assert found.leaks == 3
    assert found.name(found.copies[3][1]) == "3-4"
    assert found.faults == {}


def test_an_image_of_test_in_both_others_is_one_leak(splits: dict[Split, Images]) -> None:
    splits["test"].images[5] = splits["val"].images[2]  # type: ignore[attr-defined]
    assert survey(splits, SIZE).leaks == 4


def test_a_set_without_copies_has_none() -> None:
    found = survey({"train": noise(50, 1), "val": noise(20, 2)}, SIZE)
    assert (found.copies, found.duplicates, found.leaks) == ([], 0, 0)


def test_chunks_do_not_matter(splits: dict[Split, Images], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = survey(splits, SIZE)
    monkeypatch.setattr(survey_module, "PIXELS", 2 * SIZE**2)  # two images at a time
    parts = survey(splits, SIZE)
    assert parts.copies == whole.copies
    assert all(map(torch.equal, parts.statistics, whole.statistics))


def test_one_pixel_makes_another_image() -> None:
    images = torch.zeros(2, 3, SIZE, SIZE, dtype=torch.uint8)
    images[1, 2, 3, 3] = 1
    assert len(set(digests_of(images))) == 2


def test_digests_are_of_the_pixels_not_of_their_order_in_memory() -> None:
    images = noise(5, 1).images
    assert digests_of(images) == digests_of(
        images.contiguous(memory_format=torch.contiguous_format)
    )


def test_copies_against_a_plain_search() -> None:
    keys = [bytes([key]) for key in np.random.default_rng(0).integers(0, 80, 100)]
    images = noise(len(keys), 1)
    plain: dict[bytes, list[int]] = {}
    for number, key in enumerate(keys):
        plain.setdefault(key, []).append(number)
    found = copies({"train": images}, {"train": keys})
    assert [[place.number for place in group] for group in found] == [
        group for group in plain.values() if len(group) > 1
    ]
    assert all(place.label == place.number % 3 for group in found for place in group)
    assert copies({"train": noise(1, 1)}, {"train": keys[:1]}) == []


def test_counts_by_split_and_class(splits: dict[Split, Images]) -> None:
    counts = survey(splits, SIZE).counts(4)
    assert counts == {"train": [3, 3, 3, 0], "val": [2, 2, 1, 0], "test": [2, 2, 2, 0]}


def test_statistics_are_of_the_training_images(splits: dict[Split, Images]) -> None:
    measured, expected = survey(splits, SIZE).statistics, pixel_statistics(splits["train"])
    assert all(map(torch.equal, measured, expected))


class Damaged(Images):
    """Images of which some raise when they are read."""

    def __init__(self, images: ImageTensors, broken: set[str]) -> None:
        super().__init__(images.labels)
        self.whole, self.broken = images, broken

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        for index in torch.as_tensor(indices).tolist():
            if (name := self.name(index)) in self.broken:
                raise BrokenImageError(f"{name} is no image: replace it")
        return self.whole[indices]

    def subset(self, indices: Tensor) -> "Damaged":
        return Damaged(self.whole.subset(indices), self.broken)

    def name(self, index: int) -> str:
        return self.whole.name(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_images_are_named_and_left_out(splits: dict[Split, Images], workers: int) -> None:
    train, test = splits["train"], splits["test"]
    assert isinstance(train, ImageTensors)
    assert isinstance(test, ImageTensors)
    damaged: dict[Split, Images] = {
        "train": Damaged(train, {"1-0", "1-4"}),
        "val": splits["val"],
        "test": Damaged(test, {"3-5"}),
    }
    found = survey(damaged, SIZE, workers)
    assert found.faults == {
        "1-0": "1-0 is no image: replace it",
        "1-4": "1-4 is no image: replace it",
        "3-5": "3-5 is no image: replace it",
    }
    assert [len(images) for images in found.splits.values()] == [7, 5, 5]
    # Places count what is left: names and classes are still the right ones.
    named = [[(found.name(place), place.label) for place in group] for group in found.copies]
    assert named == [
        [("1-1", 1), ("1-7", 1), ("2-2", 2)],
        [("1-3", 0), ("3-0", 0)],
        [("2-1", 1), ("3-4", 1)],
    ]
    kept = pixel_statistics(train.subset(torch.tensor([1, 2, 3, 5, 6, 7, 8])))
    assert all(map(torch.equal, found.statistics, kept))


def test_a_split_of_which_nothing_can_be_read() -> None:
    images = noise(2, 1)
    with pytest.raises(UserError, match=r"reading train: no image.*the first: 1-0 is no image"):
        survey({"train": Damaged(images, {"1-0", "1-1"}), "val": noise(2, 2)}, SIZE)


def test_other_errors_are_not_taken_for_broken_images() -> None:
    class Gone(Damaged):
        def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
            raise UserError("the disk is gone")

    with pytest.raises(UserError, match="the disk is gone"):
        survey({"train": Gone(noise(2, 1), set())}, SIZE)


def test_sizes_and_modes(tmp_path: Path) -> None:
    for name, mode, size in (
        ("a.png", "RGB", (5, 3)),
        ("b.png", "RGB", (5, 3)),
        ("c.png", "L", (2, 9)),
        ("d.jpg", "CMYK", (4, 4)),
    ):
        Image.new(mode, size).save(tmp_path / name)
    names = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png", "d.jpg")]
    found = originals(names, len(names))
    assert found.sizes == {(5, 3): 2, (2, 9): 1, (4, 4): 1}
    assert found.modes == {"RGB": 2, "L": 1, "CMYK": 1}
    assert found.examples == dict(zip(("RGB", "L", "CMYK"), names[1:], strict=True)) | {
        "RGB": names[0]
    }


def test_the_pixels_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:100])
    assert originals([str(path)], 1).sizes == {(64, 64): 1}


def test_what_is_no_image_file_is_passed_over(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    found = originals(["number 3", str(tmp_path / "gone.png"), str(text)], 3)
    assert (found.sizes, found.modes, found.examples) == ({}, {}, {})
