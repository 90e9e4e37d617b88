"""Packs: content, reading, memory, and when they are made again."""

import json
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from alexnet_lightning.data.identity import listed
from alexnet_lightning.data.storage import packed as packing
from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.data.storage.packed import PackedImages, open_files, open_pack
from alexnet_lightning.system.errors import UserError

MakeFiles = Callable[..., FileList]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that this process decodes for packs."""
    names: list[str] = []

    def spy(path: Path, size: int) -> Tensor:
        names.append(path.name)
        return decode(path, size)

    monkeypatch.setattr(packing, "decode", spy)
    return names


def packs(cache: Path) -> list[Path]:
    """What lies in the cache, but for the locks."""
    return sorted(path for path in cache.glob("*") if path.suffix != ".lock")


@pytest.mark.usefixtures("start_method")
def test_a_pack_is_the_same_however_its_workers_are_started(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHUNK", 2)
    monkeypatch.setattr(packing, "cores", lambda: 1)
    files = file_list(8)
    files.paths[7].write_text("I am a text.")
    with pytest.warns(UserWarning, match="1 of 8 images"):
        images = open_pack(files, 4, cache)
    assert images[range(7)][0][:, 2, 1, 3].tolist() == [*range(7)]


def test_a_pack_is_its_files_decoded(file_list: MakeFiles, cache: Path) -> None:
    files = file_list()
    images = open_pack(files, 4, cache)
    for indices in ([4, 1, 1], torch.tensor([4, 1, 1])):
        pixels, labels = images[indices]
        assert torch.equal(pixels, torch.stack([decode(files.paths[i], 4) for i in (4, 1, 1)]))
        assert pixels.is_contiguous(memory_format=torch.channels_last)
        assert labels.tolist() == [1, 1, 1]
    part = images.subset(torch.tensor([5, 2, 0])).subset(torch.tensor([2, 0]))
    assert [part.name(0), part.name(1)] == [str(files.paths[0]), str(files.paths[5])]
    assert part[[0, 1]][0][:, 0, 0, 0].tolist() == [0, 5]
    assert part.labels.tolist() == [0, 2]


def test_numpy_maps_it_and_the_index_explains_it(file_list: MakeFiles, cache: Path) -> None:
    open_pack(file_list(), 4, cache)
    (folder,) = packs(cache)
    assert folder.name.startswith(f"{cache.parent.name}-pictures-4-")
    rows = np.load(folder / "images.npy", mmap_mode="r")
    assert (rows.shape, rows[:, 3, 3, 2].tolist()) == ((6, 4, 4, 3), list(range(6)))
    index = json.loads((folder / "index.json").read_text())
    assert (index["files"], index["size"], index["broken"]) == (6, 4, [])


def test_made_once(file_list: MakeFiles, cache: Path, decoded: list[str]) -> None:
    files = file_list()
    for _ in range(2):
        open_pack(files, 4, cache)
    assert decoded == [path.name for path in files.paths]


def test_made_again_when_stale(file_list: MakeFiles, cache: Path, decoded: list[str]) -> None:
    files = file_list()
    open_pack(files, 4, cache)
    open_pack(files, 5, cache)
    files.paths[2].write_bytes(files.paths[0].read_bytes())
    os.utime(files.paths[2], ns=(0, 1))
    images = open_pack(files, 4, cache)
    assert images[[2]][0].max() == 0, "the old pixels"
    assert len(decoded) == 18
    assert len(packs(cache)) == 3


def test_made_again_when_damaged(file_list: MakeFiles, cache: Path) -> None:
    files = file_list()
    open_pack(files, 4, cache)
    (folder,) = packs(cache)
    os.truncate(folder / "images.npy", 200)
    assert open_pack(files, 4, cache)[[5]][0].max() == 5
    (folder / "index.json").write_text('{"broken": [')
    assert open_pack(files, 4, cache)[[5]][0].max() == 5


def test_a_ready_pack_needs_nothing_of_its_folder(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a cache that a group shares and only one of them may write."""
    files = file_list()
    open_pack(files, 4, cache)
    for lock in cache.glob("*.lock"):
        lock.unlink()
    monkeypatch.delattr(packing, "FileLock")
    assert len(open_pack(files, 4, cache)) == 6
    assert len(list(cache.iterdir())) == 1


def test_fingerprint(file_list: MakeFiles, cache: Path) -> None:
    files = file_list()
    images = open_pack(files, 4, cache)
    assert images.fingerprint() == open_pack(files, 4, cache).fingerprint()
    others = [images.subset(torch.tensor(chosen)) for chosen in ([1, 2], [2, 1])]
    others.append(open_pack(files, 5, cache))
    assert len({images.fingerprint(), *(other.fingerprint() for other in others)}) == 4


