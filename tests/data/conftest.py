"""Tiny copies of CIFAR-10 in its three forms, and the real one where it lies."""

import pickle
import pickletools
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_lightning.data import cifar
from alexnet_lightning.data.download import md5_of

REAL = Path(__file__).parents[2] / "data"


@pytest.fixture
def real_cifar() -> str:
    """Root of the real CIFAR-10, or skip."""
    if not (REAL / "cifar10" / "train").is_dir():
        pytest.skip(f"needs the real CIFAR-10 as class folders in {REAL / 'cifar10'}")
    return str(REAL)


def python2_pickle(data: np.ndarray, labels: list[int]) -> bytes:
    """A pickle as Python 2 and numpy 1 wrote the official files: byte strings, old module names."""
    content = pickle.dumps({"data": data, "labels": labels}, protocol=3)
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
        folder = tmp_path / cifar.BATCHES
        folder.mkdir()
        for number, name in enumerate([*cifar.TRAIN_FILES, cifar.TEST_FILE]):
            first = 100 if name == cifar.TEST_FILE else 4 * number
            data = np.repeat(np.arange(first, first + 4, dtype=np.uint8)[:, None], 3072, axis=1)
            labels = [index % 10 for index in range(first, first + 4)]
            (folder / name).write_bytes(python2_pickle(data, labels))
        return folder

    return make


@pytest.fixture
def archive(
    tmp_path: Path, batches: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Path]:
    """Makes the archive of `batches` under tmp_path and takes its sum for the official one."""

    def make() -> Path:
        folder, path = batches(), tmp_path / cifar.ARCHIVE
        with tarfile.open(path, "w:gz") as tar:
            tar.add(folder, arcname=cifar.BATCHES)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        monkeypatch.setattr(cifar, "ARCHIVE_MD5", md5_of(path))
        return path

    return make


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], Path]:
    """Makes `cifar10/{train,test}/<class>/`: two training images a class and one to test.

    PNG, so that pixels are exact: 200 + label in training, 220 + label in test.
    """

    def make() -> Path:
        for part, base, count in (("train", 200, 2), ("test", 220, 1)):
            for label, name in enumerate(cifar.CLASSES):
                folder = tmp_path / cifar.FOLDERS / part / name
                folder.mkdir(parents=True)
                for number in range(count):
                    color = (base + label,) * 3
                    Image.new("RGB", (32, 32), color).save(folder / f"{number}.png")
        return tmp_path / cifar.FOLDERS

    return make
