"""Small copies of data sets, and the real ones if they are under data/."""

import io
import multiprocessing
import pickle
import pickletools
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from alexnet_lightning.data import CIFAR10DataModule, ImageDataModule, files_module
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.storage.archives import md5_of
from alexnet_lightning.data.storage.files import FileList, ImageFiles

REAL = Path(__file__).parents[2] / "data"
CIFAR10 = CIFAR10DataModule


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Returns the root of the real data sets; skips if the given folder is not in it.

    That all of their files can be decoded is not tried: it takes minutes.
    """
    known = lambda files, size, _: ImageFiles(files, size)  # noqa: E731
    monkeypatch.setattr(files_module, "open_files", known)

    def root(folder: str) -> str:
        if not (REAL / folder).is_dir():
            pytest.skip(f"needs the real data set in {REAL / folder}")
        return str(REAL)

    return root


@contextmanager
def started_by(method: str) -> Iterator[None]:
    """Let Python start processes by another method than its default, which Python 3.14 changed."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(method, force=True)
    try:
        yield
    finally:
        multiprocessing.set_start_method(before, force=True)


@pytest.fixture(params=["fork", "forkserver", "spawn"])
def start_method(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each way to start a worker: of Linux before and since Python 3.14, and of other systems."""
    with started_by(request.param):
        yield request.param


@pytest.fixture
def forked() -> Iterator[None]:
    """Workers are forks, which know what was monkeypatched."""
    with started_by("fork"):
        yield


@pytest.fixture(scope="session")
def image_file() -> bytes:
    """A small image file."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def fill(tmp_path: Path, image_file: bytes) -> Callable[[str, int], Path]:
    """Makes a folder under tmp_path with `count` images, 0.png, 1.png, …"""

    def make(folder: str, count: int) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True)
        for number in range(count):
            (path / f"{number}.png").write_bytes(image_file)
        return path

    return make


def noise(count: int = 8, size: int = 32, channels: int = 3) -> Tensor:
    """Random images, uint8 (count, channels, size, size), channels last."""
    shape = (count, size, size, channels)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded("cpu", 1))
    return pixels.permute(0, 3, 1, 2)


def difference(left: Tensor, right: Tensor) -> int:
    """The largest difference of two uint8 images."""
    return int((left.int() - right.int()).abs().max())


def names(data: ImageDataModule) -> dict[str, set[str]]:
    """The file names of each split, relative to the root."""
    return {
        split: {
            Path(images.name(index)).relative_to(data.root).as_posix()
            for index in range(len(images))
        }
        for split, images in data.splits.items()
    }


def sizes(data: ImageDataModule) -> dict[str, int]:
    """The number of images of each split."""
    return {split: len(images) for split, images in data.splits.items()}


def python2_pickle(values: dict[str, object]) -> bytes:
    """A pickle as Python 2 and numpy 1 wrote the official files: byte strings, old module names."""
    content = pickle.dumps(values, protocol=3)
    as_strings = bytearray(content)
    for opcode, _, position in pickletools.genops(content):
        assert position is not None
        if opcode.name in ("BINBYTES", "BINUNICODE"):
            as_strings[position] = ord("T")  # BINSTRING: the same length field, no encoding
        elif opcode.name == "SHORT_BINBYTES":
            as_strings[position] = ord("U")
    return bytes(as_strings).replace(b"numpy._core", b"numpy.core")


@pytest.fixture
def batches(tmp_path: Path) -> Callable[[], Path]:
    """Makes `cifar-10-batches-py` under tmp_path: six files of four images, image i all of pixel i.

    Training images count 0-19 with labels i % 10, test images 100-103 with labels 0-3.
    """

    def make() -> Path:
        folder = tmp_path / CIFAR10.batches
        folder.mkdir()
        for number, name in enumerate([*CIFAR10.train_files, CIFAR10.test_file]):
            first = 100 if name == CIFAR10.test_file else 4 * number
            data = np.repeat(np.arange(first, first + 4, dtype=np.uint8)[:, None], 3072, axis=1)
            labels = [index % 10 for index in range(first, first + 4)]
            (folder / name).write_bytes(python2_pickle({"data": data, "labels": labels}))
        return folder

    return make


@pytest.fixture
def archive(
    tmp_path: Path, batches: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Path]:
    """Makes the archive of `batches` under tmp_path and uses its checksum as the official one."""

    def make() -> Path:
        folder, path = batches(), tmp_path / CIFAR10.archive
        with tarfile.open(path, "w:gz") as tar:
            tar.add(folder, arcname=CIFAR10.batches)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        monkeypatch.setattr(CIFAR10, "md5", md5_of(path))
        return path

    return make


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], Path]:
    """Makes `cifar10/{train,test}/<class>/`: two training images a class and one to test.

    PNG, so that pixels are exact: 200 + label in training, 220 + label in test.
    """

    def make() -> Path:
        for part, base, count in (("train", 200, 2), ("test", 220, 1)):
            for label, name in enumerate(CIFAR10DataModule.class_names):
                folder = tmp_path / CIFAR10DataModule.folders / part / name
                folder.mkdir(parents=True)
                for number in range(count):
                    color = (base + label,) * 3
                    Image.new("RGB", (32, 32), color).save(folder / f"{number}.png")
        return tmp_path / CIFAR10DataModule.folders

    return make


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The folder of packs."""
    return tmp_path / "cache"


@pytest.fixture
def file_list(tmp_path: Path) -> Callable[..., FileList]:
    """Makes files `pictures/{0,1,2}/<n>.png`: image n of 8 px, all of pixel n, in class n % 3."""

    def make(count: int = 6) -> FileList:
        paths = [tmp_path / "pictures" / str(n % 3) / f"{n}.png" for n in range(count)]
        for n, path in enumerate(paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (n, n, n)).save(path)
        return FileList(paths, torch.arange(count) % 3)

    return make
