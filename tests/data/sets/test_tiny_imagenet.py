"""A small copy of Tiny ImageNet, and the real one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet_lightning.data import TinyImageNetDataModule
from alexnet_lightning.data.sets import tiny_imagenet
from alexnet_lightning.data.storage.archives import md5_of
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import names, sizes

Fill = Callable[[str, int], Path]
WNIDS = ["n03", "n01", "n02"]
FOLDER = "tiny-imagenet-200"


@pytest.fixture
def folder(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of ten training images; six validation images, of n01, n02, n03, n01, …"""
    monkeypatch.setattr(tiny_imagenet, "CLASSES", 3)
    monkeypatch.setattr(tiny_imagenet, "IMAGES", {"train": 10, "test": 2})
    root = tmp_path / FOLDER
    for wnid in WNIDS:
        fill(f"{FOLDER}/train/{wnid}/images", 10)
        (root / "train" / wnid / f"{wnid}_boxes.txt").touch()
    fill(f"{FOLDER}/val/images", 6)
    lines = [f"{number}.png\tn0{number % 3 + 1}\t0\t0\t7\t7" for number in range(6)]
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    (root / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (root / "words.txt").write_text("n00\tentity\nn01\tcrane, a bird\nn02\tcrane\nn03\tgoldfish\n")
    return root


def tiny(folder: Path, **arguments: object) -> TinyImageNetDataModule:
    settings = {"url": None, "storage": "files", "size": 8, "workers": 0} | arguments
    data = TinyImageNetDataModule(root=str(folder.parent), **settings)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup()
    return data


def test_before_the_images_are_there() -> None:
    data = TinyImageNetDataModule()
    assert (data.num_classes, data.image_size, data.storage) == (200, 64, "memory")


def test_splits_and_names(folder: Path) -> None:
    data = tiny(folder)
    assert data.class_names == ["crane (n01)", "crane (n02)", "goldfish"]
    assert sizes(data) == {"train": 27, "val": 3, "test": 6}
    test, train = data.splits["test"], data.splits["train"]
    assert [(Path(test.name(i)).name, int(test.labels[i])) for i in range(6)] == [
        (f"{number}.png", number % 3) for number in range(6)
    ]
    for index in range(27):
        assert Path(train.name(index)).parts[-3] == f"n0{train.labels[index] + 1}"
    assert data.splits["val"].labels.bincount().tolist() == [1, 1, 1]
    assert len(names(data)["train"] | names(data)["val"]) == 30


def test_split_is_seeded(folder: Path) -> None:
    one, same, other = (names(tiny(folder, seed=seed))["val"] for seed in (1, 1, 2))
    assert one == same
    assert one != other


def lost_class(folder: Path) -> None:
    shutil.rmtree(folder / "train" / "n02")


def stranger(folder: Path) -> None:
    (folder / "train" / "n09").mkdir()


def empty_class(folder: Path) -> None:
    for path in (folder / "train" / "n02" / "images").iterdir():
        path.unlink()


def lost_train_image(folder: Path) -> None:
    (folder / "train" / "n02" / "images" / "3.png").unlink()


def lost_val_image(folder: Path) -> None:
    (folder / "val" / "images" / "3.png").unlink()


def short_annotations(folder: Path) -> None:
    path = folder / "val" / "val_annotations.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))


def bad_annotations(folder: Path) -> None:
    (folder / "val" / "val_annotations.txt").write_text("0.png\n")


def outside(folder: Path) -> None:
    (folder / "val" / "val_annotations.txt").write_text("../../../etc/passwd\tn01\n")


def no_wnids(folder: Path) -> None:
    (folder / "wnids.txt").unlink()


def short_wnids(folder: Path) -> None:
    (folder / "wnids.txt").write_text("n01\n")


def binary_words(folder: Path) -> None:
    (folder / "words.txt").write_bytes(b"\xff\xfe")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lost_class, r"train/n02 is missing: expected n01, n02, n03"),
        (stranger, r"train/n09 is not one of the classes: expected n01, "),
        (empty_class, r"train/n02/images has no images"),
        (lost_train_image, r"train/ has 9 images of n02, expected 10; remove the folder"),
        (lost_val_image, r"val/images/3\.png is missing, but is in val_annotations\.txt"),
        (short_annotations, r"val_annotations\.txt has 1 images of n03, expected 2"),
        (bad_annotations, r"val_annotations\.txt has the line '0\.png': unknown class"),
        (outside, r"val/images/\.\./\.\./\.\./etc/passwd is missing"),
        (no_wnids, r"wnids\.txt cannot be read"),
        (short_wnids, r"wnids\.txt has 1 classes, expected 3"),
        (binary_words, r"words\.txt cannot be read"),
    ],
)
def test_damaged(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    with pytest.raises(UserError, match=message) as error:
        tiny(folder)
    assert "\n" not in str(error.value)


def test_missing_says_what_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        tiny(tmp_path / FOLDER)
    for part in (str(tmp_path), f"{FOLDER}/", f"{FOLDER}.zip", "data.url is null", "--data.root"):
        assert part in str(error.value)


def test_downloads_and_unpacks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder.parent
    mirror = shutil.make_archive(str(root / "mirror"), "zip", root, FOLDER)
    shutil.rmtree(folder)
    monkeypatch.setattr(tiny_imagenet, "MD5", md5_of(Path(mirror)))
    assert len(tiny(folder, url=Path(mirror).as_uri()).splits["train"]) == 27
    names = {path.name for path in root.iterdir()}
    assert names == {".cache", "mirror.zip", FOLDER, f"{FOLDER}.zip"}


@pytest.mark.slow
def test_real(real: Callable[[str], str]) -> None:
    data = tiny(Path(real(FOLDER)) / FOLDER, size=32)
    assert sizes(data) == {"train": 90_000, "val": 10_000, "test": 10_000}
    assert (data.splits["train"].labels.bincount() == 450).all()
    assert (data.splits["val"].labels.bincount() == 50).all()
    assert len(set(data.class_names)) == 200
    assert data.class_names[:2] == ["goldfish", "European fire salamander"]
