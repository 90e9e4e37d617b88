"""Your own images, with and without splits, of many formats."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from alexnet_lightning.data import ImageFolderDataModule
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import names, sizes

Fill = Callable[[str, int], Path]


def tiny(root: Path, **arguments: object) -> ImageFolderDataModule:
    settings = {"storage": "files", "size": 8, "workers": 0} | arguments
    data = ImageFolderDataModule(root=str(root), **settings)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup()
    return data


def test_one_folder_is_split_of_each_class_alike(tmp_path: Path, fill: Fill) -> None:
    for name, count in (("cat", 50), ("dog", 30)):
        fill(f"pictures/{name}", count)
    data = tiny(tmp_path)
    assert data.class_names == ["cat", "dog"]
    counts = {split: images.labels.bincount().tolist() for split, images in data.splits.items()}
    assert counts == {"train": [40, 24], "val": [5, 3], "test": [5, 3]}
    assert len(set().union(*names(data).values())) == 80
    assert names(data) == names(tiny(tmp_path))
    other = names(tiny(tmp_path, seed=1))
    assert (names(data)["test"], names(data)["val"] != other["val"]) == (other["test"], True)


@pytest.mark.parametrize(
    ("parts", "test", "val"),
    [
        (["train", "val", "test"], "test", "val"),
        (["train", "test"], "test", "train"),
        (["train", "val"], "val", "train"),
    ],
)
def test_divided(tmp_path: Path, fill: Fill, parts: list[str], test: str, val: str) -> None:
    for part in parts:
        fill(f"mine/{part}/cat", 20)
        fill(f"mine/{part}/dog", 20)
    data = tiny(tmp_path, folder="mine")
    found = names(data)
    assert {name.split("/")[1] for name in found["train"]} == {"train"}
    assert {name.split("/")[1] for name in found["test"]} == {test}
    assert {name.split("/")[1] for name in found["val"]} == {val}
    assert len(found["train"] | found["val"]) == (80 if len(parts) == 3 else 40)
    assert not found["val"] & (found["train"] | found["test"])


def test_a_class_may_be_called_train(tmp_path: Path, fill: Fill) -> None:
    for name in ("bus", "test", "train"):
        fill(f"pictures/{name}", 20)
    assert tiny(tmp_path).class_names == ["bus", "test", "train"]


@pytest.mark.parametrize("suffix", ["png", "JPG", "jpeg", "webp", "bmp", "gif", "tif", "PPM"])
def test_formats(tmp_path: Path, fill: Fill, suffix: str) -> None:
    for name in ("cat", "dog"):
        folder = fill(f"pictures/{name}", 10)
        (folder / "notes.txt").touch()
        (folder / ".hidden.png").touch()
        (folder / "._0.png").touch()
    Image.new("RGB", (20, 10), (0, 200, 0)).save(tmp_path / "pictures" / "cat" / f"new.{suffix}")
    data = tiny(tmp_path)
    every = set().union(*names(data).values())
    assert len(every) == 21
    assert f"pictures/cat/new.{suffix}" in every


def test_missing_says_what_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        ImageFolderDataModule(root=str(tmp_path))
    message = str(error.value)
    for part in (str(tmp_path / "pictures"), "no such folder", "--data.folder"):
        assert part in message
    (tmp_path / "pictures").mkdir()
    with pytest.raises(UserError, match=r"0 classes.*train/<class>/.*--data\.folder"):
        ImageFolderDataModule(root=str(tmp_path))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ({"cat": 9}, r"has 1 classes"),
        ({"cat": 9, "dog": 0}, r"pictures/dog has no images"),
        ({"train/cat": 9, "train/dog": 9}, r"has train/ alone: add val/ or test/"),
        ({"train/cat": 9, "train/dog": 9, "val/cat": 9}, r"val/dog is missing: expected cat, dog"),
        (
            {"train/cat": 9, "train/dog": 9, "test/cat": 9, "test/dog": 9, "test/eel": 1},
            r"test/eel is not one of the classes: expected cat, dog",
        ),
        ({"cat": 9, "dog": 1}, r"data\.test_fraction is 0\.1: 10 images cannot be split into"),
    ],
)
def test_mistakes(tmp_path: Path, fill: Fill, make: dict[str, int], message: str) -> None:
    for folder, count in make.items():
        fill(f"pictures/{folder}", count)
    with pytest.raises(UserError, match=message) as error:
        tiny(tmp_path)
    assert "\n" not in str(error.value)


def test_an_empty_part_is_not_taken_for_none(tmp_path: Path, fill: Fill) -> None:
    for part in ("train", "val"):
        fill(f"pictures/{part}/cat", 9)
        fill(f"pictures/{part}/dog", 9)
    (tmp_path / "pictures" / "test").mkdir()
    with pytest.raises(UserError, match=r"test/cat is missing"):
        tiny(tmp_path)
    shutil.rmtree(tmp_path / "pictures" / "test")
    assert len(tiny(tmp_path).splits["test"]) == 18


def test_fractions(tmp_path: Path, fill: Fill) -> None:
    for name in ("cat", "dog"):
        fill(f"pictures/{name}", 50)
    data = tiny(tmp_path, test_fraction=0.2, val_fraction=0.25)
    assert sizes(data) == {"train": 60, "val": 20, "test": 20}
    with pytest.raises(UserError, match=r"data\.val_fraction is 1\.0"):
        tiny(tmp_path, val_fraction=1.0)
