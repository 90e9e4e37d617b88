"""Data sets of image files: three storages of the same images, and what is kept in the cache."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from alexnet_lightning.data import Flip, PCANoise
from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors, held_out
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.data.storage.files import FileList, ImageFiles
from alexnet_lightning.data.storage.packed import PackedImages, cores
from alexnet_lightning.data.transforms.statistics import mean_image, pixel_statistics
from alexnet_lightning.system.errors import UserError


class SomeImages(FilesDataModule):
    """The files of the fixture, half to train on."""

    class_names = ["a", "b", "c"]  # noqa: RUF012
    channel_mean = (0.5, 0.5, 0.5)
    channel_std = (0.2, 0.2, 0.2)
    default_size = 8
    files: FileList

    def parts(self) -> dict[str, FileList]:
        return {"all": self.files}

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        train, val = held_out(parts["all"], 6, seed=0)
        return {"train": train, "val": val, "test": val}


@pytest.fixture
def opened(tmp_path: Path, file_list: Callable[..., FileList]) -> Callable[..., SomeImages]:
    """Makes the data set of 12 files, set up."""
    files = file_list(12)

    def make(**arguments: Any) -> SomeImages:
        data = SomeImages(root=str(tmp_path), **arguments)
        data.files = files
        data.prepare_data()
        data.setup()
        return data

    return make


def test_storages_hold_the_same(opened: Callable[..., SomeImages]) -> None:
    kinds: dict[Any, type[Images]] = {"device": ImageTensors, "memory": ImageTensors}
    kinds |= {"packed": PackedImages, "files": ImageFiles}
    every = {storage: opened(storage=storage) for storage in kinds}
    for storage, kind in kinds.items():
        for split in ("train", "val"):
            images = every[storage].splits[split]
            expected = every["files"].splits[split]
            assert type(images) is kind
            assert torch.equal(images[range(6)][0], expected[range(6)][0])
            assert images.labels.tolist() == expected.labels.tolist()
            assert images.name(4) == expected.name(4)


def test_storage_and_workers_by_default() -> None:
    assert (SomeImages().storage, SomeImages().workers) == ("packed", 0)
    assert SomeImages(storage="files").workers == cores()
    assert SomeImages(storage="files", workers=3).workers == 3
    assert SomeImages(size=20).native_size == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "data.size is 0"),
        ({"size": 10**6}, r"data.size is 1000000: 128 such images do not fit .* from 1 to \d+, or"),
        ({"workers": -1}, "data.workers is -1"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SomeImages(**arguments)


def test_the_cache_lies_where_it_is_asked_for(
    opened: Callable[..., SomeImages], tmp_path: Path
) -> None:
    opened(storage="files")
    assert [path.suffix for path in (tmp_path / ".cache").iterdir()] == [".json"]
    opened()
    assert len(list((tmp_path / ".cache").glob("*/images.npy"))) == 1
    opened(cache=str(tmp_path / "elsewhere"), size=6)
    assert len(list((tmp_path / "elsewhere").glob("*-6-*/images.npy"))) == 1


def test_prepared_again_once_open_it_asks_nothing(
    opened: Callable[..., SomeImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = opened()
    monkeypatch.delattr(SomeImages, "parts")
    data.prepare_data()
    data.setup()


@pytest.mark.parametrize("storage", ["packed", "files"])
def test_what_was_measured_is_kept(
    opened: Callable[..., SomeImages], monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    recipe: dict[str, Any] = {"storage": storage, "mean": "image", "colour": PCANoise()}
    first = opened(**recipe)
    train = first.splits["train"]
    assert first.mean_image is not None
    assert torch.equal(first.mean_image, mean_image(train, first.transform))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", lambda *_: pytest.fail("measured again"))
        again = opened(**recipe)
    assert again.mean_image is not None
    assert torch.equal(again.mean_image, first.mean_image)
    assert type(again.statistics) is type(first.statistics)
    for kept, measured in zip(again.statistics or (), pixel_statistics(train), strict=True):
        assert torch.equal(kept, measured)
    for other in ({"transform": Flip()}, {"size": 6}):
        other_mean = opened(**recipe | other).mean_image
        assert other_mean is not None
    kept_files = list(first.cache_folder.glob("mean_image-*.pt"))
    assert len(kept_files) == 3
    assert len(list(first.cache_folder.glob("pixel_statistics-*.pt"))) == 2


def test_a_cache_that_cannot_be_written_does_not_stop_what_reads_files(
    opened: Callable[..., SomeImages], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = str(tmp_path / "file" / "cache")
    assert opened(storage="files", mean="image", cache=cache).mean_image is not None
    with pytest.raises(UserError, match=r"cannot be written .*--data\.cache"):
        opened(cache=cache)


def test_a_shared_cache_cannot_run_code(opened: Callable[..., SomeImages]) -> None:
    (stored,) = opened(mean="image").cache_folder.glob("mean_image-*.pt")
    torch.save(Path, stored)
    with pytest.raises(Exception, match="Weights only load failed"):
        opened(mean="image")
