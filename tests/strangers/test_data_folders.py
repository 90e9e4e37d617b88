"""Data folders as people have them: used as meant, or named with what is left out."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.strangers.conftest import Case

CHECK = "check_data --data ImageFolderDataModule --data.size 8 --data.transform PadCropFlip"
FIT = "fit --config {quick} --config pets.yaml --trainer.max_epochs 1"
Ends = Callable[..., tuple[str, str]]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.* are left out"),
    pytest.mark.filterwarnings("ignore:EmbeddingPCA draws nothing"),
]


@pytest.fixture
def pets(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/pictures/ with ten images of cats and ten of dogs, all different, and pets.yaml."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for index, name in enumerate(("cat", "dog")):
        draw(in_tmp / "data/pictures" / name, 10, 100 * index)
    data = {"root": "data", "size": 8, "batch_size": 16, "transform": "PadCropFlip"}
    config = {"data": {"class_path": "ImageFolderDataModule", "init_args": data}}
    (in_tmp / "pets.yaml").write_text(yaml.safe_dump(config))
    return in_tmp / "data/pictures"


def draw(folder: Path, count: int, level: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (8, 8), (level + number, level, 5)).save(folder / f"{number}.png")


def clutter(pets: Path) -> None:
    """What systems and programs put beside images, which nobody means."""
    draw(pets / "__MACOSX" / "cat", 2, 30)
    draw(pets / ".ipynb_checkpoints", 1, 40)
    draw(pets / "cat/.ipynb_checkpoints", 1, 45)
    (pets / "cat/._0.png").write_bytes(b"\0")
    (pets / "cat/notes.txt").touch()
    (pets / "cat/.DS_Store").touch()


def unusable(pets: Path) -> None:
    """Images that are missed when they are left out."""
    for number in range(3):
        (pets / f"cat/{number}.HEIC").write_bytes(b"ftypheic")
    (pets / "cat/gone.png").symlink_to("nowhere.png")
    (pets / "lynx").symlink_to("nowhere")
    Image.new("RGB", (8, 8)).save(pets / "alone.png")


def test_clutter_is_named_and_is_no_class(pets: Path, ends: Ends) -> None:
    clutter(pets)
    out, _ = ends(Case(CHECK, "^nothing wrong found$", 0))
    assert "left out, being no images of a class: 5\n" in out
    for line in (
        "data/pictures/__MACOSX: no folder of the data set, with 2 files",
        "data/pictures/cat/.ipynb_checkpoints: no folder of the data set, with 1 files",
        "data/pictures/cat/._0.png: hidden",
        "data/pictures/cat/notes.txt: no image",
    ):
        assert f"  - {line}\n" in out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["cat", "dog"]


def test_images_that_cannot_be_used_are_wrong(pets: Path, ends: Ends) -> None:
    unusable(pets)
    out, _ = ends(Case(CHECK, "^wrong: unreadable 6$", 0))
    heic = "cat/1.HEIC: Pillow reads no .heic here: convert it to JPEG or PNG"
    for line in (heic, "cat/gone.png: its link leads nowhere", "lynx: its link leads nowhere"):
        assert f"  - data/pictures/{line}\n" in out
    assert "  - data/pictures/alone.png: it is in no class folder\n" in out


def test_fit_says_what_it_leaves_out(pets: Path, ends: Ends) -> None:
    clutter(pets)
    unusable(pets)
    words = r"6 images are left out: 3 \(Pillow reads no \.heic here.* such as .*0\.HEIC; "
    with pytest.warns(match=words):
        ends(Case(FIT, "^run ", 0))


@pytest.mark.parametrize("storage", ["files", "packed"])
def test_a_broken_image_is_left_out(pets: Path, storage: str, ends: Ends) -> None:
    (pets / "cat/3.png").write_bytes((pets / "cat/3.png").read_bytes()[:50])
    with pytest.warns(match=r"1 of 20 images cannot be read and are left out: .*3\.png"):
        out, _ = ends(Case(f"{FIT} --data.storage {storage} --data.workers 0", "^run ", 0))
    assert "of 2 images" in out


def test_nested_folders_belong_to_their_class(pets: Path, ends: Ends) -> None:
    draw(pets / "cat/persian/kittens.jpg", 3, 60)  # a folder, whatever its name ends in
    draw(pets / "dog.jpg", 10, 150)
    (pets / "dog/again").symlink_to(pets, target_is_directory=True)
    out, _ = ends(Case(CHECK, "^nothing wrong found$", 0))
    rows = {row[0]: row[1:] for row in map(str.split, out.splitlines()[1:4])}
    assert {name: sum(map(int, row)) for name, row in rows.items()} == {
        "cat": 13,
        "dog": 10,
        "dog.jpg": 10,
    }
    assert "dog/again: a link to a folder within a class, with " in out


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Train", "validation", "TESTING")])
def test_splits_by_other_names(names: tuple[str, ...], pets: Path, ends: Ends) -> None:
    split_into(pets, *names)
    draw(pets / "extra/cat", 1, 90)
    out, _ = ends(Case(CHECK, "^nothing wrong found$", 0))
    assert out.splitlines()[1].split() == ["cat", "5", "3", "2"]
    assert "data/pictures/extra: no folder of the data set, with 1 files" in out


def split_into(pets: Path, *names: str) -> None:
    """Sort the images into folders: of each class five, three and two."""
    for name in ("cat", "dog"):
        numbers = iter(range(10))
        for split, count in zip(names, (5, 3, 2), strict=False):
            (pets / split / name).mkdir(parents=True)
            for number in (next(numbers) for _ in range(count)):
                (pets / name / f"{number}.png").rename(pets / split / name / f"{number}.png")
        for left in numbers:
            (pets / name / f"{left}.png").unlink()
        (pets / name).rmdir()


@pytest.mark.parametrize(
    ("names", "last"),
    [
        (("val", "test"), r"^error: data/pictures has test and val without train/: add it, or "),
        (("train", "val", "valid"), r"^error: data/pictures has val and valid: keep one of them"),
    ],
)
def test_splits_that_cannot_be_meant(
    names: tuple[str, ...], last: str, pets: Path, ends: Ends
) -> None:
    split_into(pets, *names)
    ends(Case(CHECK, last))
    ends(Case(FIT, last))


def test_class_names_of_any_kind(pets: Path, ends: Ends) -> None:
    """Not UTF-8, unknown to matplotlib's font, of mathtext, hidden from legends."""
    names = [b"\xe9t\xe9", "猫".encode(), b"$a_b^c", b"_x"]
    for number, name in enumerate(names):
        draw(pets / os.fsdecode(name), 10, 150 + 12 * number)
    out, _ = ends(Case(CHECK, "^nothing wrong found$", 0))
    assert out.splitlines()[6].split()[0] == r"\xe9t\xe9"
    ends(Case(f"{FIT} --embedding_pca.count 6", "^run ", 0))
    (table,) = Path("runs").rglob("per_class_accuracy.csv")
    assert {row.split(",")[0] for row in table.read_text().splitlines()} >= {r"\xe9t\xe9", "猫"}


