"""What counts as an image, and as a class, in folders."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet_lightning.data.storage.folder import image_files, is_image, list_classes, subfolders
from alexnet_lightning.system.errors import UserError

Fill = Callable[[str, int], Path]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.b.Png", "a.webp", "a.tiff", "a.avif"])
def test_images(name: str) -> None:
    assert is_image(name)


@pytest.mark.parametrize("name", [".a.jpg", "._a.jpg", "a", "jpg", "a.txt", "a.jpg.txt", "a.pdf"])
def test_other_files(name: str) -> None:
    assert not is_image(name)


def test_order_and_labels(tmp_path: Path, fill: Fill) -> None:
    fill("b", 2)
    fill("a", 1)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "notes.txt").touch()
    assert subfolders(tmp_path) == ["a", "b"]
    files = list_classes(tmp_path, ["b", "a"])
    assert [path.relative_to(tmp_path).as_posix() for path in files.paths] == [
        "b/0.png",
        "b/1.png",
        "a/0.png",
    ]
    assert files.labels.tolist() == [0, 0, 1]


def test_no_folder(tmp_path: Path) -> None:
    assert subfolders(tmp_path / "nowhere") == []
    with pytest.raises(UserError, match=r"nowhere cannot be read \(No such file"):
        image_files(tmp_path / "nowhere")


def test_a_long_list_of_classes_is_cut(tmp_path: Path) -> None:
    names = [f"n{number:03}" for number in range(1000)]
    with pytest.raises(UserError, match=r"n000 is missing: expected n000, .*n009, … \(1000 in all"):
        list_classes(tmp_path, names)
