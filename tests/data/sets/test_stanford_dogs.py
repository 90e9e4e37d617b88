"""A small Stanford Dogs, its official lists, and the real ones."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from alexnet_lightning.data import StanfordDogsDataModule
from alexnet_lightning.data.sets import stanford_dogs
from alexnet_lightning.data.storage.archives import md5_of
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import names, sizes

Fill = Callable[[str, int], Path]
BREEDS = ["n01-b_one", "n02-A-two_x", "n03-c", "n04-d", "n05-e", "n06-f"]
TRAIN = 10  # images a breed, official; the rest are to test


def write_list(path: Path, names: list[str]) -> None:
    cells = np.array(names, dtype=object)[:, None]
    labels = np.array([BREEDS.index(name.partition("/")[0]) + 1 for name in names], np.uint8)
    content = {"file_list": cells, "annotation_list": cells, "labels": labels[:, None]}
    savemat(path, content)


@pytest.fixture
def dogs(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six breeds of 10 training images each, with 2, 4, 6, 8, 10 and 10 to test."""
    monkeypatch.setattr(stanford_dogs, "BREEDS", len(BREEDS))
    root = tmp_path / "stanford_dogs"
    names: dict[str, list[str]] = {"train": [], "test": []}
    for number, breed in enumerate(BREEDS):
        count = TRAIN + 2 * min(number, 4) + 2
        fill(f"stanford_dogs/Images/{breed}", count)
        for index in range(count):
            names["train" if index < TRAIN else "test"].append(f"{breed}/{index}.png")
    for part, listed in names.items():
        write_list(root / f"{part}_list.mat", listed)
    return root


def tiny(folder: Path, **arguments: object) -> StanfordDogsDataModule:
    settings = {"url": None, "storage": "files", "size": 8, "workers": 0} | arguments
    data = StanfordDogsDataModule(root=str(folder.parent), **settings)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup()
    return data


def test_number_of_classes_is_known_before_the_images_are_there() -> None:
    assert StanfordDogsDataModule().num_classes == 120
    assert StanfordDogsDataModule(largest=5).num_classes == 5
    assert StanfordDogsDataModule().image_size == 224


def test_official_split(dogs: Path) -> None:
    data = tiny(dogs)
    assert data.class_names == ["b one", "A-two x", "c", "d", "e", "f"]
    found = names(data)
    assert found["test"] == {
        f"stanford_dogs/Images/{breed}/{index}.png"
        for number, breed in enumerate(BREEDS)
        for index in range(TRAIN, TRAIN + 2 * min(number, 4) + 2)
    }
    assert {len(found[split]) for split in ("train", "val")} == {54, 6}
    assert len(found["train"] | found["val"] | found["test"]) == 60 + 40
    assert data.splits["val"].labels.bincount().tolist() == [1] * 6
    images, labels = data.splits["test"][[0, 39]]
    assert images.shape == (2, 3, 8, 8)
    assert labels.tolist() == [0, 5]


def test_largest_pools_both_lists(dogs: Path) -> None:
    data = tiny(dogs, largest=3)
    assert data.class_names == ["d", "e", "f"], "by size, in the order of their folders"
    assert sizes(data) == {"train": 32, "val": 11, "test": 15}
    assert len(set().union(*names(data).values())) == 58
    assert data.splits["test"].labels.bincount().tolist() == [5, 5, 5]


def test_of_breeds_of_one_size_the_first_counts_as_larger(dogs: Path) -> None:
    assert tiny(dogs, largest=2).class_names == ["e", "f"]
    (dogs / "Images" / BREEDS[0] / "extra.png").touch()  # not in the lists: does not count
    write_list(dogs / "train_list.mat", [f"{breed}/{i}.png" for breed in BREEDS for i in range(9)])
    write_list(dogs / "test_list.mat", [f"{breed}/9.png" for breed in BREEDS])
    assert tiny(dogs, largest=2).class_names == ["b one", "A-two x"]