def test_threads_and_copies_read_the_same(file_list: MakeFiles, cache: Path) -> None:
    images = open_pack(file_list(30), 4, cache)
    copy = pickle.loads(pickle.dumps(images))
    batches = [[n, (7 * n) % 30, 3] for n in range(30)] * 10

    def read(batch: list[int]) -> list[int]:
        return (images if batch[0] % 2 else copy)[batch][0][:, 1, 2, 3].tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, batches)) == batches


def test_a_pack_that_vanishes_is_one_line(file_list: MakeFiles, cache: Path) -> None:
    images = open_pack(file_list(), 4, cache)
    (folder,) = packs(cache)
    os.truncate(folder / "images.npy", 300)
    with pytest.raises(UserError, match=r"images\.npy cannot be read \(it is too short\)"):
        images[[0, 5]]
    (folder / "images.npy").unlink()
    with pytest.raises(UserError, match=r"images\.npy cannot be read \(No such file.*start again"):
        images[[0]]


def test_broken_files_are_left_out_and_named(
    file_list: MakeFiles, cache: Path, decoded: list[str]
) -> None:
    files = file_list(12)
    for n in (1, 4, 5, 9):
        files.paths[n].write_text("I am a text.")
    message = (
        r"^4 of 12 images cannot be read and are left out: "
        r".*/1/1\.png, .*/1/4\.png, .*/2/5\.png, …; check_data lists all$"
    )
    for _ in range(2):  # every run is told
        with pytest.warns(UserWarning, match=message):
            images = open_pack(files, 4, cache)
    assert len(decoded) == 12
    left = [0, 2, 3, 6, 7, 8, 10, 11]
    pixels, labels = images[range(8)]
    assert pixels[:, 0, 0, 0].tolist() == left
    assert labels.tolist() == images.labels.tolist() == [n % 3 for n in left]
    assert [Path(images.name(n)).stem for n in range(8)] == [str(n) for n in left]
    (folder,) = packs(cache)
    broken = json.loads((folder / "index.json").read_text())["broken"]
    assert [entry["row"] for entry in broken] == [1, 4, 5, 9]
    assert broken[0]["error"].startswith(f"{files.paths[1]} cannot be read as an image")


@pytest.mark.filterwarnings("ignore:1 of 6 images cannot be read")
def test_files_without_a_pack_leave_out_the_same(
    file_list: MakeFiles, cache: Path, decoded: list[str]
) -> None:
    files = file_list()
    files.paths[4].write_text("I am a text.")
    images = [open_files(files, 4, cache) for _ in range(2)]
    assert len(decoded) == 6  # what was found is kept
    noted = dict(files.left_out.images)
    assert list(noted) == [str(files.paths[4])]
    packed = open_pack(files, 4, cache)
    assert files.left_out.images == noted
    for found in images:
        assert listed(found) == listed(packed)
        assert torch.equal(found[range(5)][0], packed[range(5)][0])


def test_a_class_without_images_is_an_error(file_list: MakeFiles, cache: Path) -> None:
    files = file_list()
    for n in (1, 4):
        files.paths[n].write_text("I am a text.")
    for _ in range(2):
        with pytest.raises(UserError, match=r"class 1 has no image .* 2 files, .*/1/1\.png"):
            open_pack(files, 4, cache)


def resident() -> float:
    """Memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def growth(folder: Path, count: int, size: int, batch_size: int) -> float:
    """MB by which an epoch over a pack of noise, shuffled, makes this process grow."""
    noise = np.random.default_rng(0).integers(0, 256, (count // 100, size, size, 3), np.uint8)
    with (folder / "images.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
        )
        start = file.tell()
        for _ in range(100):
            noise.tofile(file)
    files = FileList([folder / f"{n}" for n in range(count)], torch.zeros(count, dtype=torch.long))
    images = PackedImages(files, size, folder, start)
    assert torch.equal(images[[count - 1]][0][0].permute(1, 2, 0), torch.from_numpy(noise[-1]))
    before = most = resident()
    for batch in torch.randperm(count).split(batch_size):
        pixels, _ = images[batch]
        most = max(most, resident())
        assert len(pixels) == len(batch)
    return most - before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc of Linux")
def test_an_epoch_costs_the_memory_of_a_batch(tmp_path: Path) -> None:
    """A pack of 98 MB in batches of 1.6 MB; a map would grow by all of it."""
    assert growth(tmp_path, count=2000, size=128, batch_size=32) < 10


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc of Linux")
def test_an_epoch_over_10_000_images_of_224_px(tmp_path: Path) -> None:
    """A pack of 1.5 GB in batches of 19 MB; two may live at a time."""
    assert growth(tmp_path, count=10_000, size=224, batch_size=128) < 100
