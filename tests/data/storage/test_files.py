"""Lists of image files, class folders, and images decoded when they are read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch.utils.data import DataLoader

from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.storage.files import (
    FileList,
    ImageFiles,
    LeftOut,
    image_files,
    is_image,
    list_classes,
    subfolders,
)
from alexnet_lightning.system.errors import UserError

MakeFiles = Callable[..., FileList]
Fill = Callable[[str, int], Path]


def test_key_changes_with_everything_that_matters(file_list: MakeFiles) -> None:
    files = file_list(4)
    paths = list(files.paths)
    keys = {
        files.key(8),
        files.key(9),
        FileList(paths[:3], files.labels[:3]).key(8),
        FileList(paths[::-1], files.labels).key(8),
    }
    os.utime(paths[2], ns=(0, 1))
    keys.add(files.key(8))
    paths[2].write_bytes(paths[2].read_bytes() + b" ")
    os.utime(paths[2], ns=(0, 1))
    keys.add(files.key(8))
    paths[3] = paths[3].rename(paths[3].with_name("another.png"))
    keys.add(FileList(paths, files.labels).key(8))
    assert len(keys) == 7


def test_key_stays_when_the_data_set_moves(
    file_list: MakeFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = file_list(4)
    relative = [path.relative_to(tmp_path) for path in files.paths]
    before = files.key(8)
    (tmp_path / "pictures").rename(tmp_path / "moved")
    moved = [tmp_path / "moved" / path.relative_to("pictures") for path in relative]
    assert FileList(moved, files.labels).key(8) == before
    monkeypatch.chdir(tmp_path / "moved")
    here = [path.relative_to("pictures") for path in relative]
    assert FileList(here, files.labels).key(8) == before
    assert FileList(here, files.labels).folder == ""
    assert FileList(moved, files.labels.flip(0)).key(8) == before, "labels are not packed"


def test_names_beside_each_other_share_only_their_folder(file_list: MakeFiles) -> None:
    files = file_list(3)
    one = FileList(files.paths[:1], files.labels[:1])
    assert one.folder == f"{files.paths[0].parent}/"


def test_a_missing_file_is_named(file_list: MakeFiles) -> None:
    files = file_list(3)
    files.paths[1].unlink()
    with pytest.raises(UserError, match=r"cannot open .*1\.png: No such file"):
        files.key(8)


def test_images_are_their_files(file_list: MakeFiles) -> None:
    files = file_list()
    images = ImageFiles(files, 4)
    for indices in ([4, 1, 1], torch.tensor([4, 1, 1])):
        pixels, labels = images[indices]
        assert torch.equal(pixels, torch.stack([decode(files.paths[i], 4) for i in (4, 1, 1)]))
        assert labels.tolist() == [1, 1, 1]
    part = images.subset(torch.tensor([5, 2, 0])).subset(torch.tensor([2, 0]))
    assert [part.name(0), part.name(1)] == [str(files.paths[0]), str(files.paths[5])]
    assert part[[0, 1]][0][:, 0, 0, 0].tolist() == [0, 5]
    assert part.labels.tolist() == [0, 2]
    assert len(images) == 6


def test_fingerprint(file_list: MakeFiles) -> None:
    images = ImageFiles(file_list(), 4)
    part = images.subset(torch.tensor([1, 2]))
    assert images.fingerprint() == images.subset(torch.arange(6)).fingerprint()
    assert images.fingerprint() != part.fingerprint() != ImageFiles(file_list(), 5).fingerprint()


def test_names_of_any_letters(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("Große Körbe", "犬.png", os.fsdecode(b"\xff\xfe.png"))]
    images = ImageFiles(FileList(paths, torch.arange(3)), 4)
    assert [images.name(index) for index in range(3)] == [str(path) for path in paths]


def test_an_error_in_a_worker_is_one_line(file_list: MakeFiles) -> None:
    files = file_list()
    files.paths[3].write_text("I am a text.")
    loader = DataLoader(ImageFiles(files, 4), batch_size=None, sampler=[[0, 3]], num_workers=1)
    batches = cast(Any, iter(loader))
    with pytest.raises(UserError) as hit:
        next(batches)
    batches._shutdown_workers()  # the garbage collector would take seconds
    assert str(hit.value).startswith(f"{files.paths[3]} cannot be read as an image")
    assert "\n" not in str(hit.value)


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
        image_files(tmp_path / "nowhere", LeftOut())


def test_a_long_list_of_classes_is_cut(tmp_path: Path) -> None:
    names = [f"n{number:03}" for number in range(1000)]
    with pytest.raises(UserError, match=r"n000 is missing: expected n000, .*n009, … \(1000 in all"):
        list_classes(tmp_path, names)