@pytest.mark.parametrize("largest", [None, 3])
def test_the_seed_divides_training_and_validation_never_the_test(
    dogs: Path, largest: int | None
) -> None:
    one, same, other = (names(tiny(dogs, largest=largest, seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one["val"] != other["val"]
    assert one["test"] == other["test"]


@pytest.mark.parametrize("largest", [-1, 0, 1, 121])
def test_largest_out_of_range(largest: int) -> None:
    with pytest.raises(UserError, match=rf"data\.largest is {largest}: give 2 to 120"):
        StanfordDogsDataModule(largest=largest)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 0.001])
def test_val_fraction_out_of_range(dogs: Path, fraction: float) -> None:
    with pytest.raises(UserError, match=rf"data\.val_fraction is {fraction}: 60 images cannot"):
        tiny(dogs, val_fraction=fraction)


@pytest.mark.parametrize("evil", ["../evil.png", "/etc/evil.png", "a/../../evil.png"])
def test_list_with_a_path_outside_the_root(dogs: Path, evil: str) -> None:
    cells = np.array([evil, "n01-b_one/0.png"], dtype=object)[:, None]
    savemat(dogs / "train_list.mat", {"file_list": cells})
    with pytest.raises(UserError, match=rf"train_list\.mat contains {evil}, outside"):
        tiny(dogs)


def damaged_list(dogs: Path) -> None:
    (dogs / "test_list.mat").write_bytes(b"not MATLAB")


def other_list(dogs: Path) -> None:
    savemat(dogs / "test_list.mat", {"files": [1]})


def flat_names(dogs: Path) -> None:
    savemat(dogs / "test_list.mat", {"file_list": np.array([["a.png"]], dtype=object)})


def lost_image(dogs: Path) -> None:
    (dogs / "Images" / "n03-c" / "3.png").unlink()


def lost_breed(dogs: Path) -> None:
    for part in ("train", "test"):
        write_list(dogs / f"{part}_list.mat", [f"{name}/1.png" for name in BREEDS[:5]])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damaged_list, r"test_list\.mat cannot be read as a MATLAB file"),
        (other_list, r"test_list\.mat cannot be read as a MATLAB file .*file_list"),
        (flat_names, r"test_list\.mat has a\.png, expected <breed>/<file>"),
        (lost_image, r"Images/n03-c/3\.png is missing, one of 1 images .*train_list\.mat"),
        (lost_breed, r"have 5 breeds, expected 6"),
    ],
)
def test_damaged(dogs: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(dogs)
    with pytest.raises(UserError, match=message) as error:
        tiny(dogs)
    assert "\n" not in str(error.value)


def test_missing_says_what_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        tiny(tmp_path / "stanford_dogs")
    message = str(error.value)
    for part in (str(tmp_path), "Images/<breed>/", "train_list.mat", "images.tar", "--data.root"):
        assert part in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_downloads_what_is_missing(dogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = dogs.parent / "mirror"
    mirror.mkdir()
    sums = {}
    for name, contents in {"images.tar": ["Images"], "lists.tar": ["train_list.mat"]}.items():
        with tarfile.open(mirror / name, "w") as archive:
            for content in contents:
                archive.add(dogs / content, arcname=content)
        sums[name] = (md5_of(mirror / name), contents)
    monkeypatch.setattr(stanford_dogs, "ARCHIVES", sums)
    (dogs / "Images").rename(dogs.parent / "away")
    data = tiny(dogs, url=mirror.as_uri())
    assert len(data.splits["train"]) == 54
    assert not (dogs / "lists.tar").exists(), "the lists were there"
    assert sorted(path.name for path in dogs.iterdir()) == [
        "Images",
        "images.tar",
        "test_list.mat",
        "train_list.mat",
    ]


@pytest.mark.slow
def test_real_official_split(real: Callable[[str], str]) -> None:
    data = tiny(Path(real("stanford_dogs")) / "stanford_dogs", size=64)
    assert sizes(data) == {"train": 10_800, "val": 1_200, "test": 8_580}
    assert (data.splits["train"].labels.bincount() == 90).all()
    assert (data.splits["val"].labels.bincount() == 10).all()
    assert len(set(data.class_names)) == 120
    assert data.class_names[2] == "Maltese dog"


@pytest.mark.slow
def test_real_largest_five_are_those_of_report_1(real: Callable[[str], str]) -> None:
    data = tiny(Path(real("stanford_dogs")) / "stanford_dogs", largest=5, size=64)
    assert data.class_names == [
        "Maltese dog",
        "Afghan hound",
        "Irish wolfhound",
        "Scottish deerhound",
        "Pomeranian",
    ]
    assert sizes(data) == {"train": 652, "val": 218, "test": 290}
    assert len(set().union(*names(data).values())) == 1160
    whole = np.array([252, 239, 218, 232, 219])
    for images in data.splits.values():
        counts = images.labels.bincount().numpy()
        assert abs(counts - whole * len(images) / 1160).max() <= 1
