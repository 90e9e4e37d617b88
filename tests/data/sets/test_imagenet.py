"""ImageNet's layouts, small, and a real sample."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from alexnet_lightning.data import ImageNetDataModule
from alexnet_lightning.data.sets.imagenet import readable
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import names, sizes

Fill = Callable[[str, int], Path]
WNIDS = ["n01", "n02", "n03"]
TRUTH = "ILSVRC2012_validation_ground_truth.txt"


@pytest.fixture
def folder(tmp_path: Path, fill: Fill) -> Path:
    """Three classes of twenty training images and four validation images, in class folders."""
    for wnid in WNIDS:
        fill(f"imagenet/train/{wnid}", 20)
        fill(f"imagenet/val/{wnid}", 4)
    return tmp_path / "imagenet"


@pytest.fixture
def flat(folder: Path, fill: Fill) -> Path:
    """As `folder`, with six validation images in no folders, of class n03, n01, n02, n03, …"""
    shutil.rmtree(folder / "val")
    val = fill("imagenet/val", 6)
    for number, path in enumerate(sorted(val.iterdir()), start=1):
        path.rename(val / f"ILSVRC2012_val_{number:08}.JPEG")
    devkit = folder / "ILSVRC2012_devkit_t12" / "data"
    devkit.mkdir(parents=True)
    (devkit / TRUTH).write_text("7\n8\n9\n" * 2)
    kinds = [("ILSVRC2012_ID", "i8"), ("WNID", "O"), ("words", "O"), ("num_children", "i8")]
    rows = [
        (7, "n03", "spoonbill", 0),
        (8, "n01", "tench, Tinca tinca", 0),
        (9, "n02", "crane", 0),
        (1001, "n99", "entity", 3),
    ]
    savemat(devkit / "meta.mat", {"synsets": np.array(rows, dtype=kinds)[:, None]})
    return folder


def tiny(path: Path, **arguments: object) -> ImageNetDataModule:
    settings = {
        "folder": path.name,
        "storage": "files",
        "size": 8,
        "workers": 0,
        "val_fraction": 0.1,
    } | arguments
    data = ImageNetDataModule(root=str(path.parent), **settings)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup()
    return data


def test_class_folders(folder: Path) -> None:
    (folder / "train" / ".DS_Store").touch()
    (folder / "val" / "n02" / "readme.txt").touch()
    data = tiny(folder)
    assert data.class_names == WNIDS
    assert sizes(data) == {"train": 54, "val": 6, "test": 12}
    assert data.splits["test"].labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.splits["train"][[0, 1]][0].shape == (2, 3, 8, 8)
    for split, part in (("train", "train"), ("val", "train"), ("test", "val")):
        chosen = data.splits[split]  # type: ignore[index]
        for index in range(len(chosen)):
            wnid = WNIDS[int(chosen.labels[index])]
            assert Path(chosen.name(index)).parent == folder / part / wnid


def test_classes_are_known_at_construction(folder: Path) -> None:
    assert ImageNetDataModule(root=str(folder.parent)).num_classes == 3
    folder.rename(folder.parent / "mine")
    assert ImageNetDataModule(root=str(folder.parent), folder="mine").num_classes == 3


def test_flat_validation_images(flat: Path) -> None:
    data = tiny(flat)
    assert data.class_names == ["tench", "crane", "spoonbill"]
    test = data.splits["test"]
    assert test.labels.tolist() == [2, 0, 1, 2, 0, 1]
    assert Path(test.name(4)).name == "ILSVRC2012_val_00000005.JPEG"


def test_flat_with_the_kit_beside_and_fewer_images(flat: Path) -> None:
    for name in (TRUTH, "meta.mat"):
        (flat / "ILSVRC2012_devkit_t12" / "data" / name).rename(flat / name)
    for number in (1, 2, 3):
        (flat / "val" / f"ILSVRC2012_val_{number:08}.JPEG").unlink()
    assert tiny(flat).splits["test"].labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.001])
def test_val_fraction_out_of_range(folder: Path, fraction: float) -> None:
    message = rf"data\.val_fraction is {fraction}: it holds out \d+ of 60 training images"
    with pytest.raises(UserError, match=message):
        tiny(folder, val_fraction=fraction)


def test_split_is_seeded(folder: Path) -> None:
    one, same, other = (names(tiny(folder, seed=seed))["val"] for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("remove", ["train", "val", ""])
def test_missing_says_what_where_and_how(folder: Path, remove: str) -> None:
    shutil.rmtree(folder / remove)
    with pytest.raises(UserError) as error:
        ImageNetDataModule(root=str(folder.parent))
    for part in (str(folder), "train/<wnid>/", "https://image-net.org", "--data.folder"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def class_missing_in_val(folder: Path) -> None:
    shutil.rmtree(folder / "val" / "n02")


def class_missing_in_train(folder: Path) -> None:
    shutil.rmtree(folder / "train" / "n02")


def empty_class(folder: Path) -> None:
    for path in (folder / "val" / "n02").iterdir():
        path.unlink()


def no_devkit(folder: Path) -> None:
    shutil.rmtree(folder / "val")
    (folder / "val").mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (class_missing_in_val, r"val/n02 is missing: expected n01, n02, n03"),
        (class_missing_in_train, r"val/n02 is not one of the classes: expected n01, n03"),
        (empty_class, r"val/n02 has no images"),
        (no_devkit, r"val has no class folders, and .*ground_truth\.txt is missing: unpack"),
    ],
)
def test_damaged_folders(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    with pytest.raises(UserError, match=message):
        tiny(folder)


def no_number(flat: Path) -> None:
    (flat / "val" / "holiday.jpg").touch()


def beyond(flat: Path) -> None:
    (flat / "val" / "ILSVRC2012_val_00000000.JPEG").touch()


def unknown_class(flat: Path) -> None:
    (flat / "ILSVRC2012_devkit_t12" / "data" / TRUTH).write_text("7\n8\n5\n7\n8\n9\n")


def other_class(flat: Path) -> None:
    shutil.rmtree(flat / "train" / "n03")


def class_without_images(flat: Path) -> None:
    (flat / "ILSVRC2012_devkit_t12" / "data" / TRUTH).write_text("7\n8\n7\n7\n8\n7\n")


def damaged_meta(flat: Path) -> None:
    (flat / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").write_bytes(b"none")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_number, r"val/holiday\.jpg: .* give no class for it"),
        (beyond, r"val/ILSVRC2012_val_00000000\.JPEG: .* give no class for it"),
        (unknown_class, r"val/ILSVRC2012_val_00000003\.JPEG: .* give no class for it"),
        (other_class, r"val/n03 is not one of the classes: expected n01, n02"),
        (class_without_images, r"val/n02 is missing"),
        (damaged_meta, r"meta\.mat cannot be read"),
    ],
)
def test_damaged_flat(flat: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(flat)
    with pytest.raises(UserError, match=message) as error:
        tiny(flat)
    assert "\n" not in str(error.value)


def test_real_sample(real: Callable[[str], str]) -> None:
    folder = Path(real("imagenette-224")) / "imagenette-224"
    data = tiny(folder, val_fraction=0.01, size=224)
    assert sizes(data) == {"train": 1_980, "val": 20, "test": 1_000}
    assert (data.splits["test"].labels.bincount() == 100).all()
    assert data.num_classes == 10
    assert data.splits["val"][[0, 1]][0].shape == (2, 3, 224, 224)


def test_class_names_are_unique() -> None:
    words = {"n1": "crane, wading bird", "n2": "crane", "n3": "goldfish, Carassius auratus"}
    assert readable(["n3", "n2", "n1", "n0"], words) == [
        "goldfish",
        "crane (n2)",
        "crane (n1)",
        "n0",
    ]
