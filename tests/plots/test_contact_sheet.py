"""The contact sheet shows the network's input, pixel by pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_lightning.data import CutMix, DigitsDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.plots.contact_sheet import (
    LETTER,
    ROWS,
    denormalised,
    draw_contact_sheet,
    enlarged,
    mixtures,
    one_a_class,
)


@pytest.mark.parametrize(
    "recipe", [{}, {"pixel_max": 255.0}, {"mean": "image"}, {"mean": [0.2], "std": [3.0]}]
)
def test_the_normalization_is_undone(recipe: dict[str, Any]) -> None:
    data = DigitsDataModule(**recipe)
    data.setup()
    pixels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    assert torch.allclose(denormalised(data, data.normalise(pixels)), pixels / 255, atol=1e-5)
    beyond = data.normalise(torch.full((1, 1, 8, 8), 300.0))
    assert denormalised(data, beyond).max() == 1


def test_as_many_classes_as_possible_have_a_row() -> None:
    labels = torch.arange(300) % 30
    chosen = one_a_class(labels)
    assert len(labels[chosen].unique()) == len(chosen) == ROWS
    assert torch.equal(labels[chosen], labels[chosen].sort().values)
    few = torch.tensor([0] * 50 + [1])
    assert few[one_a_class(few)].tolist() == [0] * (ROWS - 1) + [1]
    assert len(one_a_class(few).unique()) == ROWS
    assert one_a_class(torch.tensor([1, 0, 1])).tolist()[0] == 1
    assert len(one_a_class(torch.tensor([1, 0, 1]))) == 3


def test_pixels_are_repeated_in_the_middle_of_white_tiles() -> None:
    image = torch.tensor([[[[0.0, 0.25], [0.5, 0.75]]]])
    tile = enlarged(image, 7, 3)[0]
    assert tile.shape == (3, 10, 13)
    assert torch.equal(tile[0, :6, :6], image[0, 0].repeat_interleave(3, 0).repeat_interleave(3, 1))
    assert torch.equal(tile[0], tile[2])
    assert (tile[:, 6:] == 1).all()
    assert (tile[:, :, 6:] == 1).all()


def test_mixtures_in_words() -> None:
    names = ["cat", "dog", "hen"]
    fractions = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0]])
    assert mixtures(fractions, names) == ["70% cat\n30% dog", ""]
    assert mixtures(torch.tensor([1, 2]), names) == ["", ""]


def test_the_file_holds_the_images_and_is_the_same_twice(tmp_path: Path) -> None:
    data = DigitsDataModule()
    data.setup()
    paths = [tmp_path / "new" / name for name in ("a.png", "b.png")]
    for path in paths:
        torch.rand(1)
        draw_contact_sheet(data, path)
    assert sorted(paths[0].parent.iterdir()) == paths
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as image:
        sheet = np.asarray(image.convert("L"))
    train = data.splits["train"]
    assert isinstance(train, ImageTensors)
    stored = train.images[one_a_class(train.labels)[0]][0].numpy()
    # The first tile: digits are one letter wide, and 8 px are shown 16 times as large.
    left, top = LETTER + 24, 48
    shown = sheet[top : top + 128, left : left + 128]
    assert np.abs(shown.astype(int) - stored.repeat(16, 0).repeat(16, 1)).max() <= 1

    mixed = DigitsDataModule(targets=CutMix())
    mixed.setup()
    draw_contact_sheet(mixed, tmp_path / "mixed.png")
    with Image.open(tmp_path / "mixed.png") as image:
        assert image.height > sheet.shape[0]  # captions below the tiles
