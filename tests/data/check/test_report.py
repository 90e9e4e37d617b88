"""A data set in words, few whatever its size."""

import torch

from alexnet_lightning.data.batches import Images, ImageTensors
from alexnet_lightning.data.check.report import problems, report
from alexnet_lightning.data.check.survey import Originals, survey


def made_up(counts: list[int]) -> Images:
    """Images of one pixel, so many of each class."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return ImageTensors(torch.arange(len(labels)).byte().reshape(-1, 1, 1, 1), labels)


def test_many_classes_are_told_by_their_ends() -> None:
    found = survey({"train": made_up([5] * 22 + [1, 0, 11]), "val": made_up([2] * 25)}, 1)
    names = [f"class{label}" for label in range(25)]
    lines = report(found, Originals(), names, 10).splitlines()
    assert lines[0].split() == ["split", "images", "classes", "fewest", "median", "most"]
    assert lines[1].split() == [
        "train",
        "122",
        "24",
        "0",
        "of",
        "class23",
        "5",
        "11",
        "of",
        "class24",
    ]
    assert lines[2].split() == ["val", "50", "25", "2", "2", "2"]
    start = lines.index("few or many images: 3")
    assert lines[start + 2] == "  - train: class23 has 0, the median is 5"
    assert "classes without images 1" in problems(found, 25)


def test_sizes_of_files_by_quantiles() -> None:
    files = Originals()
    files.sizes.update({(10, 20): 98, (500, 20): 1, (1200, 30): 1})
    files.modes.update({"RGB": 99, "L": 1})
    files.examples.update({"RGB": "a.png", "L": "b.png"})
    found = survey({"train": made_up([2])}, 1)
    lines = report(found, files, ["only"], 10).splitlines()
    place = lines.index("files: 100; modes: RGB 99, L 1 (e.g. b.png)")
    assert lines[place + 2].split() == ["width", "10", "10", "10", "10", "1,200"]
    assert lines[place + 3].split() == ["height", "20", "20", "20", "20", "30"]