def test_a_class_of_one_image_is_named(pets: Path, ends: Ends) -> None:
    draw(pets / "lynx", 1, 200)
    last = r"^error: data\.test_fraction .*one image alone of lynx"
    ends(Case(CHECK, last))
    ends(Case(FIT, last))


def test_a_class_without_usable_images_is_named(pets: Path, ends: Ends) -> None:
    (pets / "lynx").mkdir()
    (pets / "lynx/a.heic").touch()
    ends(Case(CHECK, r"lynx has no images that can be used \(1 cannot: Pillow reads no \.heic"))


def test_a_tilde_is_the_home(
    pets: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch, in_tmp: Path
) -> None:
    home = in_tmp / "home"
    home.mkdir()
    (in_tmp / "data").rename(home / "data")
    monkeypatch.setenv("HOME", str(home))
    config = yaml.safe_load(Path("pets.yaml").read_text())
    config["data"]["init_args"] |= {"root": "~/data", "cache": "~/cache"}
    (home / "pets.yaml").write_text(yaml.safe_dump(config | {"runs_dir": "~/kept"}))
    ends(Case(f"{CHECK} --data.root=~/data --sheet=~/sheet.png", "", 0))
    ends(Case("fit --config {quick} --config=~/pets.yaml --trainer.max_epochs 1", "^run ", 0))
    ends(Case("evaluate ~/kept", "", 0))
    assert (home / "sheet.png").is_file()
    assert list((home / "cache").iterdir())
    assert not list(in_tmp.glob("~*"))
