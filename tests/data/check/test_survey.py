"""Copies are found wherever they lie, broken files named, colours measured on the same reading."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors, seeded
from alexnet_lightning.data.check import survey as survey_module
from alexnet_lightning.data.check.survey import (
    Place,
    Reader,
    contradicts,
    copies,
    crosses,
    digests_of,
    originals,
    survey,
)
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


def test_a_split_without_images() -> None:
    with pytest.raises(UserError, match="reading val: it has no images"):
        survey({"train": noise(2, 1), "val": noise(0, 2)}, SIZE)


@pytest.mark.usefixtures("start_method")
def test_a_worker_reads_however_it_is_started() -> None:
    images = noise(5, 1)
    alone, divided = Reader(images, 5, 0, "reading"), Reader(images, 5, 1, "reading")
    assert torch.equal(torch.cat([*divided]), torch.cat([*alone]))
    assert divided.digests == alone.digests == digests_of(images.images)


def test_workers_find_the_same(splits: dict[Split, Images]) -> None:
    alone, divided = survey(splits, SIZE), survey(splits, SIZE, workers=2)
    assert divided.copies == alone.copies
    assert all(map(torch.equal, divided.statistics, alone.statistics))


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
