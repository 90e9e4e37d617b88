"""Small copies of CIFAR in its three forms; the real CIFAR-10 if it is there."""

import io
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import CIFAR10DataModule, CIFAR100DataModule
from alexnet_lightning.data.sets.cifar import CLASSES_10, CLASSES_100
from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.storage.files import list_classes
from alexnet_lightning.system.errors import UserError
from tests.data.conftest import python2_pickle, sizes

ARCHIVE = CIFAR10DataModule.archive
BATCHES = CIFAR10DataModule.batches
Make = Callable[[], Path]


def tiny(root: Path, **arguments: object) -> CIFAR10DataModule:
    """A data module that never goes to the network, set up."""
    settings = {"val_images": 4, "url": None} | arguments
    data = CIFAR10DataModule(root=str(root), **settings)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup()
    return data


def first_pixels(data: CIFAR10DataModule, split: str) -> list[int]:
    images = data.splits[split].images  # type: ignore[index]
    assert images.shape[1:] == (3, 32, 32)
    assert images.dtype == torch.uint8
    return sorted(images[:, 0, 0, 0].tolist())


def test_defaults() -> None:
    data = CIFAR10DataModule()
    assert (data.num_classes, data.in_channels, data.image_size) == (10, 3, 32)
    assert data.class_names == CLASSES_10


@pytest.mark.parametrize("form", ["batches", "archive"])
def test_official_files(form: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.getfixturevalue(form)()
    data = tiny(tmp_path)
    train, val = first_pixels(data, "train"), first_pixels(data, "val")
    assert sorted(train + val) == list(range(20))
    assert len(val) == 4
    assert first_pixels(data, "test") == [100, 101, 102, 103]
    for split in data.splits.values():
        assert torch.equal(split.images[:, 0, 0, 0] % 10, split.labels)


def test_official_layout_is_red_green_blue_planes_of_rows(tmp_path: Path, batches: Make) -> None:
    folder = batches()
    plane = np.arange(3072, dtype=np.uint16).astype(np.uint8)[None]
    content = pickle.dumps({"data": plane, "labels": [3]}, protocol=3)
    (folder / "test_batch").write_bytes(content)
    image = tiny(tmp_path).splits["test"].images[0]
    assert image[2, 5, 7] == (2 * 1024 + 5 * 32 + 7) % 256


def test_class_folders(tmp_path: Path, folders: Make) -> None:
    folder = folders()
    (folder / "train" / "cat" / "notes.txt").write_text("not an image")
    (folder / "train" / ".cache").mkdir()
    data = tiny(tmp_path)
    assert len(data.splits["train"]) == 16
    assert len(data.splits["val"]) == 4
    for name, base in (("train", 200), ("val", 200), ("test", 220)):
        split = data.splits[name]  # type: ignore[index]
        assert torch.equal(split.images[:, 1, 9, 9].long(), split.labels + base)


def test_jpeg_and_grey_images_are_read(tmp_path: Path, folders: Make) -> None:
    folder = folders() / "test" / "dog"
    (folder / "0.png").unlink()
    Image.new("L", (32, 32), 77).save(folder / "0.JPEG")
    split = tiny(tmp_path).splits["test"]
    assert split.images[split.labels == CLASSES_10.index("dog")].unique().tolist() == [77]


def test_precedence(tmp_path: Path, archive: Make, batches: Make, folders: Make) -> None:
    folders()
    assert first_pixels(tiny(tmp_path), "test")[0] == 220
    path = archive()
    assert first_pixels(tiny(tmp_path), "test")[0] == 100
    batches()
    path.write_bytes(b"not looked at: the folder comes first")
    assert first_pixels(tiny(tmp_path), "test")[0] == 100


def test_split_is_seeded_and_disjoint(tmp_path: Path, batches: Make) -> None:
    batches()
    one, same, other = (tiny(tmp_path, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.splits["train"].images, same.splits["train"].images)
    assert first_pixels(one, "val") != first_pixels(other, "val")
    assert not set(first_pixels(one, "train")) & set(first_pixels(one, "val"))


@pytest.mark.parametrize("val_images", [-1, 20])
def test_val_images_out_of_range(tmp_path: Path, batches: Make, val_images: int) -> None:
    batches()
    with pytest.raises(UserError, match=f"data.val_images is {val_images}: give 0 to 19"):
        tiny(tmp_path, val_images=val_images)


def test_without_validation_all_images_are_trained_on(tmp_path: Path, batches: Make) -> None:
    batches()
    data = tiny(tmp_path, val_images=0)
    assert first_pixels(data, "train") == list(range(20))
    assert (len(data.splits["val"]), data.val_dataloader(), data.has_validation) == (0, [], False)
    assert tiny(tmp_path).has_validation


def test_missing_says_what_where_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "cifar10").mkdir(parents=True)
    with pytest.raises(UserError) as error:
        tiny(Path("data"))
    message = str(error.value)
    for part in (str(tmp_path / "data"), BATCHES, ARCHIVE, "cifar10/{train,test}", "data.url"):
        assert part in message
    assert "--data.root" in message
    assert "\n" not in message


def test_failed_download_is_told_in_the_same_line(tmp_path: Path) -> None:
    url = (tmp_path / "nowhere.tar.gz").as_uri()
    with pytest.raises(UserError) as error:
        tiny(tmp_path / "data", url=url)
    assert url in str(error.value)
    assert "looked for" in str(error.value)
    assert "\n" not in str(error.value)


def test_downloads_only_when_nothing_is_there(tmp_path: Path, archive: Make) -> None:
    path = archive()
    elsewhere = tmp_path / "mirror.tar.gz"
    path.replace(elsewhere)
    data = tiny(tmp_path, url=elsewhere.as_uri())
    assert path.is_file()
    assert first_pixels(data, "test")[0] == 100
    elsewhere.unlink()
    tiny(tmp_path, url=elsewhere.as_uri())


def test_damaged_archive(tmp_path: Path, archive: Make) -> None:
    path = archive()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=rf"{ARCHIVE} has the md5 checksum .* expected"):
        tiny(tmp_path)


