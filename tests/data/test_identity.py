"""Whether a data set is the one that a network was trained on."""

from pathlib import Path

import pytest
import torch

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors
from alexnet_lightning.data.identity import DataIdentity, listed
from alexnet_lightning.data.storage.files import FileImages, FileList, ImageFiles
from alexnet_lightning.system.errors import UserError


class Reordered(DigitsDataModule):
    """The digits from nine to zero."""

    def load(self) -> dict[Split, Images]:
        self.class_names = [str(9 - digit) for digit in range(10)]
        splits = super().load()
        for images in splits.values():
            images.labels = 9 - images.labels
        return splits


def test_classes_in_another_order_are_mapped() -> None:
    first, second = DigitsDataModule(), Reordered()
    first.setup()
    second.trained_on = DataIdentity(first.class_names)
    second.setup()
    assert second.class_names == first.class_names
    assert torch.equal(second.splits["test"].labels, first.splits["test"].labels)


def test_the_seed_of_the_split_counts() -> None:
    first, same, other = DigitsDataModule(), DigitsDataModule(), DigitsDataModule(seed=1)
    first.setup()
    for data in (same, other):
        data.trained_on = first.identity
    same.setup()
    assert same.identity == first.identity
    with pytest.raises(UserError, match="train has 1,197 images, but not the same; val"):
        other.setup()
    other.accept_changed = True
    with pytest.warns(match="the data has changed"):
        other.setup()
    assert other.identity.changed.startswith("train has 1,197 images, but not the same")


def test_a_new_class_takes_the_place_of_a_missing_one() -> None:
    known = DataIdentity(["ant", "bee", "cat"])
    assert known.indices(["cat", "dog", "ant"]).tolist() == [2, 1, 0]
    assert known.indices(["cat", "dog"]).tolist() == [2, 0]
    assert known.of_classes(["cat", "dog", "ant"]) == "classes missing bee, new dog"
    with pytest.raises(UserError, match="has 4 classes, the network was trained on 3: classes new"):
        known.indices(["ant", "bee", "cat", "dog"])


def test_a_list_may_move_and_has_no_order(tmp_path: Path) -> None:
    names, labels = ["cat/1.png", "cat/2.png", "dog/1.png"], torch.tensor([0, 0, 1])

    def files(root: Path, order: list[int]) -> FileImages:
        return ImageFiles(FileList([root / names[i] for i in order], labels[order]), 8)

    first = listed(files(tmp_path, [0, 1, 2]))
    assert listed(files(tmp_path / "deeper", [2, 0, 1])) == first
    assert listed(files(tmp_path, [0, 2])) != first
    relabeled = FileList([tmp_path / name for name in names], torch.tensor([0, 1, 1]))
    assert listed(ImageFiles(relabeled, 8)) != first
    pixels = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    assert listed(ImageTensors(pixels, labels)) != listed(ImageTensors(pixels, labels.flip(0)))