def test_incomplete_batches(tmp_path: Path, batches: Make) -> None:
    (batches() / "data_batch_3").unlink()
    with pytest.raises(UserError, match="data_batch_3 is missing"):
        tiny(tmp_path)


class Harmful:
    """Unpickled by the ordinary unpickler, makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_pickles_cannot_run_code(tmp_path: Path, batches: Make) -> None:
    (batches() / "data_batch_2").write_bytes(pickle.dumps(Harmful(tmp_path / "harm")))
    with pytest.raises(UserError, match=r"data_batch_2 is not a CIFAR file .*mkdir"):
        tiny(tmp_path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02garbage",
        b"",
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, protocol=3),
        pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, protocol=3),
        pickle.dumps({"data": np.zeros((1, 3072)), "labels": [1]}, protocol=3),
        pickle.dumps({"fine_labels": [1]}),
    ],
    ids=["garbage", "empty", "count", "label", "float", "keys"],
)
def test_damaged_pickle(tmp_path: Path, batches: Make, content: bytes) -> None:
    (batches() / "data_batch_5").write_bytes(content)
    with pytest.raises(UserError, match=r"data_batch_5 is not a CIFAR file") as error:
        tiny(tmp_path)
    assert "\n" not in str(error.value)


def broken(folder: Path) -> None:
    (folder / "train" / "frog" / "1.png").write_bytes(b"\x89PNG and no more")


def truncated(folder: Path) -> None:
    path = folder / "test" / "ship" / "0.png"
    path.write_bytes(path.read_bytes()[:50])


def stranger(folder: Path) -> None:
    (folder / "train" / "zebra").mkdir()


def absent(folder: Path) -> None:
    (folder / "test" / "deer" / "0.png").unlink()
    (folder / "test" / "deer").rmdir()


def empty(folder: Path) -> None:
    (folder / "test" / "deer" / "0.png").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (broken, r"train/frog/1.png cannot be read as an image"),
        (truncated, r"test/ship/0.png cannot be read as an image"),
        (stranger, r"train/zebra is not one of the classes: expected airplane, "),
        (absent, r"test/deer is missing: expected airplane, "),
        (empty, r"test/deer has no images"),
    ],
)
def test_damaged_folders(
    tmp_path: Path, folders: Make, damage: Callable[[Path], None], message: str
) -> None:
    damage(folders())
    with pytest.raises(UserError, match=message):
        tiny(tmp_path)


def test_a_sample_of_the_real_cifar(real: Callable[[str], str]) -> None:
    data = CIFAR10DataModule(root=real("cifar10/train"), url=None)
    files = list_classes(Path(data.root) / "cifar10" / "test", data.class_names)
    assert (files.labels.bincount() == 1_000).all()
    pixels = data.normalise(torch.stack([decode(path, 32) for path in files.paths[::10]]))
    # The class folders are a JPEG copy, a little softer than the original.
    assert pixels.mean((0, 2, 3)).abs().max() < 0.05
    assert (pixels.std((0, 2, 3)) - 1).abs().max() < 0.05


@pytest.mark.slow
def test_the_real_cifar(real: Callable[[str], str]) -> None:
    data = CIFAR10DataModule(root=real("cifar10/train"), url=None)
    data.setup()
    assert sizes(data) == {"train": 40_000, "val": 10_000, "test": 10_000}
    assert (data.splits["test"].labels.bincount() == 1000).all()
    assert abs(data.splits["train"].labels.bincount() - 4000).max() < 200


def fine(count: int, pixels: int) -> dict[str, object]:
    """A file of CIFAR-100 with `count` images, all of the same pixels."""
    labels = [number % 100 for number in range(count)]
    return {
        "data": np.full((count, 3072), pixels, np.uint8),
        "fine_labels": labels,
        "coarse_labels": [label // 5 for label in labels],
        "filenames": [f"{label}.png" for label in labels],
        "batch_label": "one",
    }


def test_cifar100_official_files(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, count, pixels in (("train", 200, 7), ("test", 100, 9)):
        (folder / name).write_bytes(python2_pickle(fine(count, pixels)))
    data = CIFAR100DataModule(root=str(tmp_path), val_images=50)
    data.prepare_data()
    data.setup()
    assert sizes(data) == {"train": 150, "val": 50, "test": 100}
    assert data.splits["test"].labels.tolist() == list(range(100))
    assert data.splits["train"][[0]][0].unique().tolist() == [7]
    assert data.splits["test"][[0]][0].unique().tolist() == [9]


def test_cifar100_class_folders(tmp_path: Path, fill: Callable[[str, int], Path]) -> None:
    for name in CLASSES_100:
        fill(f"cifar100/train/{name}", 2)
        fill(f"cifar100/test/{name}", 1)
    data = CIFAR100DataModule(root=str(tmp_path), val_images=50, url=None)
    data.prepare_data()
    data.setup()
    images, labels = data.splits["test"][[0, 99]]
    assert images.shape == (2, 3, 32, 32)
    assert labels.tolist() == [0, 99]
    assert data.splits["test"].name(99) == str(tmp_path / "cifar100" / "test" / "worm" / "0.png")


def test_cifar100_classes() -> None:
    assert len(set(CLASSES_100)) == 100
    assert sorted(CLASSES_100) == CLASSES_100
    assert CIFAR100DataModule().num_classes == 100


def test_cifar100_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no CIFAR-100 under .*: looked for cifar-100-python/, "):
        CIFAR100DataModule(root=str(tmp_path), url=None).prepare_data()


def png(pixels: int) -> bytes:
    """The content of a PNG file, all of the same pixels."""
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), (pixels,) * 3).save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    """Makes Parquet files as the hub serves them: 20 images to train on in `shards`, 4 to test.

    Image n is all of pixel n, of class n % 10; test images count from 100.
    """

    def make(folder: str = "cifar10/plain_text", label: str = "label", shards: int = 1) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True)
        for split, first, count, files in (("train", 0, 20, shards), ("test", 100, 4, 1)):
            for file in range(files):
                numbers = range(first, first + count)[file::files]
                images = [{"bytes": png(number), "path": None} for number in numbers]
                table = pa.table({"img": images, label: [number % 10 for number in numbers]})
                pq.write_table(table, path / f"{split}-{file:05}-of-{files:05}.parquet")
        return path

    return make


@pytest.mark.parametrize("shards", [1, 3])
def test_parquet_files_of_the_hub(tmp_path: Path, parquet: Callable[..., Path], shards) -> None:
    parquet(shards=shards)
    data = tiny(tmp_path)
    assert sorted(first_pixels(data, "train") + first_pixels(data, "val")) == list(range(20))
    assert first_pixels(data, "test") == [100, 101, 102, 103]
    for split in data.splits.values():
        assert torch.equal(split.images[:, 0, 0, 0] % 10, split.labels)


def test_parquet_files_of_cifar100(tmp_path: Path, parquet: Callable[..., Path]) -> None:
    parquet("cifar100/cifar100", "fine_label")
    data = CIFAR100DataModule(root=str(tmp_path), val_images=5, url=None)
    data.prepare_data()
    data.setup()
    assert sizes(data) == {"train": 15, "val": 5, "test": 4}
    assert data.splits["test"].labels.tolist() == [0, 1, 2, 3]


def test_class_folders_go_before_parquet_files(tmp_path: Path, folders: Make, parquet) -> None:
    parquet()
    folders()
    assert first_pixels(tiny(tmp_path), "test")[0] == 220


def lost_shard(folder: Path) -> None:
    next(folder.glob("train-00001*")).unlink()


def lost_split(folder: Path) -> None:
    next(folder.glob("test-*")).unlink()


def pointer(folder: Path) -> None:
    """What git leaves in place of a large file."""
    next(folder.glob("test-*")).write_text("version https://git-lfs.github.com/spec/v1\n")


def other_columns(folder: Path) -> None:
    table = pa.table({"image": [{"bytes": png(1), "path": None}], "label": [1]})
    pq.write_table(table, next(folder.glob("test-*")))


def no_image(folder: Path) -> None:
    rows = [{"bytes": png(1), "path": None}, {"bytes": b"no image", "path": None}]
    pq.write_table(pa.table({"img": rows, "label": [1, 2]}), next(folder.glob("test-*")))


def wrong_label(folder: Path) -> None:
    table = pa.table({"img": [{"bytes": png(1), "path": None}], "label": [10]})
    pq.write_table(table, next(folder.glob("test-*")))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lost_shard, r"cifar10/plain_text has 1 of 2 files train-\*.parquet: download"),
        (lost_split, r"cifar10/plain_text has 0 files test-\*.parquet: download"),
        (pointer, r"test-00000-of-00001.parquet is no Parquet file with the columns img and label"),
        (other_columns, r"test-00000-of-00001.parquet is no Parquet file with the columns img"),
        (no_image, r"test-00000-of-00001.parquet, row 1: the image cannot be read"),
        (wrong_label, r"plain_text: test has labels outside 0-9"),
    ],
)
def test_damaged_parquet_files(tmp_path: Path, parquet, damage, message: str) -> None:
    damage(parquet(shards=2))
    with pytest.raises(UserError, match=message) as error:
        tiny(tmp_path)
    assert "\n" not in str(error.value)


def test_parquet_without_pyarrow(tmp_path: Path, parquet, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        UserError, match=r"needs pyarrow: pip install 'alexnet-lightning\[parquet\]'"
    ):
        tiny(tmp_path)


def test_mirrors_are_tried_in_their_order(tmp_path: Path, archive: Make, capsys) -> None:
    path = archive()
    elsewhere = tmp_path / "mirror.tar.gz"
    path.replace(elsewhere)
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"another file")
    data = tiny(tmp_path, url=[(tmp_path / "no").as_uri(), other.as_uri(), elsewhere.as_uri()])
    assert first_pixels(data, "test")[0] == 100
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("cannot download file:///")
    assert said[0].endswith(f"; trying {other.as_uri()}")
    assert "has the md5 checksum" in said[1]
    assert not list(tmp_path.glob("*.part"))


def test_when_all_mirrors_fail_the_quickest_ways_are_told(tmp_path: Path) -> None:
    urls = [(tmp_path / name).as_uri() for name in ("one", "two")]
    with pytest.raises(UserError) as error:
        tiny(tmp_path / "data", url=urls)
    message = str(error.value)
    assert "\n" not in message
    hub = f"hf download uoft-cs/cifar10 --repo-type dataset --local-dir {tmp_path}/data/cifar10"
    for part in (*urls, hub, "torchvision", "--data.url"):
        assert part in message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://a/b", "http://a/b"),
        ("[http://a/b, http://c/d]", ["http://a/b", "http://c/d"]),
        ("null", None),
    ],
)
def test_addresses_on_the_command_line(given: str, expected: object) -> None:
    words = ["--model", "AlexNet", "--data", "CIFAR10DataModule", "--data.url", given]
    assert ExperimentCLI(words).datamodule.url == expected
